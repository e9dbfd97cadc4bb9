package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/internal/pgtest"
	"github.com/heypingr/pingr/store/postgres"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestTwentyThatStartAtOnceMakeTheTablesOnce(t *testing.T) {
	server := pgtest.New(t, fast...)
	url := server.URL(t)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			s, err := postgres.Open(t.Context(), postgres.Config{URL: url, MaxConns: 2})
			if !assert.NoError(t, err, "start %d", i) {
				return
			}
			_, err = s.Accounts(t.Context())
			assert.NoError(t, err)
			assert.NoError(t, s.Close())
		})
	}
	wg.Wait()
}

// Two stores on one database stand for two processes. They share nothing else.
func TestLimitsHoldAcrossProcesses(t *testing.T) {
	server := pgtest.New(t, fast...)
	url := server.URL(t)
	processes := []*postgres.Store{open(t, url), open(t, url)}
	var won atomic.Int64
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			err := processes[i%2].Reserve(t.Context(), now,
				pingr.CooldownLimit("acc", "919876543210", time.Minute, now), pingr.QuotaLimit("acc", 10, now))
			var limit *pingr.LimitError
			if err == nil {
				won.Add(1)
			} else {
				assert.ErrorAs(t, err, &limit)
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, 1, won.Load())
	n, err := processes[0].LimitTaken(t.Context(), now, pingr.QuotaLimit("acc", 10, now).Key)
	require.NoError(t, err)
	assert.EqualValues(t, 1, n, "what the cooldown refused took no quota")
}

// A person taps twice, and each tap reaches a different process. Only one of them gets the hold.
func TestHoldsHoldAcrossProcesses(t *testing.T) {
	server := pgtest.New(t, fast...)
	url := server.URL(t)
	processes := []*postgres.Store{open(t, url), open(t, url)}
	var won atomic.Int64
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			held, err := processes[i%2].Hold(t.Context(), "k", fmt.Sprint("evt_", i), now, now.Add(13*time.Second))
			assert.NoError(t, err)
			if held {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, 1, won.Load())
	for i := range 32 {
		require.NoError(t, processes[1-i%2].Drop(t.Context(), "k", fmt.Sprint("evt_", i)), "whichever process it is asked of")
	}
	held, err := processes[1].Hold(t.Context(), "k", "evt_next", now, now.Add(13*time.Second))
	require.NoError(t, err)
	assert.True(t, held)

	// The holds of a process that died are removed in the end.
	n, err := processes[0].Purge(t.Context(), now.Add(time.Hour), now, now)
	require.NoError(t, err)
	assert.Equal(t, 1, n)
}

// A call that reads first and then writes must not conflict with itself in another process.
func TestReadThenWriteAcrossProcesses(t *testing.T) {
	server := pgtest.New(t, fast...)
	url := server.URL(t)
	processes := []*postgres.Store{open(t, url), open(t, url)}
	a, err := hosted.New("anna@example.com", "", hosted.Unlimited, now)
	require.NoError(t, err)
	require.NoError(t, processes[0].CreateAccount(t.Context(), a))
	word := pingr.Trigger{ID: "trg_word", Session: "other", Phrase: "word", Active: true, CreatedAt: now, UpdatedAt: now}
	require.NoError(t, processes[0].SaveTrigger(t.Context(), word))
	var replays, triggers atomic.Int64
	var wg sync.WaitGroup
	for i := range 32 {
		s := processes[i%2]
		wg.Go(func() {
			_, err := s.UpdateAccount(t.Context(), a.ID, func(a *hosted.Account) error {
				a.Settings.CooldownSeconds++
				return nil
			})
			assert.NoError(t, err)
			r := hosted.Replay{Scope: a.ID, Key: "k", State: hosted.ReplayPending, At: now}
			_, first, err := s.BeginReplay(t.Context(), r)
			assert.NoError(t, err)
			if first {
				replays.Add(1)
			}
			_, err = s.UpdateTrigger(t.Context(), word.ID, func(t *pingr.Trigger) error { t.Reply += "x"; return nil })
			assert.NoError(t, err)
			trigger := pingr.Trigger{
				ID: fmt.Sprint("trg_", i), Session: "main", Phrase: fmt.Sprint("phrase ", i),
				Active: true, CreatedAt: now, UpdatedAt: now,
			}
			if err := s.CreateTrigger(t.Context(), trigger, []string{"main"}, 5); err != nil {
				assert.ErrorIs(t, err, hosted.ErrLimit)
				return
			}
			triggers.Add(1)
		})
	}
	wg.Wait()
	stands, err := processes[1].Account(t.Context(), a.ID)
	require.NoError(t, err)
	assert.Equal(t, 60+32, stands.Settings.CooldownSeconds, "no change is lost")
	word, err = processes[1].Trigger(t.Context(), word.ID)
	require.NoError(t, err)
	assert.Len(t, word.Reply, 32, "nor one of a trigger")
	assert.EqualValues(t, 1, replays.Load(), "one request is first")
	assert.EqualValues(t, 5, triggers.Load(), "the plan holds")
}

func accept(t *testing.T, s *postgres.Store, id string, l pingr.Lease) error {
	t.Helper()
	_, first, err := s.Accept(t.Context(), pingr.Firing{
		ID: id, Account: "acc", Session: "main", State: pingr.StateAccepted, AcceptedAt: now,
		Message: pingr.Message{
			ID: id, Chat: "1@s.whatsapp.net", Sender: "1@s.whatsapp.net", Phone: "1",
			Text: "login", Time: now, Arrived: now,
		},
	}, l)
	if err == nil && !first {
		return errors.New("known already")
	}
	return err
}

// If each process has its own numbers, it claims the messages that those received, and those that
// removed numbers received.
func TestFiringsAreClaimedByTheProcessOfTheirSession(t *testing.T) {
	url := pgtest.New(t, fast...).URL(t)
	opened := func(sessions ...string) *postgres.Store {
		s, err := postgres.Open(t.Context(), postgres.Config{URL: url, Sessions: func() []string { return sessions }})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}
	first := open(t, url)
	require.NoError(t, first.SaveSession(t.Context(), pingr.SessionRecord{ID: "main"}))
	require.NoError(t, accept(t, first, "a", pingr.Lease{Until: now})) // of session main
	mine := pingr.Lease{Holder: "me", Until: now.Add(time.Hour)}
	for _, s := range []*postgres.Store{opened(), opened("shop", "office")} {
		firings, err := s.Claim(t.Context(), mine, now, []string{"full"}, 10)
		require.NoError(t, err)
		assert.Empty(t, firings)
	}
	firings, err := opened("shop", "main").Claim(t.Context(), mine, now, []string{"full"}, 10)
	require.NoError(t, err)
	assert.Len(t, firings, 1)

	require.NoError(t, accept(t, first, "b", pingr.Lease{Until: now}))
	require.NoError(t, first.DeleteSession(t.Context(), "main"))
	firings, err = opened("shop").Claim(t.Context(), mine, now, []string{"full"}, 10)
	require.NoError(t, err)
	assert.Len(t, firings, 1)
}

// A dead process's firings go to another process when their lease ends.
func TestFiringsOfAProcessThatDiedAreTakenOver(t *testing.T) {
	server := pgtest.New(t, fast...)
	url := server.URL(t)
	dead, alive := open(t, url), open(t, url)
	require.NoError(t, accept(t, dead, "a", pingr.Lease{Holder: "dead", Until: now.Add(time.Minute)}))
	require.NoError(t, dead.Close())
	mine := pingr.Lease{Holder: "alive", Until: now.Add(time.Hour)}
	early, err := alive.Claim(t.Context(), mine, now.Add(59*time.Second), nil, 10)
	require.NoError(t, err)
	assert.Empty(t, early, "its lease still runs")
	firings, err := alive.Claim(t.Context(), mine, now.Add(time.Minute), nil, 10)
	require.NoError(t, err)
	require.Len(t, firings, 1)
	assert.Equal(t, 1, firings[0].Attempt, "the dead one may have asked the webhook")
}

// The server's connections are cut, or it crashes and comes back. Whatever was answered with nil is
// there, and calls work again without a restart.
func TestLossOfTheServer(t *testing.T) {
	server := pgtest.New(t) // with fsync, as in production
	s := open(t, server.URL(t))
	ctx, stop := context.WithCancel(t.Context())
	var mu sync.Mutex
	var kept []string
	var refused int
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				id := fmt.Sprintf("%d-%d", w, i)
				err := accept(t, s, id, pingr.Lease{Until: now})
				mu.Lock()
				if err == nil {
					kept = append(kept, id)
				} else {
					refused++
				}
				mu.Unlock()
			}
		})
	}
	more := func(n int) { // waits until so many more were kept
		mu.Lock()
		before := len(kept)
		mu.Unlock()
		require.Eventually(t, func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(kept) >= before+n
		}, 20*time.Second, 5*time.Millisecond)
	}
	more(20)
	for range 5 {
		require.NotZero(t, server.Disconnect(t))
		more(20)
	}
	server.Stop(t)
	require.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return refused > 0
	}, 20*time.Second, 5*time.Millisecond, "calls fail while the server is gone, and do not hang")
	server.Start(t)
	more(20)
	stop()
	wg.Wait()

	there := map[string]bool{}
	for {
		firings, err := s.Claim(t.Context(), pingr.Lease{Holder: "me", Until: now.Add(time.Hour)}, now, nil, 500)
		require.NoError(t, err)
		if len(firings) == 0 {
			break
		}
		for _, f := range firings {
			assert.False(t, there[f.ID], "claimed twice")
			there[f.ID] = true
		}
	}
	for _, id := range kept {
		require.True(t, there[id], "%s was answered with nil and is lost", id)
	}
}

func TestErrorsTellNoPassword(t *testing.T) {
	const password = "hunter2secret"
	for name, url := range map[string]string{
		"nobody listens":       "postgres://pingr:" + password + "@127.0.0.1:1/pingr",
		"an invalid port":      "postgres://pingr:" + password + "@127.0.0.1:port/pingr",
		"a bad escape":         "postgres://pingr:" + password + "%zz@127.0.0.1/pingr",
		"keywords, unfinished": "host=127.0.0.1 password='" + password,
		"an unknown sslmode":   "postgres://pingr:" + password + "@127.0.0.1/pingr?sslmode=" + password,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := postgres.Open(t.Context(), postgres.Config{URL: url})
			require.Error(t, err)
			assert.NotContains(t, err.Error(), password)
		})
	}
}
