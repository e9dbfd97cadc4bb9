package demo

import (
	"maps"
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
	StepAsked    Step = "asked"     // the webhook has reached the backend
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

// traced bounds the number of remembered logins.
const traced = 200

// A tracer times logins. It is safe for concurrent use.
type tracer struct {
	emit func(Entry)

	mu      sync.Mutex
	began   map[string]time.Time
	order   []string
	replies map[string]string // id of a reply → trace
}

func newTracer(emit func(Entry)) *tracer {
	return &tracer{emit: emit, began: map[string]time.Time{}, replies: map[string]string{}}
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
	maps.DeleteFunc(t.replies, func(_, of string) bool { return of == trace })
}

func (t *tracer) step(trace string, step Step, note string) {
	t.mu.Lock()
	began, known := t.began[trace]
	t.mu.Unlock()
	if known {
		t.emit(Entry{trace, step, float64(time.Since(began).Microseconds()) / 1000, note})
	}
}

// expect records which reply ends a login.
func (t *tracer) expect(reply, trace string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.began[trace]; known {
		t.replies[reply] = trace
	}
}

// shown ends the login of a reply that the phone shows.
func (t *tracer) shown(reply string) {
	t.mu.Lock()
	trace := t.replies[reply]
	t.mu.Unlock()
	t.step(trace, StepShown, "")
}

// observer tells the tracer what the engine does.
func (t *tracer) observer() pingr.Observer {
	return pingr.Observer{
		Received: func(_, _ string, m pingr.Message, matches bool) {
			t.step(m.ID, StepReceived, "")
			if !matches {
				t.step(m.ID, StepNoReply, "no trigger")
			}
		},
		Firing: t.firing,
	}
}

func (t *tracer) firing(f pingr.Firing) {
	trace := f.Message.ID
	switch {
	case f.State == pingr.StateAccepted:
		t.step(trace, StepStored, "")
	case f.State == pingr.StateDecided:
		t.expect(f.ReplyID(), trace) // before it is sent: the phone may show it first
		t.step(trace, StepDecided, string(f.Source)+" reply")
	case f.State == pingr.StateDone && f.Outcome == pingr.Replied:
		t.step(trace, StepReplied, "")
	case f.State == pingr.StateDone:
		t.step(trace, StepNoReply, string(f.Outcome))
	}
}
