// Package storetest is the suite that every [pingr.Store] passes: a driver's
// test file gives it a way to open an empty store and calls [Run].
package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/account"
)

// A Store is what the suite tests: the engine's store, and the management of
// triggers, sessions and the delivery log around it.
type Store interface {
	pingr.Store
	// SaveTrigger stores a trigger, new or known by its ID. It returns
	// pingr.ErrConflict when another trigger of the session, active or not, has
	// a phrase that normalises to the same.
	SaveTrigger(ctx context.Context, t pingr.Trigger) error
	// DeleteTrigger forgets a trigger; one that is not there is no error.
	DeleteTrigger(ctx context.Context, id string) error
	// Triggers returns a session's triggers, oldest first.
	Triggers(ctx context.Context, session string) ([]pingr.Trigger, error)
	// Sessions returns the records of all accounts, by id.
	Sessions(ctx context.Context) ([]pingr.SessionRecord, error)
	// SaveSession stores a record, new or known by its ID.
	SaveSession(ctx context.Context, r pingr.SessionRecord) error
	// DeleteSession forgets a record; one that is not there is no error.
	DeleteSession(ctx context.Context, id string) error
	// Deliveries returns up to limit rows of an account's delivery log from
	// before a time, newest first; a zero time starts at the newest.
	Deliveries(ctx context.Context, account string, before time.Time, limit int) ([]pingr.Delivery, error)
	hosted
	// Close ends the store; every later call fails.
	Close() error
}

// hosted is what a server needs beside; the implementations say what each
// method promises.
type hosted interface {
	CreateAccount(ctx context.Context, a account.Account) error
	Account(ctx context.Context, id string) (account.Account, error)
	AccountByEmail(ctx context.Context, email string) (account.Account, error)
	Accounts(ctx context.Context) ([]account.Account, error)
	AnyAccount(ctx context.Context) (bool, error)
	UpdateAccount(ctx context.Context, id string, change func(*account.Account) error) (account.Account, error)
	KeepValue(ctx context.Context, name string, make func() []byte) ([]byte, error)
	ForgetValue(ctx context.Context, name string) error
	CreateKey(ctx context.Context, k account.Key) error
	KeyByHash(ctx context.Context, hash [32]byte) (account.Key, error)
	Keys(ctx context.Context, owner string) ([]account.Key, error)
	RevokeKey(ctx context.Context, owner, id string, at time.Time) error
	UseKey(ctx context.Context, id string, at time.Time) error
	BeginReplay(ctx context.Context, r account.Replay) (found account.Replay, first bool, err error)
	EndReplay(ctx context.Context, r account.Replay) error
	PurgeReplays(ctx context.Context, before time.Time) (int, error)
	Taken(ctx context.Context, at time.Time, key string) (int64, error)
	DeliveryPage(ctx context.Context, q account.DeliveryQuery) (account.DeliveryPage, error)
	Delivery(ctx context.Context, owner, id string) (pingr.Delivery, error)
	Queued(ctx context.Context, owner string, events []string) (map[string]bool, error)
	Hasten(ctx context.Context, owner, event string, now time.Time) error
	Undelivered(ctx context.Context) (int64, error)
	Latest(ctx context.Context) (time.Time, error)
	Stats(ctx context.Context, owner string, borders []time.Time) (account.Stats, error)
	// Check makes the reads and writes that a message needs, returns an error
	// when one of them fails, and leaves nothing behind.
	Check(ctx context.Context, now time.Time) error
	Trigger(ctx context.Context, id string) (pingr.Trigger, error)
	CreateTrigger(ctx context.Context, t pingr.Trigger, sessions []string, limit int) error
	UpdateTrigger(ctx context.Context, id string, change func(*pingr.Trigger) error) (pingr.Trigger, error)
}

// A test is one case: what a store promises, and a check that it does.
type test struct {
	name string
	run  func(t *testing.T, s Store)
}

// Run runs the suite. open is called once a case and gives an empty store that
// it closes when the case ends; closing it twice must do no harm. The suite's
// times are whole milliseconds: a store need not keep more.
func Run(t *testing.T, open func(t *testing.T) Store) {
	t.Helper()
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"accept", acceptTests},
		{"claim", claimTests},
		{"keep", keepTests},
		{"decide", decideTests},
		{"finish", finishTests},
		{"limits", limitTests},
		{"triggers", triggerTests},
		{"events", eventTests},
		{"deliveries", deliveryTests},
		{"purge", purgeTests},
		{"sessions", sessionTests},
		{"accounts", accountTests},
		{"replays", replayTests},
		{"pages", pageTests},
		{"plans", planTests},
		{"stats", statsTests},
		{"check", checkTests},
		{"hostile", hostileTests},
		{"concurrent", concurrentTests},
		{"ended", endedTests()},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, tt := range group.tests {
				t.Run(tt.name, func(t *testing.T) { tt.run(t, open(t)) })
			}
		})
	}
}
