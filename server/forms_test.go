package server

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/session/sim"
)

// form posts a form of the dashboard as Anna's browser does.
func (w *world) form(path string, fields url.Values) *httptest.ResponseRecorder {
	w.Helper()
	return w.call("anna's browser", "POST", path, fields.Encode(), "Content-Type", "application/x-www-form-urlencoded",
		"HX-Request", "true")
}

// Every form of the dashboard, and its effect as the API shows it.
func TestWhatAFormSaysIsWhatIsKept(t *testing.T) {
	w := newWorld(t)
	anna := w.furnish("anna")
	settings := url.Values{
		"cooldown_seconds": {"11"}, "max_message_age_seconds": {"22"}, "disconnect_grace_seconds": {"33"},
		"group_reply": {"off"},
		"overage":     {"allow"}, "time_zone": {" Asia/Kolkata "}, "no_phone_reply": {"From a number, please."},
		"hidden_numbers": {"ask"}, "number_question": {"Which number?"},
	}
	but := func(name, value string) url.Values {
		form := url.Values{}
		for n, values := range settings {
			form[n] = values
		}
		form.Set(name, value)
		return form
	}
	kept := `{"cooldown_seconds":11,"no_phone_reply":"From a number, please.",` +
		`"hidden_numbers":"ask","number_question":"Which number?","group_reply":"off","max_message_age_seconds":22,` +
		`"disconnect_grace_seconds":33,"overage":"allow","time_zone":"Asia/Kolkata"}`
	for _, tt := range []struct {
		name, path string
		fields     url.Values
		shows      string // the answer; empty is anything
		api        string
		has, not   string
	}{
		{"settings", "/settings", settings, "", "/v1/settings", kept, ""},
		{"no whole number", "/settings", but("cooldown_seconds", "1.5"), "", "/v1/settings", kept, ""},
		{"nor this", "/settings", but("max_message_age_seconds", "x"), "", "/v1/settings", kept, ""},
		{"nor that", "/settings", but("disconnect_grace_seconds", ""), "", "/v1/settings", kept, ""},
		{"no question", "/settings", but("number_question", " "), "", "/v1/settings", `"number_question":null`, ""},
		{"no text", "/settings", but("no_phone_reply", " "), "", "/v1/settings", `"no_phone_reply":null`, ""},

		{
			"a name", "/sessions/anna-bot/name",
			url.Values{"name": {"Stall"}},
			"", "/v1/sessions", `"name":"Stall"`,
			"anna's bot",
		},
		{"another session", "/sessions", url.Values{"name": {"Shop"}}, "", "/v1/sessions", `"name":"Shop"`, ""},

		{
			"a trigger", "/auto-reply",
			url.Values{"session": {"anna-bot"}, "phrase": {"Help"}, "reply": {"a\r\nb"}, "active": {"on"}},
			"",
			"/v1/triggers", `"session_id":"anna-bot","trigger_phrase":"help","reply_message":"a\nb","is_active":true`, "",
		},
		{
			"a changed one", "/auto-reply/" + anna.trigger,
			url.Values{"phrase": {"log in"}, "reply": {"y"}, "active": {"on"}},
			"",
			"/v1/triggers/" + anna.trigger, `"trigger_phrase":"log in","reply_message":"y","is_active":true`, "",
		},
		{
			"one that is off", "/auto-reply/" + anna.trigger,
			url.Values{"phrase": {"login"}, "reply": {"x"}},
			"",
			"/v1/triggers/" + anna.trigger, `"trigger_phrase":"login","reply_message":"x","is_active":false`, "",
		},
		{
			"switched on", "/auto-reply/" + anna.trigger + "/active",
			url.Values{"active": {"on"}},
			"",
			"/v1/triggers/" + anna.trigger, `"is_active":true`, "",
		},
		{
			"what a text fires", "/auto-reply/match",
			url.Values{"session": {"anna-bot"}, "text": {"login X4K9MQ"}},
			"login",
			"", "", "",
		},
		{
			"switched off", "/auto-reply/" + anna.trigger + "/active",
			url.Values{},
			"", "/v1/triggers/" + anna.trigger,
			`"is_active":false`, "",
		},
		{
			"deleted", "/auto-reply/" + anna.trigger + "/delete", nil, "", "/v1/triggers", `"trigger_phrase":"help"`,
			anna.trigger,
		},

		{
			"an endpoint", "/webhooks",
			url.Values{"url": {" " + w.hook.URL + "/new "}, "events": {"message.received", "nonsense"}},
			"",
			"/v1/webhooks", `"url":"` + w.hook.URL + `/new","events":["message.received"]`, "",
		},
		{
			"without an event", "/webhooks",
			url.Values{"url": {w.hook.URL}},
			"", "/v1/webhooks",
			`/new","events":["message.received"]`, "",
		},
		{
			"a secret, in an hour", "/webhooks/rotate",
			url.Values{"overlap": {"3600"}},
			"", "/v1/webhooks",
			`"old_secret_expires_at":"2026-11-23T11:00:00.000Z"`, "",
		},
		{
			"a leaked one", "/webhooks/rotate",
			url.Values{"overlap": {"0"}},
			"", "/v1/webhooks", `"secret":"whsec_`,
			"old_secret",
		},
		{
			"of no known overlap", "/webhooks/rotate",
			url.Values{"overlap": {"soon"}},
			"", "/v1/webhooks",
			`"old_secret_expires_at":"2026-11-24T10:00:00.000Z"`, "",
		},

		{
			"a key", "/keys",
			url.Values{"name": {"CI"}, "mode": {"test"}},
			"pk_test_", "/v1/keys",
			`"name":"CI","mode":"test"`, "",
		},
		{
			"a revoked one", "/keys/" + anna.key + "/revoke", nil, "", "/v1/keys", `"revoked_at":"2026-11-23T10:00:00.000Z"`,
			"",
		},

		{
			"a code to type", "/sessions/anna-bot/link/pair",
			url.Values{"phone": {"+1 555-010-0001"}},
			"", "/v1/sessions",
			`"id":"anna-bot"`, "",
		},
		{"unlinked", "/sessions/anna-bot/unlink", nil, "", "/v1/sessions", `"name":"Shop"`, "anna-bot"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := w.form(tt.path, tt.fields)
			assert.Less(t, got.Code, 300, got.Body)
			assert.Contains(t, got.Body.String(), tt.shows)
			if tt.api == "" {
				return
			}
			known := w.call("anna", "GET", tt.api, "").Body.String()
			assert.Contains(t, known, tt.has)
			if tt.not != "" {
				assert.NotContains(t, known, tt.not)
			}
		})
	}
}

// A trial sends nothing. It shows what the endpoint would answer, or the trigger if there is no
// endpoint.
func TestTryingItSendsNothing(t *testing.T) {
	w := newWorld(t)
	w.furnish("anna")
	phone := w.sessions.find("anna-bot").NewPhone(sim.PhoneConfig{Number: "919876543210"})
	try := func(text string) string {
		return w.form("/overview/try", url.Values{
			"session": {"anna-bot"}, "phone": {"+91 98765 43210"}, "text": {text},
		}).Body.String()
	}
	w.hook.answer(200, "dynamic answer")
	assert.Contains(t, try("login"), "dynamic answer")
	require.Equal(t, 200, w.call("anna", "PUT", "/v1/webhooks", `{"url":""}`).Code)
	require.Equal(t, 201, w.call("anna", "POST", "/v1/triggers",
		`{"session_id":"anna-bot","trigger_phrase":"help","reply_message":"static for {{phone}}"}`).Code)
	assert.Contains(t, try("help me"), "static for 919876543210")
	assert.NotContains(t, try("nothing"), "static for")
	assert.Empty(t, phone.Received())
}

// The pages pass the client's address to the API. A guesser at the login form is distinguished from
// others by each of the headers in which a proxy names its clients.
func TestTheLoginFormCountsItsClients(t *testing.T) {
	for _, tt := range []struct{ name, peer, header, guesser, other string }{
		{"directly", "203.0.113.9:1", "X-Nothing", "", ""},
		{"by X-Forwarded-For", "127.0.0.1:1", "X-Forwarded-For", "203.0.113.9", "198.51.100.7"},
		{"by Forwarded", "127.0.0.1:1", "Forwarded", "for=203.0.113.9", "for=198.51.100.7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			enter := func(peer, client string) int {
				r := httptest.NewRequestWithContext(t.Context(), "POST", "http://api.example.com/login",
					strings.NewReader(url.Values{"email": {"anna@example.com"}, "password": {password}}.Encode()))
				r.RemoteAddr = peer
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				r.Header.Set(tt.header, client)
				got := httptest.NewRecorder()
				w.server.ServeHTTP(got, r)
				return got.Code
			}
			assert.Equal(t, 10, w.guess(12, func(int) string { return "203.0.113.9:1" }))
			assert.Equal(t, 429, enter(tt.peer, tt.guesser))
			other := tt.peer
			if tt.other == "" {
				other = "198.51.100.7:1"
			}
			assert.Equal(t, 303, enter(other, tt.other))
			w.wait(time.Hour)
			assert.Equal(t, 303, enter(tt.peer, tt.guesser))
		})
	}
}
