package pingr

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// State is the state of a firing. Every state is a row that survives a crash;
// docs/architecture.md draws the transitions.
type State string

const (
	// StateAccepted is stored; the webhook is asked next.
	StateAccepted State = "accepted"
	// StateAsking waits for the sender to answer with the number that WhatsApp
	// hides. It goes on in StateAccepted.
	StateAsking State = "asking"
	// StateDecided has its reply's text fixed and its limits taken.
	StateDecided State = "decided"
	// StateUnknown had a send that ended without an answer. The same id and text
	// are sent again.
	StateUnknown State = "unknown"
	// StateDone is finished, with an [OutcomeKind]. Its texts are erased.
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

// Source is where a reply's text came from.
type Source string

const (
	// Static is the trigger's own reply, or the account's no_phone_reply.
	Static Source = "static"
	// Dynamic is the text of the webhook's answer.
	Dynamic Source = "dynamic"
)

// A Firing is one inbound message that matched a trigger, with everything
// needed to finish it after a crash.
type Firing struct {
	// ID is the event id ("evt_…"), the same on every delivery attempt.
	ID string
	// Account owns the session. Empty is the default account.
	Account string
	// Session is the id of the session that received the message.
	Session string
	Message Message
	// Person is the sender, as the account knew the person when the message was
	// accepted. Before, only ID is set: the id of a person who is new.
	Person Person
	// Trigger is the trigger as it was when the message arrived.
	Trigger Trigger
	State   State
	// Attempt counts the earlier times that the webhook was asked and the answer
	// was lost in a crash.
	Attempt int
	// Asked counts the texts by which the sender was asked for the number, and
	// AskUntil is when the firing waits no longer for an answer.
	Asked    int
	AskUntil time.Time
	// Answer is what the sender answered, and has still to be checked (only in
	// StateAsking).
	Answer string
	// Text and Source are set from StateDecided on, and in StateAsking to what asks
	// the sender. StateDone erases Text.
	Text   string
	Source Source
	// Limits are those that the decision took. Outcome.Release gives them back.
	Limits []Limit
	// Outcome and Reason are set in StateDone. Reason is for people and may be
	// empty.
	Outcome OutcomeKind
	Reason  string
	// AcceptedAt and DecidedAt are by the clock of Config.Now.
	AcceptedAt time.Time
	DecidedAt  time.Time
}

// A Lease names who works on a row, and until when nobody else may.
type Lease struct {
	Holder string
	Until  time.Time
}

// A Decision fixes the answer to a firing.
type Decision struct {
	Firing string // Firing.ID
	Holder string
	At     time.Time
	Text   string
	Source Source
	// AskUntil, if not zero, moves the firing to StateAsking: Text asks the sender
	// for the number, and the answer may come until then. Asked is Firing.Asked
	// from then on.
	AskUntil time.Time
	Asked    int
	// Limits are taken all together. If one refuses, none is taken, and the
	// refusing limit's Kind is the outcome. Kept are limits of the firing that an
	// earlier decision took.
	Limits, Kept []Limit
	// Refused, if not nil, is the limit that the webhook was told about: no reply
	// follows, and no limit is taken.
	Refused *LimitError
	// Retry is the event to deliver again, or nil if the webhook took it.
	Retry *PendingEvent
}

// Queued returns d.Retry in the form that a Store queues: its event reports
// what the decision came to. refused is the refusal that ended the firing, or
// nil if the text was fixed.
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

// An Answer is a message by which a person may answer what a firing in
// StateAsking asked.
type Answer struct {
	Account, Session string
	// Message names the person.
	Message Message
	// Text is the answer, as the person wrote it.
	Text string
	At   time.Time
}

// Sighting returns what the message says about its sender.
func (a Answer) Sighting() Sighting {
	return Firing{Message: a.Message, AcceptedAt: a.At}.Sighting()
}

// A Confirmation is what WhatsApp said when it was asked who has a number: that
// it is the sender's of a firing.
type Confirmation struct {
	Firing string // Firing.ID
	Holder string
	At     time.Time
	// LID and Phone are the sender's names.
	LID, Phone string
	// Release are the firing's limits to give back, so that its reply can take
	// them.
	Release []Limit
}

// An Outcome ends a firing.
type Outcome struct {
	Firing string // Firing.ID
	// Holder, if not empty, must still hold the firing. It is empty for a reply
	// that was sent, which is recorded whoever holds the firing.
	Holder string
	At     time.Time
	Kind   OutcomeKind
	Reason string
	// Release gives back the firing's limits. It is set only if the reply was
	// certainly not sent.
	Release bool
	// Retry is the event to deliver again, or nil if there is none.
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
	// Scheduled is when the attempt was due before MakeAllDue brought it forward.
	// It is zero if that did not happen.
	Scheduled time.Time
	// GivenUp, if not zero, is when the last attempt failed. No attempt follows
	// unless a person asks for one within [KeepGivenUp].
	GivenUp time.Time
}

// A Delivery is one attempt to POST an event: a row of the delivery log. A row
// with Attempt 0 stands for an attempt that was not made because most requests to
// the endpoint hang: the static reply goes out at once, and the event waits.
type Delivery struct {
	ID      string
	Account string
	Session string
	EventID string
	Event   EventType
	URL     string
	// Status is "delivered", "failed" or "simulated".
	Status string
	// HTTPStatus is the status of the HTTP answer, or 0 if none came.
	HTTPStatus int
	// DynamicReply reports whether the answer's text became the reply. If an
	// attempt was delivered but its answer did not become the reply, NoReply is
	// the reason; it is empty if the answer has no reply on purpose.
	DynamicReply bool
	NoReply      NoReply
	// Attempt counts from 1; 0 is no attempt.
	Attempt  int
	Duration time.Duration
	// Error is why the attempt failed, for people. It holds no text, phone or
	// secret.
	Error string
	At    time.Time
}

// age returns how old the message is at now. The time before it arrived is
// measured by the network's clock alone, the rest by ours.
func (f Firing) age(now time.Time) time.Duration {
	return f.transit() + now.Sub(f.AcceptedAt)
}

// transit returns how long the message took to arrive.
func (f Firing) transit() time.Duration {
	arrived := f.Message.Arrived
	if arrived.IsZero() {
		arrived = f.AcceptedAt
	}
	return arrived.Sub(f.Message.Time)
}

// event returns the firing's event for the webhook.
func (f Firing) event(reply AutoReply) Event {
	m := f.Message
	from := From{Phone: m.Phone, JID: m.Sender, Group: m.InGroup(), LID: m.LID, Person: f.Person.ID}
	if m.Phone != "" {
		from.JID = PhoneJID(m.Phone)
		if f.Person.Changed && f.Person.Phone == m.Phone {
			from.PhoneSince = f.Person.Since.UnixMilli()
		}
	}
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

// later returns the event for a delivery after the decision, at now. What
// e.AutoReply reports was true at e.Timestamp.
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

// replyText returns the dynamic reply if there is one, otherwise the static
// one.
func (f Firing) replyText(r Reply) (string, Source) {
	if text := Cut(r.Text, MaxText); text != "" {
		return text, Dynamic
	}
	return Cut(StaticReply(f.Trigger.Reply, f.Message.Phone), MaxText), Static
}

// whatsappID derives a WhatsApp message id from two names, in the form that
// WhatsApp's web client uses.
func whatsappID(scope, name string) string {
	sum := sha256.Sum256([]byte(scope + "\x00" + name))
	return "3EB0" + strings.ToUpper(hex.EncodeToString(sum[:9]))
}

// outgoing returns the reply to send.
func (f Firing) outgoing(s Settings) Outgoing {
	to := f.Message.Sender
	if f.Message.InGroup() && s.GroupReply == GroupPublic {
		to = f.Message.Chat
	}
	return Outgoing{ID: f.ReplyID(), To: to, Text: f.Text}
}

// ReplyID returns the WhatsApp id of the message that answers the firing. It is
// derived from the message it answers, so that WhatsApp sees a repeat after a
// crash as the same message.
func (f Firing) ReplyID() string { return whatsappID(f.Session, f.Message.Keys(Person{})[0]) }

// limits returns the limits that a reply to the firing takes.
func (s Settings) limits(f Firing, at time.Time) []Limit {
	var limits []Limit
	if cooldown := s.cooldown(); cooldown > 0 {
		for _, name := range f.Message.person() {
			limits = append(limits, CooldownLimit(f.Account, name, cooldown, at))
		}
	}
	limits = append(limits, QuotaLimit(f.Account, s.MonthlyQuota, at))
	if !s.DayEnds.IsZero() {
		limits = append(limits, DayLimit(f.Session, s.DayEnds))
	}
	return limits
}

func (s Settings) cooldown() time.Duration {
	setDefault(&s.Cooldown, time.Minute)
	return s.Cooldown
}

func (s Settings) maxMessageAge() time.Duration {
	setDefault(&s.MaxMessageAge, 5*time.Minute)
	return s.MaxMessageAge
}

// autoReply reports what lookAhead found. A nil limit is no refusal.
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
