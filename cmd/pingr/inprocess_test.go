//go:build !race

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/whatsapptest"
)

// asha's number, the customer of these stories.
const ashaNumber = "919876543210"

// An inProcess is pingr serve in this process, on a clock that the test moves, with a linked number,
// the trigger "login" and an endpoint.
type inProcess struct {
	*service
	place   *place
	clock   *clock
	backend *shopBackend
	asha    *whatsapptest.Phone
	halt    func() // stops serving
}

// newHosted begins at noon of a day.
func newInProcess(t *testing.T, plan string, day time.Time) *inProcess {
	t.Helper()
	p := newPlace(t)
	asha, err := p.server.AddPhone(whatsapptest.PhoneConfig{Number: ashaNumber, Name: "Asha"})
	require.NoError(t, err)
	h := &inProcess{place: p, clock: &clock{}, asha: asha}
	h.clock.move(time.Until(day.Add(12 * time.Hour)))
	h.backend = newShopBackend(t, h.clock.now)
	require.Equal(t, exitDone, call{
		args:  []string{"account", "create", "--email", "anna@example.com", "--plan", plan, "--data", p.data},
		stdin: "correct horse\n",
	}.run(t).code)
	key := call{args: []string{
		"key", "create", "--account", "anna@example.com", "--mode", "live", "--data", p.data,
	}}.run(t)
	h.start(t, strings.TrimSpace(key.out))
	h.must(http.StatusCreated, "POST", "/v1/sessions", `{"id":"shop","name":"Shop"}`)
	h.link(p, "shop")
	h.must(http.StatusCreated, "POST", "/v1/triggers",
		`{"session_id":"shop","trigger_phrase":"login","reply_message":"One moment."}`)
	h.must(http.StatusOK, "PUT", "/v1/webhooks", `{"url":"`+h.backend.URL+`"}`)
	h.backend.setSecrets(h.login("GET", "/v1/webhooks", "")["secret"].(string))
	return h
}

// start serves; halt ends it.
func (h *inProcess) start(t *testing.T, key string) {
	t.Helper()
	c := config{
		Data: h.place.data, Log: "off",
		WhatsAppURL: setting(h.place.env, "PINGR_WHATSAPP_URL"), WhatsAppCA: setting(h.place.env, "PINGR_WHATSAPP_CA"),
		WhatsAppCertKey: setting(h.place.env, "PINGR_WHATSAPP_CERT_KEY"),
	}
	out, in := io.Pipe()
	a := &app{streams: streams{strings.NewReader(""), in, io.Discard}, config: c, now: h.clock.now}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		err := a.serve(ctx, "127.0.0.1:0", "")
		_ = in.CloseWithError(err)
		done <- err
	}()
	h.halt = sync.OnceFunc(func() {
		cancel()
		assert.NoError(t, <-done)
	})
	t.Cleanup(h.halt)
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	h.service = &service{T: t, key: key, url: strings.TrimSpace(strings.TrimPrefix(line, "listening on "))}
}

// restart ends serving and starts again on the same data.
func (h *inProcess) restart() {
	h.Helper()
	h.halt()
	h.start(h.T, h.key)
	h.connected()
}

// must makes a request and requires the status.
func (s *service) must(status int, method, path, body string, header ...string) map[string]any {
	s.Helper()
	got, answer := s.call(method, path, body, header...)
	require.Equal(s, status, got, answer)
	return answer
}

// login sends requests as the dashboard does.
func (h *inProcess) login(method, path, body string) map[string]any {
	h.Helper()
	in := h.must(http.StatusOK, "POST", "/v1/auth/login", `{"email":"anna@example.com","password":"correct horse"}`,
		"X-API-Key", "")
	return h.must(http.StatusOK, method, path, body, "X-API-Key", "", "Authorization", "Bearer "+in["token"].(string))
}

// texts lets Asha write.
func (h *inProcess) texts(text string) {
	h.Helper()
	_, err := h.asha.Send(h.Context(), shopNumber, text)
	require.NoError(h, err)
}

// setting is a variable's value.
func setting(vars []string, name string) string {
	for _, v := range vars {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// A clock is the real one, moved.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// A shopBackend is an endpoint that verifies its webhooks, by secrets that change, and answers with a
// link.
type shopBackend struct {
	*httptest.Server
	mu      sync.Mutex
	secrets []string
	told    []pingr.Event
	hooks   []hook // those that it accepted
	refused []error
}

// A hook is a request as it came.
type hook struct {
	Body      string `json:"body"`
	Signature string `json:"signature"`
	Secret    string `json:"secret"`
}

func newShopBackend(t *testing.T, now func() time.Time) *shopBackend {
	b := &shopBackend{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		event, err := pingr.VerifyWebhook(body, r.Header.Get("X-Pingr-Signature"), b.secrets[0],
			pingr.VerifyOptions{OtherSecrets: b.secrets[1:], Now: now()})
		if err != nil {
			b.refused = append(b.refused, err)
			http.Error(w, "bad signature", http.StatusBadRequest)
			return
		}
		b.told = append(b.told, *event)
		b.hooks = append(b.hooks, hook{Body: string(body), Signature: r.Header.Get("X-Pingr-Signature")})
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"reply": "https://shop.example/login/" + event.ID})
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *shopBackend) setSecrets(secrets ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.secrets = secrets
}

// heard returns the events that it accepted and those that it refused.
func (b *shopBackend) heard() ([]pingr.Event, []error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]pingr.Event(nil), b.told...), append([]error(nil), b.refused...)
}

// lastHook is the request of the last event.
func (b *shopBackend) lastHook() hook {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.hooks[len(b.hooks)-1]
}

// last waits until it has received n events, and returns the last.
func (b *shopBackend) last(t *testing.T, n int) pingr.Event {
	t.Helper()
	var told []pingr.Event
	require.Eventually(t, func() bool {
		told, _ = b.heard()
		return len(told) >= n
	}, 20*time.Second, 10*time.Millisecond)
	require.Len(t, told, n)
	return told[n-1]
}
