package demo

import (
	"context"
	"sync"
	"time"

	"github.com/heypingr/pingr"
)

// A Step is a stage of a login, as the timeline shows it.
type Step string

// The closed set of steps, in the usual order.
const (
	StepSent     Step = "sent"      // the phone sends the message
	StepReceived Step = "received"  // the session has decrypted it
	StepStored   Step = "stored"    // it is on disk, and may be acknowledged
	StepAsked    Step = "asked"     // the webhook goes out
	StepAnswered Step = "answered"  // the backend has answered
	StepDecided  Step = "decided"   // the text is fixed, the cooldown taken
	StepReplied  Step = "replied"   // WhatsApp has taken the reply
	StepShown    Step = "shown"     // the phone shows it
	StepOpened   Step = "opened"    // somebody opened the link
	StepSignedIn Step = "signed_in" // and signed in
	// StepNoReply ends a message without a reply; the note says why.
	StepNoReply Step = "no_reply"
)

// An Entry is a step of one login, with the milliseconds since the phone sent
// the message.
type Entry struct {
	// Trace is the id of the phone's message.
	Trace string  `json:"trace"`
	Step  Step    `json:"step"`
	Ms    float64 `json:"ms"`
	Note  string  `json:"note,omitempty"`
}

// traced bounds how many logins are remembered.
const traced = 200

// A tracer times logins by observing the engine's three interfaces. It is safe
// for concurrent use.
type tracer struct {
	emit func(Entry)

	mu      sync.Mutex
	began   map[string]time.Time
	order   []string
	events  map[string]string // event id → trace
	persons map[string]string // JID → trace of the reply that goes out next
	replies map[string]string // id of a reply → trace
}

func newTracer(emit func(Entry)) *tracer {
	return &tracer{
		emit: emit, began: map[string]time.Time{}, events: map[string]string{},
		persons: map[string]string{}, replies: map[string]string{},
	}
}

// begin starts the clock of a login.
func (t *tracer) begin(trace, note string) {
	t.mu.Lock()
	t.began[trace] = time.Now()
	t.order = append(t.order, trace)
	if len(t.order) > traced {
		t.forget(t.order[0])
		t.order = t.order[1:]
	}
	t.mu.Unlock()
	t.step(trace, StepSent, note)
}

// forget drops a login. The caller holds t.mu.
func (t *tracer) forget(trace string) {
	delete(t.began, trace)
	for _, m := range []map[string]string{t.events, t.persons, t.replies} {
		for key, value := range m {
			if value == trace {
				delete(m, key)
			}
		}
	}
}

func (t *tracer) step(trace string, step Step, note string) {
	t.mu.Lock()
	began, known := t.began[trace]
	t.mu.Unlock()
	if known {
		t.emit(Entry{trace, step, float64(time.Since(began).Microseconds()) / 1000, note})
	}
}

func (t *tracer) note(m map[string]string, key, trace string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.began[trace]; known {
		m[key] = trace
	}
}

func (t *tracer) find(m map[string]string, key string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return m[key]
}

// accepted reports whether the store took the message.
func (t *tracer) accepted(trace string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, accepted := range t.events {
		if accepted == trace {
			return true
		}
	}
	return false
}

// tracedSession records what arrives and what goes out.
type tracedSession struct {
	pingr.Session
	*tracer
}

// Listen implements [pingr.Session].
func (s tracedSession) Listen(ctx context.Context, handle pingr.Handler) error {
	return s.Session.Listen(ctx, func(ctx context.Context, m pingr.Message) error {
		s.step(m.ID, StepReceived, "")
		err := handle(ctx, m)
		if err == nil && !s.accepted(m.ID) {
			s.step(m.ID, StepNoReply, "no trigger")
		}
		return err
	})
}

// Send implements [pingr.Session].
func (s tracedSession) Send(ctx context.Context, m pingr.Outgoing) error {
	trace := s.find(s.persons, m.To)
	s.note(s.replies, m.ID, trace) // before sending: the phone may be faster than the answer
	err := s.Session.Send(ctx, m)
	if err == nil {
		s.step(trace, StepReplied, "")
	}
	return err
}

// tracedStore notes what is durable.
type tracedStore struct {
	pingr.Store
	*tracer
}

// Accept implements [pingr.Firings].
func (s tracedStore) Accept(ctx context.Context, f pingr.Firing, l pingr.Lease) (bool, error) {
	s.note(s.events, f.ID, f.Message.ID)
	first, err := s.Store.Accept(ctx, f, l)
	if err == nil && first {
		s.step(f.Message.ID, StepStored, "")
	}
	return first, err
}

// Decide implements [pingr.Firings].
func (s tracedStore) Decide(ctx context.Context, d pingr.Decision) (pingr.Firing, bool, error) {
	f, decided, err := s.Store.Decide(ctx, d)
	switch {
	case err != nil:
	case f.State == pingr.StateDecided:
		s.note(s.persons, f.Message.Sender, f.Message.ID)
		s.step(f.Message.ID, StepDecided, string(f.Source)+" reply")
	case f.State == pingr.StateDone:
		s.step(f.Message.ID, StepNoReply, string(f.Outcome))
	}
	return f, decided, err
}

// Finish implements [pingr.Firings].
func (s tracedStore) Finish(ctx context.Context, o pingr.Outcome) error {
	if o.Kind != pingr.Replied {
		s.step(s.find(s.events, o.Firing), StepNoReply, string(o.Kind))
	}
	return s.Store.Finish(ctx, o)
}

// tracedDispatcher notes when the backend is asked and has answered.
type tracedDispatcher struct {
	pingr.Dispatcher
	*tracer
}

// Dispatch implements [pingr.Dispatcher].
func (d tracedDispatcher) Dispatch(ctx context.Context, e pingr.Event) (pingr.Reply, error) {
	trace := d.find(d.events, e.ID)
	d.step(trace, StepAsked, "")
	reply, err := d.Dispatcher.Dispatch(ctx, e)
	note := "with a reply"
	switch {
	case err != nil:
		note = "not: " + err.Error()
	case reply.Text == "":
		note = "without a reply"
	}
	d.step(trace, StepAnswered, note)
	return reply, err
}
