package pingr

import (
	"context"
	"encoding/json"
)

// EventType is the name of an event.
type EventType string

// The types of the events that a webhook receives.
const (
	EventMessageReceived     EventType = "message.received"
	EventSessionDisconnected EventType = "session.disconnected"
	EventSessionConnected    EventType = "session.connected"
)

// EventTypes returns every event type, in the order in which the documents list
// them. Tests compare the API, the dashboard and the SDKs with this list.
func EventTypes() []EventType {
	return []EventType{EventMessageReceived, EventSessionDisconnected, EventSessionConnected}
}

// An Event is what a webhook receives. Its JSON is the body of the request.
type Event struct {
	Type    EventType     `json:"event"`
	Session string        `json:"session_id"`
	From    *From         `json:"from,omitempty"`
	Message *EventMessage `json:"message,omitempty"`
	// Reason and Kind belong to session.disconnected.
	Reason int    `json:"reason,omitempty"`
	Kind   string `json:"kind,omitempty"`
	// ExpiresAt is when a temporary ban ends, in Unix milliseconds. It is 0 when
	// there is no ban or the ban has no end.
	ExpiresAt int64 `json:"expires_at,omitempty"`
	// Timestamp is when this attempt was signed, in Unix milliseconds.
	Timestamp int64 `json:"timestamp"`
	// ID ("evt_…") is the same on every attempt. Use it to recognize duplicates.
	ID        string        `json:"id,omitempty"`
	Trigger   *EventTrigger `json:"trigger,omitempty"`
	AutoReply *AutoReply    `json:"auto_reply,omitempty"`
	Simulated bool          `json:"_simulated,omitempty"`

	// Account and Attempt (from 1) are for dispatchers and are not in the body.
	Account string `json:"-"`
	Attempt int    `json:"-"`
}

// From is the person who wrote the message.
type From struct {
	// Phone is the number, digits only with country code. It is empty, and null in
	// JSON, only if WhatsApp hides the number and the account chose to be told of
	// such people too.
	Phone string `json:"phone" nullable:"true"`
	JID   string `json:"jid"`
	// Group reports whether the message was written in a group. GroupJID is that
	// group, or nil.
	Group    bool    `json:"is_group"`
	GroupJID *string `json:"group_jid"`
	// LID is the person's hidden id, if known.
	LID string `json:"lid,omitempty"`
	// Person ("per_…") is the person's id in this account. It stays the same when
	// the person's number changes, and is another when the number comes to somebody
	// else.
	Person string `json:"person,omitempty"`
	// PhoneSince is set if another person had Phone before: when it came to this
	// one, in Unix milliseconds, as far as Pingr knows. Whoever logged in with the
	// number before that is somebody else.
	PhoneSince int64 `json:"phone_since,omitempty"`
}

// MarshalJSON implements [json.Marshaler]. An unknown phone is null.
func (f From) MarshalJSON() ([]byte, error) {
	type plain From
	shown := struct {
		Phone *string `json:"phone"`
		plain
	}{plain: plain(f)}
	if f.Phone != "" {
		shown.Phone = &f.Phone
	}
	return json.Marshal(shown)
}

// EventMessage is what the person wrote.
type EventMessage struct {
	Text string `json:"text"`
	Type string `json:"type"`
	ID   string `json:"id,omitempty"`
	// Timestamp is when the message was sent according to WhatsApp, in Unix
	// milliseconds.
	Timestamp int64 `json:"timestamp,omitempty"`
	// Forwarded reports whether the sender's WhatsApp marked the message as
	// forwarded from another chat. A forwarded challenge code comes from somebody
	// else's screen.
	Forwarded bool `json:"forwarded,omitempty"`
}

// EventTrigger is the trigger that fired.
type EventTrigger struct {
	ID     string `json:"id"`
	Phrase string `json:"phrase"`
}

// AutoReply reports whether a reply will follow, and is binding. Status is
// "pending", or "suppressed" with a Reason:
//
//   - "cooldown", with the seconds until it ends in RetryAfter. It also applies
//     while the answer to an earlier message of the same person is being decided.
//   - "quota".
//   - "answered", at every attempt after the reply was decided.
type AutoReply struct {
	Status     string `json:"status"`
	Reason     string `json:"reason,omitempty"`
	RetryAfter int    `json:"retry_after,omitempty"`
}

// A Reply is a backend's answer to an event.
type Reply struct {
	// Text is the dynamic reply. If empty, the static reply is sent.
	Text string
	// NoReply is why an answer that was taken has no Text. It is empty when the
	// answer has none on purpose.
	NoReply NoReply
	// URL and Status are for the delivery log: where the event was sent, and the
	// HTTP status of the answer (0 if there was no HTTP answer).
	URL    string
	Status int
}

// A Dispatcher asks the backend. An error means that the event was not taken.
// It is tried again later unless the error is [ErrGone]. The Reply's URL and
// Status count even with an error. Dispatch must return soon after ctx ends,
// and must be safe for concurrent use. If a Dispatcher also has a method
// Endpoint() string, the delivery log shows its result for attempts that ended
// without a Reply.
type Dispatcher interface {
	Dispatch(ctx context.Context, e Event) (Reply, error)
}

// A DispatcherFunc is a backend in plain Go, without HTTP. It is the reason to
// embed Pingr.
type DispatcherFunc func(ctx context.Context, e Event) (Reply, error)

// Dispatch calls f.
func (f DispatcherFunc) Dispatch(ctx context.Context, e Event) (Reply, error) { return f(ctx, e) }
