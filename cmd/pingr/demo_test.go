//go:build !race

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/internal/demo"
)

func TestDemoCheck(t *testing.T) {
	began := time.Now()
	r := pingrRun(t, "demo", "--check", "--log", "debug")
	require.Equal(t, exitDone, r.code, r.out+r.err)
	for _, step := range stepNames {
		if step != stepNames[demo.StepNoReply] {
			assert.Contains(t, r.out, step)
		}
	}
	assert.NotContains(t, r.out, "\x1b", "no colours but on a terminal")
	assert.Less(t, time.Since(began), 20*time.Second, "usually a third of a second")
	for _, private := range []string{"919876543210", "15550100001", "whsec_", "login ", "/in/"} {
		assert.NotContains(t, r.err, private, "in the log")
	}
}

func TestDemoCheckForPrograms(t *testing.T) {
	r := pingrRun(t, "demo", "--check", "--json")
	require.Equal(t, exitDone, r.code, r.out+r.err)
	var report checkReport
	require.NoError(t, json.Unmarshal([]byte(r.out), &report))
	assert.True(t, report.OK)
	assert.Len(t, report.Steps, len(stepNames)-1)
	assert.Positive(t, report.LoginMs)
	assert.Greater(t, report.TotalMs, report.LoginMs)
	assert.Empty(t, r.err)
}

func TestDemoCheckThatFails(t *testing.T) {
	full := t.TempDir() + "/file"
	require.NoError(t, os.WriteFile(full, nil, 0o600))
	r := call{args: []string{"demo", "--check", "--json", "--data", full}}.run(t)
	assert.Equal(t, exitFailed, r.code)
	var report checkReport
	require.NoError(t, json.Unmarshal([]byte(r.out), &report))
	assert.False(t, report.OK)
	assert.Contains(t, report.Error, "start demo: loopback WhatsApp: ", "it names the step")
}

func TestDemoWhereAnotherListens(t *testing.T) {
	taken := strings.TrimPrefix(startDemo(t).url, "http://")
	for _, args := range [][]string{{"demo"}, {"demo", "--check"}, {"serve", "--data", t.TempDir()}} {
		r := pingrRun(t, append(args, "--listen", taken)...)
		assert.Equal(t, exitFailed, r.code)
		assert.Contains(t, r.err, "another program listens on "+taken+": stop it, or give another address with --listen")
	}
}

// A demoRun is pingr demo with its page.
type demoRun struct {
	url  string
	stop func() (code int, stderr string)
}

func startDemo(t *testing.T, args ...string) demoRun {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	cmd := call{args: append([]string{"demo", "--listen", "127.0.0.1:0", "--log", "debug"}, args...)}.command(ctx, t)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, errs.String())
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "open ")
	require.True(t, ok, line)
	return demoRun{url, func() (int, string) {
		require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		_ = cmd.Wait() // the exit code is what counts
		return cmd.ProcessState.ExitCode(), errs.String()
	}}
}

// A login over HTTP, as the page and its phone make it.
func TestDemoPage(t *testing.T) {
	d := startDemo(t)
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	web := http.Client{Jar: jar, Timeout: 10 * time.Second}
	defer web.CloseIdleConnections()

	page, err := web.Get(d.url + "/")
	require.NoError(t, err)
	page.Body.Close()
	assert.Equal(t, http.StatusOK, page.StatusCode)
	assert.Contains(t, page.Header.Get("Content-Security-Policy"), "default-src 'self'")

	var shown struct{ State, Text, Phone, Link string }
	post(t, &web, d.url+"/shop/login", "", &shown)
	assert.Equal(t, "waiting", shown.State)
	assert.True(t, strings.HasPrefix(shown.Link, "https://wa.me/15550100001?text=login%20"))
	var sent struct{ ID string }
	post(t, &web, d.url+"/phone/messages", `{"text":"`+shown.Text+`"}`, &sent)

	link := linkFromPhone(t, &web, d.url)
	opened, err := web.Post(link, "", nil)
	require.NoError(t, err)
	opened.Body.Close()
	assert.Equal(t, "/shop/", opened.Request.URL.Path)
	status, err := web.Get(d.url + "/shop/login")
	require.NoError(t, err)
	defer status.Body.Close()
	require.NoError(t, json.NewDecoder(status.Body).Decode(&shown))
	assert.Equal(t, "signed_in", shown.State)
	assert.Equal(t, "919876543210", shown.Phone)

	code, errs := d.stop()
	assert.Equal(t, exitDone, code, "SIGTERM is how one stops it")
	for _, private := range []string{"919876543210", "15550100001", "whsec_", shown.Text, link} {
		assert.NotContains(t, errs, private, "in the log")
	}
}

func post(t *testing.T, web *http.Client, url, body string, into any) {
	t.Helper()
	resp, err := web.Post(url, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Less(t, resp.StatusCode, 300)
	require.NoError(t, json.NewDecoder(resp.Body).Decode(into))
}

// linkFromPhone reads the page's events until the phone shows a link.
func linkFromPhone(t *testing.T, web *http.Client, url string) string {
	t.Helper()
	events, err := web.Get(url + "/events")
	require.NoError(t, err)
	defer events.Body.Close()
	for scan := bufio.NewScanner(events.Body); scan.Scan(); {
		data, ok := strings.CutPrefix(scan.Text(), "data: ")
		if !ok {
			continue
		}
		var m struct {
			Mine bool
			Text string
		}
		if json.Unmarshal([]byte(data), &m) == nil && !m.Mine {
			if _, after, ok := strings.Cut(m.Text, "\n"); ok {
				link, _, _ := strings.Cut(after, "\n")
				return link
			}
		}
	}
	require.FailNow(t, "the phone shows no link")
	return ""
}

func TestDemoKeepsItsLink(t *testing.T) {
	data := t.TempDir()
	first := call{args: []string{"demo", "--check", "--data", data}}.run(t)
	require.Equal(t, exitDone, first.code, first.err)
	assert.Contains(t, first.out, "by scanning its QR code")
	second := call{args: []string{"demo", "--check", "--data", data}}.run(t)
	require.Equal(t, exitDone, second.code, second.err)
	assert.Contains(t, second.out, "linked in an earlier run")
	assert.NoFileExists(t, data+"/whatsapp.db", "a real number's keys are never touched")
}
