//go:build linux && !race

package main

import (
	"net/http"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/whatsapptest"
)

// idleMemory is what pingr serve may hold with one connected number and nothing
// to do, in KiB.
const idleMemory = 40 << 10

// Memory that a start, a link and password checks need briefly goes back to the system.
func TestIdleMemory(t *testing.T) {
	p := newPlace(t)
	asha, err := p.server.AddPhone(whatsapptest.PhoneConfig{Number: "919876543210", Name: "Asha"})
	require.NoError(t, err)
	s := p.serve(t)
	token := s.waitFor(`/setup\?token=(\w+)`)
	account := s.must(http.StatusCreated, "POST", "/v1/auth/setup",
		`{"token":"`+token+`","email":"anna@example.com","password":"correct horse"}`, "X-API-Key", "")
	login := []string{"X-API-Key", "", "Authorization", "Bearer " + account["token"].(string)}
	s.key = s.must(http.StatusCreated, "POST", "/v1/keys", `{"name":"Backend","mode":"live"}`, login...)["key"].(string)
	s.must(http.StatusCreated, "POST", "/v1/sessions", `{"id":"shop","name":"Main login bot"}`)
	s.link(p, "shop")
	s.must(http.StatusCreated, "POST", "/v1/triggers",
		`{"session_id":"shop","trigger_phrase":"login","reply_message":"Hello."}`)
	s.comesToRest("linked")

	s.stop()
	s = p.again(s)
	s.connected()
	s.comesToRest("started again")

	rest := s.resident()
	s.must(http.StatusOK, "POST", "/v1/auth/login", `{"email":"anna@example.com","password":"correct horse"}`, "X-API-Key",
		"")
	assert.Greater(t, s.resident(), rest+15<<10, "a password check takes 19 MiB")
	s.comesToRest("asked for a password")

	_, err = asha.Send(t.Context(), shopNumber, "login")
	require.NoError(t, err)
	assert.Equal(t, "Hello.", next(t, asha))
}

func (s *service) comesToRest(after string) {
	s.Helper()
	var last int
	require.Eventually(s, func() bool {
		last = s.resident()
		return last <= idleMemory
	}, time.Minute, 500*time.Millisecond, after)
	time.Sleep(2 * time.Second) // its regular work needs little
	assert.LessOrEqual(s, s.resident(), idleMemory, after)
	s.Logf("%s: %d KiB, then %d", after, last, s.resident())
}

// resident returns how much memory the program holds, in KiB.
func (s *service) resident() int {
	s.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(s.pid) + "/status")
	require.NoError(s, err)
	found := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)
	require.NotNil(s, found)
	n, err := strconv.Atoi(string(found[1]))
	require.NoError(s, err)
	return n
}

// A mapping is left alone if it is not entirely the file's, or may be written to.
func TestMapping(t *testing.T) {
	const file = "/opt/my programs/pingr"
	for _, tt := range []struct {
		line       string
		start, end uintptr
		readOnly   bool
	}{
		{"00400000-01396000 r-xp 00000000 08:01 1234                       " + file, 0x400000, 0x1396000, true},
		{"01396000-02604000 r--p 00f96000 08:01 1234                       " + file, 0x1396000, 0x2604000, true},
		{"02604000-026e5000 rw-p 02204000 08:01 1234                       " + file, 0, 0, false},
		{"7fd5b3e6f000-7fd5b3fc5000 r-xp 00026000 08:01 99 /usr/lib/libc.so.6", 0, 0, false},
		{"2abe99400000-2abe9c000000 rw-p 00000000 00:00 0", 0, 0, false},
		{"Rss:                8576 kB", 0, 0, false},
		{"", 0, 0, false},
	} {
		start, end, readOnly := mapping(tt.line, file)
		assert.Equal(t, tt.readOnly, readOnly, tt.line)
		if readOnly {
			assert.Equal(t, tt.start, start, tt.line)
			assert.Equal(t, tt.end, end, tt.line)
		}
	}
}
