package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/session/sim"
	"github.com/heypingr/pingr/store/memory"
)

// A fullStore takes no writes.
type fullStore struct {
	Store
	full, blind bool
}

func (f *fullStore) LastActivity(ctx context.Context) (time.Time, error) {
	if f.blind {
		return time.Time{}, errors.New("no times of " + pingr.NewID("secrets"))
	}
	return f.Store.LastActivity(ctx)
}

func (f *fullStore) Check(ctx context.Context, now time.Time) error {
	if f.full {
		return errors.New("disk full of " + pingr.NewID("secrets"))
	}
	return f.Store.Check(ctx, now)
}

// offSessions is a session that knows how far WhatsApp's clock is ahead.
type offSessions struct {
	noSessions
	offs []time.Duration
}

type offSession struct {
	Session
	off time.Duration
}

func (n offSession) ClockOffset() (time.Duration, bool) { return n.off, true }

func (o *offSessions) List() (all []Session) {
	for _, off := range o.offs {
		all = append(all, offSession{nil, off})
	}
	return all
}

func TestReady(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name string
		free uint64
		off  time.Duration
		seen time.Time // the newest time in the database
		full bool
		// blind cannot read its times; slept is another session with an old time.
		blind bool
		slept time.Duration
		idle  bool
		// fails are the failed checks and their findings.
		fails map[string]string
	}{
		{name: "all is well", free: LeastSpace, off: 2 * time.Minute, seen: now},
		{name: "a clock that went back a little", free: LeastSpace, seen: now.Add(maxClockOff)},
		{name: "one session slept", free: LeastSpace, off: time.Second, slept: -7 * time.Minute},
		{name: "the times cannot be read", free: LeastSpace, blind: true, fails: map[string]string{
			"database": "it cannot process a message",
		}},
		{name: "the disk is full", free: LeastSpace - 1, fails: map[string]string{"disk": "99 MB free"}},
		{name: "the database takes no writes", free: LeastSpace, full: true, fails: map[string]string{
			"database": "it cannot process a message",
		}},
		{name: "our clock is behind", free: LeastSpace, off: 7 * time.Minute, fails: map[string]string{
			"clock": "it is 7m0s behind WhatsApp's",
		}},
		{name: "our clock is ahead", free: LeastSpace, off: -7 * time.Minute, fails: map[string]string{
			"clock": "it is 7m0s ahead of WhatsApp's",
		}},
		{
			name: "our clock went back", free: LeastSpace, seen: now.Add(time.Hour),
			fails: map[string]string{"clock": "it says 2026-11-23 10:00:00, but it was 2026-11-23 11:00:00 before"},
		},
		{name: "the engine stopped", free: LeastSpace, idle: true, fails: map[string]string{
			"engine": "the engine is not running",
		}},
		{name: "all at once", idle: true, full: true, off: time.Hour, fails: map[string]string{
			"engine": "the engine is not running", "disk": "0 MB free", "database": "it cannot process a message",
			"clock": "it is 1h0m0s behind WhatsApp's",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := memory.New()
			require.NoError(t, store.CreateAccount(t.Context(), hosted.Account{ID: "acc_anna", CreatedAt: tt.seen}))
			s, err := New(t.Context(), Config{
				Store: &fullStore{store, tt.full, tt.blind},
				Sessions: func(Notify) (Sessions, error) {
					if tt.slept != 0 {
						return &offSessions{offs: []time.Duration{tt.slept, tt.off, tt.slept}}, nil
					}
					return &offSessions{offs: []time.Duration{tt.off}}, nil
				},
				FreeSpace: func() (uint64, bool) { return tt.free, true },
				Now:       func() time.Time { return now },
			})
			require.NoError(t, err)
			defer s.Close()
			s.running.Store(!tt.idle)
			got := httptest.NewRecorder()
			gone, leave := context.WithCancel(t.Context())
			leave() // a client that hangs up spoils the answer for nobody
			asked := httptest.NewRequestWithContext(gone, http.MethodGet, "/readyz", nil)
			asked.RemoteAddr = "127.0.0.1:1234" // others see no more than the status
			s.ServeHTTP(got, asked)
			var answer struct {
				Status string
				Checks map[string]check
			}
			require.NoError(t, json.Unmarshal(got.Body.Bytes(), &answer))
			if len(tt.fails) == 0 {
				assert.Equal(t, 200, got.Code)
				assert.Equal(t, "ready", answer.Status)
			} else {
				assert.Equal(t, 503, got.Code)
				assert.Equal(t, "not ready", answer.Status)
			}
			for _, name := range []string{"engine", "database", "clock", "disk"} {
				c := answer.Checks[name]
				if found, fails := tt.fails[name]; fails {
					assert.Equal(t, found, c.Found, name)
					assert.Equal(t, "fail", c.Status, name)
					assert.NotEmpty(t, c.Do, name)
				} else {
					assert.Equal(t, "ok", c.Status, name)
				}
			}
			assert.NotContains(t, got.Body.String(), "secrets")
		})
	}
}

// A countingStore counts the checks.
type countingStore struct {
	Store
	checks atomic.Int64
}

func (c *countingStore) Check(ctx context.Context, now time.Time) error {
	c.checks.Add(1)
	return c.Store.Check(ctx, now)
}

// Strangers may ask as often as they like.
func TestReadyWritesSeldom(t *testing.T) {
	var store *countingStore
	w := newWorld(t, func(c *Config) {
		store = &countingStore{Store: c.Store}
		c.Store = store
	})
	before, began := store.checks.Load(), time.Now()
	for range 1000 {
		w.call("nobody", "GET", "/readyz", "")
	}
	assert.LessOrEqual(t, store.checks.Load()-before, int64(time.Since(began)/readyTime)+1)
	assert.Positive(t, store.checks.Load())
}

// A failingStore fails one call of the pipeline.
type failingStore struct {
	Store
	call   string
	broken atomic.Bool
}

func (f *failingStore) fails(call string) error {
	if f.call == call && f.broken.Load() {
		return errors.New("the cause")
	}
	return nil
}

func (f *failingStore) Accept(ctx context.Context, m pingr.Firing, l pingr.Lease) (pingr.Firing, bool, error) {
	if err := f.fails("Accept"); err != nil {
		return m, false, err
	}
	return f.Store.Accept(ctx, m, l)
}

func (f *failingStore) FindTrigger(ctx context.Context, session string, phrases []string) (pingr.Trigger, bool, error) {
	if err := f.fails("FindTrigger"); err != nil {
		return pingr.Trigger{}, false, err
	}
	return f.Store.FindTrigger(ctx, session, phrases)
}

func (f *failingStore) Account(ctx context.Context, id string) (hosted.Account, error) {
	if err := f.fails("Account"); err != nil {
		return hosted.Account{}, err
	}
	return f.Store.Account(ctx, id)
}

func (f *failingStore) Claim(
	ctx context.Context, l pingr.Lease, now time.Time, skip []string, most int,
) ([]pingr.Firing, error) {
	if err := f.fails("Claim"); err != nil {
		return nil, err
	}
	return f.Store.Claim(ctx, l, now, skip, most)
}

func (f *failingStore) Keep(ctx context.Context, id, holder string, state pingr.State, l pingr.Lease) (bool, error) {
	if err := f.fails("Keep"); err != nil {
		return false, err
	}
	return f.Store.Keep(ctx, id, holder, state, l)
}

func (f *failingStore) Decide(ctx context.Context, d pingr.Decision) (pingr.Firing, bool, error) {
	if err := f.fails("Decide"); err != nil {
		return pingr.Firing{}, false, err
	}
	return f.Store.Decide(ctx, d)
}

func (f *failingStore) Finish(ctx context.Context, o pingr.Outcome) error {
	if err := f.fails("Finish"); err != nil {
		return err
	}
	return f.Store.Finish(ctx, o)
}

func (f *failingStore) Due(
	ctx context.Context, l pingr.Lease, now time.Time, skip []string, most int,
) ([]pingr.PendingEvent, error) {
	if err := f.fails("Due"); err != nil {
		return nil, err
	}
	return f.Store.Due(ctx, l, now, skip, most)
}

// A tiredStore cannot be checked while err is set.
type tiredStore struct {
	Store
	err error
}

func (t *tiredStore) Check(ctx context.Context, now time.Time) error {
	if t.err != nil {
		return t.err
	}
	return t.Store.Check(ctx, now)
}

// Load balancers ask every few seconds. The log names a cause when it begins, when it changes and when
// it ends, and does not fill up with it.
func TestReadyLogsEachCauseOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		store := &tiredStore{Store: memory.New()}
		s, err := New(t.Context(), Config{Store: store, Log: slog.New(slog.NewTextHandler(&said, nil))})
		require.NoError(t, err)
		s.running.Store(true) // the checks need no engine
		disk, gone := errors.New("the disk is full"), errors.New("the database is down")
		logged := func() [2]int {
			return [2]int{strings.Count(said.String(), disk.Error()), strings.Count(said.String(), gone.Error())}
		}
		for _, step := range []struct {
			err  error
			want [2]int
		}{{disk, [2]int{1, 0}}, {gone, [2]int{1, 1}}, {nil, [2]int{1, 1}}, {gone, [2]int{1, 2}}} {
			store.err = step.err
			for range 3 {
				assert.Equal(t, step.err == nil, readyCheck(t, s, "database").Status == "ok")
				time.Sleep(time.Minute)
			}
			assert.Equal(t, step.want, logged(), "after %v", step.err)
		}
	})
}

// What the pipeline meets counts even if the check itself succeeds, and is forgotten after a while
// without failures.
func TestReadyBelievesThePipeline(t *testing.T) {
	for _, name := range []string{"Accept", "FindTrigger", "Account", "Claim", "Keep", "Decide", "Finish", "Due"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := memory.New()
				require.NoError(t, store.CreateAccount(t.Context(), hosted.Account{
					ID: "acc_anna", Settings: hosted.DefaultSettings(),
				}))
				require.NoError(t, store.SaveTrigger(t.Context(), pingr.Trigger{
					ID: "trg_1", Session: "bot", Phrase: "login", Reply: "Hello.", Active: true,
				}))
				var said bytes.Buffer
				failing := &failingStore{Store: store, call: name}
				sessions := &simSessions{}
				sessions.add(pingr.SessionRecord{ID: "bot", Account: "acc_anna"})
				s, err := New(t.Context(), Config{
					Store: failing, Sessions: func(Notify) (Sessions, error) { return sessions, nil },
					Log: slog.New(slog.NewTextHandler(&said, nil)),
				})
				require.NoError(t, err)
				ctx, stop := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- s.Run(ctx) }()
				synctest.Wait()
				assert.Equal(t, "ok", readyCheck(t, s, "database").Status)
				failing.broken.Store(true)
				if name == "Keep" { // as for one that is sent later
					sessions.find("bot").SetFault(sim.RefuseForNow)
				}
				sessions.find("bot").NewPhone(sim.PhoneConfig{Number: "919876543210"}).Send("login")
				time.Sleep(readyTime)
				c := readyCheck(t, s, "database")
				assert.Equal(t, "fail", c.Status)
				failing.broken.Store(false)
				time.Sleep(troubleTime + readyTime)
				assert.Equal(t, "ok", readyCheck(t, s, "database").Status)
				stop()
				require.NoError(t, <-done)
				assert.Equal(t, 1, strings.Count(said.String(), ` failed" error="the cause"`), "the log names the cause: %s",
					said.String())
			})
		})
	}
}
