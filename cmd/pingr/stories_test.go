//go:build !race

package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/store/sqlite"
	"github.com/heypingr/pingr/whatsapptest"
)

// A number gets one reply within a cooldown. Replies and sends count together, also across a restart.
// The next one goes out when the cooldown has ended, and not before.
func TestCooldown(t *testing.T) {
	h := newInProcess(t, "growth", time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))

	h.texts("login X4K9MQ")
	assert.Equal(t, "https://shop.example/login/"+h.backend.last(t, 1).ID, next(t, h.asha))

	h.texts("login again")
	hint := h.backend.last(t, 2).AutoReply
	assert.Equal(t, "suppressed", hint.Status)
	assert.Equal(t, "cooldown", hint.Reason)
	assert.InDelta(t, 60, hint.RetryAfter, 20)

	h.clock.move(20 * time.Second)
	h.restart()
	status, answer := h.call("POST", "/v1/send", `{"to":"+91 98765 43210","message":"Your order left."}`)
	require.Equal(t, http.StatusTooManyRequests, status)
	detail := answer["detail"].(map[string]any)
	wait := int(detail["retry_after"].(float64))
	assert.Equal(t, "rate_limit", detail["error"])
	assert.Equal(t, fmt.Sprintf("Number +919876543210 is in cooldown. Try again in %ds.", wait), detail["message"])
	assert.InDelta(t, 40, wait, 20)

	h.clock.move(time.Duration(wait) * time.Second)
	sent := h.must(http.StatusOK, "POST", "/v1/send", `{"to":"+91 98765 43210","message":"Your order left."}`)
	assert.InDelta(t, 70_000-2, sent["rate_limit_remaining"], 0)
	assert.Equal(t, "Your order left.", next(t, h.asha))

	h.clock.move(61 * time.Second)
	h.texts("login")
	assert.Equal(t, "https://shop.example/login/"+h.backend.last(t, 3).ID, next(t, h.asha))
	assert.Len(t, h.place.server.Ledger().Replies(), 3, "and nothing else was ever shown")
}

// A month's messages run out, and the account learns it. They cost money where that is allowed, and
// come back on the first of the month in UTC.
func TestQuotaAndMonth(t *testing.T) {
	h := newInProcess(t, "starter", time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC))
	h.must(http.StatusOK, "PATCH", "/v1/settings", `{"cooldown_seconds":0}`)
	h.use(9_999)

	h.texts("login")
	assert.Equal(t, "https://shop.example/login/"+h.backend.last(t, 1).ID, next(t, h.asha), "the 10,000th of 10,000")
	h.restart()

	h.texts("login")
	assert.Equal(t, &pingr.AutoReply{Status: "suppressed", Reason: "quota"}, h.backend.last(t, 2).AutoReply)
	status, answer := h.call("POST", "/v1/send", `{"to":"`+ashaNumber+`","message":"x"}`)
	assert.Equal(t, http.StatusTooManyRequests, status)
	assert.Equal(t, "quota_exceeded", answer["detail"].(map[string]any)["error"])
	assert.Equal(t, map[string]any{
		"plan": "starter", "month": "2026-11", "used": 10_000.0, "included": 10_000.0, "remaining": 0.0,
		"overage_messages": 0.0, "overage_cost_micros": 0.0,
	}, h.must(http.StatusOK, "GET", "/v1/usage", ""))

	h.must(http.StatusOK, "PATCH", "/v1/settings", `{"overage":"allow"}`)
	h.texts("login")
	assert.Equal(t, "https://shop.example/login/"+h.backend.last(t, 3).ID, next(t, h.asha))
	sent := h.must(http.StatusOK, "POST", "/v1/send", `{"to":"`+ashaNumber+`","message":"Your order left."}`)
	assert.Zero(t, sent["rate_limit_remaining"])
	assert.Equal(t, "Your order left.", next(t, h.asha))
	usage := h.must(http.StatusOK, "GET", "/v1/usage", "")
	assert.InDelta(t, 2, usage["overage_messages"], 0)
	assert.InDelta(t, 2*2000, usage["overage_cost_micros"], 0, "$0.002 each")
	h.must(http.StatusOK, "PATCH", "/v1/settings", `{"overage":"block"}`)

	h.clock.move(12 * time.Hour) // December
	h.restart()
	h.texts("login")
	assert.Equal(t, "https://shop.example/login/"+h.backend.last(t, 4).ID, next(t, h.asha))
	usage = h.must(http.StatusOK, "GET", "/v1/usage", "")
	assert.Equal(t, "2026-12", usage["month"])
	assert.InDelta(t, 1, usage["used"], 0)
	assert.Len(t, h.place.server.Ledger().Replies(), 4, "and nothing else was ever shown")
}

// use takes so many of the month's messages, as if the account had sent them.
func (h *inProcess) use(messages int) {
	h.Helper()
	store, err := sqlite.Open(h.Context(), sqlite.Config{Dir: h.place.data, Admin: true})
	require.NoError(h, err)
	defer store.Close()
	a, err := store.AccountByEmail(h.Context(), "anna@example.com")
	require.NoError(h, err)
	var all sync.WaitGroup
	left := make(chan struct{}, messages)
	for range messages {
		left <- struct{}{}
	}
	close(left)
	for range 64 {
		all.Go(func() {
			for range left {
				now := h.clock.now()
				assert.NoError(h, store.Reserve(h.Context(), now, pingr.QuotaLimit(a.ID, 0, now)))
			}
		})
	}
	all.Wait()
}

// People log in all the time while the secret is rotated. The endpoint knows the old one, then both,
// then only the new one, and refuses nothing.
func TestRotation(t *testing.T) {
	h := newInProcess(t, "growth", time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	h.must(http.StatusOK, "PATCH", "/v1/settings", `{"cooldown_seconds":0}`)
	logins := 0
	login := func() {
		t.Helper()
		logins++
		h.texts("login")
		reply := next(t, h.asha)
		assert.True(t, strings.HasPrefix(reply, "https://shop.example/login/"), "it was refused: the static reply came")
	}
	login()
	old := h.login("GET", "/v1/webhooks", "")["secret"].(string)
	rotated := h.login("POST", "/v1/webhooks/rotate-secret", "")
	login() // the endpoint does not know it yet
	h.backend.setSecrets(old, rotated["secret"].(string))
	login()
	h.restart()
	login()
	signsFrom, err := time.Parse(time.RFC3339, rotated["signs_from"].(string))
	require.NoError(t, err)
	h.clock.move(signsFrom.Sub(h.clock.now()) - time.Second)
	login()
	h.clock.move(2 * time.Second)
	login()
	h.backend.setSecrets(rotated["secret"].(string))
	login()
	told, refused := h.backend.heard()
	assert.Len(t, told, logins)
	assert.Empty(t, refused)
}

// A test key gets the same answers as a live one, and WhatsApp hears nothing.
func TestTestKeysSendNothing(t *testing.T) {
	h := newInProcess(t, "growth", time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	live := h.key
	made := call{args: []string{
		"key", "create", "--account", "anna@example.com", "--mode", "test", "--data", h.place.data,
	}}.run(t)
	h.key = strings.TrimSpace(made.out)
	before := len(h.place.server.Ledger().Stanzas())
	for i := range 20 {
		sent := h.must(http.StatusOK, "POST", "/v1/send",
			fmt.Sprintf(`{"to":"9198765432%02d","message":"Your order left."}`, i))
		assert.Equal(t, "sess_test", sent["session_id"])
	}
	status, _ := h.call("POST", "/v1/send", `{"to":"919876543200","message":"Your order left."}`)
	assert.Equal(t, http.StatusTooManyRequests, status)
	sent := h.must(http.StatusOK, "POST", "/v1/send", `{"to":"919876543299","message":"x","session_id":"shop"}`)
	assert.Equal(t, "shop", sent["session_id"], "a live session is simulated, too")
	test := h.key
	h.key = live
	h.restart()
	h.key = test
	h.must(http.StatusOK, "POST", "/v1/send", `{"to":"919876543230","message":"Your order left."}`)

	h.key = live // later sends come after whatever the test key might have sent
	h.must(http.StatusOK, "POST", "/v1/send", `{"to":"`+ashaNumber+`","message":"It is real."}`)
	assert.Equal(t, "It is real.", next(t, h.asha))
	stanzas := h.place.server.Ledger().Stanzas()[before:]
	assert.Len(t, stanzas, 1, "one message left the process")
	assert.InDelta(t, 1, h.must(http.StatusOK, "GET", "/v1/usage", "")["used"], 0, "and one was counted")
}

// The quick start of the documentation, from the first start of the program to
// the first login. The program is killed in the middle, and loses nothing.
func TestQuickStart(t *testing.T) {
	p := newPlace(t)
	asha, err := p.server.AddPhone(whatsapptest.PhoneConfig{Number: ashaNumber, Name: "Asha"})
	require.NoError(t, err)
	backend := newShopBackend(t, time.Now)

	// Start the server and open the link that it prints. That creates the account.
	s := p.serve(t)
	token := s.waitFor(`/setup\?token=(\w+)`)
	account := s.must(http.StatusCreated, "POST", "/v1/auth/setup",
		`{"token":"`+token+`","email":"anna@example.com","password":"correct horse"}`, "X-API-Key", "")
	login := []string{"X-API-Key", "", "Authorization", "Bearer " + account["token"].(string)}

	// Create a key. It is shown only now.
	s.key = s.must(http.StatusCreated, "POST", "/v1/keys", `{"name":"Backend","mode":"live"}`, login...)["key"].(string)

	// Link the business's number: Settings, Linked devices, Link a device.
	s.must(http.StatusCreated, "POST", "/v1/sessions", `{"id":"shop","name":"Main login bot"}`)
	s.link(p, "shop")

	// Set the trigger phrase and the static reply.
	s.must(http.StatusCreated, "POST", "/v1/triggers",
		`{"session_id":"shop","trigger_phrase":"login","reply_message":"Sending your link to {{phone}}."}`)

	// Without an endpoint, the static reply is all there is, and it needs nothing else.
	_, err = asha.Send(t.Context(), shopNumber, "Login")
	require.NoError(t, err)
	assert.Equal(t, "Sending your link to 919876543210.", next(t, asha))

	// The program is killed. Messages written in the meantime wait.
	s.kill()
	_, err = asha.Send(t.Context(), shopNumber, "login X4K9MQ")
	require.NoError(t, err)
	s = p.again(s)
	s.connected()
	require.Eventually(t, func() bool { // it falls into the cooldown of the first
		total := s.must(http.StatusOK, "GET", "/v1/stats?range=24h", "")["total"].(map[string]any)
		return total["firings"].(map[string]any)["cooldown"] == 1.0
	}, 20*time.Second, 20*time.Millisecond)
	backend.setSecrets(s.must(http.StatusOK, "GET", "/v1/webhooks", "", login...)["secret"].(string))

	// Tell Pingr where the backend is, and try it before anybody else uses it.
	s.must(http.StatusOK, "PUT", "/v1/webhooks", `{"url":"`+backend.URL+`"}`)
	tried := s.must(http.StatusOK, "POST", "/v1/webhooks/simulate",
		`{"phone":"919876543210","message":"login X4K9MQ","session_id":"shop"}`, login...)
	assert.Equal(t, true, tried["delivered"])
	assert.InDelta(t, http.StatusOK, tried["status_code"], 0)
	assert.Contains(t, tried["dynamic_reply"], "https://shop.example/login/evt_")

	// From now on, everybody who writes gets a login.
	s.must(http.StatusOK, "PATCH", "/v1/settings", `{"cooldown_seconds":0}`)
	_, err = asha.Send(t.Context(), shopNumber, "login H7PQ2A")
	require.NoError(t, err)
	link := next(t, asha)
	told, refused := backend.heard()
	assert.Empty(t, refused)
	first := told[len(told)-1]
	assert.Equal(t, "https://shop.example/login/"+first.ID, link)
	assert.Equal(t, ashaNumber, first.From.Phone)
	code, ok := pingr.ExtractChallengeCode(first.Message.Text, "login")
	assert.True(t, ok)
	assert.Equal(t, "H7PQ2A", code)

	// The delivery log has it, and the month's usage.
	page := s.must(http.StatusOK, "GET", "/v1/webhooks/deliveries?event_type=webhook.delivered", "")
	assert.Equal(t, first.ID, page["deliveries"].([]any)[0].(map[string]any)["event_id"])
	_, talk := s.stop()
	assert.NotContains(t, talk, ashaNumber)
}

// A lost connection is reported if it is not back within the account's grace.
func TestLostConnection(t *testing.T) {
	h := newInProcess(t, "growth", time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	device := h.place.shop.Devices()[0]
	lose := func(logins int) {
		device.FailLogins(whatsapptest.LoginFailure{Reason: 503, Times: logins})
		device.Drop()
	}
	assert.InDelta(t, 1, h.must(http.StatusOK, "GET", "/v1/settings", "")["disconnect_grace_seconds"], 0)

	h.must(http.StatusOK, "PATCH", "/v1/settings", `{"disconnect_grace_seconds":60}`)
	logins := device.Logins()
	lose(2)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, device.WaitLogins(ctx, logins+1))
	h.connected()
	told, _ := h.backend.heard()
	assert.Empty(t, told, "it was back in time")

	h.must(http.StatusOK, "PATCH", "/v1/settings", `{"disconnect_grace_seconds":0}`)
	lose(2)
	e := h.backend.last(t, 1)
	assert.Equal(t, pingr.EventSessionDisconnected, e.Type)
	assert.Equal(t, "transient", e.Kind)
	assert.Equal(t, "shop", e.Session)
	assert.Equal(t, pingr.EventSessionConnected, h.backend.last(t, 2).Type)
}

// If one number's keys are damaged, everything else runs. doctor names the keys, the API says what to
// do, and linking again repairs them.
func TestDamagedKeys(t *testing.T) {
	h := newInProcess(t, "growth", time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	h.halt()
	db, err := sql.Open("sqlite", filepath.Join(h.place.data, "whatsapp.db"))
	require.NoError(t, err)
	_, err = db.Exec(`PRAGMA ignore_check_constraints = 1; UPDATE whatsmeow_device SET identity_key = x'00'`)
	require.NoError(t, err)
	require.NoError(t, db.Close())

	r, found := checks(t, call{args: []string{"--data", h.place.data}})
	assert.Equal(t, exitFailed, r.code)
	var said finding
	for check, f := range found {
		if strings.HasPrefix(check, "session shop") {
			said = f
		}
	}
	assert.Equal(t, "fail", said.Status)
	assert.Contains(t, said.Found, "keys are damaged")
	assert.Contains(t, said.Do, "pingr session link shop")
	assert.NotContains(t, r.out, shopNumber)

	h.start(t, h.key)
	shop := h.must(http.StatusOK, "GET", "/v1/sessions/shop", "")
	assert.Equal(t, "logged_out", shop["status"])
	assert.InDelta(t, pingr.ReasonKeysDamaged, shop["reason"], 0)
	assert.Contains(t, shop["detail"], "Link it again")
	e := h.backend.last(t, 1)
	assert.Equal(t, pingr.EventSessionDisconnected, e.Type)
	assert.Equal(t, "terminal", e.Kind)
	assert.Equal(t, pingr.ReasonKeysDamaged, e.Reason)

	h.link(h.place, "shop")
	assert.Equal(t, pingr.EventSessionConnected, h.backend.last(t, 2).Type)
	h.texts("login X4K9MQ")
	assert.Equal(t, "https://shop.example/login/"+h.backend.last(t, 3).ID, next(t, h.asha))
	_, found = checks(t, call{args: []string{"--data", h.place.data}})
	for check, f := range found {
		if strings.HasPrefix(check, "session shop") {
			assert.Equal(t, "ok", f.Status, f.Found)
		}
	}
}
