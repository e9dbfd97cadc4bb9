package server

import (
	"context"
	"errors"
	"time"

	"github.com/heypingr/pingr"
)

// Sessions are the sessions of the process. session/whatsapp's Pool is one, by
// a thin adapter. The server keeps no records of them: Sessions save their own,
// return them after a restart, and tell [Notify] of each change and of the events
// session.connected and session.disconnected. All methods are safe for concurrent
// use.
type Sessions interface {
	// Add adds a session and begins to link it. It returns [pingr.ErrConflict] if
	// the id is taken, in whatever account. The id is a name, a colon and the
	// account's id.
	Add(ctx context.Context, r pingr.SessionRecord) (Session, error)
	Get(id string) (Session, bool)
	// List returns all sessions of all accounts, by id, from the start of the
	// program on.
	List() []Session
	// Remove unlinks a session at WhatsApp and forgets it.
	Remove(ctx context.Context, id string) error
}

// Errors of a [Session].
var (
	// ErrLinked means that the session is linked already.
	ErrLinked = errors.New("session is already linked")
	// ErrNotLinked means that the session must be linked first.
	ErrNotLinked = errors.New("session is not linked")
)

// A Session is what the API needs of one session.
type Session interface {
	pingr.Session
	ID() string
	Record() pingr.SessionRecord
	// Rename sets the name in the record, saves it and reports the change.
	Rename(name string)
	// Link begins to link the session. It returns [ErrLinked] if it is linked.
	Link() error
	// QR is the code to scan now; ok is false when there is none.
	QR() (code string, expires time.Time, ok bool)
	// PairCode returns a code to type on the phone, or [ErrLinked].
	PairCode(ctx context.Context, phone string) (string, error)
	// Reconnect connects the session again, or returns [ErrNotLinked].
	Reconnect() error
}

// testSession is what every account calls the session of its test mode.
const testSession = "sess_test"

// simulatedSession takes what test mode sends, and keeps it from leaving.
type simulatedSession struct{}

func (simulatedSession) Listen(ctx context.Context, _ pingr.Handler) error {
	<-ctx.Done()
	return ctx.Err()
}

func (simulatedSession) Send(context.Context, pingr.Outgoing) error { return nil }
