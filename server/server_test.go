package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/server/api"
	"github.com/heypingr/pingr/session/sim"
	"github.com/heypingr/pingr/store/memory"
)

// The answers that the product's documentation shows, byte for byte but for
// white space.
func TestDocumentedExamples(t *testing.T) {
	compact := func(text string) string {
		var b bytes.Buffer
		require.NoError(t, json.Compact(&b, []byte(text)))
		return b.String() + "\n"
	}
	t.Run("sessions", func(t *testing.T) {
		w := newWorld(t)
		w.sessions.all = nil
		w.sessions.add(pingr.SessionRecord{
			ID: "main-login-bot", Account: "acc_anna", Name: "Main login bot", Phone: "919876543210",
			State:       pingr.SessionConnected,
			ConnectedAt: time.Date(2025, 4, 18, 8, 22, 11, 0, time.UTC),
		})
		for range 842 {
			require.NoError(t, w.store.Reserve(t.Context(), w.clock(),
				pingr.DayLimit("main-login-bot", w.clock().Add(time.Hour))))
		}
		assert.Equal(t, compact(`{
			"sessions": [
			{
			"id": "main-login-bot",
			"name": "Main login bot",
			"number": "+919876543210",
			"status": "connected",
			"connectedAt": "2025-04-18T08:22:11.000Z",
			"messagesToday": 842
			}
			]
			}`), w.call("anna's live key", "GET", "/v1/sessions", "").Body.String())
	})
	t.Run("cooldown", func(t *testing.T) {
		w := newWorld(t)
		require.Equal(t, 200, w.call("anna's live key", "POST", "/v1/send", `{"to":"919876543210","message":"x"}`).Code)
		w.wait(13 * time.Second)
		assert.Equal(t, compact(`{
			"detail": {
			"error": "rate_limit",
			"message": "Number +919876543210 is in cooldown. Try again in 47s.",
			"retry_after": 47
			}
			}`), w.call("anna's live key", "POST", "/v1/send", `{"to":"919876543210","message":"x"}`).Body.String())
	})
	t.Run("deliveries, with fields of ours behind", func(t *testing.T) {
		w := newWorld(t)
		at := time.Date(2025, 5, 15, 10, 30, 0, 0, time.UTC)
		for _, d := range []pingr.Delivery{{ID: "older", At: at.Add(-time.Second)}, {ID: "a1b2c3d4...", At: at}} {
			d.Account, d.Session, d.Status = "acc_anna", "sess_abc123", "delivered"
			d.URL, d.HTTPStatus, d.DynamicReply = "https://yourapp.com/webhook", 200, true
			require.NoError(t, w.store.LogDelivery(t.Context(), d))
		}
		got := w.call("anna's live key", "GET", "/v1/webhooks/deliveries?limit=1", "").Body.String()
		before, rest, _ := strings.Cut(got, `,"event_id":`)
		_, after, _ := strings.Cut(rest, "}")
		assert.Equal(t, compact(`{
			"deliveries": [
			{
			"id": "a1b2c3d4...",
			"status": "delivered",
			"url": "https://yourapp.com/webhook",
			"http_status": 200,
			"dynamic_reply": true,
			"session_id": "sess_abc123",
			"created_at": "2025-05-15T10:30:00.000Z"
			}
			],
			"count": 1,
			"next_cursor": "2025-05-15T10:30:00.000Z"
			}`), before+"}"+after)
	})
}

// The codes and their statuses are a contract with clients.
func TestErrorCodesAreClosed(t *testing.T) {
	assert.Equal(t, map[api.Code]int{
		"invalid_key": 401, "missing_param": 422, "quota_exceeded": 429, "rate_limit": 429, "forbidden": 403,
		"plan_limit": 403, "not_found": 404,
		"method_not_allowed": 405, "conflict": 409, "session_unavailable": 409, "payload_too_large": 413,
		"unsupported_media_type": 415, "internal": 500,
	}, statuses)
}

// The answer to an error of the engine or the store, wrapped or not.
func TestProblems(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	limit := func(kind pingr.LimitKind, wait time.Duration) error {
		return &pingr.LimitError{Kind: kind, Until: now.Add(wait)}
	}
	for _, tt := range []struct {
		name string
		err  error
		want api.Code
		wait int
	}{
		{"a used up quota", limit(pingr.Quota, time.Hour), quotaExceeded, 3600},
		{"a cooldown", limit(pingr.Cooldown, 47*time.Second), rateLimit, 47},
		{"one that is just over", limit(pingr.Cooldown, 0), rateLimit, 1},
		{"nothing there", hosted.ErrNotFound, notFound, 0},
		{"a plan's limit", hosted.ErrLimit, planLimit, 0},
		{"no phone", pingr.ErrPhone, missingParam, 0},
		{"no text", pingr.ErrText, missingParam, 0},
		{"no phrase", pingr.ErrPhrase, missingParam, 0},
		{"one more of a kind", pingr.ErrConflict, conflict, 0},
		{"refused for now", pingr.ErrRefused, sessionUnavailable, 0},
		{"no session", pingr.ErrSessionUnavailable, sessionUnavailable, 0},
		{"not on WhatsApp", pingr.ErrNotOnWhatsApp, missingParam, 0},
		{"not sent", pingr.ErrNotSent, sessionUnavailable, 0},
		{"no acknowledgement", pingr.ErrUnknown, sessionUnavailable, 0},
		{"anything else", errors.New("hush"), internal, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, unexpected := problemOf(sendProblem(fmt.Errorf("outer: %w", tt.err), "919876543210", now), now)
			assert.Equal(t, tt.want, p.Detail.Code)
			assert.Equal(t, tt.wait, p.Detail.RetryAfter)
			assert.Equal(t, tt.want == internal, unexpected)
			assert.NotContains(t, p.Error(), "hush")
		})
	}
}

// A message goes the whole way: to the account's endpoint, signed with its
// secret, and the answer back to the phone.
func TestAMessageIsAnsweredByTheAccountsEndpoint(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"anna", "ben"} {
		require.Equal(t, 201, w.call(name, "POST", "/v1/triggers",
			`{"session_id":"`+name+`-bot","trigger_phrase":"login","reply_message":"static {{phone}}"}`).Code)
	}
	require.Equal(t, 200, w.call("anna", "PUT", "/v1/webhooks", `{"url":"`+w.hook.URL+`"}`).Code)
	w.hook.answer(200, "your link")

	asha := w.sessions.find("anna-bot").NewPhone(sim.PhoneConfig{Number: "919876543210"})
	asha.Send("login X4K9MQ")
	assert.Equal(t, "your link", w.shown(asha))
	bodies, heads := w.hook.got()
	require.Len(t, bodies, 1)
	a, err := w.store.Account(t.Context(), "acc_anna")
	require.NoError(t, err)
	event, err := pingr.VerifyWebhook([]byte(bodies[0]), heads[0].Get("X-Pingr-Signature"), a.Webhook.Secret,
		pingr.VerifyOptions{Now: w.clock()})
	require.NoError(t, err)
	assert.Equal(t, "919876543210", event.From.Phone)
	assert.Contains(t, w.call("anna's live key", "GET", "/v1/webhooks/deliveries", "").Body.String(),
		`"status":"delivered"`)
	assert.Contains(t, w.call("anna's test key", "GET", "/v1/webhooks/deliveries", "").Body.String(), `"count":0`)
	require.Eventually(t, func() bool { // it may be counted only after the phone has it
		return strings.Contains(w.call("anna's live key", "GET", "/v1/sessions", "").Body.String(), `"messagesToday":1`)
	}, 10*time.Second, 10*time.Millisecond)
	got := w.call("anna's live key", "POST", "/v1/send", `{"to":"919876543210","message":"x"}`)
	assert.Equal(t, rateLimit, codeOf(t, got), "replies and sends share the cooldown")

	// Ben has no endpoint: the static reply, and nothing in his log.
	ravi := w.sessions.find("ben-bot").NewPhone(sim.PhoneConfig{Number: "919876543211"})
	ravi.Send("login")
	assert.Equal(t, "static 919876543211", w.shown(ravi))
	assert.Contains(t, w.call("ben's live key", "GET", "/v1/webhooks/deliveries", "").Body.String(), `"count":0`)
	bodies, _ = w.hook.got()
	assert.Len(t, bodies, 1, "and nobody else's endpoint is told")
}

// A session without an account answers nothing, and holds nothing up.
func TestASessionWithoutAnAccount(t *testing.T) {
	s, err := New(t.Context(), Config{Store: memory.New(), Sessions: func(Notify) (Sessions, error) {
		sessions := &simSessions{}
		sessions.add(pingr.SessionRecord{ID: "linked-before", State: pingr.SessionConnected})
		return sessions, nil
	}})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	nobody, err := s.accountOf(ctx, "")
	require.NoError(t, err, "nobody is to be told")
	assert.Nil(t, nobody.Dispatcher)
	require.Eventually(t, s.running.Load, 5*time.Second, time.Millisecond)
	s.mu.Lock()
	assert.Empty(t, s.detach)
	s.mu.Unlock()
	stop()
	require.NoError(t, <-done)
}

func (w *world) shown(p *sim.Phone) string {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 10*time.Second)
	defer cancel()
	m, err := p.Next(ctx)
	require.NoError(w, err)
	return m.Text
}

func TestRedeliver(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 201, w.call("anna", "POST", "/v1/triggers",
		`{"session_id":"anna-bot","trigger_phrase":"login","reply_message":"static"}`).Code)
	require.Equal(t, 200, w.call("anna", "PUT", "/v1/webhooks", `{"url":"`+w.hook.URL+`"}`).Code)
	w.hook.answer(503, "")
	asha := w.sessions.find("anna-bot").NewPhone(sim.PhoneConfig{Number: "919876543210"})
	asha.Send("login")
	assert.Equal(t, "static", w.shown(asha))
	log := w.call("anna", "GET", "/v1/webhooks/deliveries", "").Body.String()
	require.Contains(t, log, `"http_status":503`)
	assert.Contains(t, log, `"redeliverable":true`)
	_, id, _ := strings.Cut(log, `"id":"`)
	id, _, _ = strings.Cut(id, `"`)
	w.hook.answer(200, "late")
	require.Equal(t, http.StatusAccepted,
		w.call("anna's live key", "POST", "/v1/webhooks/deliveries/"+id+"/redeliver", "").Code)
	require.Eventually(t, func() bool {
		log := w.call("anna", "GET", "/v1/webhooks/deliveries", "").Body.String()
		return strings.Contains(log, `"status":"delivered"`) && strings.Contains(log, `"attempt":2`)
	}, 10*time.Second, 10*time.Millisecond)
	require.Eventually(t, func() bool {
		return w.call("anna's live key", "POST", "/v1/webhooks/deliveries/"+id+"/redeliver", "").Code == http.StatusConflict
	}, 10*time.Second, 10*time.Millisecond)
	for _, filter := range []string{"", "?event_type=webhook.failed"} {
		log = w.call("anna", "GET", "/v1/webhooks/deliveries"+filter, "").Body.String()
		assert.NotContains(t, log, `"redeliverable":true`, "nor is the earlier attempt, also where the later is not shown")
	}
	assert.Len(t, asha.Received(), 1, "a late answer is no reply")
}

func TestIdempotentSends(t *testing.T) {
	send := func(w *world, key string) *httptest.ResponseRecorder {
		return w.call("anna's live key", "POST", "/v1/send", `{"to":"919876543210","message":"x"}`, "Idempotency-Key", key)
	}
	t.Run("many at once send one", func(t *testing.T) {
		w := newWorld(t)
		asha := w.sessions.find("anna-bot").NewPhone(sim.PhoneConfig{Number: "919876543210"})
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				got := send(w, "k")
				assert.Contains(t, []int{200, 409}, got.Code, got.Body.String())
			})
		}
		all.Wait()
		assert.Equal(t, 200, send(w, "k").Code)
		assert.Len(t, asha.Received(), 1)
	})
	t.Run("what may have arrived is repeated and shown once", func(t *testing.T) {
		w := newWorld(t)
		bot := w.sessions.find("anna-bot")
		asha := bot.NewPhone(sim.PhoneConfig{Number: "919876543210"})
		bot.SetFault(sim.LoseAck)
		require.Equal(t, sessionUnavailable, codeOf(t, send(w, "k")))
		assert.Len(t, asha.Received(), 1)
		bot.SetFault(sim.None)
		require.Equal(t, 200, send(w, "k").Code, "in spite of the cooldown, which it took itself")
		assert.Len(t, asha.Received(), 1)
		assert.Equal(t, rateLimit, codeOf(t, send(w, "another")))
	})
	t.Run("what a crash left open is repeated, by the same session, and taken once", func(t *testing.T) {
		dies := &dyingStore{}
		w := newWorld(t, func(c *Config) { dies.Store = c.Store; c.Store = dies })
		other := pingr.SessionRecord{ID: "a-bot", Account: "acc_anna", Phone: "15550101", State: pingr.SessionDisconnected}
		first := w.sessions.add(other) // the first of her connected sessions sends
		w.server.mu.Lock()
		w.server.attach(first)
		w.server.mu.Unlock()
		asha := w.sessions.find("anna-bot").NewPhone(sim.PhoneConfig{Number: "919876543210"})
		elsewhere := first.NewPhone(sim.PhoneConfig{Number: "919876543210"})
		require.Equal(t, 200, w.call("anna", "PATCH", "/v1/settings", `{"cooldown_seconds":3600}`).Code)
		dies.dead.Store(true)
		send(w, "k")
		dies.dead.Store(false)
		first.setState(pingr.SessionConnected)
		require.Equal(t, conflict, codeOf(t, send(w, "k")), "it may still be at work")
		w.wait(hosted.ReplayLease)
		got := send(w, "k")
		require.Equal(t, 200, got.Code, got.Body.String())
		assert.Contains(t, got.Body.String(), `"session_id":"anna-bot","rate_limit_remaining":69999`)
		assert.Len(t, asha.Received(), 1)
		assert.Empty(t, elsewhere.Received())
	})
	t.Run("what certainly did not go out gives its limits back", func(t *testing.T) {
		w := newWorld(t)
		bot := w.sessions.find("anna-bot")
		asha := bot.NewPhone(sim.PhoneConfig{Number: "919876543210"})
		for _, fault := range []sim.Fault{sim.Refuse, sim.Away} {
			bot.SetFault(fault)
			require.Equal(t, sessionUnavailable, codeOf(t, send(w, "k")))
		}
		assert.Contains(t, w.call("anna", "GET", "/v1/usage", "").Body.String(), `"used":0`)
		assert.Contains(t, w.call("anna", "GET", "/v1/sessions", "").Body.String(), `"messagesToday":0`)
		bot.SetFault(sim.None)
		require.Equal(t, 200, send(w, "k").Code)
		assert.Len(t, asha.Received(), 1)
	})
	t.Run("who hangs up finds the answer", func(t *testing.T) {
		w := newWorld(t)
		bot := w.sessions.find("anna-bot")
		asha := bot.NewPhone(sim.PhoneConfig{Number: "919876543210"})
		ctx, hangUp := context.WithCancel(t.Context())
		bot.sending = hangUp
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/send",
			strings.NewReader(`{"to":"919876543210","message":"x"}`))
		r.Header = w.who["anna's live key"].Clone()
		r.Header.Set("Idempotency-Key", "k")
		w.server.ServeHTTP(httptest.NewRecorder(), r)
		assert.Equal(t, 200, send(w, "k").Code)
		assert.Len(t, asha.Received(), 1)
	})
	t.Run("test mode has keys of its own", func(t *testing.T) {
		w := newWorld(t)
		asha := w.sessions.find("anna-bot").NewPhone(sim.PhoneConfig{Number: "919876543210"})
		got := w.call("anna's test key", "POST", "/v1/send", `{"to":"919876543210","message":"x"}`, "Idempotency-Key", "k")
		assert.Contains(t, got.Body.String(), `"session_id":"sess_test"`)
		assert.Contains(t, send(w, "k").Body.String(), `"session_id":"anna-bot"`)
		assert.Len(t, asha.Received(), 1)
	})
	t.Run("no session is connected", func(t *testing.T) {
		w := newWorld(t)
		w.sessions.find("anna-bot").setState(pingr.SessionDisconnected)
		require.Equal(t, sessionUnavailable, codeOf(t, send(w, "k")))
		w.sessions.find("anna-bot").setState(pingr.SessionConnected)
		require.Equal(t, 200, send(w, "k").Code)
	})
}

// A dyingStore keeps no answer while it is dead, like a process that is killed after it has sent.
type dyingStore struct {
	Store
	dead atomic.Bool
}

func (d *dyingStore) EndReplay(ctx context.Context, r hosted.Replay) error {
	if d.dead.Load() {
		return errors.New("killed")
	}
	return d.Store.EndReplay(ctx, r)
}

func TestQuota(t *testing.T) {
	w := newWorld(t)
	for range 69_999 {
		require.NoError(t, w.store.Reserve(t.Context(), w.clock(), pingr.QuotaLimit("acc_anna", 0, w.clock())))
	}
	send := func(n int) *httptest.ResponseRecorder {
		return w.call("anna's live key", "POST", "/v1/send", fmt.Sprintf(`{"to":"91987654%04d","message":"x"}`, n))
	}
	assert.Contains(t, send(1).Body.String(), `"rate_limit_remaining":0`)
	got := send(2)
	assert.Equal(t, quotaExceeded, codeOf(t, got))
	assert.Equal(t, fmt.Sprint(int(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC).Sub(w.clock()).Seconds())),
		got.Header().Get("Retry-After"))
	require.Equal(t, 200, w.call("anna", "PATCH", "/v1/settings", `{"overage":"allow"}`).Code)
	assert.Equal(t, 200, send(3).Code)
	assert.Contains(t, w.call("anna", "GET", "/v1/usage", "").Body.String(),
		`"used":70001,"included":70000,"remaining":0,"overage_messages":1,"overage_cost_micros":1500`)
}

// A month of usage is a UTC month, also on a machine where it is already tomorrow.
func TestUsageIsOfTheMonthInUTC(t *testing.T) {
	kiritimati := time.FixedZone("Kiritimati", 14*60*60)
	var now atomic.Pointer[time.Time]
	set := func(at time.Time) { at = at.In(kiritimati); now.Store(&at) }
	set(time.Date(2026, 11, 30, 20, 0, 0, 0, time.UTC))
	w := newWorld(t, func(c *Config) { c.Now = func() time.Time { return *now.Load() } })
	require.Equal(t, 200, w.call("anna's live key", "POST", "/v1/send", `{"to":"919876543210","message":"x"}`).Code)
	assert.Contains(t, w.call("anna", "GET", "/v1/usage", "").Body.String(), `"month":"2026-11","used":1,`)
	set(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC))
	assert.Contains(t, w.call("anna's live key", "GET", "/v1/usage", "").Body.String(), `"month":"2026-12","used":0,`)
}

func TestEvents(t *testing.T) {
	w := newWorld(t)
	web := httptest.NewServer(w.server)
	defer web.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, web.URL+"/v1/events", nil)
	require.NoError(t, err)
	r.Header = w.who["anna's live key"]
	got, err := web.Client().Do(r)
	require.NoError(t, err)
	defer got.Body.Close()
	assert.Equal(t, "text/event-stream", got.Header.Get("Content-Type"))
	lines := bufio.NewScanner(got.Body)
	require.True(t, lines.Scan())
	assert.Equal(t, ": open", lines.Text())
	w.call("ben", "PATCH", "/v1/sessions/ben-bot", `{"name":"not for Anna"}`)
	w.call("anna", "PATCH", "/v1/sessions/anna-bot", `{"name":"Shop"}`)
	require.Equal(t, http.StatusNoContent, w.call("anna", "DELETE", "/v1/sessions/anna-bot", "").Code)
	var seen []string
	for len(seen) < 4 && lines.Scan() {
		if lines.Text() != "" {
			seen = append(seen, lines.Text())
		}
	}
	assert.Equal(t, []string{
		"event: session", `data: {"detail":"","id":"anna-bot","name":"Shop","status":"connected"}`,
		"event: session", `data: {"detail":"The session was deleted.","id":"anna-bot","name":"Shop","status":"logged_out"}`,
	}, seen)
}

func TestCursors(t *testing.T) {
	at := time.Date(2025, 5, 15, 10, 30, 0, int(7*time.Millisecond), time.UTC)
	for ordinal := range 5000 {
		text := cursor(at, ordinal)
		gotAt, got, err := readCursor(text)
		require.NoError(t, err)
		require.True(t, gotAt.Equal(at))
		require.Equal(t, ordinal, got, text)
		if ordinal < 1000 { // through Python's datetime, which keeps microseconds
			parsed, err := time.Parse(time.RFC3339, text)
			require.NoError(t, err)
			_, got, err = readCursor(parsed.Truncate(time.Microsecond).Format("2006-01-02T15:04:05.000000+00:00"))
			require.NoError(t, err)
			require.Equal(t, ordinal, got)
		}
	}
	for text, want := range map[string]time.Time{
		"2025-05-15T10:30:00.007Z":         at,
		"2025-05-15T10:30:00.007000+00:00": at,
		"2025-05-15T10:30:00.007 00:00":    at, // a plus in a query is a space
		"2025-05-15T12:30:00.007+02:00":    at,
		"2025-05-15T10:30:00.007":          at,
		"2025-05-15T10:30:00Z":             at.Truncate(time.Second),
		"0000-01-01T00:00:00Z":             time.Unix(1, 0), // before all rows
	} {
		got, ordinal, err := readCursor(text)
		require.NoError(t, err, text)
		assert.True(t, got.Equal(want), text)
		assert.Zero(t, ordinal, text)
	}
	for _, text := range []string{"", "x", "1747305000", "2025-05-15", "2025-13-01T00:00:00Z"} {
		_, _, err := readCursor(text)
		assert.Error(t, err, text)
	}
}
