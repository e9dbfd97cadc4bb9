package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
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
)

// A deleted session neither receives nor sends, even if the client does not wait for the deletion.
func TestADeletedSessionIsServedNoMore(t *testing.T) {
	w := newWorld(t)
	line := w.sessions.find("anna-bot")
	request := pingr.SendRequest{Account: "acc_anna", Session: line.ID(), To: "919876543210", Text: "x"}
	_, err := w.server.engine.Send(t.Context(), request)
	require.NoError(t, err)

	ctx, hangUp := context.WithCancel(t.Context())
	w.sessions.removing = func(removing context.Context) {
		hangUp()
		assert.NoError(t, removing.Err(), "WhatsApp is told all the same")
	}
	r := httptest.NewRequestWithContext(ctx, http.MethodDelete, "/v1/sessions/anna-bot", nil)
	r.Header = w.who["anna"].Clone()
	w.server.ServeHTTP(httptest.NewRecorder(), r)
	assert.Nil(t, w.sessions.find("anna-bot"))
	require.Eventually(t, line.left.Load, 10*time.Second, time.Millisecond)
	_, err = w.server.engine.Send(t.Context(), request)
	assert.ErrorIs(t, err, pingr.ErrSessionUnavailable)
}

// However many sessions are added at once, the plan's limit holds.
func TestManySessionsAtOnce(t *testing.T) {
	w := newWorld(t)
	yield := func() {
		for range 1000 {
			runtime.Gosched() // others overtake here unless sessions are added one at a time
		}
	}
	w.sessions.adding = yield
	var all sync.WaitGroup
	var made atomic.Int64
	for i := range 12 {
		all.Go(func() {
			got := w.call("anna", "POST", "/v1/sessions", fmt.Sprintf(`{"id":"bot-%d","name":"Shop"}`, i))
			if got.Code == http.StatusCreated {
				made.Add(1)
			} else {
				assert.Equal(t, planLimit, codeOf(t, got))
			}
		})
	}
	all.Wait()
	assert.EqualValues(t, 2, made.Load(), "beside the one that she had")
}

// Sessions may come and go at the same time (what they share is locked).
func TestSessionsComeAndGoAtOnce(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Plans = []hosted.Plan{{Name: "growth"}} })
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			id := fmt.Sprintf("bot-%d", i)
			assert.Equal(t, 201, w.call("anna", "POST", "/v1/sessions", `{"id":"`+id+`","name":"Shop"}`).Code)
			assert.Equal(t, 204, w.call("anna", "DELETE", "/v1/sessions/"+id, "").Code)
		})
	}
	all.Wait()
	assert.Len(t, w.sessions.List(), 2)
}

func TestNoPairingCode(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 201, w.call("anna", "POST", "/v1/sessions", `{"id":"new","name":" Shop "}`).Code)
	w.sessions.noCode = errors.New("rate-overlimit of 15550100001")
	got := w.call("anna", "POST", "/v1/sessions/new/pair-code", `{"phone":"15550100001"}`)
	assert.Equal(t, sessionUnavailable, codeOf(t, got))
	assert.NotContains(t, got.Body.String(), "15550100001")
}

// A session gives its current code if it has one. A new round begins only if none is under way. A
// linked session reports so, however often somebody asks.
func TestRoundsOfCodes(t *testing.T) {
	for _, tt := range []struct {
		state  pingr.SessionState
		phone  string
		want   api.Code
		begins bool
	}{
		{pingr.SessionPairing, "", "", false},
		{pingr.SessionLinkExpired, "", sessionUnavailable, true},
		{pingr.SessionLoggedOut, "", sessionUnavailable, true},
		{pingr.SessionConnected, "15550100", conflict, true},
	} {
		t.Run(string(tt.state), func(t *testing.T) {
			w := newWorld(t)
			n := w.sessions.add(pingr.SessionRecord{ID: "new", Account: "acc_anna", Phone: tt.phone, State: tt.state})
			times := 1
			if !tt.begins || tt.phone != "" {
				times = maxLinkRounds + 1
			}
			for range times {
				assert.Equal(t, tt.want, codeOf(t, w.call("anna", "GET", "/v1/sessions/new/qr", "", "Accept", "application/json")))
			}
			assert.Equal(t, tt.begins, n.linked.Load() > 0)
		})
	}
}

// A name is stored without the spaces around it.
func TestSessionNamesAreTrimmed(t *testing.T) {
	w := newWorld(t)
	assert.Contains(t, w.call("anna", "POST", "/v1/sessions", `{"id":"new","name":" Shop "}`).Body.String(),
		`"name":"Shop"`)
	assert.Contains(t, w.call("anna", "PATCH", "/v1/sessions/new", `{"name":" Stall\t"}`).Body.String(), `"name":"Stall"`)
}

// Messages of today are those of the account's day.
func TestTodayIsTheAccounts(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 200,
		w.call("anna", "PATCH", "/v1/settings", `{"time_zone":"Asia/Kolkata"}`).Code) // its day ends at 18:30 UTC
	require.Equal(t, 200, w.call("anna's live key", "POST", "/v1/send", `{"to":"919876543210","message":"x"}`).Code)
	for _, tt := range []struct {
		wait time.Duration
		want string
	}{{8*time.Hour + 29*time.Minute, `"messagesToday":1`}, {time.Minute, `"messagesToday":0`}} {
		w.wait(tt.wait)
		assert.Contains(t, w.call("anna's live key", "GET", "/v1/sessions", "").Body.String(), tt.want)
	}
}

// A value that just fits is accepted. The limit counts characters, not bytes.
func TestTextsThatJustFit(t *testing.T) {
	w := newWorld(t)
	long := func(n int) string { return strings.Repeat("é", n) }
	for _, tt := range []struct{ who, method, path, body string }{
		{
			"anna", "POST", "/v1/triggers",
			`{"session_id":"anna-bot","trigger_phrase":"` + long(pingr.MaxPhrase) + `","reply_message":"` + long(1000) + `"}`,
		},
		{"anna's live key", "POST", "/v1/send", `{"to":"919876543210","message":"` + long(4096) + `"}`},
		{"anna", "PATCH", "/v1/settings", `{"no_phone_reply":"` + long(4096) + `"}`},
		{"anna", "POST", "/v1/sessions", `{"name":"` + long(100) + `"}`},
		{"anna", "POST", "/v1/sessions", `{"id":"` + strings.Repeat("x", 64) + `","name":"x"}`},
		{"anna", "POST", "/v1/keys", `{"mode":"test","name":"` + long(100) + `"}`},
	} {
		got := w.call(tt.who, tt.method, tt.path, tt.body)
		assert.Less(t, got.Code, 300, "%s %s: %s", tt.method, tt.path, got.Body)
	}
}
