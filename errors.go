package pingr

import "errors"

var (
	// ErrNotSent: a message did not go out and never will.
	ErrNotSent = errors.New("not sent")
	// ErrNotOnWhatsApp comes with ErrNotSent: WhatsApp knows nobody of that number.
	ErrNotOnWhatsApp = errors.New("the number is not on WhatsApp")
	// ErrSessionUnavailable: a message did not go out because the session is
	// not connected; it may be sent later.
	ErrSessionUnavailable = errors.New("session unavailable")
	// ErrRefused: WhatsApp refused a message, so that nobody saw it, for a reason
	// that may pass; the same message may be sent again after a pause.
	ErrRefused = errors.New("refused for now")
	// ErrGone: the endpoint wants no more of this event (HTTP 410).
	ErrGone = errors.New("endpoint gone")
	// ErrConflict: a Store holds another row under that name already, such as a
	// trigger of the same session whose phrase normalises to the same.
	ErrConflict = errors.New("conflict")
)
