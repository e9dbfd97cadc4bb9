package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/hosted"
)

var pageTests = []test{
	{"none", func(t *testing.T, s Store) {
		page, err := s.DeliveryPage(t.Context(), hosted.DeliveryQuery{Account: "acc", Limit: 50})
		require.NoError(t, err)
		assert.Empty(t, page.Rows)
		assert.False(t, page.More)
	}},
	{"a row comes back whole, with the time it was logged", func(t *testing.T, s Store) {
		deliver(t, s, delivery("a", t0))
		page, err := s.DeliveryPage(t.Context(), hosted.DeliveryQuery{Account: "acc", Limit: 1})
		require.NoError(t, err)
		want := hosted.DeliveryRow{Delivery: delivery("a", t0), Logged: t0.Add(8123 * time.Millisecond)}
		assert.Equal(t, []hosted.DeliveryRow{want}, page.Rows)
		one, err := s.Delivery(t.Context(), "acc", "a")
		require.NoError(t, err)
		assert.Equal(t, want.Delivery, one)
		_, err = s.Delivery(t.Context(), "acc_other", "a")
		require.ErrorIs(t, err, hosted.ErrNotFound)
	}},
	{"a page ends with a millisecond", func(t *testing.T, s Store) {
		for i, at := range []int{0, 1, 1, 1, 2, 2, 3} {
			deliver(t, s, delivery(fmt.Sprint(i), after(at)))
		}
		assert.Equal(t, [][]string{{"6", "5", "4"}, {"3", "2", "1", "0"}}, pages(t, s, hosted.DeliveryQuery{Limit: 4}, nil))
		assert.Equal(t, [][]string{{"6", "5", "4"}, {"3", "2", "1"}, {"0"}}, pages(t, s, hosted.DeliveryQuery{Limit: 3}, nil))
	}},
	{"but for a millisecond that holds more than a page", func(t *testing.T, s Store) {
		for i := range 10 {
			deliver(t, s, delivery(fmt.Sprint(i), t0))
		}
		want := [][]string{{"9", "8", "7", "6"}, {"5", "4", "3", "2"}, {"1", "0"}}
		assert.Equal(t, want, pages(t, s, hosted.DeliveryQuery{Limit: 4}, nil))
	}},
	{"rows that begin early and end late are not skipped", func(t *testing.T, s Store) {
		for i := range 6 {
			deliver(t, s, delivery(fmt.Sprint(i), after(i)))
		}
		slow := 0
		got := pages(t, s, hosted.DeliveryQuery{Limit: 2}, func() {
			d := delivery(fmt.Sprint("slow", slow), t0) // begun long ago
			deliver(t, s, d)
			slow++
		})
		assert.Equal(t, [][]string{{"5", "4"}, {"3", "2"}, {"1", "0"}}, got, "what came meanwhile is new")
		got = pages(t, s, hosted.DeliveryQuery{Limit: 100}, nil)
		require.Len(t, got, 1)
		assert.Equal(t, []string{"slow1", "slow0", "5"}, got[0][:3])
	}},
	{"rows that are logged together stay in the order they came", func(t *testing.T, s Store) {
		for i, at := range []int{10, 0, 5} {
			deliver(t, s, delivery(fmt.Sprint(i), after(at)))
		}
		page, err := s.DeliveryPage(t.Context(), hosted.DeliveryQuery{Account: "acc", Limit: 10})
		require.NoError(t, err)
		require.Len(t, page.Rows, 3)
		for i, d := range page.Rows {
			assert.Equal(t, fmt.Sprint(2-i), d.ID)
			assert.Equal(t, after(10).Add(d.Duration), d.Logged)
		}
	}},
	{"of one status", func(t *testing.T, s Store) {
		for i := range 9 {
			d := delivery(fmt.Sprint(i), after(i/4))
			d.Status = []string{"failed", "delivered", "simulated"}[i%3]
			deliver(t, s, d)
		}
		assert.Equal(t, [][]string{{"6"}, {"3"}, {"0"}}, pages(t, s, hosted.DeliveryQuery{Limit: 1, Status: "failed"}, nil))
	}},
	{"of one account", func(t *testing.T, s Store) {
		for i := range 4 {
			d := delivery(fmt.Sprint(i), t0)
			d.Account = []string{"acc", "acc_other"}[i%2]
			deliver(t, s, d)
		}
		assert.Equal(t, [][]string{{"2"}, {"0"}}, pages(t, s, hosted.DeliveryQuery{Limit: 1}, nil))
	}},
	{"a queued event is hastened, by its account", func(t *testing.T, s Store) {
		enqueue(t, s, pending("evt_a"))
		require.ErrorIs(t, s.MakeDue(t.Context(), "acc_other", "evt_a", t0), hosted.ErrNotFound)
		require.ErrorIs(t, s.MakeDue(t.Context(), "acc", "evt_b", t0), hosted.ErrNotFound)
		assert.Empty(t, due(t, s, me, t0))
		require.NoError(t, s.MakeDue(t.Context(), "acc", "evt_a", t0))
		assert.Len(t, due(t, s, me, t0), 1)
		require.NoError(t, s.MakeDue(t.Context(), "acc", "evt_a", t0))
		assert.Empty(t, due(t, s, other, t0), "it is being delivered")
	}},
	{"which events are queued, of its account", func(t *testing.T, s Store) {
		queued := func(owner string, events []string, want map[string]bool) {
			got, err := s.QueuedEvents(t.Context(), owner, events)
			require.NoError(t, err)
			assert.Equal(t, want, got)
		}
		enqueue(t, s, pending("evt_a"))
		enqueue(t, s, pending("evt_b"))
		queued("acc", []string{"evt_b", "evt_gone", "evt_a"}, map[string]bool{"evt_a": true, "evt_b": true})
		queued("acc", nil, map[string]bool{})
		queued("acc_other", []string{"evt_a"}, map[string]bool{})
	}},
	{"what of a limit is taken", func(t *testing.T, s Store) {
		taken := func(at time.Time, want int64) {
			n, err := s.LimitTaken(t.Context(), at, "quota/acc")
			require.NoError(t, err)
			assert.Equal(t, want, n)
		}
		taken(t0, 0)
		for range 3 {
			require.NoError(t, s.Reserve(t.Context(), t0, quota(0)))
		}
		taken(t0, 3)
		taken(after(86400), 0)
	}},
}

// pages reads the log of acc to its end, and calls between after each page.
func pages(t *testing.T, s Store, q hosted.DeliveryQuery, between func()) (all [][]string) {
	t.Helper()
	q.Account = "acc"
	for range 20 {
		page, err := s.DeliveryPage(t.Context(), q)
		require.NoError(t, err)
		var ids []string
		for _, d := range page.Rows {
			ids = append(ids, d.ID)
		}
		all = append(all, ids)
		if !page.More {
			return all
		}
		last := page.Rows[len(page.Rows)-1]
		q.Before, q.Ordinal = last.Logged, last.Ordinal
		if between != nil {
			between()
		}
	}
	t.Fatal("no end of pages")
	return nil
}
