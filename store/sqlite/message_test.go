package sqlite_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/store/internal/sqlstore"
	"github.com/heypingr/pingr/store/sqlite"
)

// A spend is what a message costs: transactions that read or write, and their statements.
type spend struct{ reads, read, writes, written int }

// A meter counts what a Store does with its database.
type meter struct {
	*sqlite.Store
	spend
}

// counted counts the statements of a transaction.
type counted struct {
	sqlstore.Tx
	n *int
}

func (c counted) Exec(query string, args ...any) (int64, error) {
	*c.n++
	return c.Tx.Exec(query, args...)
}

func (c counted) Query(query string, each func(sqlstore.Row) error, args ...any) error {
	*c.n++
	return c.Tx.Query(query, each, args...)
}

func (m *meter) Write(ctx context.Context, op func(sqlstore.Tx) error) error {
	m.writes++
	return m.Store.Write(ctx, func(tx sqlstore.Tx) error { return op(counted{tx, &m.written}) })
}

func (m *meter) WriteSoon(ctx context.Context, op func(sqlstore.Tx) error) error {
	return m.Write(ctx, op)
}

func (m *meter) Read(ctx context.Context, op func(sqlstore.Tx) error) error {
	m.reads++
	return m.ReadAs(ctx, func(tx sqlstore.Tx) error { return op(counted{tx, &m.read}) })
}

// The speed of a hosted server is mostly how often it goes to the database. Who makes a message cost
// more changes these numbers on purpose.
func TestWhatAMessageCosts(t *testing.T) {
	quota := func(most int64) pingr.Limit { return pingr.QuotaLimit("acc_1", most, now) }
	day := pingr.DayLimit("main", now.Add(time.Hour))
	for name, tt := range map[string]struct {
		limits []pingr.Limit
		want   spend
	}{
		"an account without limits": {[]pingr.Limit{quota(0), day}, spend{2, 2, 3, 8}},
		"with a quota":              {[]pingr.Limit{quota(1000), day}, spend{3, 3, 3, 8}},
		"with a cooldown and a quota": {
			append(benchLimits("919876543210"), day), spend{3, 4, 3, 9},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := &meter{Store: open(t, t.TempDir())}
			s := sqlstore.New(m, m, sqlstore.Dialect{})
			t.Cleanup(func() { assert.NoError(t, s.Close()) })
			a, err := hosted.New("shop@example.com", "", hosted.Unlimited, now)
			require.NoError(t, err)
			f := benchFiring(1)
			require.NoError(t, s.CreateAccount(t.Context(), a))
			require.NoError(t, s.SaveTrigger(t.Context(), f.Trigger))
			f.Person.ID = "per_1"
			earlier := f // the first message of a person stores the person's names too
			earlier.ID, earlier.Message.ID = "evt_earlier", "3EB0EARLIER"
			_, _, err = s.Accept(t.Context(), earlier, lease)
			require.NoError(t, err)
			m.spend = spend{}

			_, ok, err := s.FindTrigger(t.Context(), "main", pingr.Phrases(f.Message.Text))
			require.NoError(t, err)
			require.True(t, ok)
			_, first, err := s.Accept(t.Context(), f, lease)
			require.NoError(t, err)
			require.True(t, first)
			_, err = s.Account(t.Context(), a.ID)
			require.NoError(t, err)
			require.NoError(t, s.Peek(t.Context(), now, tt.limits...))
			d := benchDecision(f.ID)
			d.Limits = tt.limits
			_, decided, err := s.Decide(t.Context(), d)
			require.NoError(t, err)
			require.True(t, decided)
			require.NoError(t, s.Finish(t.Context(), pingr.Outcome{Firing: f.ID, At: now, Kind: pingr.Replied}))
			assert.Equal(t, tt.want, m.spend)
		})
	}
}
