//go:build !race

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/whatsapptest"
)

// A service is pingr serve while it runs.
type service struct {
	*testing.T
	url  string
	key  string
	talk *talk // on stderr
	stop func() (code int, talk string)
	kill func()
	pid  int // of the program
}

// talk is the program's output so far.
type talk struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (k *talk) Write(b []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.text.Write(b)
}

func (k *talk) String() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.text.String()
}

// waitFor waits for output that matches, and returns the part in brackets.
func (s *service) waitFor(pattern string) (part string) {
	s.Helper()
	require.Eventually(s, func() bool {
		if found := regexp.MustCompile(pattern).FindStringSubmatch(s.talk.String()); found != nil {
			part = found[1]
		}
		return part != ""
	}, 20*time.Second, 10*time.Millisecond)
	return part
}

// again serves once more with the same key.
func (p *place) again(s *service) *service {
	s.Helper()
	next := p.serve(s.T)
	next.key = s.key
	return next
}

func (p *place) serve(t *testing.T) *service {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	t.Cleanup(cancel)
	cmd := call{args: []string{
		"serve", "--listen", "127.0.0.1:0", "--data", p.data, "--log", "debug",
	}, env: p.env}.command(ctx, t)
	said := &talk{}
	cmd.Stderr = said
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	ended := false
	s := &service{T: t, talk: said, pid: cmd.Process.Pid}
	s.stop = func() (int, string) {
		ended = true
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		return cmd.ProcessState.ExitCode(), said.String()
	}
	s.kill = func() {
		if !ended {
			ended = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(s.kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, "it said nothing")
	s.url = strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
	require.Regexp(t, `^http://127\.0\.0\.1:\d+$`, s.url)
	return s
}

// call asks the API, and returns the status and the answer's fields.
func (s *service) call(method, path, body string, header ...string) (int, map[string]any) {
	s.Helper()
	status, text := s.raw(method, path, body, header...)
	answer := map[string]any{}
	_ = json.Unmarshal([]byte(text), &answer) // the image is no JSON
	return status, answer
}

// raw is call with answers left unparsed. It leaves out an empty header.
func (s *service) raw(method, path, body string, header ...string) (status int, answer string) {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), method, s.url+path, strings.NewReader(body))
	require.NoError(s, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-API-Key", s.key)
	for i := 0; i+1 < len(header); i += 2 {
		if req.Header.Set(header[i], header[i+1]); header[i+1] == "" {
			req.Header.Del(header[i])
		}
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(s, err)
	return resp.StatusCode, string(text)
}

// link links a session that was added, by its QR code.
func (s *service) link(p *place, id string) {
	s.Helper()
	var code string
	require.Eventually(s, func() bool {
		_, answer := s.call("GET", "/v1/sessions/"+id+"/qr", "", "Accept", "application/json")
		code, _ = answer["qr"].(string)
		return code != ""
	}, 20*time.Second, 20*time.Millisecond)
	_, err := p.shop.Scan(s.Context(), code)
	require.NoError(s, err)
	s.connected()
}

// The whole story, by the real protocol: an account and a key from the shell, a number linked over the
// API, a person's message delivered to the account's endpoint and answered with its link, a message
// sent, and the same after a restart.
func TestServe(t *testing.T) { serveAll(t, newPlace(t)) }

func serveAll(t *testing.T, p *place) {
	t.Helper()
	asha, err := p.server.AddPhone(whatsapptest.PhoneConfig{Number: "919876543210", Name: "Asha"})
	require.NoError(t, err)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"reply":"https://shop.example/login/1"}`)
	}))
	defer hook.Close()

	s := p.serve(t)
	made := call{
		args: []string{"account", "create", "--email", "anna@example.com", "--data", p.data}, stdin: "correct horse\n",
		env: p.env,
	}.run(t)
	require.Equal(t, exitDone, made.code, made.err)
	assert.Regexp(t, `^acc_[0-9a-f]{32}\n$`, made.out)
	key := call{args: []string{
		"key", "create", "--account", "anna@example.com", "--mode", "live", "--data", p.data,
	}, env: p.env}.run(t)
	require.Equal(t, exitDone, key.code, key.err)
	require.Regexp(t, `^pk_live_[0-9A-Za-z]{30}\n$`, key.out)
	s.key = strings.TrimSpace(key.out)

	status, _ := s.call("POST", "/v1/sessions", `{"id":"shop","name":"Shop"}`)
	require.Equal(t, http.StatusCreated, status)
	s.link(p, "shop")
	status, _ = s.call("GET", "/v1/sessions/shop/qr", "")
	assert.Equal(t, http.StatusConflict, status)

	status, _ = s.call("POST", "/v1/triggers", `{"session_id":"shop","trigger_phrase":"login","reply_message":"static"}`)
	require.Equal(t, http.StatusCreated, status)
	status, answer := s.call("PUT", "/v1/webhooks", `{"url":"`+hook.URL+`"}`)
	require.Equal(t, http.StatusOK, status, answer)
	_, err = asha.Send(t.Context(), shopNumber, "login X4K9MQ")
	require.NoError(t, err)
	assert.Equal(t, "https://shop.example/login/1", next(t, asha))
	status, answer = s.call("POST", "/v1/send", `{"to":"919876543210","message":"x"}`)
	assert.Equal(t, http.StatusTooManyRequests, status, answer)
	status, _ = s.call("PATCH", "/v1/settings", `{"cooldown_seconds":0}`)
	require.Equal(t, http.StatusOK, status)
	status, answer = s.call("POST", "/v1/send", `{"to":"919876543210","message":"Your order left."}`)
	require.Equal(t, http.StatusOK, status, answer)
	assert.Equal(t, "Your order left.", next(t, asha))

	exit, talk := s.stop()
	assert.Equal(t, exitDone, exit, talk)
	assert.Regexp(t, `Create the first one: http://127\.0\.0\.1:\d+/setup\?token=\w+`, talk)
	for _, secret := range []string{"919876543210", shopNumber, s.key, "shop.example/login", "X4K9MQ"} {
		assert.NotContains(t, talk, secret, "the log names nobody, not even at debug")
	}

	again := p.serve(t)
	again.key = s.key
	again.connected()
	_, err = asha.Send(t.Context(), shopNumber, "login again")
	require.NoError(t, err)
	assert.Equal(t, "https://shop.example/login/1", next(t, asha))
	status, _ = again.call("DELETE", "/v1/sessions/shop", "")
	assert.Equal(t, http.StatusNoContent, status)
	assert.Empty(t, p.shop.Devices(), "it is unlinked at WhatsApp")
	exit, talk = again.stop()
	assert.Equal(t, exitDone, exit, talk)
	assert.NotContains(t, talk, "setup?token", "there is an account")
}

func (s *service) connected() {
	s.Helper()
	require.Eventually(s, func() bool {
		_, answer := s.call("GET", "/v1/sessions/shop", "")
		return answer["status"] == "connected"
	}, 20*time.Second, 20*time.Millisecond)
}

func next(t *testing.T, p *whatsapptest.Phone) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	m, err := p.Next(ctx)
	require.NoError(t, err)
	return m.Text
}

// A number that pingr link linked becomes the only account's.
func TestServeAdoptsWhatIsLinked(t *testing.T) {
	p := newPlace(t)
	r := p.start(t, "--session", "shop")
	_, err := p.shop.Scan(t.Context(), r.until(t, hasQR).QR)
	require.NoError(t, err)
	code, _ := r.wait(t)
	require.Equal(t, exitDone, code)
	require.Equal(
		t, exitDone,
		call{args: []string{
			"account", "create", "--email", "anna@example.com", "--data", p.data,
		}, stdin: "correct horse"}.run(t).code,
	)
	key := call{args: []string{
		"key", "create", "--account", "anna@example.com", "--mode", "live", "--data", p.data,
	}, env: p.env}.run(t)
	s := p.serve(t)
	s.key = strings.TrimSpace(key.out)
	s.connected()
	exit, talk := s.stop()
	assert.Equal(t, exitDone, exit, talk)
	assert.Contains(t, talk, "Session shop now belongs to anna@example.com.")
}

func TestAccountAndKeyFromTheShell(t *testing.T) {
	data := t.TempDir()
	pingr := func(stdin string, args ...string) result {
		return call{args: append(args, "--data", data), stdin: stdin}.run(t)
	}
	require.Equal(t, exitDone,
		pingr("correct horse", "account", "create", "--email", "anna@example.com", "--plan", "growth").code)
	require.Equal(t, exitDone,
		pingr("", "key", "create", "--account", "anna@example.com", "--mode", "test", "--name", "CI").code)
	listed := pingr("", "key", "list", "--account", "anna@example.com")
	assert.Regexp(t, `^key_[0-9a-f]{32}  pk_test_….{4}  \d{4}-\d\d-\d\d  CI\n$`, listed.out)
	id := regexp.MustCompile(`key_\w+`).FindString(listed.out)
	require.Equal(t, exitDone, pingr("", "key", "revoke", "--account", "anna@example.com", id).code)
	assert.Contains(t, pingr("", "key", "list", "--account", "anna@example.com", "--json").out, `"revoked":true`)
	for _, tt := range []struct {
		name  string
		stdin string
		args  []string
		code  int
		says  string
	}{
		{
			"an e-mail twice", "correct horse",
			[]string{"account", "create", "--email", "Anna@example.com"},
			exitFailed,
			"already",
		},
		{"no e-mail", "correct horse", []string{"account", "create"}, exitUsage, "--email"},
		{"a short password", "short", []string{"account", "create", "--email", "ben@example.com"}, exitFailed, "8 to 200"},
		{
			"no such plan", "correct horse",
			[]string{"account", "create", "--email", "ben@example.com", "--plan", "gold"},
			exitUsage, "growth",
		},
		{"no mode", "", []string{"key", "create", "--account", "anna@example.com"}, exitUsage, "--mode"},
		{
			"nobody's key", "",
			[]string{"key", "create", "--account", "ben@example.com", "--mode", "live"},
			exitFailed,
			"no such account",
		},
		{"no such key", "", []string{"key", "revoke", "--account", "anna@example.com", "key_x"}, exitFailed, "no such key"},
		{"no command", "", []string{"key"}, exitUsage, "pingr key --help"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := pingr(tt.stdin, tt.args...)
			assert.Equal(t, tt.code, got.code, got.err)
			assert.Contains(t, got.err, tt.says)
		})
	}
}
