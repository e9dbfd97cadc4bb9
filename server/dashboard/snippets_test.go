package dashboard

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

func TestSnippetsListenWhereTheEndpointIs(t *testing.T) {
	for address, want := range map[string]place{
		"":                                   {"/pingr", "3000"},
		"https://shop.example/hooks/pingr":   {"/hooks/pingr", "3000"},
		"https://shop.example:8443/":         {"/", "3000"},
		"https://shop.example":               {"/", "3000"},
		"https://shop.example/x?key=1#there": {"/x", "3000"},
		"http://127.0.0.1:8090/pingr":        {"/pingr", "8090"},
		"http://shop.internal/a%22b":         {`/a"b`, "80"},
	} {
		w := webhook{URL: &address, Secret: "whsec_x"}
		assert.Equal(t, want, w.listens(), address)
		for _, s := range snippetList(w.listens()) {
			assert.NotContains(t, s.code, "whsec_", "secrets are not for code")
			assert.Contains(t, s.code, "$PINGR", "it says how to install")
			if s.name == "go" {
				_, err := parser.ParseFile(token.NewFileSet(), "main.go", s.code, parser.AllErrors)
				require.NoError(t, err)
			}
		}
	}
}

// endpoints are addresses whose snippets must all work. One ends as Go's module does.
var endpoints = []string{"/pingr", "/", "", "/hooks/github.com/heypingr/pingr", "/a%20%22b%22/{x}/", "/%C3%BCber"}

// Each snippet, run as it is copied, answers a login, takes each delivery once,
// and answers nobody else, whatever the endpoint.
func TestSnippetInGo(t *testing.T) { holdSnippets(t, "go", goSnippet) }

// The Python suite runs this, for it has a Python with Flask.
func TestSnippetInPython(t *testing.T) {
	python := os.Getenv("PINGR_TEST_PYTHON")
	if python == "" {
		t.Skip("PINGR_TEST_PYTHON names no Python with Flask; make sdk-python does")
	}
	holdSnippets(t, "python", func(t *testing.T, code string) *exec.Cmd {
		t.Helper()
		return exec.CommandContext(t.Context(), python, write(t, filepath.Join(t.TempDir(), "shop.py"), code))
	})
}

// The Node suite runs this, for it has built sdk/node.
func TestSnippetInNode(t *testing.T) {
	sdk := os.Getenv("PINGR_TEST_NODE")
	if sdk == "" {
		t.Skip("PINGR_TEST_NODE names no built sdk/node; make sdk-node does")
	}
	holdSnippets(t, "node", func(t *testing.T, code string) *exec.Cmd {
		t.Helper()
		dir := t.TempDir()
		require.NoError(t, os.Mkdir(filepath.Join(dir, "node_modules"), 0o700))
		require.NoError(t, os.Symlink(sdk, filepath.Join(dir, "node_modules", "hey-pingr")))
		return exec.CommandContext(t.Context(), "node", write(t, filepath.Join(dir, "shop.mjs"), code))
	})
}

// goSnippet builds a snippet as a program of this module that is on no disk.
func goSnippet(t *testing.T, code string) *exec.Cmd {
	t.Helper()
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "main.go"), code)
	here, err := filepath.Abs("shop")
	require.NoError(t, err)
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(here, "main.go"): file}})
	require.NoError(t, err)
	shop := filepath.Join(dir, "shop")
	build := exec.CommandContext(t.Context(), "go", "build", "-overlay",
		write(t, filepath.Join(dir, "overlay.json"), string(overlay)), "-o", shop, "./shop")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return exec.CommandContext(t.Context(), shop)
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func holdSnippets(t *testing.T, name string, command func(t *testing.T, code string) *exec.Cmd) {
	t.Helper()
	for _, path := range endpoints {
		t.Run(path, func(t *testing.T) {
			listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
			require.NoError(t, err)
			address := listener.Addr().String()
			require.NoError(t, listener.Close())
			endpoint := "http://" + address + path
			for _, s := range snippetList(webhook{URL: &endpoint}.listens()) {
				if s.name == name {
					holdSnippet(t, address, endpoint, command(t, s.code))
				}
			}
		})
	}
}

func holdSnippet(t *testing.T, address, endpoint string, program *exec.Cmd) {
	t.Helper()
	secret := pingr.NewSecret()
	program.Env = append(os.Environ(), "PINGR_WEBHOOK_SECRET="+secret)
	require.NoError(t, program.Start())
	t.Cleanup(func() {
		_ = program.Process.Signal(syscall.SIGTERM)
		_ = program.Wait() // by the signal
	})
	require.Eventually(t, func() bool {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		return err == nil && conn.Close() == nil
	}, 30*time.Second, 20*time.Millisecond, "it listens")

	const reply = "Hello +919876543210, here is your link"
	began := time.Now()
	login := pingr.Event{
		Type: pingr.EventMessageReceived, Session: "main", ID: "evt_1", Timestamp: began.UnixMilli(),
		From:    &pingr.From{Phone: "919876543210", JID: pingr.PhoneJID("919876543210")},
		Message: &pingr.EventMessage{Text: "login", Type: "text"},
	}
	next, inGroup, simulated := login, login, login
	next.Timestamp++
	inGroup.From = &pingr.From{Phone: "919876543210", JID: login.From.JID, Group: true}
	simulated.Simulated = true
	other := pingr.Event{
		Type: pingr.EventSessionDisconnected, Session: "main", ID: "evt_2", Timestamp: began.UnixMilli(), Reason: 401,
		Kind: "terminal",
	}
	for _, tt := range []struct {
		name   string
		event  pingr.Event
		secret string
		status int
		says   string
	}{
		{"a login", login, secret, http.StatusOK, reply},
		{"the same bytes again", login, secret, http.StatusConflict, ""},
		{"Pingr's next attempt", next, secret, http.StatusOK, reply},
		{"one that Pingr did not sign", next, pingr.NewSecret(), http.StatusUnauthorized, ""},
		{"one in a group", inGroup, secret, http.StatusOK, "{}"},
		{"a simulated one", simulated, secret, http.StatusOK, `{"reply":"It works. Somebody who really writes gets a link."}`},
		{"another event", other, secret, http.StatusOK, "{}"},
	} {
		status, said := deliver(t, endpoint, tt.event, tt.secret)
		assert.Equal(t, tt.status, status, tt.name)
		assert.Contains(t, compact(said), tt.says, tt.name)
		assert.Equal(t, tt.says == reply, strings.Contains(said, reply), tt.name)
	}
}

// compact is JSON without the spaces that Flask writes.
func compact(said string) string {
	return strings.TrimSpace(strings.ReplaceAll(said, `{"reply": "`, `{"reply":"`))
}

// deliver posts an event as Pingr does.
func deliver(t *testing.T, url string, e pingr.Event, secret string) (status int, said string) {
	t.Helper()
	body, err := json.Marshal(e)
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(string(body)))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Pingr-Signature", pingr.Sign(body, secret))
	r.Close = true
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(answer)
}
