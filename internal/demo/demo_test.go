//go:build !race

package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/heypingr/pingr"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, c Config) *Demo {
	t.Helper()
	c.Listen = "127.0.0.1:0"
	d, err := Start(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, d.Close())
		http.DefaultClient.CloseIdleConnections()
	})
	return d
}

func TestCheck(t *testing.T) {
	var parts []string
	d := start(t, Config{Cooldown: time.Minute, Progress: func(p Part) { parts = append(parts, p.Name) }})
	assert.Len(t, parts, 4)
	at := map[Step]float64{}
	require.NoError(t, d.Check(t.Context(), func(e Entry) { at[e.Step] = e.Ms }))
	order := []Step{
		StepSent, StepReceived, StepStored, StepAsked, StepAnswered, StepDecided, StepShown, StepOpened, StepSignedIn,
	}
	for i := 1; i < len(order); i++ {
		assert.LessOrEqual(t, at[order[i-1]], at[order[i]], "%s, then %s", order[i-1], order[i])
	}
	assert.Contains(t, at, StepReplied)
	assert.Len(t, d.person.Messages(), 1, "the phone shows one reply")

	err := d.Check(t.Context(), func(Entry) {})
	assert.ErrorContains(t, err, "no reply: cooldown", "a check that fails names the step and the reason")
	assert.ErrorContains(t, err, string(StepDecided))
}

// steps waits until a message has one of the steps, and returns all its steps.
func (d *Demo) steps(t *testing.T, trace string, last Step) map[Step]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	w := &watcher{feed: d.feed, trace: trace}
	seen := map[Step]string{}
	w.entry = func(e Entry) { seen[e.Step] = e.Note }
	if err := w.until(ctx, last); last != StepNoReply {
		require.NoError(t, err)
	}
	return seen
}

func TestMessageThatFiresNothing(t *testing.T) {
	d := start(t, Config{})
	id, err := d.Send(t.Context(), "hello")
	require.NoError(t, err)
	seen := d.steps(t, id, StepNoReply)
	assert.Equal(t, "no trigger", seen[StepNoReply])
	assert.NotContains(t, seen, StepStored)
}

func TestLinkOpenedInAnotherBrowser(t *testing.T) {
	d := start(t, Config{})
	waits := newBrowser(t, d)
	shown := waits.ask(http.MethodPost, "/shop/login", "")
	id, err := d.Send(t.Context(), shown.Text)
	require.NoError(t, err)
	d.steps(t, id, StepShown)
	link := linkIn.FindString(d.person.Messages()[0].Text)

	opens := newBrowser(t, d)
	page := opens.read(http.MethodGet, strings.TrimPrefix(link, d.URL()), "")
	assert.Contains(t, page, "+91 98765 43210")
	assert.Contains(t, page, `<form method="post">`)
	assert.Equal(t, "sent", waits.ask(http.MethodGet, "/shop/login", "").State, "opening alone signs nobody in")
	opens.read(http.MethodPost, strings.TrimPrefix(link, d.URL()), "")
	assert.Equal(t, "signed_in", opens.ask(http.MethodGet, "/shop/login", "").State)
	assert.Equal(t, loginState{State: "used"}, waits.ask(http.MethodGet, "/shop/login", ""),
		"whoever waits is not signed in, and learns no number")
	assert.Equal(t, "none", newBrowser(t, d).ask(http.MethodGet, "/shop/login", "").State)
}

func TestWebhookOfAStranger(t *testing.T) {
	d := start(t, Config{})
	resp, err := http.Post(d.URL()+"/webhook", "application/json", strings.NewReader(`{"event":"message.received"}`))
	require.NoError(t, err)
	defer resp.Body.Close()
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
}

// The demo shows each webhook as it came. A copied one yields no link, but another attempt of Pingr's
// is answered.
func TestWebhookThatCameBefore(t *testing.T) {
	const secret = "whsec_x"
	b := &backend{
		secret: secret, origin: "http://shop.example", logins: newLogins(time.Now), wire: func(exchange) {},
		saw: func(string, Step, string) {},
	}
	post := func(stamp int64) *httptest.ResponseRecorder {
		body := fmt.Sprintf(
			`{"event":"message.received","id":"evt_1","from":{"phone":"919876543210"},"message":{"text":"login"},"timestamp":%d}`,
			stamp,
		)
		r := httptest.NewRequest(http.MethodPost, "/webhook", strings.NewReader(body))
		r.Header.Set("X-Pingr-Signature", pingr.Sign([]byte(body), secret))
		w := httptest.NewRecorder()
		b.webhook(w, r)
		return w
	}
	now := time.Now().UnixMilli()
	for _, step := range []struct {
		name   string
		stamp  int64
		status int
	}{{"first", now, 200}, {"sent again", now, 409}, {"the next attempt", now + 1, 200}} {
		w := post(step.stamp)
		assert.Equal(t, step.status, w.Code, step.name)
		assert.Equal(t, step.status == 200, strings.Contains(w.Body.String(), "/shop/in/"), step.name)
	}
}

func TestPageOfAStranger(t *testing.T) {
	d := start(t, Config{})
	for _, path := range []string{"/phone/messages", "/shop/login", "/shop/logout", "/shop/in/x"} {
		req, err := http.NewRequest(http.MethodPost, d.URL()+path, strings.NewReader(`{"text":"login"}`))
		require.NoError(t, err)
		req.Header.Set("Origin", "https://evil.example")
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		resp.Body.Close()
		assert.Equal(t, http.StatusForbidden, resp.StatusCode, path)
	}
	assert.Empty(t, d.person.Messages())
}

func TestStartWhereItCannotListen(t *testing.T) {
	d := start(t, Config{})
	_, err := Start(t.Context(), Config{Listen: strings.TrimPrefix(d.URL(), "http://")})
	assert.ErrorContains(t, err, "page and backend", "an address that was asked for is not exchanged")
	_, err = Start(t.Context(), Config{Listen: "0.0.0.0:0"})
	assert.ErrorIs(t, err, ErrNotLoopback)
}

// A testBrowser keeps cookies.
type testBrowser struct {
	*testing.T
	browser
}

func newBrowser(t *testing.T, d *Demo) *testBrowser {
	t.Helper()
	b, err := openBrowser(d.URL())
	require.NoError(t, err)
	t.Cleanup(b.client.CloseIdleConnections)
	return &testBrowser{t, *b}
}

func (b *testBrowser) read(method, path, body string) (text string) {
	b.Helper()
	require.NoError(b, b.do(b.Context(), method, b.origin+path, body, func(r io.Reader) error {
		all, err := io.ReadAll(r)
		text = string(all)
		return err
	}))
	return text
}

func (b *testBrowser) ask(method, path, body string) (s loginState) {
	b.Helper()
	require.NoError(b, json.Unmarshal([]byte(b.read(method, path, body)), &s))
	return s
}
