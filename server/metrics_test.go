package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/session/sim"
	"github.com/heypingr/pingr/store/memory"
)

// metricsHold waits until /metrics has all of lines.
func (w *world) metricsHold(lines ...string) {
	w.Helper()
	var text string
	require.Eventually(w, func() bool {
		text = "\n" + w.call("this machine", "GET", "/metrics", "").Body.String()
		for _, line := range lines {
			if !strings.Contains(text, "\n"+line+"\n") {
				return false
			}
		}
		return true
	}, 10*time.Second, 10*time.Millisecond, "%s\nin %s", strings.Join(lines, "\n"), &text)
}

func TestMetrics(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 201, w.call("anna", "POST", "/v1/triggers",
		`{"session_id":"anna-bot","trigger_phrase":"login","reply_message":"static"}`).Code)
	require.Equal(t, 200, w.call("anna", "PUT", "/v1/webhooks", `{"url":"`+w.hook.URL+`"}`).Code)
	bot := w.sessions.find("anna-bot")
	asha, ravi := bot.NewPhone(sim.PhoneConfig{Number: "919876543210"}), bot.NewPhone(
		sim.PhoneConfig{Number: "919876543211"},
	)

	w.hook.answer(200, "your link")
	asha.Send("login")
	w.shown(asha)
	w.hook.answer(503, "")
	ravi.Send("login")
	w.shown(ravi)
	asha.Send("login") // in cooldown, and its webhook fails too
	w.metricsHold(
		`pingr_firings_total{outcome="replied",reply="dynamic"} 1`,
		`pingr_firings_total{outcome="replied",reply="static"} 1`,
		`pingr_firings_total{outcome="cooldown",reply="none"} 1`,
		`pingr_firings_total{outcome="quota",reply="none"} 0`,
		`pingr_reply_seconds_count{reply="dynamic"} 1`,
		`pingr_webhook_seconds_count{result="delivered"} 1`,
		`pingr_webhook_seconds_count{result="failed"} 2`,
		`pingr_webhook_failures_total{kind="5xx"} 2`,
		`pingr_undelivered_events 2`,
	)
	require.Equal(t, rateLimit,
		codeOf(t, w.call("anna's live key", "POST", "/v1/send", `{"to":"919876543211","message":"x"}`)))
	require.Equal(t, 200, w.call("anna's test key", "POST", "/v1/send", `{"to":"919876543211","message":"x"}`).Code)
	w.call("nobody", "GET", "/nothing/there", "")
	w.call("nobody", "DELETE", "/v1/triggers/trg_1", "")
	w.sessions.find("ben-bot").setState(pingr.SessionLoggedOut)
	w.metricsHold(
		`pingr_sends_total{mode="live",result="cooldown"} 1`,
		`pingr_sends_total{mode="test",result="sent"} 1`,
		`pingr_http_requests_total{route="POST /v1/send",status="429"} 1`,
		`pingr_http_requests_total{route="none",status="404"} 1`,
		`pingr_http_requests_total{route="DELETE /v1/triggers/{id}",status="401"} 1`,
		`pingr_http_request_seconds_count{route="POST /v1/send"} 2`,
		`pingr_sessions{status="connected"} 1`,
		`pingr_sessions{status="logged_out"} 1`,
		`pingr_undecryptable_messages_total 0`,
		`pingr_event_streams 0`,
	)
	w.server.metrics.answered("GET /v1/events", 200, time.Hour)
	text := w.call("this machine", "GET", "/metrics", "").Body.String()
	assert.Contains(t, text, "go_goroutines ")
	assert.Contains(t, text, `pingr_http_requests_total{route="GET /v1/events",status="200"} 1`)
	assert.NotContains(t, text, `pingr_http_request_seconds_count{route="GET /v1/events"}`,
		"a stream's time is no answer's")
	assert.Contains(t, text, `pingr_build_info{version="`+pingr.Version+`"} 1`)
	names := regexp.MustCompile(`(?m) [^ ]+$`).ReplaceAllString(text, "") // a value, such as a start time, may have the digits of a phone
	assert.NotRegexp(t, `acc_|anna|ben-|9198|127\.0\.0\.1`, names, "nothing of a customer")
}

// Every outcome of a send counts under its own name.
func TestWhatMetricsCallIt(t *testing.T) {
	w := newWorld(t)
	var want []string
	for i, tt := range []struct {
		result string
		err    error
	}{
		{"sent", nil},
		{"cooldown", &pingr.LimitError{Kind: pingr.Cooldown}},
		{"quota", &pingr.LimitError{Kind: pingr.Quota}},
		{"unknown", pingr.ErrUnknown},
		{"failed", pingr.ErrNotSent},
	} {
		for range i + 1 {
			w.server.metrics.sent(hosted.Live, tt.err)
		}
		want = append(want, fmt.Sprintf(`pingr_sends_total{mode="live",result=%q} %d`, tt.result, i+1))
	}
	w.metricsHold(want...)
}

// unreadSessions are sessions that could not read some messages.
type unreadSessions struct{ noSessions }

type unreadSession struct {
	Session
	n uint64
}

func (n unreadSession) Record() pingr.SessionRecord { return pingr.SessionRecord{Account: "acc_anna"} }
func (n unreadSession) Undecryptable() uint64       { return n.n }
func (unreadSessions) List() []Session {
	return []Session{unreadSession{nil, 3}, unreadSession{nil, 4}}
}

// An uncountedStore cannot count the waiting events.
type uncountedStore struct{ Store }

func (uncountedStore) Undelivered(context.Context) (int64, error) { return 0, errors.New("not now") }

func TestMetricsOfAllSessions(t *testing.T) {
	s, err := New(t.Context(), Config{
		Store:    uncountedStore{memory.New()},
		Sessions: func(Notify) (Sessions, error) { return unreadSessions{}, nil },
	})
	require.NoError(t, err)
	defer s.Close()
	got := httptest.NewRecorder()
	s.Metrics().ServeHTTP(got, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	assert.Equal(t, 200, got.Code)
	assert.Contains(t, got.Body.String(), "\npingr_undecryptable_messages_total 7\n")
	assert.NotContains(t, got.Body.String(), "pingr_undelivered_events", "what is not known is not nought")
}

func TestMetricsApart(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.MetricsApart = true })
	assert.Equal(t, notFound, codeOf(t, w.call("this machine", "GET", "/metrics", "")))
	got := httptest.NewRecorder()
	w.server.Metrics().ServeHTTP(got, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	assert.Contains(t, got.Body.String(), "pingr_firings_total")
}
