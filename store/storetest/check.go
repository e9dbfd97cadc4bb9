package storetest

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

var checkTests = []test{
	{"an empty store does what a message needs", func(t *testing.T, s Store) {
		require.NoError(t, s.Check(t.Context(), t0))
		require.NoError(t, s.Check(t.Context(), t0), "again")
	}},
	{"a check leaves nothing behind", func(t *testing.T, s Store) {
		accept(t, s, firing("evt_1"), mine)
		for range 3 {
			require.NoError(t, s.Check(t.Context(), after(1)))
		}
		late := after(100_000)
		assert.Equal(t, []string{"evt_1"}, ids(claim(t, s, other, late)))
		assert.Empty(t, due(t, s, other, late))
		waiting, err := s.Undelivered(t.Context())
		require.NoError(t, err)
		assert.Zero(t, waiting)
		latest, err := s.LastActivity(t.Context())
		require.NoError(t, err)
		assert.False(t, latest.After(t0), "it is no message that came")
	}},
	{"checks beside the work change nothing of it", func(t *testing.T, s Store) {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 5 {
					assert.NoError(t, s.Check(t.Context(), t0))
				}
			})
		}
		for i := range 20 {
			all.Go(func() {
				id := "evt_" + strconv.Itoa(i)
				accept(t, s, firing(id), mine)
				d := decision(id)
				d.Limits = []pingr.Limit{quota(0)}
				assert.Equal(t, pingr.StateDecided, decide(t, s, d).State)
				finish(t, s, pingr.Outcome{Firing: id, At: after(1), Kind: pingr.Replied})
			})
		}
		all.Wait()
		taken, err := s.LimitTaken(t.Context(), after(1), quota(0).Key)
		require.NoError(t, err)
		assert.EqualValues(t, 20, taken)
		stats, err := s.Stats(t.Context(), owner, []time.Time{t0.Truncate(time.Hour), t0.Truncate(time.Hour).Add(time.Hour)})
		require.NoError(t, err)
		assert.EqualValues(t, 20, stats.Total.Dynamic)
	}},
}
