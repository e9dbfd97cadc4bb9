package server

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/session/sim"
)

// Two customers call their session alike, and neither notices the other.
func TestTwoAccountsWithOneSessionID(t *testing.T) {
	w := newWorld(t)
	var phones []*sim.Phone
	for _, name := range []string{"anna", "ben"} {
		key := name + "'s live key"
		got := w.call(key, "POST", "/v1/sessions", `{"id":"main-login-bot","name":"Login"}`)
		require.Equal(t, http.StatusCreated, got.Code, got.Body)
		assert.Contains(t, got.Body.String(), `"id":"main-login-bot"`)
		assert.Equal(t, http.StatusConflict, w.call(key, "POST", "/v1/sessions", `{"id":"main-login-bot","name":"Login"}`).Code)
		got = w.call(key, "POST", "/v1/triggers", `{"session_id":"main-login-bot","trigger_phrase":"login","reply_message":"`+name+`'s"}`)
		require.Equal(t, http.StatusCreated, got.Code, got.Body)
		assert.Contains(t, got.Body.String(), `"session_id":"main-login-bot"`)
		line := w.lines.find("main-login-bot:acc_" + name)
		require.NotNil(t, line)
		phones = append(phones, line.NewPhone(sim.PhoneConfig{Number: "919876543210"}))
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
	assert.Equal(t, http.StatusNotFound, w.call("ben", "GET", "/v1/sessions/main-login-bot:acc_ben", "").Code, "no other name than its own")
}
