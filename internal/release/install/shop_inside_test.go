//go:build linux

package install

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	in       = "/mnt/in/" // what the story was given
	control  = "http://127.0.0.1:8444"
	server   = "http://127.0.0.1:8080"
	shopNum  = "15550100001"
	ashaNum  = "919876543210"
	password = "correct horse battery"
)

// inside skips a story on the machine that builds.
func inside(t *testing.T) {
	t.Helper()
	if os.Getenv("PINGR_INSIDE") == "" {
		t.Skip("TestInstalled runs it on a machine that is thrown away")
	}
}

// A shop is a loopback WhatsApp with the phones of a shop and of Asha, and the
// shop's backend, which answers with a link.
type shop struct {
	*testing.T
	backend string
	key     string // of the API
	// settings are what pingr needs to find this WhatsApp.
	settings string
	ca       string
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{T: t, ca: filepath.Join(t.TempDir(), "ca.pem")}
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := exec.CommandContext(context.Background(), "sh", "-c",
				"systemctl --no-pager --full status pingr; systemctl --no-pager list-jobs; journalctl --no-pager --lines=80").CombinedOutput()
			t.Log(string(out))
		}
	})
	whatsapp := exec.CommandContext(t.Context(), in+"whatsapptest", "--ca", s.ca,
		"--phone", shopNum+"=Shop", "--phone", ashaNum+"=Asha")
	whatsapp.Stderr = os.Stderr
	require.NoError(t, whatsapp.Start())
	t.Cleanup(func() {
		_ = whatsapp.Process.Kill()
		_ = whatsapp.Wait()
	})
	s.eventually("the loopback WhatsApp answers", func() bool {
		status, _ := s.try("GET", control+"/phones", "", "")
		return status == http.StatusOK
	})
	at := s.ask("GET", control+"/server", "", http.StatusOK)
	s.settings = "PINGR_WHATSAPP_URL=" + at["url"].(string) + "\nPINGR_WHATSAPP_CA=/etc/pingr-test-ca.pem\n" +
		"PINGR_WHATSAPP_CERT_KEY=" + at["cert_key"].(string) + "\n"
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"reply":"https://shop.example/login/1"}`)
	}))
	t.Cleanup(backend.Close)
	s.backend = backend.URL
	return s
}

// open makes an account by the given pingr command, links the shop's number and
// sets everything that a login needs.
func (s *shop) open(pingr ...string) {
	s.Helper()
	s.ready()
	s.run(password+"\n", append(pingr, "account", "create", "--email", "anna@example.com")...)
	s.key = s.run("", append(pingr, "key", "create", "--account", "anna@example.com", "--mode", "live")...)
	s.ask("POST", server+"/v1/sessions", `{"id":"shop","name":"Shop"}`, http.StatusCreated)
	var code string
	s.eventually("a QR code", func() bool {
		_, qr := s.try("GET", server+"/v1/sessions/shop/qr", "", s.key)
		code, _ = qr["qr"].(string)
		return code != ""
	})
	body, err := json.Marshal(map[string]string{"qr": code})
	require.NoError(s, err)
	s.ask("POST", control+"/phones/"+shopNum+"/scan", string(body), http.StatusOK)
	s.connected()
	s.ask("POST", server+"/v1/triggers", `{"session_id":"shop","trigger_phrase":"login","reply_message":"One moment."}`,
		http.StatusCreated)
	s.ask("PUT", server+"/v1/webhooks", `{"url":"`+s.backend+`"}`, http.StatusOK)
	s.ask("PATCH", server+"/v1/settings", `{"cooldown_seconds":0}`, http.StatusOK)
}

// logsIn lets Asha ask for a link, and expects it.
func (s *shop) logsIn() {
	s.Helper()
	s.ready()
	s.connected()
	s.ask("POST", control+"/phones/"+ashaNum+"/messages", `{"to":"`+shopNum+`","text":"login"}`, http.StatusCreated)
	got := s.ask("POST", control+"/phones/"+ashaNum+"/messages/next", `{"timeout_seconds":60}`, http.StatusOK)
	assert.Equal(s, "https://shop.example/login/1", got["text"])
}

func (s *shop) ready() {
	s.Helper()
	s.eventually("the server is ready", func() bool {
		status, _ := s.try("GET", server+"/readyz", "", "")
		return status == http.StatusOK
	})
}

func (s *shop) connected() {
	s.Helper()
	s.eventually("the number is connected", func() bool {
		_, session := s.try("GET", server+"/v1/sessions/shop", "", s.key)
		return session["status"] == "connected"
	})
}

func (s *shop) eventually(what string, holds func() bool) {
	s.Helper()
	require.Eventually(s, holds, time.Minute, 100*time.Millisecond, what)
}

// ask makes a request, and requires the status.
func (s *shop) ask(method, url, body string, want int) map[string]any {
	s.Helper()
	status, answer := s.try(method, url, body, s.key)
	require.Equal(s, want, status, "%s %s: %v", method, url, answer)
	return answer
}

// try makes a request; 0 is no answer.
func (s *shop) try(method, url, body, key string) (int, map[string]any) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), method, url, bytes.NewBufferString(body))
	require.NoError(s, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	if key != "" && strings.HasPrefix(url, server) {
		r.Header.Set("X-API-Key", key)
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil
	}
	defer got.Body.Close()
	var answer map[string]any
	_ = json.NewDecoder(got.Body).Decode(&answer)
	return got.StatusCode, answer
}

// run runs a command that must succeed, and returns what it printed.
func (s *shop) run(stdin string, command ...string) string {
	s.Helper()
	return run(s.T, stdin, command...)
}

func run(t *testing.T, stdin string, command ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...) //nolint:gosec // the stories' own
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "%v\n%s%s", command, stdout.String(), stderr.String())
	return strings.TrimSpace(stdout.String())
}

// release finds a file of the release.
func release(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(in + "dist/" + pattern)
	require.NoError(t, err)
	require.Len(t, found, 1, pattern)
	return found[0]
}
