package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

var fence = regexp.MustCompile("(?ms)^```(go|sh)\n(.*?)^```$")

// docsGo is the half of docs/go.md about a site with a webhook: its blocks of a
// language, listening at another address. examples/embed runs the other half.
func docsGo(t *testing.T) (golang, shell []string, address string) {
	t.Helper()
	repository, err := root(t.Context())
	require.NoError(t, err)
	page, err := os.ReadFile(filepath.Join(repository, "docs", "go.md"))
	require.NoError(t, err)
	_, half, found := strings.Cut(string(page), "\n# A site with a webhook\n")
	require.True(t, found)
	address = freeAddress(t)
	for _, block := range fence.FindAllStringSubmatch(half, -1) {
		text := strings.ReplaceAll(block[2], "127.0.0.1:8090", address)
		if block[1] == "go" {
			golang = append(golang, text)
		} else {
			shell = append(shell, text)
		}
	}
	require.Len(t, golang, 3)
	require.Len(t, shell, 2)
	return golang, shell, address
}

// module creates a user's module from files. It uses this repository as it stands.
func module(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	repository, err := root(t.Context())
	require.NoError(t, err)
	dir = t.TempDir()
	mod, err := os.ReadFile(filepath.Join(repository, "go.mod"))
	require.NoError(t, err)
	sum, err := os.ReadFile(filepath.Join(repository, "go.sum"))
	require.NoError(t, err)
	text := strings.Replace(string(mod), "module github.com/heypingr/pingr", "module example.com/shop", 1)
	text += "\nrequire github.com/heypingr/pingr v0.0.0\nreplace github.com/heypingr/pingr => " + repository + "\n"
	files["go.mod"], files["go.sum"] = text, string(sum)
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

func inDir(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off")
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// The program of docs/go.md withstands every attack that the example withstands.
func TestDocsGoProgramHolds(t *testing.T) {
	golang, _, address := docsGo(t)
	build := func(program string) (binary string) {
		dir := module(t, map[string]string{"main.go": program, "main_test.go": golang[1]})
		inDir(t, dir, "go", "vet", ".")
		inDir(t, dir, "go", "test", ".")
		binary = filepath.Join(dir, "shop")
		inDir(t, dir, "go", "build", "-o", binary, ".")
		return binary
	}
	without := strings.Replace(golang[0], "Seen:       &pingr.SeenInMemory{},", "", 1)
	require.NotEqual(t, golang[0], without)
	holdDocs(t, build(golang[0]), build(without), func() (string, []string) { return address, nil })
}

// holdDocs attacks a program of docs, and the same program without the code that accepts each delivery
// once. at returns where it will listen, and the environment for that.
func holdDocs(t *testing.T, program, without string, at func() (address string, env []string), interpreter ...string) {
	t.Helper()
	play := func(t *testing.T, program string, s scenario) (finding string) {
		t.Helper()
		address, env := at()
		secret := pingr.NewSecret()
		c, _, err := run(t.Context(), append(env, "PINGR_WEBHOOK_SECRET="+secret), "",
			append(slices.Clone(interpreter), program)...)
		require.NoError(t, err)
		defer c.stop()
		require.NoError(t, listens(t.Context(), address))
		origin := "http://" + address
		finding, err = play(t.Context(), s, mobile, site{origin: origin, hook: origin, secret: secret})
		require.NoError(t, err)
		return finding
	}
	for _, s := range of(mobile) {
		if len(s.options) > 0 || s.contract || s.name == tossed {
			continue // it has no options, a contract of its own, and no sister sites
		}
		t.Run(s.name, func(t *testing.T) { assert.Empty(t, play(t, program, s)) })
		if s.name == replayed {
			t.Run("without Seen: "+s.name, func(t *testing.T) { assert.Contains(t, play(t, without, s), "is logged in") })
		}
	}
}

// This shell block plays Pingr. Its output is what the page shows.
func TestDocsGoShell(t *testing.T) {
	golang, shell, address := docsGo(t)
	for _, tool := range []string{"curl", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
	dir := module(t, map[string]string{"main.go": golang[0]})
	inDir(t, dir, "go", "build", "-o", "shop", ".")
	// Compiling takes an unknown time, so the program is built first.
	script := strings.Replace(shell[0], "go run . &\nsleep 1",
		"./shop &\ntrap 'kill $!' EXIT\nuntil curl -s http://"+address+"/me >/dev/null; do sleep 0.05; done", 1)
	require.Contains(t, script, "./shop")
	c := exec.CommandContext(t.Context(), "bash", "-euc", script)
	c.Dir, c.Cancel = dir, func() error { return c.Process.Signal(syscall.SIGTERM) }
	out, err := c.Output()
	require.NoError(t, err)
	var answer struct{ Reply string }
	require.NoError(t, json.Unmarshal(out, &answer), "%s", out)
	assert.True(t, keyOf(answer.Reply).link(), answer.Reply)
}

func TestDocsGoCodes(t *testing.T) {
	golang, _, _ := docsGo(t)
	dir := module(t, map[string]string{"main.go": golang[2]})
	_, comment, ok := strings.Cut(golang[2], "// Output:\n")
	require.True(t, ok)
	want := regexp.MustCompile(`(?m)^\t// (.*)$`).FindAllStringSubmatch(comment, -1)
	var lines []string
	for _, w := range want {
		lines = append(lines, w[1])
	}
	assert.Equal(t, strings.Join(lines, "\n")+"\n", inDir(t, dir, "go", "run", "."))
}

// The numbers in docs/security.md come from this lab.
func TestDocsSecurityCounts(t *testing.T) {
	repository, err := root(t.Context())
	require.NoError(t, err)
	page, err := os.ReadFile(filepath.Join(repository, "docs", "security.md"))
	require.NoError(t, err)
	var n []string
	for _, flow := range flows {
		attacks := 0
		for _, s := range of(flow) {
			if s.attack() || s.succeeds {
				attacks++
			}
		}
		n = append(n, strconv.Itoa(attacks))
	}
	assert.Contains(t, string(page),
		fmt.Sprintf("%s scenarios against mobile-first, %s against pre-entry and %s against desktop", n[0], n[1], n[2]))
}
