package whatsapp

import (
	"context"
	"log/slog"
	"time"

	"github.com/heypingr/pingr"
)

// Config configures a [Pool].
type Config struct {
	// Dir is the directory of whatsapp.db, created if missing. Required without
	// Database. The file holds the keys of all sessions: whoever has it is the
	// linked device.
	Dir string
	// Database is the URL of a PostgreSQL database for the keys, in place of a file.
	// store/postgres creates its tables. Without Node, opening a pool takes all
	// sessions of the registry from the process that had them before.
	Database string
	// Node, if not empty, is the name of this process among those that share Database
	// by leases. The pool then begins without sessions. [Pool.Adopt] adds those
	// whose leases the process has, and Add those that are new.
	Node string
	// OnLost, if not nil, is called when another process has taken a session, after
	// the session was closed.
	OnLost func(id string)
	// Keyring seals the keys in Database. Required with it.
	Keyring *Keyring
	// Registry stores the session records. If nil, they are in whatsapp.db. Required
	// with Database.
	Registry Registry
	// Notify queues a session.disconnected or session.connected event for the
	// account's webhook, and returns when the event is durable. After an error,
	// the same event is queued again later with the same id. If nil, events are
	// dropped.
	Notify func(ctx context.Context, account string, e pingr.Event) error
	// Grace returns how long an account's lost link may take to come back before
	// session.disconnected is queued; zero queues it at once. It is called at each
	// loss and delays nothing. If Grace is nil or fails, 1 second is used. An end
	// that needs a person is queued at once. A link that is not up 10 seconds
	// after it was started or linked is queued then.
	Grace func(ctx context.Context, account string) (time.Duration, error)
	// OnChange, if not nil, is called after every change of a record, one call at
	// a time for each session.
	OnChange func(pingr.SessionRecord)
	// DialRate is how many connections a second all sessions together begin, after
	// the first 8: a process with many sessions must not look like an attack when
	// it starts or when the network comes back. Sessions that have something to
	// send go first. Defaults to 40.
	DialRate float64
	// Advice returns what the log tells to do about a session that needs somebody
	// to act, such as a command of the program. It must not block or call the
	// session. If nil, the log has the record's Detail only.
	Advice func(pingr.SessionRecord) string
	// Log receives states and failures. A session that needs somebody to act, such
	// as one that was logged out or banned, is a warning. If nil, they are discarded.
	Log *slog.Logger
	// Now returns the time for records and events. Defaults to time.Now.
	Now func() time.Time
	// Endpoint is a loopback WhatsApp. The zero value is the real WhatsApp.
	Endpoint Endpoint

	timing timing
}

// A Registry stores session records. The stores implement it. It must be safe
// for concurrent use.
type Registry interface {
	// Sessions returns the records of all accounts.
	Sessions(ctx context.Context) ([]pingr.SessionRecord, error)
	// SaveSession stores a record, whether its ID is new or known.
	SaveSession(ctx context.Context, r pingr.SessionRecord) error
	// DeleteSession deletes a record. A missing record is not an error.
	DeleteSession(ctx context.Context, id string) error
}

// An ownedRegistry is a [Registry] in the database of the leases. store/postgres
// implements it.
type ownedRegistry interface {
	// SaveOwnSession is SaveSession, unless the session's lease has another epoch.
	// It then saves nothing and returns PostgreSQL's error PF001.
	SaveOwnSession(ctx context.Context, r pingr.SessionRecord, epoch int64) error
}

// timing holds the durations that tests shorten. Zero values select the real
// ones.
type timing struct {
	health     time.Duration // between two health checks
	silence    time.Duration // age of the last frame that calls for a ping
	ping       time.Duration // how long a round trip may take
	grace      time.Duration // how long a link may be lost unreported, unless Config.Grace says
	report     time.Duration // how long a start may take unreported
	login      time.Duration // from dialing to connected
	send       time.Duration // how long a send waits for its answer
	token      time.Duration // how long a refused send waits for a person's token
	probe      time.Duration // between two tries to use a failed database
	backoff    time.Duration // first pause between two dials
	backoffMax time.Duration
	redeliver  time.Duration // first pause before a refused message is asked for again
	firstQR    time.Duration // how long the first code of a round is valid
	otherQR    time.Duration // and each of the others
}

func (t timing) withDefaults() timing {
	for _, v := range []struct {
		field *time.Duration
		usual time.Duration
	}{
		{&t.health, 30 * time.Second},
		{&t.silence, 25 * time.Second}, // whatsmeow pings every 20 to 30 s
		{&t.ping, 10 * time.Second},
		{&t.grace, time.Second},
		{&t.report, 10 * time.Second},
		{&t.login, 45 * time.Second},
		{&t.send, 20 * time.Second},
		{&t.token, 2 * time.Second},
		{&t.probe, 2 * time.Second},
		{&t.backoff, time.Second},
		{&t.backoffMax, time.Minute},
		{&t.redeliver, 250 * time.Millisecond},
		{&t.firstQR, 60 * time.Second},
		{&t.otherQR, 20 * time.Second},
	} {
		if *v.field == 0 {
			*v.field = v.usual
		}
	}
	return t
}

// redeliverMax is the longest pause before a message that the handler keeps
// refusing is requested again.
const redeliverMax = 5 * time.Minute
