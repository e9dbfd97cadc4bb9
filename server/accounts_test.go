package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/server/api"
	"github.com/heypingr/pingr/session/sim"
	"github.com/heypingr/pingr/store/memory"
)

// onPlan puts Anna on a plan.
func (w *world) onPlan(name string) {
	w.Helper()
	_, err := w.store.UpdateAccount(w.Context(), "acc_anna", func(a *hosted.Account) error { a.Plan = name; return nil })
	require.NoError(w, err)
}

func TestUsageWithoutLimit(t *testing.T) {
	w := newWorld(t)
	w.onPlan(hosted.Unlimited)
	got := w.call("anna's live key", "POST", "/v1/send", `{"to":"919876543210","message":"x"}`)
	assert.Contains(t, got.Body.String(), `"rate_limit_remaining":null`)
	got = w.call("anna", "GET", "/v1/usage", "")
	assert.Contains(t, got.Body.String(),
		`"used":1,"included":null,"remaining":null,"overage_messages":0,"overage_cost_micros":0`)
	for range 4 {
		assert.Equal(t, http.StatusCreated, w.call("anna", "POST", "/v1/sessions", `{"name":"more"}`).Code)
	}
}

// A plan that the deployment removed allows one of everything. Whatever exists goes on, and nothing is
// unlimited.
func TestAPlanThatIsNoMore(t *testing.T) {
	w := newWorld(t)
	w.onPlan("gone")
	assert.Equal(t, planLimit, codeOf(t, w.call("anna", "POST", "/v1/sessions", `{"name":"a second"}`)))
	trigger := `{"session_id":"anna-bot","trigger_phrase":"login","reply_message":"x"}`
	require.Equal(t, 201, w.call("anna", "POST", "/v1/triggers", trigger).Code)
	assert.Equal(t, planLimit, codeOf(t, w.call("anna", "POST", "/v1/triggers",
		`{"session_id":"anna-bot","trigger_phrase":"help","reply_message":"x"}`)))
	require.Equal(t, 200, w.call("anna's live key", "POST", "/v1/send", `{"to":"919876543210","message":"x"}`).Code)
	assert.Equal(t, quotaExceeded,
		codeOf(t, w.call("anna's live key", "POST", "/v1/send", `{"to":"919876543211","message":"x"}`)))
}

// An account has at most a hundred keys. Revoked keys do not count.
func TestAHundredKeys(t *testing.T) {
	w := newWorld(t) // each has two
	add := func() (k api.Key, refused api.Code) {
		got := w.call("anna", "POST", "/v1/keys", `{"mode":"test"}`)
		if refused := codeOf(t, got); refused != "" {
			return k, refused
		}
		require.NoError(t, json.Unmarshal(got.Body.Bytes(), &k))
		return k, ""
	}
	var last api.Key
	for range 98 {
		k, refused := add()
		require.Empty(t, refused)
		last = k
	}
	_, refused := add()
	assert.Equal(t, planLimit, refused)
	require.Equal(t, 204, w.call("anna", "DELETE", "/v1/keys/"+last.ID, "").Code)
	_, refused = add()
	assert.Empty(t, refused)
}

// The account chooses how long a lost link goes unreported.
func TestDisconnectGrace(t *testing.T) {
	broken := &brokenStore{}
	w := newWorld(t, func(c *Config) { broken.Store, c.Store = c.Store, broken })
	require.Equal(t, 200, w.call("anna", "PATCH", "/v1/settings", `{"disconnect_grace_seconds":7}`).Code)
	for owner, want := range map[string]time.Duration{"acc_anna": 7 * time.Second, "acc_ben": time.Second, "acc_gone": 0} {
		got, err := w.sessions.notify.Grace(t.Context(), owner)
		require.NoError(t, err)
		assert.Equal(t, want, got, owner)
	}
	broken.breaks("Account")
	_, err := w.sessions.notify.Grace(t.Context(), "acc_anna")
	require.ErrorIs(t, err, errBroken)
}

// If an account cannot be read, the engine does not conclude that it has no endpoint.
func TestAnAccountThatCannotBeRead(t *testing.T) {
	broken := &brokenStore{}
	w := newWorld(t, func(c *Config) { broken.Store, c.Store = c.Store, broken })
	broken.breaks("Account")
	_, err := w.server.accountOf(t.Context(), "acc_anna")
	require.ErrorIs(t, err, errBroken)
}

// The account chooses which events an endpoint gets. Nothing goes out from test mode.
func TestAccountOf(t *testing.T) {
	w := newWorld(t)
	none, err := w.server.accountOf(t.Context(), "acc_anna")
	require.NoError(t, err)
	assert.Nil(t, none.Dispatcher, "no endpoint is set")
	require.Equal(t, 200,
		w.call("anna", "PUT", "/v1/webhooks", `{"url":"`+w.hook.URL+`","events":["session.connected"]}`).Code)
	a, err := w.server.accountOf(t.Context(), "acc_anna")
	require.NoError(t, err)
	assert.Equal(t, w.hook.URL, a.Dispatcher.(accountDispatcher).Endpoint())
	assert.Equal(t, []pingr.EventType{pingr.EventSessionConnected}, a.Settings.Events)
	assert.Equal(t, time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC), a.Settings.DayEnds.UTC())
	require.Equal(t, 200, w.call("anna's test key", "PUT", "/v1/webhooks", `{"url":"`+w.hook.URL+`"}`).Code)
	test, err := w.server.accountOf(t.Context(), "acc_anna:test")
	require.NoError(t, err)
	assert.Nil(t, test.Dispatcher)
}

// A readStore counts how often accounts are read.
type readStore struct {
	Store
	reads atomic.Int64
}

func (s *readStore) Account(ctx context.Context, id string) (hosted.Account, error) {
	s.reads.Add(1)
	return s.Store.Account(ctx, id)
}

// One message reads its account once: for its settings, its endpoint, its row in the delivery log and
// the day that it counts for.
func TestAMessageReadsItsAccountOnce(t *testing.T) {
	for name, status := range map[string]int{"delivered": 200, "failed": 500} {
		t.Run(name, func(t *testing.T) {
			store := &readStore{}
			w := newWorld(t, func(c *Config) { store.Store, c.Store = c.Store, store })
			require.Equal(t, 201, w.call("anna", "POST", "/v1/triggers",
				`{"session_id":"anna-bot","trigger_phrase":"login","reply_message":"static"}`).Code)
			require.Equal(t, 200, w.call("anna", "PUT", "/v1/webhooks", `{"url":"`+w.hook.URL+`"}`).Code)
			w.hook.answer(status, "your link")
			phone := w.sessions.find("anna-bot").NewPhone(sim.PhoneConfig{Number: "919876543210"})
			before := store.reads.Load()
			phone.Send("login")
			w.shown(phone)
			assert.EqualValues(t, 1, store.reads.Load()-before)
			n, err := w.store.LimitTaken(t.Context(), w.clock(), pingr.DayLimit("anna-bot", time.Time{}).Key)
			require.NoError(t, err)
			assert.EqualValues(t, 1, n, "it counts for today")
		})
	}
}

// Charts use the account's days, and those of test mode use its own. Nobody gets the machine's zone.
func TestZones(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 200, w.call("anna", "PATCH", "/v1/settings", `{"time_zone":"Asia/Kolkata"}`).Code)
	require.Equal(t, 200, w.call("anna", "PATCH", "/v1/settings?mode=test", `{"time_zone":"Europe/Berlin"}`).Code)
	assert.Contains(t, w.call("anna", "GET", "/v1/stats", "").Body.String(), `"time_zone":"Asia/Kolkata"`)
	assert.Contains(t, w.call("anna's test key", "GET", "/v1/stats", "").Body.String(), `"time_zone":"Europe/Berlin"`)
	assert.Equal(t, missingParam, codeOf(t, w.call("anna", "GET", "/v1/stats?time_zone=Local", "")))
	assert.Equal(t, missingParam, codeOf(t, w.call("anna", "PATCH", "/v1/settings", `{"time_zone":"Local"}`)))
}

// A purgingStore records up to which time idempotency keys were purged.
type purgingStore struct {
	Store
	before chan time.Time
	err    error
}

func (p purgingStore) PurgeReplays(_ context.Context, before time.Time) (int, error) {
	p.before <- before
	return 0, p.err
}

// Idempotency keys are kept for a day and purged every hour, even if the last purge failed.
func TestIdempotencyKeysAreForgottenAfterADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := purgingStore{memory.New(), make(chan time.Time, 9), errors.New("not now")}
		s, err := New(t.Context(), Config{Store: store})
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		began := time.Now()
		go func() { done <- s.Run(ctx) }()
		time.Sleep(150 * time.Minute)
		require.Len(t, store.before, 3)
		for i := range 3 {
			assert.Equal(t, began.Add(time.Duration(i)*time.Hour-24*time.Hour), <-store.before)
		}
		stop()
		require.NoError(t, <-done)
	})
}
