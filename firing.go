package pingr

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/google/uuid"
)

// State is where a firing stands. Every state is a row that survives a crash;
// docs/architecture.md draws the transitions.
type State string

const (
	// StateAccepted: stored, the webhook is to be asked.
	StateAccepted State = "accepted"
	// StateDecided: the reply's text is fixed and its limits are taken.
	StateDecided State = "decided"
	// StateUnknown: a send ended without an answer; the same id and text are
	// sent again.
	StateUnknown State = "unknown"
	// StateDone: finished, with an [OutcomeKind]. Its texts are erased.
	StateDone State = "done"
)

// OutcomeKind is how a firing ended.
type OutcomeKind string

// The closed set of outcomes.
const (
	Replied  OutcomeKind = "replied"
	Cooldown OutcomeKind = "cooldown"
	Quota    OutcomeKind = "quota"
	Expired  OutcomeKind = "expired"
	NoPhone  OutcomeKind = "no_phone"
	Failed   OutcomeKind = "failed"
)

// Source says where a reply's text came from.
type Source string

const (
	// Static is the trigger's own reply, or the account's no_phone_reply.
	Static Source = "static"
	// Dynamic is the text of the webhook's answer.
	Dynamic Source = "dynamic"
)

// A Firing is one inbound message that matched a trigger, with everything
// that is needed to finish it after a crash.
type Firing struct {
	// ID is the event id ("evt_…"), the same on every delivery attempt.
	ID string
	// Account owns the session; empty is the default account.
	Account string
	// Session is the id of the session that received the message.
	Session string
	Message Message
	// Trigger is the trigger as it was when the message arrived.
	Trigger Trigger
	State   State
	// Attempt counts the times that the webhook was asked before now and the
	// answer was lost to a crash.
	Attempt int
	// Text and Source are set from StateDecided on, until StateDone erases
	// Text.
	Text   string
	Source Source
	// Limits are those that the decision took; Release gives them back.
	Limits []Limit
	// Outcome and Reason are set in StateDone; Reason is for people and may be
	// empty.
	Outcome OutcomeKind
	Reason  string
	// AcceptedAt and DecidedAt are by the clock of Config.Now.
	AcceptedAt time.Time
	DecidedAt  time.Time
}

// A Lease says who works on a row, and until when nobody else may.
type Lease struct {
	Holder string
	Until  time.Time
}

// A Decision fixes what a firing is answered with.
type Decision struct {
	Firing string // Firing.ID
	Holder string
	At     time.Time
	Text   string
	Source Source
	// Limits are all taken, or none and the outcome is the refused limit's
	// Kind.
	Limits []Limit
	// Refused, if not nil, is what the webhook was told: no reply follows. Then no
	// limit is taken.
	Refused *LimitError
	// Retry is the event to deliver again, nil when the webhook was told.
	Retry *PendingEvent
}

// Queued is d.Retry as a Store queues it: it tells what the decision came to.
// refused is the refusal that ended the firing, nil when the text was fixed.
func (d Decision) Queued(refused *LimitError) *PendingEvent {
	if d.Retry == nil {
		return nil
	}
	said := AutoReply{Status: "suppressed", Reason: string(NoReplyAnswered)}
	if refused != nil {
		said = autoReply(refused, d.At)
	}
	p := *d.Retry
	p.Event.AutoReply, p.Event.Timestamp = &said, d.At.UnixMilli()
	return &p
}

// An Outcome ends a firing.
type Outcome struct {
	Firing string // Firing.ID
	// Holder, if not empty, is who must still hold the firing. A reply that was
	// sent is recorded whoever holds it.
	Holder string
	At     time.Time
	Kind   OutcomeKind
	Reason string
	// Release gives back the firing's limits: only for a reply that certainly
	// was not sent.
	Release bool
	// Retry is the event to deliver again, nil when there is nothing to retry.
	Retry *PendingEvent
}

// A PendingEvent is an event that the webhook has not taken yet.
type PendingEvent struct {
	Event   Event
	Account string
	// Attempt is the number of the next attempt, from 1.
	Attempt int
	// Next is when that attempt is due.
	Next time.Time
	// Scheduled is when it was due before HastenAll brought it forward; zero when
	// that did not happen.
	Scheduled time.Time
	// GivenUp, if not zero, is when the last attempt failed; there is no next
	// one, unless somebody asks for it within [KeepGivenUp].
	GivenUp time.Time
}

// A Delivery is one attempt to POST an event: a row of the delivery log.
type Delivery struct {
	ID      string
	Account string
	Session string
	EventID string
	Event   EventType
	URL     string
	// Status is "delivered", "failed" or "simulated".
	Status string
	// HTTPStatus is 0 when no HTTP answer came.
	HTTPStatus int
	// DynamicReply is whether the answer's text became the reply's. NoReply is why
	// an answer of an attempt that was delivered did not, if it was meant to.
	DynamicReply bool
	NoReply      NoReply
	Attempt      int
	Duration     time.Duration
	// Error says why it failed, for people; it holds no text, phone or secret.
	Error string
	At    time.Time
}

// newID is a prefix and 32 hex digits that sort by time (UUID version 7).
func newID(prefix string) string {
	return prefix + strings.ReplaceAll(uuid.Must(uuid.NewV7()).String(), "-", "")
}

// age is how old the message is at now. What passed before it arrived is
// measured by the network's clock alone, the rest by ours.
func (f Firing) age(now time.Time) time.Duration {
	arrived := f.Message.Arrived
	if arrived.IsZero() {
		arrived = f.AcceptedAt
	}
	return arrived.Sub(f.Message.Time) + now.Sub(f.AcceptedAt)
}

// event is what the webhook is told of the firing.
func (f Firing) event(reply AutoReply) Event {
	m := f.Message
	from := From{Phone: m.Phone, JID: PhoneJID(m.Phone), Group: m.InGroup(), LID: m.LID}
	if from.Group {
		from.GroupJID = &m.Chat
	}
	kind := m.Type
	setDefault(&kind, "text")
	return Event{
		Type: EventMessageReceived, Session: f.Session, ID: f.ID, Account: f.Account,
		From:      &from,
		Message:   &EventMessage{Text: m.Text, Type: kind, ID: m.ID, Timestamp: m.Time.UnixMilli(), Forwarded: m.Forwarded},
		Trigger:   &EventTrigger{ID: f.Trigger.ID, Phrase: f.Trigger.Phrase},
		AutoReply: &reply,
	}
}

// later is an event as it is told again, after the decision: what it says of the
// reply was true at e.Timestamp.
func (e Event) later(now time.Time) Event {
	if e.Type != EventMessageReceived {
		return e
	}
	said := AutoReply{Status: "suppressed", Reason: string(NoReplyAnswered)}
	if e.AutoReply != nil && e.AutoReply.Status == said.Status {
		said = *e.AutoReply
	}
	if said.RetryAfter > 0 {
		passed := now.Sub(time.UnixMilli(e.Timestamp)) / time.Second
		said.RetryAfter = int(max(time.Duration(said.RetryAfter)-passed, 1))
	}
	e.AutoReply = &said
	return e
}

// replyText is the dynamic reply if there is one, else the static one.
func (f Firing) replyText(r Reply) (string, Source) {
	if text := Cut(r.Text, MaxReply); text != "" {
		return text, Dynamic
	}
	return Cut(StaticReply(f.Trigger.Reply, f.Message.Phone), MaxReply), Static
}

// whatsappID is the WhatsApp message id that follows from two names, in the
// form of those that WhatsApp's web client makes.
func whatsappID(scope, name string) string {
	sum := sha256.Sum256([]byte(scope + "\x00" + name))
	return "3EB0" + strings.ToUpper(hex.EncodeToString(sum[:9]))
}

// outgoing is the reply as it goes out. Its id follows from the message it
// answers, so that a repeat after a crash is the same message to WhatsApp.
func (f Firing) outgoing(s Settings) Outgoing {
	to := f.Message.Sender
	if f.Message.InGroup() && s.GroupReply == GroupPublic {
		to = f.Message.Chat
	}
	return Outgoing{ID: whatsappID(f.Session, f.Message.Keys()[0]), To: to, Text: f.Text}
}

// limits are what a reply to the firing takes.
func (s Settings) limits(f Firing, at time.Time) []Limit {
	var limits []Limit
	if cooldown := s.cooldown(); cooldown > 0 {
		for _, name := range f.Message.person() {
			limits = append(limits, CooldownLimit(f.Account, name, cooldown, at))
		}
	}
	return append(limits, QuotaLimit(f.Account, s.MonthlyQuota, at))
}

func (s Settings) cooldown() time.Duration {
	setDefault(&s.Cooldown, time.Minute)
	return s.Cooldown
}

func (s Settings) maxMessageAge() time.Duration {
	setDefault(&s.MaxMessageAge, 5*time.Minute)
	return s.MaxMessageAge
}

// autoReply says what a look ahead at the limits found; nil is no refusal.
func autoReply(limit *LimitError, now time.Time) AutoReply {
	if limit == nil {
		return AutoReply{Status: "pending"}
	}
	reply := AutoReply{Status: "suppressed", Reason: string(limit.Kind)}
	if limit.Kind == Cooldown {
		reply.RetryAfter = limit.RetryAfter(now)
	}
	return reply
}
