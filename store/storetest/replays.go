package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/hosted"
)

var replayTests = []test{
	{"the first of a key begins, the others are told", func(t *testing.T, s Store) {
		r := replay("k", "body", t0)
		_, first := begin(t, s, r)
		assert.True(t, first)
		got, first := begin(t, s, r)
		assert.False(t, first)
		assert.Equal(t, hosted.ReplayPending, got.State)
		r.State, r.Status, r.Body = hosted.ReplayDone, 200, []byte(`{"a":1}`)
		require.NoError(t, s.EndReplay(t.Context(), full(t, r)))
		got, first = begin(t, s, replay("k", "another body", after(1)))
		assert.False(t, first)
		assert.Equal(t, r, got)
	}},
	{"scopes and keys do not mix", func(t *testing.T, s Store) {
		for _, name := range [][2]string{{"a", "b"}, {"ab", ""}, {"", "ab"}, {"b", "a"}} {
			r := replay(name[1], "body", t0)
			r.Scope = name[0]
			_, first := begin(t, s, r)
			assert.True(t, first, name)
		}
	}},
	{"forgotten, it begins again", func(t *testing.T, s Store) {
		begin(t, s, replay("k", "body", t0))
		require.NoError(t, s.EndReplay(t.Context(), hosted.Replay{Scope: "acc", Key: "k"}))
		_, first := begin(t, s, replay("k", "body", t0))
		assert.True(t, first)
	}},
	{"unknown, it is begun again and says so", func(t *testing.T, s Store) {
		r := replay("k", "body", t0)
		begin(t, s, r)
		r.State = hosted.ReplayUnknown
		require.NoError(t, s.EndReplay(t.Context(), r))
		_, first := begin(t, s, replay("k", "another body", after(1)))
		assert.False(t, first, "of another body")
		got, first := begin(t, s, replay("k", "body", after(1)))
		assert.True(t, first)
		assert.Equal(t, hosted.ReplayUnknown, got.State)
		_, first = begin(t, s, replay("k", "body", after(1)))
		assert.False(t, first, "one at a time")
	}},
	{"what a crash left pending is begun again after a minute", func(t *testing.T, s Store) {
		begin(t, s, replay("k", "body", t0))
		_, first := begin(t, s, replay("k", "body", after(59)))
		assert.False(t, first)
		got, first := begin(t, s, replay("k", "body", after(60)))
		assert.True(t, first)
		assert.Equal(t, hosted.ReplayPending, got.State)
	}},
	{"what it settled on is kept by whoever takes it over", func(t *testing.T, s Store) {
		r := replay("k", "body", t0)
		r.Body = []byte("first")
		begin(t, s, r)
		r.Body = []byte("second")
		for _, at := range []time.Time{after(60), after(120)} {
			r.At = at
			got, first := begin(t, s, r)
			assert.True(t, first)
			assert.Equal(t, "first", string(got.Body))
		}
		require.NoError(t, s.EndReplay(t.Context(), hosted.Replay{Scope: "acc", Key: "k"}))
		_, first := begin(t, s, r)
		assert.True(t, first)
		r.At = after(180)
		got, _ := begin(t, s, r)
		assert.Equal(t, "second", string(got.Body), "forgotten, it settles again")
	}},
	{"after a day it is forgotten", func(t *testing.T, s Store) {
		r := replay("k", "body", t0)
		begin(t, s, r)
		r.State = hosted.ReplayDone
		require.NoError(t, s.EndReplay(t.Context(), r))
		n, err := s.PurgeReplays(t.Context(), t0)
		require.NoError(t, err)
		assert.Zero(t, n)
		_, first := begin(t, s, replay("k", "body", t0.Add(hosted.ReplayTime-time.Millisecond)))
		assert.False(t, first)
		_, first = begin(t, s, replay("k", "body", t0.Add(hosted.ReplayTime)))
		assert.True(t, first)
		n, err = s.PurgeReplays(t.Context(), t0.Add(hosted.ReplayTime+time.Millisecond))
		require.NoError(t, err)
		assert.Equal(t, 1, n)
	}},
	{"of many at once one begins", func(t *testing.T, s Store) {
		var mu sync.Mutex
		var all sync.WaitGroup
		firsts := 0
		for range 20 {
			all.Go(func() {
				if _, first, err := s.BeginReplay(t.Context(), replay("k", "body", t0)); assert.NoError(t, err) && first {
					mu.Lock()
					firsts++
					mu.Unlock()
				}
			})
		}
		all.Wait()
		assert.Equal(t, 1, firsts)
	}},
}

func replay(key, body string, at time.Time) hosted.Replay {
	return hosted.Replay{Scope: "acc", Key: key, Request: hosted.HashKey(body), State: hosted.ReplayPending, At: at}
}

func begin(t *testing.T, s Store, r hosted.Replay) (hosted.Replay, bool) {
	t.Helper()
	found, first, err := s.BeginReplay(t.Context(), r)
	require.NoError(t, err)
	return found, first
}
