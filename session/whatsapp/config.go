package whatsapp

import (
	"context"
	"log/slog"
	"time"

	"github.com/heypingr/pingr"
)

// Config describes a [Pool].
type Config struct {
	// Dir is the directory of whatsapp.db, made if missing. Required. The file
	// holds the keys of all sessions: who has it is the linked device.
	Dir string
	// Registry keeps the session records. Nil keeps them in whatsapp.db.
	Registry Registry
	// Notify queues a session.disconnected or session.connected event for the
	// account's webhook and returns when it is durable. After an error the same
	// event, with the same id, is queued again later. Nil drops them.
	Notify func(ctx context.Context, account string, e pingr.Event) error
	// Grace is how long an account's link that was lost may take to come back
	// before session.disconnected is queued; zero queues it at once. It is asked
	// at each loss and holds nothing up. Nil, or an error, means 1 second. Ends that
	// need a person are queued at once, and so is what is not up 10 seconds after
	// it was started or linked.
	Grace func(ctx context.Context, account string) (time.Duration, error)
	// OnChange is called after every change of a record, one call a session at
	// a time. Nil does nothing.
	OnChange func(pingr.SessionRecord)
	// Log hears of states and failures. Nil discards.
	Log *slog.Logger
	// Now is the clock of records and events. Nil means time.Now.
	Now func() time.Time
	// Endpoint is a loopback WhatsApp. The zero value is the real one.
	Endpoint Endpoint

	timing timing
}

// A Registry keeps session records. The stores implement it. It is called from
// several goroutines.
type Registry interface {
	// Sessions returns the records of all accounts.
	Sessions(ctx context.Context) ([]pingr.SessionRecord, error)
	// SaveSession stores a record, new or known by its ID.
	SaveSession(ctx context.Context, r pingr.SessionRecord) error
	// DeleteSession forgets a record; one that is not there is no error.
	DeleteSession(ctx context.Context, id string) error
}

// timing is what tests shorten. Zero values are the real ones.
type timing struct {
	health     time.Duration // between two health checks
	silence    time.Duration // age of the last frame that calls for a ping
	ping       time.Duration // how long a round trip may take
	grace      time.Duration // how long a link may be lost unreported, unless Config.Grace says
	report     time.Duration // how long a start may take unreported
	login      time.Duration // from dialing to connected
	send       time.Duration // how long a send waits for its answer
	probe      time.Duration // between two tries of a failed database
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

// redeliverMax bounds the pause before a message that the handler keeps
// refusing is asked for again.
const redeliverMax = 5 * time.Minute
