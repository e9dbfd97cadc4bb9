package pingr

import "errors"

var (
	// ErrNotSent means that a message was not sent and never will be.
	ErrNotSent = errors.New("not sent")
	// ErrNotOnWhatsApp comes with ErrNotSent: no WhatsApp account has the number.
	ErrNotOnWhatsApp = errors.New("the number is not on WhatsApp")
	// ErrSessionUnavailable means that a message was not sent because the session
	// is not connected. It may be sent later.
	ErrSessionUnavailable = errors.New("session unavailable")
	// ErrRefused means that WhatsApp refused a message for a reason that may pass.
	// Nobody saw the message, and it may be sent again after a pause.
	ErrRefused = errors.New("refused for now")
	// ErrGone means that the endpoint wants no more attempts for this event (HTTP
	// 410).
	ErrGone = errors.New("endpoint gone")
	// ErrConflict means that a Store already holds another row with the same
	// unique value, such as a trigger of the same session whose phrase normalizes
	// to the same text.
	ErrConflict = errors.New("conflict")
)
