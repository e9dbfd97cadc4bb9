package postgres_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/heypingr/pingr/internal/pgtest"
	"github.com/heypingr/pingr/store/postgres"
	"github.com/heypingr/pingr/store/storetest"
)

// The tests run in a time zone where it is tomorrow already, so code that takes the local day or month
// for UTC's fails on every machine.
func init() { time.Local = time.FixedZone("Kiritimati", 14*60*60) }

func TestMain(m *testing.M) {
	if os.Getenv(childURL) != "" {
		holdAccount()
		return
	}
	goleak.VerifyTestMain(m)
}

// fast is for tests in which at most the server's process dies.
var fast = []string{"-c", "fsync=off"}

func TestStore(t *testing.T) {
	server := pgtest.New(t, fast...)
	storetest.Run(t, func(t *testing.T) storetest.Store {
		t.Helper()
		return open(t, server.URL(t))
	})
}

func TestReopenedStore(t *testing.T) {
	url := pgtest.New(t, fast...).URL(t)
	storetest.Reopened(t, func(t *testing.T) storetest.Store {
		t.Helper()
		return open(t, url)
	})
}

// A crashed process drops no hold, and a hold's key contains a phone number.
func TestHoldsThatHaveEndedArePurged(t *testing.T) {
	s := open(t, pgtest.New(t, fast...).URL(t))
	now := time.UnixMilli(1_750_000_000_000)
	for name, until := range map[string]time.Time{"ended": now.Add(-time.Second), "running": now.Add(time.Second)} {
		held, err := s.Hold(t.Context(), name, "a", now.Add(-time.Minute), until)
		require.NoError(t, err)
		require.True(t, held)
	}
	purged, err := s.Purge(t.Context(), now, now, now)
	require.NoError(t, err)
	require.Equal(t, 1, purged)
	held, err := s.Hold(t.Context(), "running", "b", now, now.Add(time.Minute))
	require.NoError(t, err)
	require.False(t, held)
}

func open(tb testing.TB, url string) *postgres.Store {
	tb.Helper()
	s, err := postgres.Open(tb.Context(), postgres.Config{URL: url})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}
