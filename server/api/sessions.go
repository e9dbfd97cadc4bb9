package api

import "github.com/heypingr/pingr"

// A Session is a linked WhatsApp number, or one that is to be linked.
type Session struct {
	// The session's id, chosen by the account or generated.
	ID string `json:"id" example:"main-login-bot"`
	// A name for people to read.
	Name string `json:"name" example:"Main login bot"`
	// The linked number, with a plus sign. null before a number is linked.
	Number *string `json:"number" example:"+919876543210"`
	// The session's state. pairing and link_expired wait for somebody to link a phone. disconnected recovers by
	// itself. restricted and logged_out need a person.
	Status pingr.SessionState `json:"status" enum:"connected,connecting,pairing,link_expired,disconnected,restricted,logged_out" example:"connected"`
	// When it last connected (RFC 3339, UTC). null before the first time.
	ConnectedAt *Time `json:"connectedAt" format:"date-time" example:"2025-04-18T08:22:11.000Z"`
	// Replies and sends since midnight in the account's time zone.
	MessagesToday int64 `json:"messagesToday" example:"842"`
	// The code that ended the last connection, as in session.disconnected, or the last attempt to link: 401 logged
	// out, 402 temporarily banned, …. Codes of Pingr's own: 1000 its keys on disk are damaged; 1001 the phone's
	// WhatsApp is too old to link; 1002 WhatsApp asked for a passkey; 1003 linking failed after the scan; 1004
	// WhatsApp could not be reached during linking; 1005 Pingr was restarted during linking; 1006 its keys cannot be
	// written to disk. Absent if there is no code.
	Reason int `json:"reason,omitempty" example:"401"`
	// What a person should do, as a sentence. Absent if there is nothing to do. It follows from status and reason,
	// and its wording may change.
	Detail string `json:"detail,omitempty" example:"The phone unlinked this device. Link it again."`
}

// Sessions is the answer of GET /v1/sessions.
type Sessions struct {
	// The sessions, sorted by id.
	Sessions []Session `json:"sessions" nullable:"false"`
}

// AddSession is the body of POST /v1/sessions.
type AddSession struct {
	// 3 to 64 characters: a-z, 0-9, _ and -. Defaults to a generated id.
	ID string `json:"id,omitempty" maxLength:"64" example:"main-login-bot"`
	// A name for people to read: 1 to 100 characters.
	Name string `json:"name" minLength:"1" maxLength:"100" example:"Main login bot"`
}

// RenameSession is the body of PATCH /v1/sessions/{id}.
type RenameSession struct {
	// A name for people to read: 1 to 100 characters.
	Name string `json:"name" minLength:"1" maxLength:"100" example:"Main login bot"`
}

// A QR is the answer of GET /v1/sessions/{id}/qr, as JSON.
type QR struct {
	// The text of the QR code.
	Code string `json:"qr" example:"2@Zm9v...,YmFy...,YmF6..."`
	// When the next code replaces this one (RFC 3339, UTC).
	ExpiresAt Time `json:"expires_at" format:"date-time" example:"2026-11-23T10:00:20.000Z"`
}

// AskPairCode is the body of POST /v1/sessions/{id}/pair-code.
type AskPairCode struct {
	// The number of the phone to link, with country code.
	Phone string `json:"phone" maxLength:"64" example:"919876543210"`
}

// A PairCode is the answer of POST /v1/sessions/{id}/pair-code.
type PairCode struct {
	// The code to type.
	Code string `json:"code" example:"ABCD-EFGH"`
}
