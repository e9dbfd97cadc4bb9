package server

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestChangingThePasswordEndsAllOtherLogins(t *testing.T) {
	const next = "battery staple"
	w := newWorld(t)
	web := httptest.NewServer(w.server)
	t.Cleanup(web.Close)
	w.who["anna's old login"] = w.who["anna"].Clone()
	byLogin, byKey := w.stream(web, "anna's old login"), w.stream(web, "anna's live key")
	w.logIn("anna") // here she changes it

	got := w.call("anna", "POST", "/v1/auth/password", `{"current_password":"`+password+`","new_password":"`+next+`"}`)
	require.Equal(t, 200, got.Code, got.Body)
	var answer struct{ Token string }
	require.NoError(t, json.Unmarshal(got.Body.Bytes(), &answer))
	cookies := got.Result().Cookies()
	require.Len(t, cookies, 1)
	assert.Equal(t, answer.Token, cookies[0].Value)

	w.ends(byLogin)
	for _, who := range []string{"anna", "anna's old login", "anna's browser"} {
		assert.Equal(t, 401, w.call(who, "GET", "/v1/auth/me", "").Code, who)
	}
	w.who["anna"] = http.Header{"Authorization": {"Bearer " + answer.Token}}
	assert.Equal(t, 200, w.call("anna", "GET", "/v1/auth/me", "").Code)
	assert.Equal(t, 200, w.call("ben", "GET", "/v1/auth/me", "").Code)
	assert.Equal(t, 401, w.knock("anna@example.com", password, "203.0.113.9:1").Code)
	assert.Equal(t, 200, w.knock("anna@example.com", next, "203.0.113.9:1").Code)
	w.call("anna's live key", "PATCH", "/v1/sessions/anna-bot", `{"name":"Shop"}`)
	require.True(t, byKey.Scan())
	require.True(t, byKey.Scan())
	assert.Equal(t, "event: session", byKey.Text(), "streams of keys go on")
}

func TestRefusedPasswordChanges(t *testing.T) {
	w := newWorld(t)
	change := func(who, current, next string) *httptest.ResponseRecorder {
		return w.call(who, "POST", "/v1/auth/password", `{"current_password":"`+current+`","new_password":"`+next+`"}`)
	}
	assert.Equal(t, missingParam, codeOf(t, change("anna", password, "short")))
	assert.Equal(t, invalidKey, codeOf(t, change("nobody", password, "battery staple")))
	assert.Equal(t, forbidden, codeOf(t, change("anna's live key", password, "battery staple")), "a key is no login")
	assert.Equal(t, forbidden, codeOf(t, change("another site in anna's browser", password, "battery staple")))
	for range 10 {
		got := change("anna", "wrong", "battery staple")
		assert.Equal(t, forbidden, codeOf(t, got))
		assert.Contains(t, got.Body.String(), "The current password is wrong.")
	}
	assert.Equal(t, rateLimit, codeOf(t, change("anna", password, "battery staple")), "like a login")
	assert.Equal(t, rateLimit, codeOf(t, w.knock("anna@example.com", password, "203.0.113.9:1")), "which it counts with")
	w.wait(15 * time.Minute)
	assert.Equal(t, 200, change("anna", password, "battery staple").Code)
	assert.Equal(t, invalidKey, codeOf(t, change("anna", password, "battery staple")), "her login ended, too")
}
