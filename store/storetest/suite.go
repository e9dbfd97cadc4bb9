// Package storetest is the suite that every [pingr.Store] must pass. A driver's
// test file gives it a function that opens an empty store, and calls [Run].
package storetest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

// A Store is what the suite tests: the store of the engine and that of the server, and the records
// that an embedding program manages itself.
type Store interface {
	pingr.Store
	hosted.Store
	// SaveTrigger stores a trigger, whether its ID is new or known. It returns
	// pingr.ErrConflict if another trigger of the session, active or not, has a
	// phrase that normalizes to the same text.
	SaveTrigger(ctx context.Context, t pingr.Trigger) error
	// Sessions returns the records of all accounts, ordered by id.
	Sessions(ctx context.Context) ([]pingr.SessionRecord, error)
	// SaveSession stores a record, whether its ID is new or known.
	SaveSession(ctx context.Context, r pingr.SessionRecord) error
	// DeleteSession deletes a record. A missing record is not an error.
	DeleteSession(ctx context.Context, id string) error
	// Accounts returns all accounts, oldest first.
	Accounts(ctx context.Context) ([]hosted.Account, error)
	// Close ends the store. Every later call fails.
	Close() error
}

// A test is one case: what a store promises, and a check that it does so.
type test struct {
	name string
	run  func(t *testing.T, s Store)
}

// Run runs the suite. For each case, it calls open for an empty store, and closes the store when the
// case ends. Closing it twice must do no harm. The suite's times are whole milliseconds, so a store
// need not keep more.
//
// It opens no store a second time; see [Reopened]. What only an engine itself can show needs its own
// tests, such as what survives a crash, tables of a newer program, several processes, and erased texts
// that must not stay in its files.
func Run(t *testing.T, open func(t *testing.T) Store) {
	t.Helper()
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"accept", acceptTests},
		{"persons", personTests},
		{"asking", askingTests},
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
				t.Run(tt.name, func(t *testing.T) {
					s := open(t)
					t.Cleanup(func() { assert.NoError(t, s.Close()) })
					tt.run(t, s)
				})
			}
		})
	}
}
