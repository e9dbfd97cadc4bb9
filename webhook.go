package pingr

import "context"

// EventType is the name of an event.
type EventType string

// The events that webhooks are told.
const (
	EventMessageReceived     EventType = "message.received"
	EventSessionDisconnected EventType = "session.disconnected"
	EventSessionConnected    EventType = "session.connected"
)

// An Event is what a webhook is told. Its JSON is the body of the request.
type Event struct {
	Type    EventType     `json:"event"`
	Session string        `json:"session_id"`
	From    *From         `json:"from,omitempty"`
	Message *EventMessage `json:"message,omitempty"`
	// Reason and Kind belong to session.disconnected.
	Reason int    `json:"reason,omitempty"`
	Kind   string `json:"kind,omitempty"`
	// ExpiresAt is when a temporary ban ends, in Unix milliseconds; 0 when it
	// has no end or there is none.
	ExpiresAt int64 `json:"expires_at,omitempty"`
	// Timestamp is when this attempt was signed, in Unix milliseconds.
	Timestamp int64 `json:"timestamp"`
	// ID ("evt_…") is the same on every attempt: use it to tell duplicates.
	ID        string        `json:"id,omitempty"`
	Trigger   *EventTrigger `json:"trigger,omitempty"`
	AutoReply *AutoReply    `json:"auto_reply,omitempty"`
	Simulated bool          `json:"_simulated,omitempty"`

	// Account and Attempt (from 1) are for dispatchers and are not in the body.
	Account string `json:"-"`
	Attempt int    `json:"-"`
}

// From is the person who wrote.
type From struct {
	// Phone is digits only, with country code; never empty in an event.
	Phone string `json:"phone"`
	JID   string `json:"jid"`
	// Group is whether the message was written in a group, GroupJID which.
	Group    bool    `json:"is_group"`
	GroupJID *string `json:"group_jid"`
	// LID is the person's hidden id, when known.
	LID string `json:"lid,omitempty"`
}

// EventMessage is what the person wrote.
type EventMessage struct {
	Text string `json:"text"`
	Type string `json:"type"`
	ID   string `json:"id,omitempty"`
	// Timestamp is when WhatsApp says it was sent, in Unix milliseconds.
	Timestamp int64 `json:"timestamp,omitempty"`
	// Forwarded is whether the sender's WhatsApp says that it was forwarded from
	// another chat: a challenge code that was comes from somebody else's screen.
	Forwarded bool `json:"forwarded,omitempty"`
}

// EventTrigger is the trigger that fired.
type EventTrigger struct {
	ID     string `json:"id"`
	Phrase string `json:"phrase"`
}

// AutoReply says whether a reply will follow, and what it says holds: Status is
// "pending", or "suppressed" with a Reason. That is "cooldown" (with the seconds
// until it ends), also when the answer to an earlier message of the same person
// is just being decided; "quota"; or, at every attempt after the reply was
// decided, "answered".
type AutoReply struct {
	Status     string `json:"status"`
	Reason     string `json:"reason,omitempty"`
	RetryAfter int    `json:"retry_after,omitempty"`
}

// A Reply is a backend's answer to an event.
type Reply struct {
	// Text is the dynamic reply; empty means the static one.
	Text string
	// NoReply is why an answer that was taken has no Text; empty when it has
	// none on purpose.
	NoReply NoReply
	// URL and Status are for the delivery log: where the event went and the
	// HTTP status that came back (0 when no HTTP was spoken).
	URL    string
	Status int
}

// A Dispatcher asks the backend. An error means the event was not taken, and
// it is tried again later, unless it is [ErrGone]; the Reply's URL and Status
// count even then. Dispatch must return soon after ctx ends, and is safe for
// concurrent use.
type Dispatcher interface {
	Dispatch(ctx context.Context, e Event) (Reply, error)
}

// DispatcherFunc is a backend in plain Go, without HTTP: the reason to embed.
type DispatcherFunc func(ctx context.Context, e Event) (Reply, error)

// Dispatch calls f.
func (f DispatcherFunc) Dispatch(ctx context.Context, e Event) (Reply, error) { return f(ctx, e) }
