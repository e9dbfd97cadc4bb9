//go:build !race

package main

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/server/api"
)

// routes returns the API's routes, by its document.
func (s *service) routes() (all []string) {
	s.Helper()
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	_, text := s.raw("GET", "/openapi.json", "")
	require.NoError(s, json.Unmarshal([]byte(text), &document))
	for path, methods := range document.Paths {
		for method := range methods {
			if strings.HasPrefix(path, "/v1/") {
				all = append(all, strings.ToUpper(method)+" "+path)
			}
		}
	}
	slices.Sort(all)
	return all
}

var counted = regexp.MustCompile(`(?m)^pingr_http_requests_total\{route="([^"]+)",status="(\d+)"\} (\d+)$`)

// requests returns how often each route was called.
func (s *service) requests() map[string]string {
	s.Helper()
	_, text := s.raw("GET", "/metrics", "")
	counts := map[string]string{}
	for _, found := range counted.FindAllStringSubmatch(text, -1) {
		counts[found[1]] += found[2] + ":" + found[3] + " "
	}
	return counts
}

// Everything that the API does can be done from a shell: no route is without a command.
func TestEveryRouteHasACommand(t *testing.T) {
	h := newInProcess(t, "growth", time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	routes, before := h.routes(), h.requests()
	require.Greater(t, len(routes), 30)
	s := h.shell()
	run := func(who *shell, stdin string, args ...string) string {
		t.Helper()
		r := call{args: args, env: who.env, stdin: stdin}.run(t)
		require.Equal(t, exitDone, r.code, "%v: %s", args, r.err)
		return strings.TrimSpace(r.out)
	}
	anna := &shell{t, append([]string{"PINGR_TOKEN=" + run(s, "correct horse\n", "login", "--email", "anna@example.com")},
		s.env...)}

	s.does("session", "add", "--name", "Office", "--id", "office")
	office, err := h.place.server.AddPhone(officePhone)
	require.NoError(t, err)
	linking := call{
		args: []string{"session", "link", "office", "--json", "--phone", officePhone.Number}, env: s.env,
	}.start(t)
	_, err = office.EnterCode(t.Context(), linking.until(t, func(l linkLine) bool { return l.Code != "" }).Code)
	require.NoError(t, err)
	code, _ := linking.wait(t)
	require.Equal(t, exitDone, code)
	s.does("session", "list")
	s.does("session", "show", "office")
	s.does("session", "rename", "office", "Reception")
	s.does("session", "reconnect", "office")
	s.does("session", "rm", "--yes", "office")

	order := run(s, "", "trigger", "add", "--phrase", "order", "--reply", "Which one?")
	s.does("trigger", "list")
	assert.Contains(t, s.does("trigger", "show", order), "Which one?")
	s.does("trigger", "set", order, "--reply", "Soon.")
	assert.Equal(t, []string{"order", order, "yes"}, rows(s.does("match", "Order", "4711"))[0])
	assert.Contains(t, s.fails(exitFailed, "match", "nothing"), `No trigger fires on "nothing"`)
	s.does("trigger", "rm", order)

	assert.Contains(t, s.does("settings", "show"), "cooldown_seconds=60\n")
	assert.Contains(t, s.does("settings", "set", "cooldown_seconds=0", "time_zone=Europe/Berlin"), "cooldown_seconds=0\n")
	assert.Contains(t, s.fails(exitFailed, "settings", "set", "cooldown=1"), "cooldown")
	assert.Contains(t, s.fails(exitUsage, "settings", "set", "cooldown"), "NAME=VALUE")

	var told, said talk
	events := call{args: []string{"events", "--json"}, env: s.env}.command(t.Context(), t)
	events.Stdout, events.Stderr = &told, &said
	require.NoError(t, events.Start())
	require.Eventually(t, func() bool {
		_, text := h.raw("GET", "/metrics", "")
		return strings.Contains(text, "\npingr_event_streams 1\n")
	}, 20*time.Second, 20*time.Millisecond)
	sent := run(s, "", "send", "--to", "+"+ashaNumber, "--once", "order-4711", "Your order", "is ready.")
	assert.Equal(t, sent, run(s, "", "send", "--to", "+"+ashaNumber, "--once", "order-4711", "Your order", "is ready."))
	assert.Equal(t, "Your order is ready.", next(t, h.asha))
	assert.Contains(t, s.fails(exitUsage, "send", "--to", "12", "x"), "--to")
	run(s, "", "resolve", "+"+ashaNumber)

	s.does("webhook", "set", h.backend.URL)
	s.does("webhook", "show")
	assert.Contains(t, anna.does("webhook", "test"), "delivered: 200 OK")
	secret := run(anna, "", "webhook", "secret")
	assert.Regexp(t, `^whsec_`, secret)
	assert.Contains(t, s.fails(exitUsage, "webhook", "secret"), "needs a login")
	rotated := run(anna, "", "webhook", "rotate", "--overlap", "1h")
	assert.Equal(t, rotated+"\n"+secret, run(anna, "", "webhook", "secret"), "the new one and the one that still signs")

	h.backend.setSecrets("whsec_another")
	h.texts("login")
	next(t, h.asha)
	var failed api.Delivery
	require.Eventually(t, func() bool {
		line, _, _ := strings.Cut(s.does("deliveries", "--status", "failed", "--json"), "\n")
		return json.Unmarshal([]byte(line), &failed) == nil && failed.Redeliverable
	}, 20*time.Second, 50*time.Millisecond)
	h.backend.setSecrets(secret)
	assert.Equal(t, failed.EventID+"\n", s.does("deliveries", "redeliver", failed.ID))
	s.does("usage")
	assert.Contains(t, s.does("stats", "--range", "24h"), "total")
	assert.Contains(t, told.String(), `{"event":"firing","data":{`)

	key := run(anna, "", "key", "create", "--mode", "test", "--name", "CI")
	assert.Regexp(t, `^pk_test_`, key)
	id := ""
	for line := range strings.Lines(run(anna, "", "key", "list", "--json")) {
		var listed api.Key
		require.NoError(t, json.Unmarshal([]byte(line), &listed))
		if listed.Name == "CI" {
			id = listed.ID
		}
	}
	anna.does("key", "revoke", id)
	assert.Contains(t, s.fails(exitUsage, "key", "list"), "give --account EMAIL")

	assert.Contains(t, anna.does("whoami"), "anna@example.com")
	anna.env[0] = "PINGR_TOKEN=" + run(anna, "correct horse\ncorrect staple\n", "password")
	assert.Contains(t, call{args: []string{"signup", "--email", "ben@example.com"}, env: s.env, stdin: "correct horse\n"}.
		run(t).err, "Sign")
	call{
		args: []string{"signup", "--email", "ben@example.com", "--setup", "X"}, env: s.env, stdin: "correct horse\n",
	}.run(t)
	anna.does("logout")

	require.NoError(t, events.Process.Signal(syscall.SIGINT))
	require.NoError(t, events.Wait(), "stopping it is no error: %s", &said)
	after := h.requests()
	for _, route := range routes {
		if route == "PUT /v1/triggers/{id}" { // another name of PATCH
			continue
		}
		if route == "GET /v1/events" { // counted when it ends
			require.Eventually(t, func() bool { return h.requests()[route] != "" }, 20*time.Second, 50*time.Millisecond)
			continue
		}
		assert.NotEqual(t, before[route], after[route], "no command calls "+route)
	}
}
