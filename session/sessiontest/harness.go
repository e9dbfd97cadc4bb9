// Package sessiontest is the suite that every [pingr.Session] must pass. A
// driver's test file gives it a [Harness] and calls [Run].
package sessiontest

import (
	"context"
	"testing"
	"time"

	"github.com/heypingr/pingr"
)

// A Harness is one connected session, with the network and people around it.
// Each case of the suite makes its own. Its methods fail the test themselves.
type Harness interface {
	// Session is the session under test.
	Session() pingr.Session
	// Phone adds a person.
	Phone(t *testing.T, c PhoneConfig) Phone
	// Nobody returns the JID of a number that nobody has, or "" if the network does not report that.
	// The session sends to nobody else in the same case.
	Nobody(t *testing.T) string
	// Group creates a group of the session and members, and returns its JID. It is not called if the
	// harness implements [Forms] and cannot do [InGroup].
	Group(t *testing.T, members ...Phone) string
	// Sends sets what happens to the session's sends from now on.
	Sends(t *testing.T, f Fault)
	// Cut breaks the session's link and returns when the session knows it. Restore brings it back and
	// returns when the session can send again. In the meantime, the network keeps what phones send.
	Cut(t *testing.T)
	Restore(t *testing.T)
	// End ends the session for good, as when it is removed.
	End(t *testing.T)
}

// Undecryptable is implemented by a Harness whose network encrypts. It returns
// how many messages, in either direction, could not be read when they first
// arrived.
type Undecryptable interface {
	Undecryptable() int
}

// The faults of a Harness's network.
const (
	// Deliver is a network that works.
	Deliver Fault = iota
	// Refuse answers every send with a permanent refusal.
	Refuse
	// RefuseForNow answers every send with a refusal that may pass.
	RefuseForNow
	// LoseAck delivers a send and loses the answer.
	LoseAck
)

// A Fault is what happens to sends.
type Fault int

// PhoneConfig describes a person. The harness chooses what is empty.
type PhoneConfig struct {
	// ByLID makes messages name the sender by LID. The number is still known.
	ByLID bool
	// Hidden makes messages name the sender by LID. The number is not known.
	Hidden bool
	// Web makes messages come from a linked device instead of the phone itself. A
	// network without linked devices ignores it.
	Web bool
}

// A Phone is one person.
type Phone interface {
	// Number is digits only. LID is the digits of the hidden id, or empty in a
	// network that has none.
	Number() string
	LID() string
	// Send sends one message and returns its id once the network has it.
	Send(t *testing.T, m Message) string
	// Next waits for the next message that the phone shows.
	Next(ctx context.Context) (Reply, error)
	// Shown returns everything that the phone shows, oldest first.
	Shown() []Reply
}

// A Form is the shape of a message on the wire.
type Form string

// The forms. Those up to DocumentCaption contain a text that a person wrote now. Those up to History
// must not reach the handler.
const (
	Plain           Form = ""
	Extended        Form = "extended"
	Ephemeral       Form = "ephemeral"
	ImageCaption    Form = "image"
	VideoCaption    Form = "video"
	Forwarded       Form = "forwarded"
	DocumentCaption Form = "document"

	Reaction   Form = "reaction"
	Edit       Form = "edit"
	Revoke     Form = "revoke"
	Status     Form = "status"
	Newsletter Form = "newsletter"
	Own        Form = "own"     // written by the session's own phone
	History    Form = "history" // old messages handed over after linking

	// Other things that a network may lack. No Message has these forms.
	ByLID        Form = "by LID"             // PhoneConfig.ByLID
	Hidden       Form = "number hidden"      // PhoneConfig.Hidden
	InGroup      Form = "in a group"         // Message.Group
	Disappearing Form = "disappearing timer" // Message.Timer and Reply.Timer
)

// Forms is implemented by a Harness whose network lacks some forms, for which
// Can returns false. The cases that need one are skipped, and say so.
type Forms interface {
	Can(Form) bool
}

// can reports whether the network has a form. If not, the test's log says so.
func can(t *testing.T, h Harness, f Form) bool {
	t.Helper()
	forms, ok := h.(Forms)
	if !ok || forms.Can(f) {
		return true
	}
	t.Logf("this session has no form %q", f)
	return false
}

// needs skips a case if the network lacks a form.
func needs(t *testing.T, h Harness, f Form) {
	t.Helper()
	if !can(t, h, f) {
		t.SkipNow()
	}
}

// A Message is a message that a phone sends.
type Message struct {
	ID    string // empty for a new one
	Text  string
	Form  Form
	Group string        // empty for a message to the session directly
	At    time.Time     // zero for now
	Timer time.Duration // the chat's disappearing-message timer
}

// A Reply is a message that a phone shows.
type Reply struct {
	ID    string
	Text  string
	Timer time.Duration
}
