//go:build !race

package main

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/internal/pgtest"
)

func onPostgres(t *testing.T) *place {
	t.Helper()
	p := newPlace(t)
	p.env = append(p.env, "PINGR_DATABASE="+pgtest.New(t, "-c", "fsync=off").URL(t))
	return p
}

// The same whole story, with everything but the keys in PostgreSQL.
func TestServeOnPostgres(t *testing.T) {
	p := onPostgres(t)
	serveAll(t, p)
	assert.NoFileExists(t, filepath.Join(p.data, "pingr.db"))
	assert.FileExists(t, filepath.Join(p.data, "whatsapp.db"), "the keys stay here")
}

// Two processes with a data directory each share one database. They share accounts and keys, but a
// number belongs to the process that linked it.
func TestTwoProcessesOnOneDatabase(t *testing.T) {
	p := onPostgres(t)
	first := p.serve(t)
	made := call{
		args: []string{"account", "create", "--email", "anna@example.com"}, stdin: "correct horse\n", env: p.env,
	}.run(t)
	require.Equal(t, exitDone, made.code, made.err)
	key := call{args: []string{"key", "create", "--account", "anna@example.com", "--mode", "live"}, env: p.env}.run(t)
	require.Equal(t, exitDone, key.code, key.err)
	first.key = strings.TrimSpace(key.out)
	status, _ := first.call("POST", "/v1/sessions", `{"id":"shop","name":"Shop"}`)
	require.Equal(t, http.StatusCreated, status)
	first.link(p, "shop")

	elsewhere := *p
	elsewhere.data = filepath.Join(t.TempDir(), "elsewhere")
	second := elsewhere.serve(t)
	second.key = first.key
	status, answer := second.call("GET", "/v1/settings", "")
	assert.Equal(t, http.StatusOK, status, answer)
	status, answer = second.call("POST", "/v1/sessions", `{"id":"shop","name":"Shop"}`)
	assert.Equal(t, http.StatusConflict, status, answer)
	code, talk := second.stop()
	assert.Equal(t, exitDone, code, talk)
	first.connected()
	assert.Len(t, p.shop.Devices(), 1)

	locked := call{args: []string{"serve", "--listen", "127.0.0.1:0", "--data", p.data}, env: p.env}.run(t)
	assert.Equal(t, exitFailed, locked.code)
	assert.Contains(t, locked.err, "another pingr", "one data directory is one process's")

	r, found := checks(t, call{args: []string{"--data", p.data}, env: p.env})
	assert.Equal(t, exitDone, r.code, "%s", r.out)
	assert.Equal(t, "ok", found["database"].Status)
	assert.Regexp(t, `"check":"session shop[^}]*"found":"connected"`, r.out)
}

func TestDatabaseThatIsNotThere(t *testing.T) {
	env := []string{"PINGR_DATABASE=postgres://pingr:hunter2@127.0.0.1:1/pingr"}
	for _, args := range [][]string{
		{"serve", "--listen", "127.0.0.1:0", "--data", t.TempDir()},
		{"key", "list", "--account", "anna@example.com"},
		{"doctor", "--data", t.TempDir()},
	} {
		r := call{args: args, env: env}.run(t)
		assert.Equal(t, exitFailed, r.code, args)
		assert.Contains(t, r.err+r.out, "connect", args)
		assert.NotContains(t, r.err+r.out, "hunter2")
	}
	r := call{args: []string{"backup", "copy.db"}, env: env}.run(t)
	assert.Equal(t, exitFailed, r.code)
	assert.Contains(t, r.err, "pg_dump")
}
