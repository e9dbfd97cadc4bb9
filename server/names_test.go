package server

import (
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/sim"
)

// Two customers give their sessions the same name, and neither notices the other.
func TestTwoAccountsWithOneSessionID(t *testing.T) {
	w := newWorld(t)
	var phones []*sim.Phone
	for _, name := range []string{"anna", "ben"} {
		key := name + "'s live key"
		got := w.call(key, "POST", "/v1/sessions", `{"id":"main-login-bot","name":"Login"}`)
		require.Equal(t, http.StatusCreated, got.Code, got.Body)
		assert.Contains(t, got.Body.String(), `"id":"main-login-bot"`)
		assert.Equal(t, http.StatusConflict,
			w.call(key, "POST", "/v1/sessions", `{"id":"main-login-bot","name":"Login"}`).Code)
		got = w.call(key, "POST", "/v1/triggers",
			`{"session_id":"main-login-bot","trigger_phrase":"login","reply_message":"`+name+`'s"}`)
		require.Equal(t, http.StatusCreated, got.Code, got.Body)
		assert.Contains(t, got.Body.String(), `"session_id":"main-login-bot"`)
		bot := w.sessions.find("main-login-bot:acc_" + name)
		require.NotNil(t, bot)
		phones = append(phones, bot.NewPhone(sim.PhoneConfig{Number: "919876543210"}))
	}
	w.call("anna", "PUT", "/v1/webhooks", `{"url":"`+w.hook.URL+`"}`)
	for i, name := range []string{"anna", "ben"} {
		phones[i].Send("login")
		reply, err := phones[i].Next(t.Context())
		require.NoError(t, err)
		assert.Equal(t, name+"'s", reply.Text)
	}
	told, _ := w.hook.got()
	require.Len(t, told, 1)
	assert.Contains(t, told[0], `"session_id":"main-login-bot",`)
	log := w.call("anna", "GET", "/v1/webhooks/deliveries", "").Body.String()
	assert.Contains(t, log, `"session_id":"main-login-bot",`)

	assert.Equal(t, http.StatusNoContent, w.call("anna", "DELETE", "/v1/sessions/main-login-bot", "").Code)
	assert.Equal(t, http.StatusNotFound, w.call("anna", "GET", "/v1/sessions/main-login-bot", "").Code)
	assert.Equal(t, http.StatusOK, w.call("ben", "GET", "/v1/sessions/main-login-bot", "").Code)
	assert.Equal(t, http.StatusNotFound, w.call("anna", "GET", "/v1/sessions/main-login-bot:acc_ben", "").Code)
	assert.Equal(t, http.StatusNotFound, w.call("ben", "GET", "/v1/sessions/main-login-bot:acc_ben", "").Code,
		"no other name than its own")
}

// A test key may name the account's live sessions. They are simulated, and the live ones stay as they
// are.
func TestTestKeysNameLiveSessions(t *testing.T) {
	w := newWorld(t)
	anna := w.furnish("anna")
	told, _ := w.hook.got()
	phone := w.sessions.find("anna-bot").NewPhone(sim.PhoneConfig{Number: "919876543210"})
	w.sessions.find("anna-bot").setState(pingr.SessionDisconnected) // test mode's is connected all the same
	test := func(method, path, body string, want int) string {
		t.Helper()
		got := w.call("anna's test key", method, path, body)
		require.Equal(t, want, got.Code, got.Body)
		return got.Body.String()
	}
	assert.Contains(t, test("POST", "/v1/send", `{"to":"919876543210","message":"hi","session_id":"anna-bot"}`, 200),
		`"session_id":"anna-bot"`)
	assert.Contains(t, test("GET", "/v1/sessions/anna-bot", "", 200),
		`"name":"anna's bot","number":"+15550100000","status":"connected"`)
	trigger := `{"session_id":"anna-bot","trigger_phrase":"login","reply_message":"test"}`
	assert.Contains(t, test("POST", "/v1/triggers", trigger, 201), `"session_id":"anna-bot"`)
	test("POST", "/v1/triggers", trigger, 409)
	assert.Contains(t, test("POST", "/v1/match", `{"session_id":"anna-bot","text":"login X4K9MQ"}`, 200),
		`"reply_message":"test"`)
	assert.Contains(t, test("GET", "/v1/triggers", "", 200), `"count":1`)
	for _, change := range [][3]string{{"DELETE", "", ""}, {"PATCH", "", `{"name":"mine"}`}} {
		test(change[0], "/v1/sessions/anna-bot"+change[1], change[2], 403)
	}
	simulated := w.call("anna", "POST", "/v1/webhooks/simulate?mode=test",
		`{"phone":"919876543210","message":"login","session_id":"anna-bot"}`)
	assert.Contains(t, simulated.Body.String(), `"session_id":"anna-bot"`)
	assert.NotContains(t, simulated.Body.String(), anna.trigger)
	for _, theirs := range []string{
		"ben-bot", "anna-bot:acc_anna", "anna-bot:acc_anna:test", "sess_test:acc_ben", "none",
	} {
		test("POST", "/v1/send", `{"to":"919876543211","message":"hi","session_id":"`+theirs+`"}`, 404)
	}

	now, _ := w.hook.got()
	assert.Len(t, now, len(told)+1, "the simulation alone was told")
	assert.Empty(t, phone.Received(), "nothing was sent")
	w.sessions.find("anna-bot").setState(pingr.SessionConnected)
	live := w.furnished("anna")
	live.delivery, anna.delivery = "", ""
	live.answers, anna.answers = noLastUse(live.answers), noLastUse(anna.answers)
	assert.Equal(t, anna, live)

	require.Equal(t, 204, w.call("anna", "DELETE", "/v1/sessions/anna-bot", "").Code)
	require.Equal(t, 201, w.call("anna", "POST", "/v1/sessions", `{"id":"anna-bot","name":"again"}`).Code)
	assert.Contains(t, test("GET", "/v1/triggers", "", 200), `"count":0`,
		"whoever takes the id does not inherit test mode's triggers")
}

func noLastUse(answers string) string {
	return regexp.MustCompile(`"last_used_at":[^,]*`).ReplaceAllString(answers, "")
}
