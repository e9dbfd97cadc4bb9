package whatsapp

import (
	"cmp"

	"github.com/heypingr/pingr"
)

// A status is the state of a session. The whole machine is [status.next]; it
// uses no clocks, sockets or databases.
type status struct {
	state pingr.SessionState
	// reason is the code that ended the last connection, or 0 if none did or the
	// connection is up again. detail describes it for a person.
	reason int
	detail string
}

// An input is something that happens to a session.
type input struct {
	kind   inputKind
	code   int    // for inputStep, inputLinkOver, inputLost and inputEnded; 0 is the usual case
	detail string // overrides the usual words if not empty
}

type inputKind string

const (
	// inputLink: a person asks for a new QR.
	inputLink inputKind = "link"
	// inputStep: linking needs something else from the person.
	inputStep inputKind = "step"
	// inputLinkOver: linking ended without a link.
	inputLinkOver inputKind = "link over"
	// inputPaired: a phone linked us.
	inputPaired inputKind = "paired"
	// inputDial: we start, or a person asks to connect again.
	inputDial inputKind = "dial"
	// inputUp: a round trip succeeded.
	inputUp inputKind = "up"
	// inputLost: the link broke or could not be made, and may be made again.
	inputLost inputKind = "lost"
	// inputEnded: WhatsApp ended it, and a person must act.
	inputEnded inputKind = "ended"
)

// Codes that end a connection for good.
const (
	codeLoggedOut = 401
	codeTempBan   = 402
	codeLocked    = 403
	codeOutdated  = 405
	codeBanned    = 406
	codeReplaced  = 440
	codeDamaged   = pingr.ReasonKeysDamaged
)

// ends maps the terminal codes to states and words. unlinked means that
// WhatsApp deleted the link, so that only a new link helps.
var ends = map[int]struct {
	state    pingr.SessionState
	unlinked bool
	detail   string
}{
	codeLoggedOut: {pingr.SessionLoggedOut, true, "The phone unlinked this device. Link it again."},
	codeTempBan: {
		pingr.SessionRestricted, false, "WhatsApp banned the number temporarily. Wait until the ban ends, then reconnect.",
	},
	codeLocked: {
		pingr.SessionRestricted, true,
		"WhatsApp locked the account. Open WhatsApp on the phone, do what it asks, then link again.",
	},
	codeOutdated: {
		pingr.SessionDisconnected, false, "WhatsApp refuses this version of Pingr. Update Pingr, then reconnect.",
	},
	codeBanned: {
		pingr.SessionRestricted, true,
		"WhatsApp banned the number. Ask for a review in WhatsApp on the phone, or link another number.",
	},
	codeDamaged: {
		pingr.SessionLoggedOut, false,
		"The keys of this number (in whatsapp.db) are damaged, so it cannot connect. Link it again.",
	},
	codeReplaced: {
		pingr.SessionDisconnected, false, "Another program connected with this session's keys. Stop it, then reconnect.",
	},
}

// details are the words of our own codes, which end nothing for good.
var details = map[int]string{
	pingr.ReasonPhoneOutdated: "The phone's WhatsApp is too old to link devices. Update it, then scan again.",
	pingr.ReasonPasskey: "WhatsApp asks for the account's passkey, which only WhatsApp's own apps have. " +
		"Turn the passkey off on the phone (Settings, Account, Passkeys), or link with a pairing code, then try again.",
	pingr.ReasonLinkFailed:      "The phone scanned the code, but linking failed. Request a new QR code.",
	pingr.ReasonLinkLost:        "WhatsApp could not be reached during linking. Request a new QR code.",
	pingr.ReasonLinkInterrupted: "Pingr was restarted during linking. Request a new QR code.",
	pingr.ReasonKeysNotSaved: "The data directory cannot be written. Free space or repair it. " +
		"The session then recovers by itself.",
}

// report is what to report to the webhook after a transition.
type report string

const (
	// reportSoon: session.disconnected, unless the lost link is back within the
	// account's grace.
	reportSoon report = "soon"
	// reportLate: session.disconnected, unless the link that is being made is up
	// within the time allowed for that.
	reportLate report = "late"
	// reportNow: session.disconnected at once.
	reportNow report = "now"
	// reportUp: session.connected, if a disconnect was reported.
	reportUp report = "up"
)

// An outcome is what must be done after an input.
type outcome struct {
	report report
	// retry: dial again after a while.
	retry bool
	// hangUp: the client is no longer needed.
	hangUp bool
	// unlinked: the keys are gone.
	unlinked bool
}

// terminal reports whether a person must act before anything can change.
func (s status) terminal() bool {
	switch s.state {
	case pingr.SessionLoggedOut, pingr.SessionRestricted, pingr.SessionLinkExpired:
		return true
	case pingr.SessionDisconnected:
		_, ended := ends[s.reason]
		return ended
	}
	return false
}

// next is the state machine. ok is false if the input has no meaning in the
// state, such as the last events of a connection that was given up.
func (s status) next(in input) (_ status, _ outcome, ok bool) {
	linking := s.state == pingr.SessionPairing
	switch in.kind {
	case inputLink:
		if !linking && !s.terminal() {
			return s, outcome{}, false
		}
		const scan = "Scan the QR code with WhatsApp on the phone: Linked devices, Link a device."
		return status{pingr.SessionPairing, 0, words(in, scan)}, outcome{}, true

	case inputStep:
		if !linking {
			return s, outcome{}, false
		}
		return status{pingr.SessionPairing, in.code, words(in, "")}, outcome{}, true

	case inputLinkOver:
		if !linking {
			return s, outcome{}, false
		}
		const late = "Nobody scanned the QR code in time. Request a new one."
		return status{pingr.SessionLinkExpired, in.code, words(in, late)}, outcome{hangUp: true}, true

	case inputPaired:
		if !linking {
			return s, outcome{}, false
		}
		return status{pingr.SessionConnecting, 0, ""}, outcome{report: reportLate}, true

	case inputDial:
		if linking || s.state == pingr.SessionLinkExpired || s.state == pingr.SessionLoggedOut {
			return s, outcome{}, false
		}
		return status{pingr.SessionConnecting, s.reason, ""}, outcome{report: reportLate}, true

	case inputUp:
		if s.state != pingr.SessionConnecting && (s.state != pingr.SessionDisconnected || s.terminal()) {
			return s, outcome{}, false
		}
		return status{pingr.SessionConnected, 0, ""}, outcome{report: reportUp}, true

	case inputLost:
		if linking {
			// in.detail is not used, because it says that the link is tried again.
			const code = pingr.ReasonLinkLost
			return status{pingr.SessionLinkExpired, code, details[code]}, outcome{hangUp: true}, true
		}
		if s.terminal() {
			return s, outcome{}, false
		}
		return status{pingr.SessionDisconnected, in.code, words(
				in, "The connection to WhatsApp was lost. Pingr is reconnecting.",
			)},
			outcome{report: reportSoon, retry: true, hangUp: true}, true

	case inputEnded:
		end, known := ends[in.code]
		if !known || s.state == pingr.SessionLinkExpired || s.state == pingr.SessionLoggedOut {
			return s, outcome{}, false
		}
		if linking {
			return status{pingr.SessionLinkExpired, in.code, words(in, end.detail)}, outcome{hangUp: true}, true
		}
		return status{end.state, in.code, words(in, end.detail)},
			outcome{report: reportNow, hangUp: true, unlinked: end.unlinked}, true
	}
	return s, outcome{}, false
}

// words returns the detail of an input: its own, its code's, or the usual one.
func words(in input, usual string) string {
	return cmp.Or(in.detail, details[in.code], usual)
}
