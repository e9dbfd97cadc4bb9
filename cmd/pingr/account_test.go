//go:build !race

package main

import (
	"net/http"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// While a server runs, as when somebody has forgotten a password.
func TestAccountPasswordEndsAllLogins(t *testing.T) {
	p := newPlace(t)
	require.Equal(
		t, exitDone,
		call{args: []string{
			"account", "create", "--email", "anna@example.com", "--data", p.data,
		}, stdin: "correct horse\n"}.run(t).code,
	)
	s := p.serve(t)
	in := s.must(http.StatusOK, "POST", "/v1/auth/login", `{"email":"anna@example.com","password":"correct horse"}`,
		"X-API-Key", "")
	login := []string{"X-API-Key", "", "Authorization", "Bearer " + in["token"].(string)}
	s.must(http.StatusOK, "GET", "/v1/auth/me", "", login...)

	set := func(args []string, password string) result {
		return call{args: append([]string{"account", "password", "--data", p.data}, args...), stdin: password + "\n"}.run(t)
	}
	r := set([]string{"--account", "Anna@example.com"}, "battery staple")
	require.Equal(t, exitDone, r.code, r.err)
	assert.Empty(t, r.out)
	assert.Equal(t, "The password of anna@example.com is set. All its logins have ended.\n", r.err)
	s.must(http.StatusUnauthorized, "GET", "/v1/auth/me", "", login...)
	s.must(http.StatusUnauthorized, "POST", "/v1/auth/login", `{"email":"anna@example.com","password":"correct horse"}`,
		"X-API-Key", "")
	s.must(http.StatusOK, "POST", "/v1/auth/login", `{"email":"anna@example.com","password":"battery staple"}`,
		"X-API-Key", "")

	r = set([]string{"--account", "anna@example.com"}, "short")
	assert.Equal(t, exitFailed, r.code)
	assert.Contains(t, r.err, "password must be 8 to 200 characters")
	assert.Contains(t, set([]string{"--account", "eve@example.com"}, "battery staple").err, "there is no such account")
	assert.Equal(t, exitUsage, set(nil, "battery staple").code)
}

func TestKeyListObeysNoName(t *testing.T) {
	p := newPlace(t)
	require.Equal(
		t, exitDone,
		call{args: []string{
			"account", "create", "--email", "anna@example.com", "--data", p.data,
		}, stdin: "correct horse\n"}.run(t).code,
	)
	of := []string{"--account", "anna@example.com", "--data", p.data}
	require.Equal(
		t, exitDone,
		call{args: append([]string{
			"key", "create", "--mode", "test", "--name", "CI\x1b[2J\u202e\nkey_forged",
		}, of...)}.run(t).code,
	)
	r := call{args: append([]string{"key", "list"}, of...)}.run(t)
	require.Equal(t, exitDone, r.code, r.err)
	assert.Regexp(t, `^key_[0-9a-f]+  pk_test_….{4}  \d{4}-\d\d-\d\d  CI\\x1b\[2J\\u202e key_forged\n$`, r.out)
}

// Accounts are listed, and moved between plans, while the server may be running.
func TestAccountsAreListedAndMoved(t *testing.T) {
	data := []string{"--data", filepath.Join(t.TempDir(), "data")}
	run := func(stdin string, args ...string) result {
		return call{args: append(args, data...), stdin: stdin}.run(t)
	}
	assert.Equal(t, exitFailed, run("", "account", "list").code, "a slip in --data makes no directory")
	for _, email := range []string{"anna@example.com", "ben@example.com"} {
		require.Equal(t, exitDone, run("correct horse\n", "account", "create", "--email", email, "--plan", "starter").code)
	}
	moved := run("", "account", "plan", "--account", "ben@example.com", "growth")
	require.Equal(t, exitDone, moved.code, moved.err)
	listed := rows(run("", "account", "list").out)
	assert.Equal(t, []string{"anna@example.com", "starter"}, listed[0][:2])
	assert.Equal(t, []string{"ben@example.com", "growth"}, listed[1][:2])
	assert.Contains(t, run("", "account", "list", "--json").out, `"email":"anna@example.com","plan":"starter"`)
	assert.Contains(t, run("", "account", "plan", "--account", "ben@example.com", "gold").err, `"gold" is not one of`)
	assert.Contains(t, run("", "account", "plan", "--account", "eve@example.com", "growth").err, "no such account")
}
