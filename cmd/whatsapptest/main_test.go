//go:build !race

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store/sqlstore"
	_ "modernc.org/sqlite"
)

// program runs the program inside the test until its standard input ends.
func program(t *testing.T, args ...string) (ready, func() int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	input, closeInput := io.Pipe()
	output, printed := io.Pipe()
	var errs bytes.Buffer
	code := make(chan int, 1)
	args = append([]string{"--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--json", "--until-eof"}, args...)
	go func() {
		code <- run(ctx, args, input, printed, &errs)
		_ = printed.Close()
	}()
	var r ready
	if err := json.NewDecoder(output).Decode(&r); err != nil {
		require.FailNow(t, "it does not start", "code %d: %s", <-code, errs.String())
	}
	return r, func() int {
		_ = closeInput.Close()
		return <-code
	}
}

func (r ready) do(t *testing.T, method, path, body string) map[string]any {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, r.Control+path, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Less(t, answer.StatusCode, 300, string(raw))
	var got map[string]any
	if len(raw) > 0 {
		require.NoError(t, json.Unmarshal(raw, &got))
	}
	return got
}

// What is printed is enough for a client, and the certificate is where it says.
func TestPrintsWhatAClientNeeds(t *testing.T) {
	r, end := program(t, "--phone", "15550100001=Shop")
	pem, err := os.ReadFile(r.CAFile)
	require.NoError(t, err)
	server := r.do(t, "GET", "/server", "")
	assert.Equal(t, map[string]any{"url": r.URL, "ca": string(pem), "cert_key": r.CertKey}, server)
	assert.Equal(t, "Shop", r.do(t, "GET", "/phones/15550100001", "")["name"])
	assert.Equal(t, exitDone, end())
	assert.NoFileExists(t, r.CAFile, "it was temporary")
}

// A process has one root key, so that two are needed to see that it is kept.
func TestKeysOutliveTheProgram(t *testing.T) {
	state := filepath.Join(t.TempDir(), "whatsapp.json")
	ca := filepath.Join(t.TempDir(), "ca.pem")
	first, pem := trusted(t, state, ca)
	second, again := trusted(t, state, ca)
	assert.Equal(t, first, second)
	assert.Equal(t, pem, again)
	other, _ := trusted(t, filepath.Join(t.TempDir(), "other.json"), ca)
	assert.NotEqual(t, first, other, "another state has keys of its own")
}

// trusted runs the program as one of its own, kills it without warning, and returns what clients had to trust.
func trusted(t *testing.T, state, ca string) (key, pem string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), "WHATSAPPTEST_ARGS=--listen 127.0.0.1:0 --control 127.0.0.1:0 --json --state "+
		state+" --ca "+ca)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var r ready
	require.NoError(t, json.NewDecoder(out).Decode(&r))
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	written, err := os.ReadFile(ca)
	require.NoError(t, err)
	return r.CertKey, string(written)
}

// TestMain is the program itself in a process that a test starts.
func TestMain(m *testing.M) {
	if args := os.Getenv("WHATSAPPTEST_ARGS"); args != "" {
		os.Exit(run(context.Background(), strings.Fields(args), os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// A web page whose name leads to the control address does not get there.
func TestOtherNamesAreRefused(t *testing.T) {
	r, end := program(t)
	defer end()
	for host, status := range map[string]int{
		"": http.StatusOK, "localhost": http.StatusOK, "localhost:8444": http.StatusOK, "[::1]:8444": http.StatusOK,
		"page.example": http.StatusForbidden, "page.example:8444": http.StatusForbidden, "192.0.2.1": http.StatusForbidden,
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.Control+"/phones", nil)
		require.NoError(t, err)
		request.Host = host
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		_ = answer.Body.Close()
		assert.Equal(t, status, answer.StatusCode, host)
	}
}

// The help is on standard output, with examples, and ends with 0.
func TestHelp(t *testing.T) {
	var out, errs bytes.Buffer
	assert.Equal(t, exitDone, run(t.Context(), []string{"--help"}, nil, &out, &errs))
	assert.Empty(t, errs.String())
	for _, want := range []string{"Examples:", "whatsapptest --state", "-phone NUMBER=NAME", "-until-eof"} {
		assert.Contains(t, out.String(), want)
	}
}

func TestRefuses(t *testing.T) {
	tests := map[string]struct {
		args []string
		code int
		says string
	}{
		"an unknown flag":        {[]string{"--port", "1"}, exitUsage, "see whatsapptest --help"},
		"an argument":            {[]string{"serve"}, exitUsage, `"serve" is not a flag`},
		"clients from elsewhere": {[]string{"--listen", "0.0.0.0:0", "--control", "127.0.0.1:0"}, exitFailed, "loopback"},
		"control from elsewhere": {[]string{"--control", "0.0.0.0:0"}, exitFailed, "loopback"},
		"a host name":            {[]string{"--control", "localhost:0"}, exitFailed, "loopback"},
		"an unknown rule":        {[]string{"--tokens", "some"}, exitUsage, "given, required or none"},
		"a phone without a number": {
			[]string{"--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--phone", "Shop"}, exitFailed, "--phone",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			assert.Equal(t, tt.code, run(t.Context(), tt.args, nil, &out, &errs))
			assert.Contains(t, errs.String(), tt.says)
		})
	}
	t.Run("a port that is taken", func(t *testing.T) {
		r, end := program(t)
		defer end()
		var out, errs bytes.Buffer
		taken := strings.TrimPrefix(r.Control, "http://")
		assert.Equal(t, exitFailed, run(t.Context(), []string{"--control", taken}, nil, &out, &errs))
		assert.Contains(t, errs.String(), "port 0 takes a free one")
	})
}

// The phone of bartender, the mock server for which other clients' tests are made, is at the address of the clients:
// it takes a raw QR text and answers 200.
func TestScansLikeBartender(t *testing.T) {
	r, end := program(t)
	defer end()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	const pragmas = "?_pragma=foreign_keys(1)&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)"
	store := "file:" + filepath.Join(t.TempDir(), "bot.db") + pragmas
	container, err := sqlstore.New(ctx, "sqlite", store, nil)
	require.NoError(t, err)
	defer container.Close()
	bot := whatsmeow.NewClient(container.NewDevice(), nil)
	web := pointAt(t, bot, r)
	codes, err := bot.GetQRChannel(ctx)
	require.NoError(t, err)
	require.NoError(t, bot.Connect())
	defer bot.Disconnect()
	admin := strings.Replace(strings.TrimSuffix(r.URL, "/ws/chat"), "wss", "https", 1) + "/admin/mock-phone/scan-qr"
	answer, err := web.Post(admin, "text/plain", strings.NewReader((<-codes).Code))
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, http.StatusOK, answer.StatusCode)
	phones := r.do(t, "GET", "/phones", "")["phones"].([]any)
	require.Len(t, phones, 1)
	number := phones[0].(map[string]any)["number"].(string)
	device := r.do(t, "POST", "/phones/"+number+"/devices/1/wait", `{"until":"online","timeout_seconds":20}`)
	assert.Equal(t, true, device["online"])
}
