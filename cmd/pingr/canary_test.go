//go:build !race

package main

import (
	"bytes"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/whatsapptest"
)

// A story with unmistakable values is logged at debug level, and then the test searches for them.
// Phones, texts, keys, secrets and passwords are in no log line, metric or error answer. No file ever
// contains keys or passwords, nor a text that has done its work. Phones and the webhook secret are in
// the files, because whatsmeow knows people by number and the secret signs.
func TestCanary(t *testing.T) {
	const (
		phone    = "919812349876"
		text     = "login QUIET7CANARY"
		reply    = "https://shop.example/CANARYREPLY"
		message  = "CANARYSEND your order left"
		password = "canary-password-4711"
	)
	p := newPlace(t)
	asha, err := p.server.AddPhone(whatsapptest.PhoneConfig{Number: phone, Name: "Asha"})
	require.NoError(t, err)
	var works atomic.Bool // until then the first event waits for another attempt, with its text
	var taken atomic.Int32
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !works.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, "CANARYERROR of the backend")
			return
		}
		taken.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"reply":"`+reply+`"}`)
	}))
	defer hook.Close()

	s := p.serve(t)
	pingr := func(stdin string, args ...string) string {
		r := call{args: append(args, "--data", p.data), stdin: stdin}.run(t)
		require.Equal(t, exitDone, r.code, r.err)
		return strings.TrimSpace(r.out)
	}
	pingr(password+"\n", "account", "create", "--email", "anna@example.com")
	s.key = pingr("", "key", "create", "--account", "anna@example.com", "--mode", "live")
	var wrong strings.Builder // every answer that is an error
	ask := func(want int, method, path, body string, header ...string) {
		t.Helper()
		status, raw := s.raw(method, path, body, header...)
		assert.Equal(t, want, status, raw)
		if status >= http.StatusBadRequest {
			wrong.WriteString(raw)
		}
	}
	ask(http.StatusCreated, "POST", "/v1/sessions", `{"id":"shop","name":"Shop"}`)
	s.link(p, "shop")
	ask(http.StatusCreated, "POST", "/v1/triggers",
		`{"session_id":"shop","trigger_phrase":"login","reply_message":"One moment."}`)
	ask(http.StatusOK, "PUT", "/v1/webhooks", `{"url":"`+hook.URL+`"}`)
	ask(http.StatusOK, "PATCH", "/v1/settings", `{"cooldown_seconds":0}`)

	_, err = asha.Send(t.Context(), shopNumber, text)
	require.NoError(t, err)
	assert.Equal(t, "One moment.", next(t, asha))
	require.NotEmpty(t, filesWith(t, p.data, text), "the search finds a text that still has work to do")
	works.Store(true)
	_, err = asha.Send(t.Context(), shopNumber, text)
	require.NoError(t, err)
	assert.Equal(t, reply, next(t, asha))
	ask(http.StatusOK, "POST", "/v1/send", `{"to":"`+phone+`","message":"`+message+`"}`, "Idempotency-Key",
		"CANARYIDEMPOTENT")
	assert.Equal(t, message, next(t, asha))
	require.Eventually(t, func() bool { return taken.Load() >= 2 }, 20*time.Second, 50*time.Millisecond,
		"the first event is told again")

	ask(http.StatusUnauthorized, "GET", "/v1/triggers", "", "X-API-Key", "pk_live_CANARYKEYCANARYKEYCANARYKEYCA")
	ask(http.StatusUnauthorized, "GET", "/v1/keys", "", "X-API-Key", "", "Authorization", "Bearer CANARYTOKEN")
	ask(http.StatusUnauthorized, "POST", "/v1/auth/login", `{"email":"anna@example.com","password":"`+password+`x"}`)
	ask(http.StatusUnprocessableEntity, "POST", "/v1/send", `{"to":"`+phone+`","message":["`+message+`"]}`)
	ask(http.StatusUnprocessableEntity, "POST", "/v1/send", `{"to":"`+phone+phone+`","message":"`+message+`"}`)
	ask(http.StatusUnprocessableEntity, "POST", "/v1/send", `{"to":"`+phone+`","message":"`+message+``)
	ask(http.StatusUnprocessableEntity, "POST", "/v1/triggers",
		`{"session_id":"shop","trigger_phrase":"`+strings.Repeat("CANARYPHRASE", 20)+`","reply_message":"x"}`)
	ask(http.StatusUnprocessableEntity, "PUT", "/v1/webhooks", `{"url":"http://canary:CANARYUSER@10.0.0.1/"}`)
	ask(http.StatusNotFound, "POST", "/v1/send", `{"to":"`+phone+`","message":"`+message+`","session_id":"other"}`)
	ask(http.StatusNotFound, "GET", "/v1/triggers/CANARYID", "")

	_, metrics := s.raw(http.MethodGet, "/metrics", "")
	require.Contains(t, metrics, "pingr_")

	// What was sent and received is erased from the files while the server runs.
	texts := []string{text, "QUIET7CANARY", reply, "CANARYREPLY", message, "CANARYSEND"}
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		for _, canary := range texts {
			assert.Empty(c, filesWith(t, p.data, canary), canary)
		}
	}, 30*time.Second, 500*time.Millisecond)
	for _, canary := range []string{s.key, password, "CANARYKEY", "CANARYTOKEN"} {
		assert.Empty(t, filesWith(t, p.data, canary), canary)
	}
	assert.Equal(t, []string{"deliveries.db"}, filesWith(t, p.data, "CANARYERROR"), "the log of deliveries says it")

	_, talk := s.stop()
	require.Contains(t, talk, "level=INFO msg=firing", "the log speaks of what was done")
	never := append(slices.Clone(texts), s.key, password, phone, "whsec_", "CANARY", "canary")
	for place, said := range map[string]string{"log": talk, "metrics": metrics, "errors": wrong.String()} {
		for _, canary := range never {
			assert.NotContains(t, said, canary, place)
		}
	}
}

// filesWith are the files below a directory that hold the bytes.
func filesWith(t *testing.T, dir, canary string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(name)
		if bytes.Contains(content, []byte(canary)) {
			names = append(names, filepath.Base(name))
		}
		return err
	})
	require.NoError(t, err)
	return names
}
