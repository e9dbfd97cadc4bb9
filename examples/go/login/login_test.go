package login

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

func TestOptions(t *testing.T) {
	for _, tt := range []struct {
		name, args, secret, says string
	}{
		{"the defaults", "", "whsec_x", ""},
		{
			"all of them",
			"--listen :0 --origin https://shop.example --number 4917 --site Shop --redis redis://x --code-ttl 1 " +
				"--link-ttl 2 --block-ttl 3",
			"whsec_x", "",
		},
		{"a slash after the origin does not count", "--origin https://shop.example/", "whsec_x", ""},
		{"no secret", "", "", "PINGR_WEBHOOK_SECRET"},
		{"a word too many", "desktop", "whsec_x", `"desktop" is not an option`},
		{"a number with a plus", "--number +4917", "whsec_x", "digits only"},
		{"an origin with a path", "--origin https://shop.example/login", "whsec_x", "--origin"},
		{"an origin without a scheme", "--origin shop.example", "whsec_x", "--origin"},
		{"no port", "--listen localhost", "whsec_x", "--listen"},
		{"no life", "--code-ttl 0", "whsec_x", "1 second"},
		{"an unknown option", "--colour red", "whsec_x", "colour"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var talk bytes.Buffer
			_, err := ParseOptions(strings.Fields(tt.args), func(string) string { return tt.secret }, &talk)
			assert.Equal(t, tt.says != "", err != nil, err)
			assert.Contains(t, talk.String(), tt.says)
		})
	}
}

func TestDevice(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                            "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0 Safari/537.36 Edg/1": "Edge on Windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Version/18.0 Mobile/15E148 Safari/604.1":    "Safari on iPhone",
		"Chrome/1":          "Chrome",
		"Linux":             "a browser on Linux",
		"call +1 now":       "an unknown browser",
		"":                  "an unknown browser",
		"Firefox/1 call me": "Firefox",
	} {
		assert.Equal(t, want, Device(agent), agent)
	}
}

func TestSaysNo(t *testing.T) {
	for _, text := range []string{
		"no", "NO.", "No!", "  no", "*no*", "_No_", "\u201cno\u201d", "'NO'", "no \U0001F6AB", "NO\U0001F6AB\uFE0F",
		"no, that was not me", "No.It was not me", "no\nwho is this?",
		"ＮＯ", "n\u200bo", "login no", "login: NO.", "\u00bfno?", "NO-NO", "> no",
	} {
		assert.True(t, saysNo(text), text)
	}
	for _, text := range []string{
		"", "nova", "nope", "not me", "no1", "nó", "n o", "yes, no", "1 no", "login", "login nova", "logins no",
		"login X4K9MQ7T no", "\U0001F6AB",
	} {
		assert.False(t, saysNo(text), text)
	}
}

// testSite is a site in memory, and a clock to set.
func testSite(t *testing.T) (s *Site, now *atomic.Int64) {
	t.Helper()
	now = new(atomic.Int64)
	state := &Memory{Now: func() time.Time { return time.UnixMilli(now.Load()) }}
	o := Options{
		Secret: "whsec_x", Origin: "http://shop.example", CodeLife: time.Minute, LinkLife: time.Minute,
		BlockLife: time.Hour,
	}
	return NewSite(o, state, fstest.MapFS{"page.html": {}, "page.js": {}}), now
}

// Of many that use a link at once, one is logged in.
func TestLinkIsUsedOnce(t *testing.T) {
	s, _ := testSite(t)
	s.HandleLinks()
	code, err := s.newCode(t.Context(), Code{Phone: "4917"})
	require.NoError(t, err)
	token, err := s.NewLink(t.Context(), "4917", code)
	require.NoError(t, err)
	_, changed, err := s.Change(t.Context(), code, func(c *Code) bool { c.Status = Sent; return true })
	require.NoError(t, err)
	require.True(t, changed)
	var in atomic.Int64
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			r := httptest.NewRequest(http.MethodPost, "/in/"+token, http.NoBody)
			r.Header.Set("Origin", s.Origin)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code == http.StatusSeeOther {
				in.Add(1)
			}
		})
	}
	all.Wait()
	assert.EqualValues(t, 1, in.Load())
}

// The browser that used a link may press again for 30 s, and no longer.
func TestPressMayBeRepeatedForSomeSeconds(t *testing.T) {
	s, now := testSite(t)
	s.HandleLinks()
	token, err := s.NewLink(t.Context(), "4917", "")
	require.NoError(t, err)
	ask := func(method, nonce, name string) (status int, value string) {
		r := httptest.NewRequest(method, "/in/"+token, http.NoBody)
		r.Header.Set("Origin", s.Origin)
		if nonce != "" {
			r.AddCookie(&http.Cookie{Name: onceCookie, Value: nonce})
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		for _, c := range w.Result().Cookies() {
			if c.Name == name {
				value = c.Value
			}
		}
		return w.Code, value
	}
	press := func(nonce string) (status int, session string) { return ask(http.MethodPost, nonce, sessionCookie) }
	_, mine := ask(http.MethodGet, "", onceCookie)
	_, other := ask(http.MethodGet, "", onceCookie)
	status, session := press(mine)
	require.Equal(t, http.StatusSeeOther, status)
	shown, again := ask(http.MethodGet, mine, onceCookie)
	assert.Equal(t, http.StatusOK, shown, "the page of the link is shown again")
	assert.Empty(t, again, "and its nonce stays")
	for _, tt := range []struct {
		name    string
		nonce   string
		after   time.Duration
		status  int
		session string
	}{
		{"at once", mine, 0, http.StatusSeeOther, session},
		{"another browser that opened it", other, 0, http.StatusGone, ""},
		{"a browser that did not", "planted", 0, http.StatusGone, ""},
		{"a browser without a nonce", "", 0, http.StatusGone, ""},
		{"just in time", mine, 29 * time.Second, http.StatusSeeOther, session},
		{"too late", mine, time.Second, http.StatusGone, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now.Add(tt.after.Milliseconds())
			status, session := press(tt.nonce)
			assert.Equal(t, tt.status, status)
			assert.Equal(t, tt.session, session)
		})
	}
}

// What a flow is told of a message that somebody wrote.
func TestWhatAFlowIsTold(t *testing.T) {
	for _, tt := range []struct {
		name string
		text string
		with func(*pingr.Event)
		want Message
	}{
		{"a word alone", "login", func(*pingr.Event) {}, Message{}},
		{"a code", "login x4k9mq", func(*pingr.Event) {}, Message{Code: "X4K9MQ"}},
		{
			"a forwarded code", "login x4k9mq", func(e *pingr.Event) { e.Message.Forwarded = true },
			Message{Code: "X4K9MQ", Forwarded: true},
		},
		{
			"an answer that nobody will see", "login",
			func(e *pingr.Event) { e.AutoReply = &pingr.AutoReply{Status: "suppressed"} },
			Message{Suppressed: true},
		},
		{"an answer that is too soon", "login", func(e *pingr.Event) {
			e.AutoReply = &pingr.AutoReply{Status: "suppressed", Reason: "cooldown", RetryAfter: 40}
		}, Message{Suppressed: true, Reason: "cooldown", RetryAfter: 40}},
		{
			"an answer that is due", "login", func(e *pingr.Event) { e.AutoReply = &pingr.AutoReply{Status: "pending"} },
			Message{},
		},
		{"a no", "NO", func(*pingr.Event) {}, Message{No: true}},
		{
			"a no by its trigger", "nein", func(e *pingr.Event) { e.Trigger = &pingr.EventTrigger{Phrase: "no"} },
			Message{No: true},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := testSite(t)
			var told Message
			s.OnMessage(func(_ context.Context, m Message) (string, error) { told = m; return "", nil })
			e := pingr.Event{
				Type: pingr.EventMessageReceived, ID: "evt_1", From: &pingr.From{Phone: "4917"},
				Message: &pingr.EventMessage{Text: tt.text},
			}
			tt.with(&e)
			_, err := s.dispatch(t.Context(), e)
			require.NoError(t, err)
			tt.want.Event, tt.want.Phone = "evt_1", "4917"
			assert.Equal(t, tt.want, told)
		})
	}
}

// The same event, many times at once, is decided once for whoever asks.
func TestEventIsAnsweredOnce(t *testing.T) {
	s, _ := testSite(t)
	s.OnMessage(func(context.Context, Message) (string, error) { return newToken(), nil })
	e := pingr.Event{
		Type: pingr.EventMessageReceived, ID: "evt_1", From: &pingr.From{Phone: "4917"},
		Message: &pingr.EventMessage{Text: "login"},
	}
	var answers sync.Map
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			reply, err := s.dispatch(context.Background(), e)
			assert.NoError(t, err)
			answers.Store(reply.Text, true)
		})
	}
	all.Wait()
	n := 0
	answers.Range(func(any, any) bool { n++; return true })
	assert.Equal(t, 1, n)
}

func TestWhatIsOverIsForgotten(t *testing.T) {
	s, now := testSite(t)
	for range 1000 {
		_, err := s.newCode(t.Context(), Code{})
		require.NoError(t, err)
	}
	now.Add((2 * time.Minute).Milliseconds())
	_, err := s.newCode(t.Context(), Code{})
	require.NoError(t, err)
	assert.Len(t, s.State.(*Memory).held, 1)
}
