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
	// Group makes a group of the session and members, and returns its JID.
	Group(t *testing.T, members ...Phone) string
	// Sends sets what happens to the session's sends from now on.
	Sends(t *testing.T, f Fault)
	// Cut breaks the session's link. Restore brings it back and returns when the
	// session can send again. What phones send meanwhile waits in the network.
	Cut(t *testing.T)
	Restore(t *testing.T)
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
	// Web makes messages come from a linked device instead of the phone itself.
	Web bool
}

// A Phone is one person.
type Phone interface {
	// Number is digits only. LID is the digits of the hidden id, which may be
	// empty if a session has none.
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

// The forms. Those up to DocumentCaption carry a text that a person wrote now.
// The others must not reach the handler. A harness that lacks a form returns
// false from Can.
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
)

// Forms is implemented by a Harness that lacks some forms.
type Forms interface {
	Can(Form) bool
}

// A Message is what a phone sends.
type Message struct {
	ID    string // empty: a new one
	Text  string
	Form  Form
	Group string        // empty: to the session directly
	At    time.Time     // zero: now
	Timer time.Duration // the chat's disappearing-message timer
}

// A Reply is what a phone shows.
type Reply struct {
	ID    string
	Text  string
	Timer time.Duration
}
