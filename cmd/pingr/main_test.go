package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

// binary is the program, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "pingr-cmd-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "pingr")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// A call is one run of the program, in an empty directory.
type call struct {
	args  []string
	env   []string // beside a PATH
	stdin string
	dir   string
}

type result struct {
	code     int
	out, err string
}

func (c call) command(ctx context.Context, t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(ctx, binary, c.args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TMPDIR=" + os.TempDir()}, c.env...)
	cmd.Dir = c.dir
	if cmd.Dir == "" {
		cmd.Dir = t.TempDir()
	}
	cmd.Stdin = strings.NewReader(c.stdin)
	return cmd
}

// run runs the program to its end.
func (c call) run(t *testing.T) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	cmd := c.command(ctx, t)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	require.NoError(t, ctx.Err(), "it never ended")
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

func pingrRun(t *testing.T, args ...string) result {
	t.Helper()
	return call{args: args}.run(t)
}

func TestEveryCommandExplainsItself(t *testing.T) {
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		name := strings.TrimPrefix(c.CommandPath(), "pingr")
		t.Run("pingr"+name, func(t *testing.T) {
			assert.NotEmpty(t, c.Short)
			r := pingrRun(t, append(strings.Fields(name), "--help")...)
			assert.Equal(t, exitDone, r.code)
			assert.Contains(t, r.out, "Examples:\n  ")
			assert.Contains(t, r.out, "Usage:\n  pingr")
			assert.Empty(t, r.err)
		})
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit((&app{streams: streams{os.Stdin, os.Stdout, os.Stderr}}).root())
}

func TestCalledWrongly(t *testing.T) {
	tests := []struct {
		name string
		args []string
		env  []string
		says string
	}{
		{"no such command", []string{"lnik"}, nil, "Did you mean this?"},
		{"no such flag", []string{"demo", "--colour"}, nil, "unknown flag"},
		{"too many arguments", []string{"version", "now"}, nil, "unknown command"},
		{"a missing argument", []string{"backup"}, nil, "Usage: pingr backup FILE"},
		{"an address without a port", []string{"serve", "--listen", "localhost"}, nil, `"localhost" must be HOST:PORT`},
		{
			"a demo's address without a port",
			[]string{"demo", "--check", "--listen", "localhost"},
			nil,
			`"localhost" must be HOST:PORT`,
		},
		{"the demo for strangers", []string{"demo", "--check", "--listen", "0.0.0.0:0"}, nil, "only listens on loopback"},
		{"JSON without --check", []string{"demo", "--json"}, nil, "--check"},
		{"a session id with capitals", []string{"link", "--session", "Shop!"}, nil, "a-z"},
		{"not a phone", []string{"link", "--phone", "0123"}, nil, "country code"},
		{"verify without a signature", []string{"verify"}, []string{"PINGR_WEBHOOK_SECRET=whsec_x"}, "--signature"},
		{"verify without a secret", []string{"verify", "--signature", "sha256=00"}, nil, "PINGR_WEBHOOK_SECRET"},
		{"the secret as a flag", []string{"verify", "--secret", "whsec_x"}, nil, "unknown flag"},
		{"an unknown log level", []string{"version", "--log", "loud"}, nil, "log level"},
		{"a rate below zero", []string{"version"}, []string{"PINGR_SEND_RATE=-1"}, "PINGR_SEND_RATE is -1; it must be"},
		{
			"a rate that is no number",
			[]string{"version"},
			[]string{"PINGR_DIAL_RATE=NaN"},
			"PINGR_DIAL_RATE is NaN; it must be",
		},
		{"a rate in words", []string{"version"}, []string{"PINGR_BACKLOG_RATE=fast"}, "BacklogRate"},
		{"an unknown log level, from the environment", []string{"version"}, []string{"PINGR_LOG=loud"}, "log level"},
		{"a configuration file that is not there", []string{"version", "--config", "nowhere.env"}, nil, "nowhere.env"},
		{
			"a CA that is not there",
			[]string{"link"},
			[]string{"PINGR_WHATSAPP_URL=wss://127.0.0.1:1/", "PINGR_WHATSAPP_CA=nowhere.pem"},
			"PINGR_WHATSAPP_CA",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			r := call{args: tt.args, env: tt.env, dir: dir}.run(t)
			assert.Equal(t, exitUsage, r.code)
			assert.Contains(t, r.err, tt.says)
			assert.Empty(t, r.out, "data are for stdout, complaints are not")
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			assert.Empty(t, left, "nothing is made before the arguments are understood")
		})
	}
}

func TestVersion(t *testing.T) {
	r := pingrRun(t, "version")
	assert.Equal(t, exitDone, r.code)
	assert.Regexp(t,
		`^pingr \d+\.\d+\.\d+ .*\nPingr's source is under the MIT License\. This program .* GNU GPL, version 3\.\n$`, r.out)

	r = pingrRun(t, "--version")
	assert.Equal(t, "pingr "+pingr.Version+"\n", r.out)

	r = pingrRun(t, "version", "--json")
	var about struct{ Version, Go, Platform, License string }
	require.NoError(t, json.Unmarshal([]byte(r.out), &about))
	assert.NotEmpty(t, about.Version)
	assert.Contains(t, about.Platform, "/")
	assert.Contains(t, about.License, "GNU GPL, version 3")
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		r := pingrRun(t, "completion", shell)
		assert.Equal(t, exitDone, r.code, shell)
		assert.Contains(t, r.out, "pingr", shell)
	}
}
