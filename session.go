package pingr

import (
	"context"
	"time"
)

// A Handler takes one inbound message. When it returns nil the message is
// durable here, or of no interest, and may be acknowledged; when it returns an
// error the message must stay unacknowledged, so that the network brings it
// again. It is safe for concurrent use and does not wait for webhooks.
type Handler func(context.Context, Message) error

// A Session is one linked WhatsApp number. Implementations are in
// session/whatsapp (the real protocol) and session/sim (in process), and pass
// the suite in session/sessiontest. All methods are safe for concurrent use.
type Session interface {
	// Listen calls handle for every inbound message until ctx ends or the
	// session can never receive again, and returns why. A message whose handle
	// returned an error is not acknowledged and comes again.
	Listen(ctx context.Context, handle Handler) error
	// Send sends one text and returns when WhatsApp acknowledged it. An error
	// that is [ErrNotSent] means the message did not go out and never will
	// (unless it is [ErrUnknown] too: then it may have, and must not be repeated),
	// and is [ErrNotOnWhatsApp] too where that is known to be why;
	// [ErrSessionUnavailable] and [ErrRefused] that it did not go out now but may
	// later; any other error leaves it unknown, and the same Outgoing may be sent
	// again. What holds for one call says nothing of an earlier one of the same
	// Outgoing, which may have gone out.
	Send(ctx context.Context, m Outgoing) error
}

// SessionState is where a session stands; docs/architecture.md draws the
// machine. These are the status values of the API.
type SessionState string

// The closed set of session states.
const (
	// SessionPairing: waiting for a phone to scan the QR or type the code.
	SessionPairing SessionState = "pairing"
	// SessionLinkExpired: nobody did, and a person must ask for a new QR.
	SessionLinkExpired SessionState = "link_expired"
	// SessionConnecting: linked, on the way to WhatsApp.
	SessionConnecting SessionState = "connecting"
	// SessionConnected: one round trip has succeeded.
	SessionConnected SessionState = "connected"
	// SessionDisconnected: the link is down and being brought back, unless the
	// reason is terminal (client outdated, replaced by another client).
	SessionDisconnected SessionState = "disconnected"
	// SessionLoggedOut: the phone unlinked us; it must be linked again.
	SessionLoggedOut SessionState = "logged_out"
	// SessionRestricted: WhatsApp banned or locked the number, perhaps for a
	// time.
	SessionRestricted SessionState = "restricted"
)

// ReasonKeysDamaged is the Reason of a session in SessionLoggedOut whose keys on
// disk cannot be read. It must be linked again: an old copy of the keys would use
// some of them twice. WhatsApp's own codes are below 1000.
const ReasonKeysDamaged = 1000

// A SessionRecord is what must not be forgotten about a session, even when
// WhatsApp's own library deletes its keys: a session keeps its id, and with it
// its triggers, through every logout.
type SessionRecord struct {
	ID      string // [a-z0-9_-]{3,64}, perhaps a colon and [a-z0-9_-]{1,64}
	Account string
	Name    string
	// Device is the JID with device part of the linked device, empty before
	// linking and after a logout. Phone is its number, digits only, kept after
	// a logout.
	Device string
	Phone  string
	State  SessionState
	// Reason is the code that ended the last connection (401, 402, …, or
	// [ReasonKeysDamaged]), 0 when there is none; Detail says it in words for a
	// person, with what to do.
	Reason int
	Detail string
	// Reported is set from a session.disconnected event until the
	// session.connected that answers it.
	Reported    bool
	ConnectedAt time.Time // zero before the first time
	CreatedAt   time.Time
}
