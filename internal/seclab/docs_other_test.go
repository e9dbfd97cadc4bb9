package main

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The program of docs/python.md withstands every attack that the example withstands. The Python suite
// runs this, because it has a Python with Flask (PINGR_TEST_PYTHON).
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
	without := strings.Replace(blocks[0][1], ", seen=SeenInMemory()", "", 1)
	require.NotEqual(t, blocks[0][1], without)
	dir := t.TempDir()
	app, weak := filepath.Join(dir, "app.py"), filepath.Join(dir, "weak.py")
	require.NoError(t, os.WriteFile(app, []byte(blocks[0][1]), 0o600))
	require.NoError(t, os.WriteFile(weak, []byte(without), 0o600))
	holdDocs(t, app, weak, func() (string, []string) {
		address := freeAddress(t)
		return address, []string{"ORIGIN=http://" + address}
	}, python)
}

// So does the program of docs/node.md. The Node suite runs this, because it has the packages
// (PINGR_TEST_NODE is where sdk/node is built).
func TestDocsNodeProgramHolds(t *testing.T) {
	sdk := os.Getenv("PINGR_TEST_NODE")
	if sdk == "" {
		t.Skip("PINGR_TEST_NODE names no built sdk/node; make sdk-node does")
	}
	page, err := os.ReadFile(filepath.Join(sdk, "..", "..", "docs", "node.md"))
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```js\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	require.NotEmpty(t, blocks)
	address := freeAddress(t)
	program := strings.Replace(blocks[0][1], "127.0.0.1:8090", address, 1)
	without := strings.Replace(program, "seen: new SeenInMemory(),", "", 1)
	require.NotEqual(t, program, without)
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "node_modules"), 0o700))
	require.NoError(t, os.Symlink(sdk, filepath.Join(dir, "node_modules", "hey-pingr")))
	require.NoError(t, os.Symlink(filepath.Join(sdk, "node_modules", "express"),
		filepath.Join(dir, "node_modules", "express")))
	server, weak := filepath.Join(dir, "server.mjs"), filepath.Join(dir, "weak.mjs")
	require.NoError(t, os.WriteFile(server, []byte(program), 0o600))
	require.NoError(t, os.WriteFile(weak, []byte(without), 0o600))
	holdDocs(t, server, weak, func() (string, []string) { return address, nil }, "node")
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}
