package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

var (
	hour0 = t0.Truncate(time.Hour)
	hours = []time.Time{hour0, hour0.Add(time.Hour), hour0.Add(2 * time.Hour)}
)

var statsTests = []test{
	{"of nothing: every step, all zero", func(t *testing.T, s Store) {
		got := stats(t, s, owner, hours)
		want := hosted.Stats{
			Steps: []hosted.StatsStep{{From: hours[0], Until: hours[1]}, {From: hours[1], Until: hours[2]}},
			Total: hosted.StatsStep{From: hours[0], Until: hours[2]},
		}
		assert.Equal(t, want, got)
	}},
	{"a firing counts once, by how and when it ended", func(t *testing.T, s Store) {
		for i, o := range []pingr.OutcomeKind{pingr.Expired, pingr.NoPhone, pingr.Failed, pingr.Failed} {
			id := fmt.Sprint(i)
			accept(t, s, firing(id), mine)
			for range 2 { // the second changes nothing
				require.NoError(t, s.Finish(t.Context(), pingr.Outcome{
					Firing: id, At: hours[1].Add(-time.Millisecond), Kind: o, Release: i == 3,
				}))
			}
		}
		for i, source := range []pingr.Source{pingr.Dynamic, pingr.Static, pingr.Static} {
			id := fmt.Sprint("replied ", i)
			accept(t, s, firing(id), mine)
			d := decision(id)
			d.Source = source
			decide(t, s, d)
			require.NoError(t, s.Finish(t.Context(), pingr.Outcome{Firing: id, At: hours[1], Kind: pingr.Replied}))
		}
		accept(t, s, firing("unfinished"), mine)
		got := stats(t, s, owner, hours)
		assert.Equal(t, hosted.Counts{Expired: 1, NoPhone: 1, Failed: 2}, got.Steps[0].Counts)
		assert.Equal(t, hosted.Counts{Dynamic: 1, Static: 2}, got.Steps[1].Counts)
		assert.Equal(t, hosted.Counts{Dynamic: 1, Static: 2, Expired: 1, NoPhone: 1, Failed: 2}, got.Total.Counts)
		assert.Zero(t, stats(t, s, "another", hours).Total.Counts, "another account's are its own")
	}},
	{"a refused firing counts once, as its limit's kind", func(t *testing.T, s Store) {
		require.NoError(t, s.Reserve(t.Context(), t0, cooldown(t0), quota(1)))
		for i, l := range []pingr.Limit{cooldown(t0), quota(1)} {
			id := fmt.Sprint(i)
			accept(t, s, firing(id), mine)
			d := decision(id)
			d.Limits = []pingr.Limit{l}
			for range 2 {
				decide(t, s, d)
			}
		}
		assert.Equal(t, hosted.Counts{Cooldown: 1, Quota: 1}, stats(t, s, owner, hours).Total.Counts)
	}},
	{"every kind is counted beside all others", func(t *testing.T, s Store) {
		require.NoError(t, s.Reserve(t.Context(), t0, cooldown(t0), quota(1)))
		for round := range 2 {
			for i, o := range []pingr.OutcomeKind{
				pingr.Replied, pingr.Replied, pingr.Cooldown, pingr.Quota, pingr.Expired, pingr.NoPhone, pingr.Failed,
			} {
				id := fmt.Sprint(round, i)
				accept(t, s, firing(id), mine)
				d := decision(id)
				d.Source = []pingr.Source{pingr.Dynamic, pingr.Static}[i%2]
				switch o {
				case pingr.Replied:
					decide(t, s, d)
					finish(t, s, pingr.Outcome{Firing: id, At: t0, Kind: o})
				case pingr.Cooldown:
					d.Limits = []pingr.Limit{cooldown(t0)}
					decide(t, s, d)
				case pingr.Quota:
					d.Limits = []pingr.Limit{quota(1)}
					decide(t, s, d)
				default:
					finish(t, s, pingr.Outcome{Firing: id, At: t0, Kind: o})
				}
			}
		}
		want := hosted.Counts{Dynamic: 2, Static: 2, Cooldown: 2, Quota: 2, Expired: 2, NoPhone: 2, Failed: 2}
		assert.Equal(t, want, stats(t, s, owner, hours).Total.Counts)
	}},
	{"how long the webhook took, but for simulated ones and when it was not asked", func(t *testing.T, s Store) {
		for i := range 100 {
			d := delivery(fmt.Sprint(i), hours[0])
			if d.Duration = 10 * time.Millisecond; i >= 94 {
				d.Duration, d.At = time.Second, hours[1]
			}
			deliver(t, s, d)
		}
		simulated := delivery("simulated", hours[0])
		simulated.Status = "simulated"
		deliver(t, s, simulated)
		notAsked := delivery("not asked", hours[0])
		notAsked.Attempt, notAsked.Duration = 0, 0
		deliver(t, s, notAsked)
		got := stats(t, s, owner, hours)
		assert.EqualValues(t, 94, got.Steps[0].Webhooks)
		assert.EqualValues(t, 10, *got.Steps[0].P95MS)
		assert.EqualValues(t, 6, got.Steps[1].Webhooks)
		assert.EqualValues(t, 100, got.Total.Webhooks)
		assert.EqualValues(t, 10, *got.Total.P50MS)
		assert.InDelta(t, 1000, *got.Total.P95MS, 60)
		assert.Nil(t, stats(t, s, "another", hours).Total.P50MS)
	}},
	{"they go with the delivery log", func(t *testing.T, s Store) {
		for i, at := range hours[:2] {
			id := fmt.Sprint(i)
			accept(t, s, firing(id), mine)
			require.NoError(t, s.Finish(t.Context(), pingr.Outcome{Firing: id, At: at, Kind: pingr.Failed}))
			deliver(t, s, delivery(id, at))
		}
		purge(t, s, hours[2], hours[2], hours[0])
		assert.EqualValues(t, 2, stats(t, s, owner, hours).Total.Failed, "and not before")
		assert.EqualValues(t, 2, stats(t, s, owner, hours).Total.Webhooks)
		purge(t, s, t0, t0, hours[1])
		got := stats(t, s, owner, hours)
		assert.Zero(t, got.Steps[0].Counts)
		assert.Zero(t, got.Steps[0].Webhooks)
		assert.EqualValues(t, 1, got.Steps[1].Failed)
		assert.EqualValues(t, 1, got.Steps[1].Webhooks)
	}},
}

func stats(t *testing.T, s Store, owner string, borders []time.Time) hosted.Stats {
	t.Helper()
	got, err := s.Stats(t.Context(), owner, borders)
	require.NoError(t, err)
	return got
}
