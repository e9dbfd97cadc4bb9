package demo

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

const (
	asha = "919876543210"
	ravi = "919000000001"
)

// A site is a shop's logins on a clock that tests move.
type site struct {
	*testing.T
	*logins
	clock time.Time
}

func newSite(t *testing.T) *site {
	s := &site{T: t, clock: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
	s.logins = newLogins(func() time.Time { return s.clock })
	return s
}

// open is a browser that opens the login page: its token and its code.
func (s *site) open() (waiting, code string) {
	s.Helper()
	waiting, ok := s.begin("Firefox on Linux")
	require.True(s, ok)
	now := s.status(waiting, "")
	require.Equal(s, "waiting", now.State)
	return waiting, now.Code
}

func message(phone, text string) pingr.Event {
	return pingr.Event{
		Type: pingr.EventMessageReceived, From: &pingr.From{Phone: phone},
		Message: &pingr.EventMessage{Text: text, ID: "3A01"}, AutoReply: &pingr.AutoReply{Status: "pending"},
	}
}

// text returns what a phone gets for a text.
func (s *site) text(phone, text string) string {
	return s.answer(message(phone, text), func(token string) string { return "http://shop/" + token })
}

var linkToken = regexp.MustCompile(`http://shop/([0-9a-f]{32})\n`)

// link returns the token of the link that a phone gets for a text.
func (s *site) link(phone, text string) string {
	s.Helper()
	found := linkToken.FindStringSubmatch(s.text(phone, text))
	require.NotNil(s, found, "a link of 128 bits")
	return found[1]
}

func TestLoginBeginsInTheBrowserThatOpensTheLink(t *testing.T) {
	s := newSite(t)
	waiting, code := s.open()
	assert.Len(t, code, 8)
	reply := s.text(asha, "login "+code)
	assert.Contains(t, reply, "Corner Shop", "the reply names the site")
	assert.Contains(t, reply, "Firefox on Linux", "and the device that asks")
	assert.Equal(t, "sent", s.status(waiting, "").State)

	token := linkToken.FindStringSubmatch(reply)[1]
	seen, ok := s.look(token)
	require.True(t, ok)
	assert.Equal(t, asha, seen.phone, "which number is about to log in is shown before it does")
	_, ok = s.look(token)
	assert.True(t, ok, "looking uses nothing up: previews look too")

	session, _, ok := s.redeem(token)
	require.True(t, ok)
	assert.Equal(t, status{State: "signed_in", Phone: asha}, s.status("", session))
	assert.Equal(t, status{State: "used"}, s.status(waiting, ""),
		"whoever only waited is not signed in, and learns no number")

	_, _, ok = s.redeem(token)
	assert.False(t, ok, "a link works once")
	assert.Contains(t, s.text(asha, "login "+code), "wrong or has expired", "and so does a code")

	s.signOut(session)
	assert.Equal(t, "none", s.status("", session).State)
}

func TestLoginByThePhraseAlone(t *testing.T) {
	s := newSite(t)
	_, k, ok := s.redeem(s.link(asha, "login"))
	require.True(t, ok)
	assert.Equal(t, asha, k.phone)
}

func TestCodeFromTwoPhonesIsVoid(t *testing.T) {
	s := newSite(t)
	waiting, code := s.open()
	first := s.link(asha, "login "+code)
	assert.Contains(t, s.text(ravi, "login "+code), "no longer valid")
	assert.Equal(t, status{State: "void"}, s.status(waiting, ""))
	_, _, ok := s.redeem(first)
	assert.False(t, ok, "the first one's link is void too")
	assert.Contains(t, s.text(asha, "login "+code), "no longer valid", "and stays so")
}

func TestNewestLinkCounts(t *testing.T) {
	s := newSite(t)
	_, code := s.open()
	first, second := s.link(asha, "login "+code), s.link(asha, "login "+code)
	_, ok := s.look(first)
	assert.False(t, ok)
	_, ok = s.look(second)
	assert.True(t, ok)
}

func TestFiveMinutes(t *testing.T) {
	s := newSite(t)
	waiting, code := s.open()
	token := s.link(asha, "login "+code)
	s.clock = s.clock.Add(codeLife + time.Second)
	_, ok := s.look(token)
	assert.False(t, ok)
	assert.Equal(t, "expired", s.status(waiting, "").State)
	assert.Contains(t, s.text(asha, "login "+code), "expired")
	s.clock = s.clock.Add(codeLife)
	_, _ = s.open() // any later visitor sweeps
	assert.Equal(t, "none", s.status(waiting, "").State)
}

func TestGuessingCodes(t *testing.T) {
	s := newSite(t)
	_, code := s.open()
	for range maxWrong {
		assert.Contains(t, s.text(asha, "login WRONG234"), "wrong")
	}
	assert.Empty(t, s.text(asha, "login "+code), "five wrong ones: ignored, right ones too")
	assert.NotEmpty(t, s.text(ravi, "login "+code), "others are not")
	s.clock = s.clock.Add(wrongLife + time.Second)
	_, code = s.open()
	assert.NotEmpty(t, s.text(asha, "login "+code), "for an hour")
}

func TestEventsThatLogNobodyIn(t *testing.T) {
	simulated := message(asha, "login")
	simulated.Simulated = true
	suppressed := message(asha, "login")
	suppressed.AutoReply = &pingr.AutoReply{Status: "suppressed", Reason: "cooldown"}
	for name, e := range map[string]pingr.Event{
		"simulated":              simulated,
		"no reply will follow":   suppressed,
		"a session disconnected": {Type: pingr.EventSessionDisconnected},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			assert.Empty(t, s.answer(e, func(string) string { return "http://shop/" }))
			assert.Empty(t, s.links)
		})
	}
}

func TestTooManyBrowsers(t *testing.T) {
	s := newSite(t)
	for range maxPending {
		_, ok := s.begin("x")
		require.True(t, ok)
	}
	_, ok := s.begin("x")
	assert.False(t, ok)
	s.clock = s.clock.Add(codeLife + time.Second)
	_, ok = s.begin("x")
	assert.True(t, ok)
}

func TestDeviceName(t *testing.T) {
	tests := map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0": "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) " +
			"Chrome/140.0.0.0 Safari/537.36 Edg/140.0": "Edge on Windows",
		"Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36": "Chrome on Android",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) " +
			"Version/19.0 Mobile Safari/604.1": "Safari on iPhone",
		"curl/8": "an unknown browser",
		"":       "an unknown browser",
	}
	for agent, want := range tests {
		assert.Equal(t, want, deviceName(agent), agent)
	}
	assert.NotContains(t, deviceName(strings.Repeat("http://evil.example ", 9)), "evil",
		"nothing of the sender's own goes into the reply")
}
