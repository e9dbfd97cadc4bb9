package main

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

// The program of docs/python.md withstands what the example withstands. The
// Python suite runs this, for it has a Python with Flask (PINGR_TEST_PYTHON).
func TestDocsPythonProgramHolds(t *testing.T) {
	python := os.Getenv("PINGR_TEST_PYTHON")
	if python == "" {
		t.Skip("PINGR_TEST_PYTHON names no Python with Flask; make sdk-python does")
	}
	repository, err := root(t.Context())
	require.NoError(t, err)
	page, err := os.ReadFile(filepath.Join(repository, "docs", "python.md"))
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```python\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	require.NotEmpty(t, blocks)
	app := filepath.Join(t.TempDir(), "app.py")
	require.NoError(t, os.WriteFile(app, []byte(blocks[0][1]), 0o600))
	for _, s := range of(mobile) {
		if len(s.options) > 0 || s.contract {
			continue // it has no options, and a contract of its own
		}
		t.Run(s.name, func(t *testing.T) {
			l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
			require.NoError(t, err)
			address := l.Addr().String()
			require.NoError(t, l.Close())
			origin, secret := "http://"+address, pingr.NewSecret()
			c, _, err := run(t.Context(), []string{"PINGR_WEBHOOK_SECRET=" + secret, "ORIGIN=" + origin}, "", python, app)
			require.NoError(t, err)
			defer c.stop()
			require.NoError(t, listens(t.Context(), address))
			finding, err := play(t.Context(), s, mobile, site{origin, origin, secret})
			require.NoError(t, err)
			assert.Empty(t, finding)
		})
	}
}
