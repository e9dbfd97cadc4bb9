package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

var concurrentTests = []test{
	{"64 reserving one cooldown: one gets it", func(t *testing.T, s Store) {
		won := race(t, 64, func(int) (bool, error) {
			err := s.Reserve(t.Context(), t0, cooldown(t0))
			var limit *pingr.LimitError
			if errors.As(err, &limit) {
				return false, nil
			}
			return err == nil, err
		})
		assert.Equal(t, 1, won)
	}},
	{"64 reserving cooldown and quota in either order: one gets them", func(t *testing.T, s Store) {
		won := race(t, 64, func(i int) (bool, error) {
			limits := []pingr.Limit{cooldown(t0), quota(40)}
			if i%2 == 0 {
				limits[0], limits[1] = limits[1], limits[0]
			}
			err := s.Reserve(t.Context(), t0, limits...)
			var limit *pingr.LimitError
			if errors.As(err, &limit) {
				return false, nil
			}
			return err == nil, err
		})
		assert.Equal(t, 1, won)
		for range 39 {
			require.NoError(t, s.Reserve(t.Context(), t0, quota(40)))
		}
		require.Error(t, s.Reserve(t.Context(), t0, quota(40)))
	}},
	{"64 reserving a quota of 10: ten get it", func(t *testing.T, s Store) {
		won := race(t, 64, func(int) (bool, error) {
			err := s.Reserve(t.Context(), t0, quota(10))
			var limit *pingr.LimitError
			if errors.As(err, &limit) {
				return false, nil
			}
			return err == nil, err
		})
		assert.Equal(t, 10, won)
	}},
	{"64 accepting one message: one is first", func(t *testing.T, s Store) {
		won := race(t, 64, func(i int) (bool, error) {
			f := firing(fmt.Sprint(i))
			f.Message = message("M")
			return isFirst(s.Accept(t.Context(), f, free))
		})
		assert.Equal(t, 1, won)
		assert.Len(t, claim(t, s, me, t0), 1)
	}},
	{"64 accepting one message under two names, a third knowing both: one is first", func(t *testing.T, s Store) {
		accept(t, s, under("first", "M", phone, lid), free)
		won := race(t, 64, func(i int) (bool, error) {
			if i%2 == 0 {
				return isFirst(s.Accept(t.Context(), under(fmt.Sprint(i), "M", phone, ""), free))
			}
			return isFirst(s.Accept(t.Context(), under(fmt.Sprint(i), "M", "", lid), free))
		})
		assert.Equal(t, 0, won)
	}},
	{"64 accepting different messages: all are first", func(t *testing.T, s Store) {
		won := race(t, 64, func(i int) (bool, error) {
			return isFirst(s.Accept(t.Context(), firing(fmt.Sprint(i)), free))
		})
		assert.Equal(t, 64, won)
		assert.Len(t, claim(t, s, me, t0), 64)
	}},
	{"32 holding one key: one has it", func(t *testing.T, s Store) {
		hold := func(i int) (bool, error) { return s.Hold(t.Context(), "k", fmt.Sprint(i), t0, after(13)) }
		assert.Equal(t, 1, race(t, 32, hold))
	}},
	{"16 deciding: one text stands, one quota is taken", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		var mu sync.Mutex
		texts, first := map[string]bool{}, 0
		race(t, 16, func(i int) (bool, error) {
			d := decision("a")
			d.Text, d.Limits = fmt.Sprint("text ", i), []pingr.Limit{cooldown(t0), quota(2)}
			f, decided, err := s.Decide(t.Context(), d)
			mu.Lock()
			defer mu.Unlock()
			texts[f.Text] = true
			if decided {
				first++
				assert.Equal(t, d.Text, f.Text)
			}
			return true, err
		})
		assert.Len(t, texts, 1)
		assert.Equal(t, 1, first, "one of them is told that it was the one")
		assert.Contains(t, texts, stands(t, s, "a").Text)
		require.NoError(t, s.Reserve(t.Context(), t0, quota(2)))
		require.Error(t, s.Reserve(t.Context(), t0, quota(2)))
	}},
	{"16 claiming 100: each goes to one", func(t *testing.T, s Store) {
		for i := range 100 {
			accept(t, s, firing(fmt.Sprint(i)), free)
		}
		var mu sync.Mutex
		owners := map[string]string{}
		race(t, 16, func(i int) (bool, error) {
			holder := fmt.Sprint("run_", i)
			firings, err := s.Claim(t.Context(), pingr.Lease{Holder: holder, Until: after(60)}, t0, nil, 9)
			mu.Lock()
			defer mu.Unlock()
			for _, f := range firings {
				assert.Empty(t, owners[f.ID], f.ID)
				owners[f.ID] = holder
			}
			return true, err
		})
		assert.Len(t, owners, 100)
		for id, holder := range owners {
			assert.True(t, keep(t, s, id, holder, "", mine))
		}
	}},
	{"16 taking due events: each goes to one", func(t *testing.T, s Store) {
		for i := range 50 {
			enqueue(t, s, pending(fmt.Sprint(i)))
		}
		var mu sync.Mutex
		seen := map[string]int{}
		race(t, 16, func(i int) (bool, error) {
			events, err := s.Due(t.Context(), pingr.Lease{Holder: fmt.Sprint(i), Until: after(60)}, after(5), nil, 7)
			mu.Lock()
			defer mu.Unlock()
			for _, p := range events {
				seen[p.Event.ID]++
			}
			return true, err
		})
		assert.Len(t, seen, 50)
		for id, n := range seen {
			assert.Equal(t, 1, n, id)
		}
	}},
	{"16 finishing with release: given back once", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		for range 3 {
			require.NoError(t, s.Reserve(t.Context(), t0, quota(4)))
		}
		d := decision("a")
		d.Limits = []pingr.Limit{quota(4)}
		decide(t, s, d)
		race(t, 16, func(int) (bool, error) {
			return true, s.Finish(t.Context(), pingr.Outcome{Firing: "a", At: after(2), Kind: pingr.Failed, Release: true})
		})
		require.NoError(t, s.Reserve(t.Context(), after(2), quota(4)))
		require.Error(t, s.Reserve(t.Context(), after(2), quota(4)))
	}},
	{"16 saving one phrase: one trigger", func(t *testing.T, s Store) {
		won := race(t, 16, func(i int) (bool, error) {
			tr := login
			tr.ID = fmt.Sprint("trg_", i)
			err := s.SaveTrigger(t.Context(), tr)
			if errors.Is(err, pingr.ErrConflict) {
				return false, nil
			}
			return true, err
		})
		assert.Equal(t, 1, won)
	}},
	{"whole firings beside each other, with errors among them", func(t *testing.T, s Store) {
		replied := race(t, 32, func(i int) (bool, error) {
			f := firing(fmt.Sprint(i))
			if _, _, err := s.Accept(t.Context(), f, mine); err != nil {
				return false, err
			}
			f.Message.ID = "another"
			if _, _, err := s.Accept(t.Context(), f, mine); err == nil && i > 0 {
				return false, errors.New("an event id was taken twice")
			}
			d := decision(f.ID)
			d.Limits = []pingr.Limit{quota(20)}
			got, _, err := s.Decide(t.Context(), d)
			if err != nil || got.State == pingr.StateDone {
				return false, err
			}
			return true, s.Finish(t.Context(), pingr.Outcome{Firing: f.ID, At: after(2), Kind: pingr.Replied})
		})
		assert.Equal(t, 20, replied)
	}},
}

// race runs f n times at once and counts the calls that return true.
func race(t *testing.T, n int, f func(i int) (bool, error)) int {
	t.Helper()
	var wg sync.WaitGroup
	start := make(chan struct{})
	won := make([]bool, n)
	for i := range n {
		wg.Go(func() {
			<-start
			ok, err := f(i)
			assert.NoError(t, err)
			won[i] = ok
		})
	}
	close(start)
	wg.Wait()
	count := 0
	for _, ok := range won {
		if ok {
			count++
		}
	}
	return count
}
