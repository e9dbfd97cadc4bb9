package whatsapp

import (
	"fmt"

	"github.com/heypingr/pingr"
)

// A verdict is what a code that refuses a message means for that message.
type verdict string

const (
	// final: repeating the message does harm. It was not shown and is never sent
	// again.
	final verdict = "final"
	// again: the message was not shown, and the same id may be sent again after a
	// pause.
	again verdict = "again"
	// unknown: it is not known whether the message was shown. The same id is sent
	// again, and its limits are not given back.
	unknown verdict = "unknown"
)

// See ackCodes.
const (
	codeStaleGroup = 421
	codeNotTrusted = 463
)

// A meaning is what is known about a code.
type meaning struct {
	verdict verdict
	why     string
}

// ackCodes are the codes with which WhatsApp refuses a message: the error of
// its acknowledgement (whatsmeow send.go, ErrServerReturnedError), or of a
// request that must be answered first (whatsmeow request.go, IQError). Names in
// capitals are WhatsApp Web's own (WAWebCreateNackFromStanza, NackReason);
// whatsmeow's receipt.go has those from 487 on. WhatsApp documents nothing: the
// rest is what users of unofficial clients reported, as noted.
//
// A refusal in the 400s means that the message was not taken, so nobody saw it.
// A failure in the 500s may have come after the message was taken.
var ackCodes = map[int]meaning{
	400: {
		again, "the form of the address does not fit our account's move to LIDs (whatsapp-rust issue 941), or is " +
			"mixed (its issue 730), or a bad moment: reported to pass (whatsmeow issue 1149)",
	},
	401: {
		again, "the login of this moment was not accepted; if it ended, the connection ends with a code of its own",
	},
	403: {again, "forbidden at this moment; a ban or lock ends the connection with a code of its own"},
	404: {again, "a recipient or device that is not known at this moment, as just after somebody relinked"},
	405: {again, "not allowed at this moment (whatsmeow issues 347, 470)"},
	406: {again, "the recipient's keys or devices changed under the message; the next try asks for them"},
	408: {again, "WhatsApp itself ran out of time"},
	409: {again, "the list of devices changed under the message"},
	420: {again, "too fast (whatsmeow issue 380)"},
	codeStaleGroup: {
		again, "StaleGroupAddressingMode: the group changed how it names its members; the next try asks for them",
	},
	429: {again, "too fast (whatsmeow errors.go, ErrIQRateOverLimit)"},
	codeNotTrusted: {
		final, "NackCallerReachoutTimelocked: no valid privacy token of the person came with it, also in an answer " +
			"to somebody who wrote first (Baileys issues 2441, 2698), or the form of the address does not fit the " +
			"person's move to LIDs (OpenWA pull 717). Repetitions count against the number, so only a changed " +
			"message is sent: in the other form",
	},
	475: {again, "NewChatMessagesCapped: too many new chats for now"},
	479: {
		again, "the stanza was found invalid, mostly after the recipient's keys changed (whatsmeow issue 922, client.go)",
	},
	487: {again, "ParsingError"},
	488: {again, "UnrecognizedStanza"},
	489: {again, "UnrecognizedStanzaClass"},
	490: {again, "UnrecognizedStanzaType"},
	491: {again, "InvalidProtobuf"},
	495: {again, "MissingMessageSecret"},
	500: {unknown, "UnhandledError at WhatsApp, before or after the message was taken"},
	503: {unknown, "WhatsApp is not available, before or after the message was taken"},
	552: {unknown, "DBOperationFailed at WhatsApp, before or after the message was taken"},
}

// meaningOf returns the meaning of a code. A code that is not in the table
// means what its class means.
func meaningOf(code int) meaning {
	if m, known := ackCodes[code]; known {
		return m
	}
	if code >= 400 && code < 500 {
		return meaning{again, "refused for a reason that is not known"}
	}
	return meaning{unknown, "a code that is not known"}
}

// refusedForGood reports whether a message was refused with a code after which
// it must not be sent again as it was.
func refusedForGood(err error) bool {
	code, refused := serverCode(err)
	return refused && meaningOf(code).verdict == final
}

// refusal returns the error for a message that WhatsApp refused. sealed reports
// whether its ciphertext existed; before that, nothing can have gone out.
func refusal(code int, sealed bool) error {
	switch v := meaningOf(code).verdict; {
	case v == final:
		return fmt.Errorf("%w: WhatsApp answered %d", pingr.ErrNotSent, code)
	case v == again || !sealed:
		return fmt.Errorf("%w: WhatsApp answered %d", pingr.ErrRefused, code)
	}
	return fmt.Errorf("send: WhatsApp answered %d", code)
}
