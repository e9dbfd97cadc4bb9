package pingr

import (
	"context"
	"errors"
	"regexp"
	"time"
)

// A Handler takes one inbound message. If it returns nil, the message is stored
// or of no interest, and may be acknowledged. If it returns an error, the
// message must stay unacknowledged, so that the network brings it again. A
// Handler is safe for concurrent use and does not wait for webhooks.
type Handler func(context.Context, Message) error

// A Session is one linked WhatsApp number. session/whatsapp implements it over
// the real protocol and session/sim in process; both pass the suite in
// session/sessiontest. Whatever the network, people and groups have WhatsApp's
// names: NUMBER@s.whatsapp.net, ID@lid and ID@g.us. All methods are safe for
// concurrent use.
type Session interface {
	// Listen calls handle for every inbound message until ctx ends or the session
	// can never receive again, and returns why. If handle returns an error or
	// panics, the message is not acknowledged and comes again; it holds up no other.
	// What arrives while nobody listens waits. A second Listen returns an error at
	// once while the first one runs.
	Listen(ctx context.Context, handle Handler) error
	// Send sends one text and returns when WhatsApp has acknowledged it, whether or
	// not anybody listens. Its errors say what happened to the message in this
	// call:
	//
	//   - [ErrNotSent]: it did not go out and never will. The error is
	//     [ErrNotOnWhatsApp] too if that is known to be the reason.
	//   - [ErrNotSent] and [ErrUnknown]: it may have gone out, and must not be
	//     repeated.
	//   - [ErrSessionUnavailable] or [ErrRefused]: it did not go out, but may later.
	//   - any other error: it may have gone out, and the same Outgoing may be sent
	//     again.
	//
	// An earlier call with the same Outgoing may have gone out in any case.
	Send(ctx context.Context, m Outgoing) error
}

// SessionState is the state of a session. docs/architecture.md draws the state
// machine. The API's status has the same values.
type SessionState string

// The closed set of session states.
const (
	// SessionPairing waits for a phone to scan the QR code or enter the code.
	SessionPairing SessionState = "pairing"
	// SessionLinkExpired means that nobody linked the session in time. A person
	// must ask for a new QR code.
	SessionLinkExpired SessionState = "link_expired"
	// SessionConnecting is linked and connecting to WhatsApp.
	SessionConnecting SessionState = "connecting"
	// SessionConnected has completed one round trip.
	SessionConnected SessionState = "connected"
	// SessionDisconnected has lost its connection. It reconnects by itself unless
	// the reason is terminal (client outdated, replaced by another client).
	SessionDisconnected SessionState = "disconnected"
	// SessionLoggedOut was unlinked by the phone and must be linked again.
	SessionLoggedOut SessionState = "logged_out"
	// SessionRestricted means that WhatsApp banned or locked the number, perhaps
	// temporarily.
	SessionRestricted SessionState = "restricted"
)

// Reasons of Pingr's own in a [SessionRecord]. WhatsApp's codes are below 1000.
const (
	// ReasonKeysDamaged: the keys on disk cannot be read (SessionLoggedOut). The
	// session must be linked again, because an old copy of the keys would use some
	// of them twice.
	ReasonKeysDamaged = 1000
	// ReasonPhoneOutdated: the phone that scanned the code has a WhatsApp that is
	// too old to link devices (SessionPairing).
	ReasonPhoneOutdated = 1001
	// ReasonPasskey: WhatsApp asked for the account's passkey, which only its own
	// apps have (SessionLinkExpired).
	ReasonPasskey = 1002
	// ReasonLinkFailed: the phone scanned the code, but linking failed
	// (SessionLinkExpired).
	ReasonLinkFailed = 1003
	// ReasonLinkLost: WhatsApp could not be reached during linking
	// (SessionLinkExpired).
	ReasonLinkLost = 1004
	// ReasonLinkInterrupted: the program was restarted during linking
	// (SessionLinkExpired).
	ReasonLinkInterrupted = 1005
	// ReasonKeysNotSaved: the keys cannot be written to disk
	// (SessionDisconnected). The session connects again once they can be.
	ReasonKeysNotSaved = 1006
)

// ErrSessionID means that a string cannot be the id of a session.
var ErrSessionID = errors.New("session id must be 3 to 64 characters: a-z, 0-9, _ and -")

var sessionID = regexp.MustCompile(`^[a-z0-9_-]{3,64}$`)

// CheckSessionID returns [ErrSessionID] if id cannot be the id of a session. A
// program that serves several accounts may append a colon and a scope of its
// own, which are not part of what is checked.
func CheckSessionID(id string) error {
	if !sessionID.MatchString(id) {
		return ErrSessionID
	}
	return nil
}

// A SessionRecord is what a program keeps about a session, even after
// WhatsApp's library has deleted its keys. A session keeps its id, and with it
// its triggers, through every logout.
type SessionRecord struct {
	ID      string // see [CheckSessionID]; perhaps a colon and [a-z0-9_-]{1,64}
	Account string
	Name    string
	// Device is the JID, with device part, of the linked device. It is empty
	// before linking and after a logout. Phone is its number, digits only, and is
	// kept after a logout.
	Device string
	Phone  string
	State  SessionState
	// Reason is the code that ended the last connection or attempt to link (401,
	// 402, …, or one of Pingr's own such as [ReasonKeysDamaged]), or 0. Detail
	// describes State and Reason to a person, with what to do about it. Programs
	// must not read it: all that they may depend on is in State and Reason.
	Reason int
	Detail string
	// Reported is true from a session.disconnected event until the
	// session.connected event that answers it.
	Reported    bool
	ConnectedAt time.Time // zero before the first time
	CreatedAt   time.Time
}
