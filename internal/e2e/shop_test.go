//go:build !race

// whatsmeow's own frame socket races (see the Makefile), so tests with real
// clients do without the race detector.

package e2e

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/whatsapp"
	"github.com/heypingr/pingr/store/sqlite"
	"github.com/heypingr/pingr/whatsapptest"
)

const (
	account = "acc"
	session = "main"
	asha    = "919876543210"
)

// secret signs the webhooks of these tests.
const secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

// shop is a business with everything real: a whatsmeow client linked to a
// loopback WhatsApp, SQLite, a webhook over HTTP.
type shop struct {
	*testing.T
	whatsapp *whatsapptest.Server
	phone    *whatsapptest.Phone // the business's own
	device   *whatsapptest.Device
	backend  *backend
	store    *sqlite.Store
	pool     *whatsapp.Pool
	ended    atomic.Int64 // firings
	engine   *pingr.Engine
	stop     func()
}

// latency is how far away WhatsApp is, each way: 0, or what make far says.
func latency(t *testing.T) time.Duration {
	t.Helper()
	far := os.Getenv("PINGR_TEST_LATENCY")
	if far == "" {
		return 0
	}
	d, err := time.ParseDuration(far)
	require.NoError(t, err)
	return d
}

// open links a new number and serves it with the trigger "login".
func open(t *testing.T, settings pingr.Settings) *shop {
	return openWith(t, pingr.Config{Settings: settings})
}

func openWith(t *testing.T, config pingr.Config) *shop {
	t.Helper()
	return openAt(t, config, nil)
}

// openAt is openWith on a WhatsApp with that clock.
func openAt(t *testing.T, config pingr.Config, now func() time.Time) *shop {
	t.Helper()
	server, err := whatsapptest.Start(whatsapptest.Config{Now: now, Latency: latency(t)})
	require.NoError(t, err)
	s := &shop{T: t, whatsapp: server, backend: newBackend(t)}
	s.phone = server.NewPhone(whatsapptest.PhoneConfig{Name: "Shop"})

	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	s.store, err = sqlite.Open(ctx, sqlite.Config{Dir: dir})
	require.NoError(t, err)
	require.NoError(t, s.store.SaveTrigger(ctx, pingr.Trigger{
		ID: "trg_1", Session: session, Phrase: "login", Reply: "static for {{phone}}", Active: true,
	}))
	config.Store, config.Dispatcher = s.store, &pingr.HTTPDispatcher{URL: s.backend.URL, Secret: secret}
	config.Observer.Firing = func(f pingr.Firing) {
		if f.State == pingr.StateDone {
			s.ended.Add(1)
		}
	}
	engine, err := pingr.New(config)
	require.NoError(t, err)
	pool, err := whatsapp.Open(ctx, whatsapp.Config{
		Dir: dir, Registry: s.store, Notify: engine.Notify,
		Endpoint: whatsapp.Endpoint{URL: server.URL(), CA: server.CAPEM(), CertKey: server.CertKey()},
	})
	require.NoError(t, err)
	linked, err := pool.Add(ctx, pingr.SessionRecord{ID: session, Account: account})
	require.NoError(t, err)
	var running sync.WaitGroup
	running.Go(func() { _ = engine.Run(ctx) })
	s.pool, s.engine = pool, engine
	engine.Attach(account, session, linked)
	s.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		require.NoError(t, pool.Close())
		require.NoError(t, s.store.Close())
		require.NoError(t, server.Close())
	})
	t.Cleanup(s.stop)
	s.device = s.link(linked, s.phone)
	return s
}

// another links one more number, with a trigger of its own.
func (s *shop) another(id string) (*whatsapptest.Phone, *whatsapptest.Device) {
	s.Helper()
	require.NoError(s, s.store.SaveTrigger(s.Context(), pingr.Trigger{
		ID: "trg_" + id, Session: id, Phrase: "login", Reply: "static", Active: true,
	}))
	linked, err := s.pool.Add(s.Context(), pingr.SessionRecord{ID: id, Account: account})
	require.NoError(s, err)
	s.engine.Attach(account, id, linked)
	phone := s.whatsapp.NewPhone(whatsapptest.PhoneConfig{Name: id})
	return phone, s.link(linked, phone)
}

// link scans the session's QR with a phone.
func (s *shop) link(linked *whatsapp.Session, phone *whatsapptest.Phone) *whatsapptest.Device {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 30*time.Second)
	defer cancel()
	var device *whatsapptest.Device
	for snapshot := range linked.Changes(ctx) {
		if snapshot.QR.Code != "" && device == nil {
			var err error
			device, err = phone.Scan(ctx, snapshot.QR.Code)
			require.NoError(s, err)
		}
		if snapshot.Record.State == pingr.SessionConnected {
			break
		}
	}
	require.NotNil(s, device)
	require.NoError(s, device.WaitOnline(ctx))
	return device
}

// in bounds a wait.
func in(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// backend is the business's own server. It verifies and remembers its webhooks, and answers as mode
// selects.
type backend struct {
	*httptest.Server
	mu      sync.Mutex
	mode    string // "", "slow", "refuse", "hang" or "garbage"
	hanging int    // requests
	events  []pingr.Event
}

func newBackend(t *testing.T) *backend {
	b := &backend{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		event, err := pingr.VerifyWebhook(body, r.Header.Get("X-Pingr-Signature"), secret)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		b.answer(w, r, *event)
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *backend) answer(w http.ResponseWriter, r *http.Request, e pingr.Event) {
	b.mu.Lock()
	mode := b.mode
	b.mu.Unlock()
	switch mode {
	case "slow":
		time.Sleep(100 * time.Millisecond)
	case "refuse":
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	case "hang":
		b.hang(1)
		<-r.Context().Done()
		b.hang(-1)
		return
	}
	b.mu.Lock()
	b.events = append(b.events, e)
	b.mu.Unlock()
	if mode == "garbage" {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html>{\"reply\": 42}</html>")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	reply := ""
	if e.Message != nil {
		reply = "link for " + e.Message.ID
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"reply": reply})
}

func (b *backend) hang(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hanging += n
}

func (b *backend) waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.hanging
}

func (b *backend) become(mode string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mode = mode
}

func (b *backend) heard() []pingr.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]pingr.Event(nil), b.events...)
}
