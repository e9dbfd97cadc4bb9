//go:build !race

package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/server/api"
	"github.com/heypingr/pingr/whatsapptest"
)

// A shell is a person at a terminal who uses a server.
type shell struct {
	*testing.T
	env []string
}

func (h *inProcess) shell() *shell {
	return &shell{h.T, []string{"PINGR_SERVER=" + h.url, "PINGR_API_KEY=" + h.key}}
}

// does runs a command that succeeds, and returns what it printed.
func (s *shell) does(args ...string) string {
	s.Helper()
	r := call{args: args, env: s.env}.run(s.T)
	require.Equal(s, exitDone, r.code, "%v: %s", args, r.err)
	return r.out
}

// fails runs a command that must fail, and returns its output.
func (s *shell) fails(code int, args ...string) string {
	s.Helper()
	r := call{args: args, env: s.env}.run(s.T)
	require.Equal(s, code, r.code, "%v: %s%s", args, r.out, r.err)
	return r.err
}

// rows are the cells of a table's lines, without its heading.
func rows(out string) (all [][]string) {
	for _, line := range strings.Split(strings.TrimSpace(out), "\n")[1:] {
		all = append(all, strings.Fields(line))
	}
	return all
}

var officePhone = whatsapptest.PhoneConfig{Number: "15550100002", Name: "Office"}

// Everything that a shop does with the API, from a shell.
func TestShell(t *testing.T) {
	h := newInProcess(t, "growth", time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	s := h.shell()

	t.Run("sessions", func(t *testing.T) {
		assert.Equal(t, []string{"shop", "Shop", "+" + shopNumber, "connected"}, rows(s.does("session", "list"))[0][:4])
		assert.Equal(t, "office\n", s.does("session", "add", "--name", "The office", "--id", "office"))
		assert.Contains(t, s.fails(exitFailed, "session", "add", "--name", "Again", "--id", "office"), "id is taken")
		assert.Equal(t, []string{"office", "Reception"}, rows(s.does("session", "rename", "office", "Reception"))[0][:2])
		assert.Contains(t, s.fails(exitUsage, "session", "rm", "office"), "give --yes", "a script must say so")
		assert.Equal(t, []string{"office", "Reception"}, rows(s.does("session", "show", "office"))[0][:2])
		s.does("session", "rm", "--yes", "office")
		assert.Contains(t, s.fails(exitFailed, "session", "rm", "--yes", "office"), "no such session")
		assert.Contains(t, s.fails(exitFailed, "session", "reconnect", "office"), "no such session")
		var one api.Session
		require.NoError(t, json.Unmarshal([]byte(s.does("session", "list", "--json")), &one))
		assert.Equal(t, pingr.SessionConnected, one.Status)
		assert.Equal(t, "shop", one.ID)
	})

	t.Run("triggers", func(t *testing.T) {
		id := strings.TrimSpace(s.does("trigger", "add", "--phrase", "order", "--reply", "Which one?"))
		s.does("trigger", "set", id, "--active=false", "--reply", "Soon.")
		listed := rows(s.does("trigger", "list", "--session", "shop"))
		require.Len(t, listed, 2)
		line := listed[0]
		if line[0] != id {
			line = listed[1]
		}
		assert.Equal(t, []string{id, "shop", "order", "no"}, line[:4])
		assert.Equal(t, "Soon.", line[len(line)-1])
		assert.Contains(t, s.fails(exitUsage, "trigger", "set", id), "--phrase, --reply or --active")
		assert.Contains(t, s.fails(exitFailed, "trigger", "add", "--phrase", "third", "--reply", "x"), "plan allows no more")
		s.does("trigger", "rm", id)
		assert.Contains(t, s.fails(exitFailed, "trigger", "add", "--phrase", "login", "--reply", "x"), "already")
		assert.Len(t, rows(s.does("trigger", "list")), 1)
	})

	t.Run("webhook", func(t *testing.T) {
		assert.Contains(t, s.does("webhook", "show"), h.backend.URL)
		assert.NotContains(t, s.does("webhook", "set", h.backend.URL), "whsec_")
		assert.Contains(t, s.fails(exitFailed, "webhook", "set", "ftp://shop.example"), "http")
	})

	t.Run("numbers", func(t *testing.T) {
		h.place.server.NewPhone(whatsapptest.PhoneConfig{Number: "553187654321"})
		assert.Equal(t, [][]string{{"+553187654321", "yes"}}, rows(s.does("resolve", "+55", "(31)", "98765-4321")))
		var who api.Resolved
		require.NoError(t, json.Unmarshal([]byte(s.does("resolve", "--session", "shop", "--json", "553187654321")), &who))
		assert.Equal(t, api.Resolved{OnWhatsApp: true, Phone: "553187654321"}, who)
		none := call{args: []string{"resolve", "15550109999"}, env: s.env}.run(t)
		assert.Equal(t, exitFailed, none.code)
		assert.Equal(t, [][]string{{"+15550109999", "no"}}, rows(none.out))
		assert.Contains(t, s.fails(exitUsage, "resolve", "12"), "7 to 15 digits")
	})

	t.Run("simulation", func(t *testing.T) {
		assert.Contains(t, s.fails(exitUsage, "simulate", "--phone", "+919876543210", "login"), "pingr login --email")
		in := call{args: []string{"login", "--email", "anna@example.com"}, env: s.env, stdin: "correct horse\n"}.run(t)
		require.Equal(t, exitDone, in.code, in.err)
		anna := &shell{t, append([]string{"PINGR_TOKEN=" + strings.TrimSpace(in.out)}, s.env...)}
		said := anna.does("simulate", "--phone", "+91 98765 43210", "login", "X4K9MQ")
		assert.Contains(t, said, "delivered: 200 OK in ")
		assert.Contains(t, said, "reply: https://shop.example/login/evt_")
		told, _ := h.backend.heard()
		require.Len(t, told, 1)
		assert.True(t, told[0].Simulated)
		assert.Equal(t, "login X4K9MQ", told[0].Message.Text)
		assert.Empty(t, h.place.server.Ledger().Replies(), "nobody is written to")
		assert.Contains(t, anna.fails(exitUsage, "simulate", "--phone", "12", "login"), "--phone")

		h.backend.setSecrets("whsec_another")
		refused := call{args: []string{"simulate", "--phone", "+919876543210", "login"}, env: anna.env}.run(t)
		assert.Equal(t, exitFailed, refused.code)
		assert.Contains(t, refused.out, "failed: 400 Bad Request")
		h.backend.setSecrets(h.login("GET", "/v1/webhooks", "")["secret"].(string))

		anna.does("logout")
		assert.Contains(t, anna.fails(exitFailed, "session", "list"), "the login has ended")
		wrong := call{args: []string{"login", "--email", "anna@example.com"}, env: s.env, stdin: "wrong\n"}.run(t)
		assert.Equal(t, exitFailed, wrong.code)
		assert.NotContains(t, wrong.err, "wrong horse")
	})

	t.Run("deliveries and usage", func(t *testing.T) {
		h.texts("login")
		event := h.backend.last(t, 2).ID
		next(t, h.asha)
		require.Eventually(t, func() bool { return strings.Contains(s.does("deliveries", "--status", "delivered"), event) },
			10*time.Second, 50*time.Millisecond)
		assert.Len(t, rows(s.does("deliveries", "--status", "simulated")), 2)
		first := call{args: []string{"deliveries", "--limit", "1"}, env: s.env}.run(t)
		assert.Contains(t, first.out, event, "the newest")
		_, before, _ := strings.Cut(first.err, "--before ")
		rest := s.does("deliveries", "--limit", "0", "--json", "--before", strings.TrimSpace(before))
		assert.Len(t, strings.Split(strings.TrimSpace(rest), "\n"), 2, "the others")
		assert.Equal(t, []string{"1", "70000", "69999", "0", "$0.00"}, rows(s.does("usage"))[0][2:])
	})
}

// A number is linked over the API: somebody scans what the terminal shows, or types the code that it
// prints.
func TestShellLinks(t *testing.T) {
	h := newInProcess(t, "growth", time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	s := h.shell()
	office, err := h.place.server.AddPhone(officePhone)
	require.NoError(t, err)
	s.does("session", "add", "--name", "Office", "--id", "office")

	byCode := call{args: []string{
		"session", "link", "office", "--json", "--phone", officePhone.Number,
	}, env: s.env}.start(t)
	shown := byCode.until(t, func(l linkLine) bool { return l.Code != "" })
	_, err = office.EnterCode(t.Context(), shown.Code)
	require.NoError(t, err)
	code, last := byCode.wait(t)
	assert.Equal(t, exitDone, code)
	assert.Equal(t, "+"+officePhone.Number, last.Number)
	s.does("session", "rm", "--yes", "office")

	s.does("session", "add", "--name", "Office", "--id", "office")
	byQR := call{args: []string{"session", "link", "office", "--json"}, env: s.env}.start(t)
	_, err = office.Scan(t.Context(), byQR.until(t, hasQR).QR)
	require.NoError(t, err)
	code, last = byQR.wait(t)
	assert.Equal(t, exitDone, code)
	assert.Equal(t, pingr.SessionConnected, last.State)
	assert.Contains(t, call{args: []string{"session", "link", "office"}, env: s.env}.run(t).err, "already linked")
}
