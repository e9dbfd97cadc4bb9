//go:build !race

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/sim"
	"github.com/heypingr/pingr/store/sqlite"
)

const (
	hung   = 300
	places = hung + 10
	// hangTime is how long a request may hang. It is long enough that, even on a busy machine, all
	// hang at once before the first is given up.
	hangTime = 20 * time.Second
	// longText is the text of a message whose copies show on the scales.
	longText = 60_000
	// heapEach is the live heap of a hanging request, at both of its ends: its text, the body with
	// that text, and 45 KB.
	heapEach = 2*longText + 80_000
	// goroutinesEach are two of the engine, two of its connection and two of the server.
	goroutinesEach = 6
)

// Over HTTP, 300 requests of an account hang. Its next login is asked about at once, or gets the
// static reply after the time that an endpoint may take. The hanging requests are bounded, and leave
// nothing behind.
func TestHangingRequestsOverHTTP(t *testing.T) {
	h := newHanging(t)
	require.Equal(t, "link", h.shown(h.gather("91", 1)[0]))
	empty := h.weigh()

	people := h.gather("49170", hung)
	h.eventually("all hang", func() bool { return h.backend.waiting() == hung })
	h.lighter(empty, hung)
	assert.Equal(t, "link", h.shown(h.gather("92", 1)[0]))
	assert.Equal(t, hung, h.backend.waiting(), "while all hang")
	began := time.Now()
	assert.Equal(t, "static", h.shown(h.gather("49171", 1)[0]))
	assert.Less(t, time.Since(began), 2*hangTime, "its time, and what a busy machine takes")
	for _, p := range people {
		require.Equal(t, "static", h.shown(p))
	}
	h.backend.mend()
	h.eventually("every event is told", func() bool { return h.backend.told() == 2+hung+1 })
	h.back(empty)

	// The places are free again, and more people than there are places wait in the store.
	const crowd = 1000
	h.backend.hang()
	before := h.accepted.Load()
	people = h.gather("49172", crowd)
	h.eventually("every place is taken", func() bool { return h.backend.waiting() == places })
	h.eventually("everybody is in the store", func() bool { return h.accepted.Load() == before+crowd })
	h.lighter(empty, places)
	h.backend.mend()
	for _, p := range people {
		h.shown(p)
	}
	h.eventually("every event is told", func() bool { return h.backend.told() == 2+hung+1+crowd })
	assert.Equal(t, places, h.backend.mostWaiting())
	h.back(empty)
	for _, p := range people {
		require.Len(t, p.Received(), 1)
	}
}

// hanging is an account whose backend hangs, over HTTP and SQLite.
type hanging struct {
	*testing.T
	session   *sim.Session
	backend   *hangingBackend
	transport *http.Transport
	accepted  atomic.Int64
}

func newHanging(t *testing.T) *hanging {
	ctx, cancel := context.WithCancel(context.Background())
	store, err := sqlite.Open(ctx, sqlite.Config{Dir: t.TempDir()})
	require.NoError(t, err)
	require.NoError(t, store.SaveTrigger(ctx, pingr.Trigger{
		ID: "trg_1", Session: session, Phrase: "login", Reply: "static", Active: true,
	}))
	h := &hanging{T: t, session: sim.New(sim.Config{}), backend: newHangingBackend(t), transport: pingr.NewTransport(nil)}
	engine, err := pingr.New(pingr.Config{
		Store: accepts{store, &h.accepted}, InFlight: places, DispatchTimeout: hangTime,
		Dispatcher: &pingr.HTTPDispatcher{URL: h.backend.URL, Secret: secret, Transport: h.transport},
	})
	require.NoError(t, err)
	var running sync.WaitGroup
	running.Go(func() { _ = engine.Run(ctx) })
	<-engine.Started()
	engine.Attach(account, session, h.session)
	t.Cleanup(func() {
		cancel()
		running.Wait()
		h.transport.CloseIdleConnections()
		require.NoError(t, store.Close())
	})
	return h
}

// accepts counts the messages that were stored.
type accepts struct {
	pingr.Store
	n *atomic.Int64
}

func (a accepts) Accept(ctx context.Context, f pingr.Firing, l pingr.Lease) (pingr.Firing, bool, error) {
	f, first, err := a.Store.Accept(ctx, f, l)
	if first && err == nil {
		a.n.Add(1)
	}
	return f, first, err
}

// gather lets n people write a long message each.
func (h *hanging) gather(prefix string, n int) []*sim.Phone {
	people := make([]*sim.Phone, n)
	for i := range people {
		people[i] = h.session.NewPhone(sim.PhoneConfig{Number: fmt.Sprintf("%s%07d", prefix, i)})
		people[i].Send("login " + strings.Repeat("x", longText))
	}
	return people
}

// shown returns the next message that a phone shows.
func (h *hanging) shown(p *sim.Phone) string {
	h.Helper()
	r, err := p.Next(in(h.T, time.Minute))
	require.NoError(h, err)
	return r.Text
}

func (h *hanging) eventually(what string, condition func() bool) {
	h.Helper()
	require.Eventually(h, condition, time.Minute, 10*time.Millisecond, what)
}

// A scale shows what the whole process holds.
type scale struct {
	goroutines int
	heap       float64 // bytes
}

func (h *hanging) weigh() scale {
	h.transport.CloseIdleConnections()
	runtime.GC()
	runtime.GC() // what pools kept over the first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return scale{runtime.NumGoroutine(), float64(m.HeapAlloc)}
}

// lighter compares with the most that so many hanging requests may weigh.
func (h *hanging) lighter(empty scale, requests int) {
	h.Helper()
	now := h.weigh()
	h.Logf("%d requests: %d goroutines, %.0f MB", requests, now.goroutines-empty.goroutines, (now.heap-empty.heap)/1e6)
	assert.Less(h, now.goroutines, empty.goroutines+requests*goroutinesEach+50)
	assert.Less(h, now.heap, empty.heap+float64(requests*heapEach))
}

// back waits until the process holds what it held before, except for the phones.
func (h *hanging) back(empty scale) {
	h.Helper()
	h.eventually("what hung has left nothing behind", func() bool {
		now := h.weigh()
		return now.goroutines <= empty.goroutines+5 && now.heap < empty.heap+8e6
	})
}

// hangingBackend is a server on loopback that lets numbers that begin with 49 wait forever, until it
// is mended.
type hangingBackend struct {
	*httptest.Server

	mu        sync.Mutex
	mended    chan struct{} // closed while it answers everybody
	now, most int           // waiting requests
	ids       map[string]bool
}

func newHangingBackend(t *testing.T) *hangingBackend {
	b := &hangingBackend{mended: make(chan struct{}), ids: map[string]bool{}}
	b.Server = httptest.NewServer(b)
	t.Cleanup(b.Close)
	return b
}

func (b *hangingBackend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, hangs, err := b.read(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if hangs && b.wait(r.Context()) != nil {
		return
	}
	b.mu.Lock()
	b.ids[id] = true
	b.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"reply": "link"})
}

// read keeps nothing of the body, so the scales show only the engine's copies.
func (b *hangingBackend) read(r *http.Request) (id string, hangs bool, err error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return "", false, err
	}
	event, err := pingr.VerifyWebhook(body, r.Header.Get("X-Pingr-Signature"), secret)
	if err != nil {
		return "", false, err
	}
	return event.ID, strings.HasPrefix(event.From.Phone, "49"), nil
}

// wait ends when the backend is mended, or with an error when nobody waits.
func (b *hangingBackend) wait(ctx context.Context) error {
	b.mu.Lock()
	b.now++
	b.most = max(b.most, b.now)
	mended := b.mended
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		b.now--
		b.mu.Unlock()
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-mended:
		return nil
	}
}

func (b *hangingBackend) mend() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.mended)
}

func (b *hangingBackend) hang() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mended = make(chan struct{})
}

func (b *hangingBackend) waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *hangingBackend) mostWaiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.most
}

// told returns how many events it has accepted.
func (b *hangingBackend) told() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.ids)
}
