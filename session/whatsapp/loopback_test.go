package whatsapp

import (
	"context"
	"flag"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/store/memory"
	"github.com/heypingr/pingr/whatsapptest"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.bench").Value.String() != "" {
		os.Exit(m.Run()) // the bare client of the benchmark leaks
	}
	goleak.VerifyTestMain(m,
		// whatsmeow fetches app state with a context of its own after linking;
		// cut off at the wrong moment it waits out its 75 s.
		goleak.IgnoreAnyFunction("go.mau.fi/whatsmeow.(*Client).handleAppStateSyncKeyShare"),
		// Its frame socket's reader waits for good when a frame comes just as the
		// noise handshake or the socket is given up.
		goleak.IgnoreAnyFunction("go.mau.fi/whatsmeow/socket.(*FrameSocket).frameComplete"))
}

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// quick is the timing of tests: nothing that must happen waits for long. How long
// WhatsApp has for its answers is left as it is: a machine that stands still for a
// second is no broken link.
var quick = timing{
	health: 100 * time.Millisecond, grace: 300 * time.Millisecond, report: 300 * time.Millisecond,
	send: 3 * time.Second, token: 300 * time.Millisecond, probe: 50 * time.Millisecond,
	backoff: 20 * time.Millisecond, backoffMax: 200 * time.Millisecond, redeliver: 20 * time.Millisecond,
}

// A world is a loopback WhatsApp, a pool that reaches it, and the phone of a
// business.
type world struct {
	t      *testing.T
	server *whatsapptest.Server
	shop   *whatsapptest.Phone
	dir    string
	config Config
	pool   *Pool
	events *eventLog
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOn(t, whatsapptest.Config{})
}

func newWorldOn(t *testing.T, c whatsapptest.Config) *world {
	t.Helper()
	requireRaceOff(t)
	server, err := whatsapptest.Start(c)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Close()) })
	w := &world{
		t: t, server: server, dir: t.TempDir(), events: newEventLog(),
		shop: server.NewPhone(whatsapptest.PhoneConfig{Number: "15550100001", Name: "Shop"}),
	}
	w.config = Config{
		Dir: w.dir, Notify: w.events.notify, timing: quick,
		Endpoint: Endpoint{URL: server.URL(), CA: server.CAPEM(), CertKey: server.CertKey()},
	}
	if url := tables(t); url != "" {
		w.config.Dir, w.config.Database, w.config.Keyring, w.config.Registry = "", url, testRing(t), memory.New()
	}
	w.open()
	return w
}

// newCalmWorld is one in which a session changes only by what the test does:
// nothing is checked, asked for again or reported for being slow.
func newCalmWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	require.NoError(t, w.pool.Close())
	c := &w.config.timing
	for _, pause := range []*time.Duration{&c.health, &c.silence, &c.probe, &c.grace, &c.report, &c.redeliver} {
		*pause = time.Hour
	}
	w.open()
	return w
}

func (w *world) open() {
	w.t.Helper()
	pool, err := Open(w.t.Context(), w.config)
	require.NoError(w.t, err)
	w.pool = pool
	w.t.Cleanup(func() { assert.NoError(w.t, pool.Close()) })
}

// link adds a session and scans its QR with the shop's phone.
func (w *world) link(id string) (*Session, *whatsapptest.Device) {
	w.t.Helper()
	s, err := w.pool.Add(w.t.Context(), pingr.SessionRecord{ID: id, Account: "acc"})
	require.NoError(w.t, err)
	return s, w.scan(s)
}

// scan scans a session's QR and waits until it is connected.
func (w *world) scan(s *Session) *whatsapptest.Device {
	w.t.Helper()
	shot := w.until(s, func(now Snapshot) bool { return now.QR.Code != "" })
	w.noDialIsPlanned(s, pingr.SessionPairing)
	device, err := w.shop.Scan(w.t.Context(), shot.QR.Code)
	require.NoError(w.t, err)
	w.untilState(s, pingr.SessionConnected)
	_, shown := s.QR()
	assert.False(w.t, shown, "a code that was scanned is shown no more")
	w.noDialIsPlanned(s, pingr.SessionConnected)
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	require.NoError(w.t, device.WaitOnline(ctx))
	return device
}

// noDialIsPlanned checks that nothing makes a session connect again that is in that
// state, such as a login that it takes for lost.
func (w *world) noDialIsPlanned(s *Session, state pingr.SessionState) {
	w.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.record.State == state {
		assert.False(w.t, s.redial.Stop(), "a dial is planned, though it is %s", state)
	}
}

// untilAcknowledged waits until all that was sent is acknowledged, also what was
// asked for again first.
func (w *world) untilAcknowledged() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	require.NoError(w.t, w.server.Ledger().WaitUntil(ctx, func(l *whatsapptest.Ledger) bool {
		return !slices.ContainsFunc(l.Sent(), func(m whatsapptest.Sent) bool { return m.Acknowledged.IsZero() })
	}))
}

// until waits for a snapshot.
func (w *world) until(s *Session, done func(Snapshot) bool) Snapshot {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	var last Snapshot
	for last = range s.Changes(ctx) {
		if done(last) {
			return last
		}
	}
	require.FailNowf(w.t, "session never got there", "last: %s %d %s", last.Record.State, last.Record.Reason,
		last.Record.Detail)
	return last
}

func (w *world) untilState(s *Session, state pingr.SessionState) pingr.SessionRecord {
	w.t.Helper()
	return w.until(s, func(now Snapshot) bool { return now.Record.State == state }).Record
}

// listen answers nothing and keeps everything.
func (w *world) listen(s *Session) <-chan pingr.Message {
	w.t.Helper()
	out := make(chan pingr.Message, 1000)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- s.Listen(ctx, func(_ context.Context, m pingr.Message) error { out <- m; return nil })
	}()
	w.t.Cleanup(func() { cancel(); <-done })
	require.Eventually(w.t, func() bool { return s.listening.Load() != nil }, patience, time.Millisecond)
	return out
}

func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		require.FailNow(t, "nothing came")
		panic("unreachable")
	}
}

// An eventLog is the durable queue of events.
type eventLog struct {
	mu     sync.Mutex
	broken error
	events chan pingr.Event
}

func newEventLog() *eventLog { return &eventLog{events: make(chan pingr.Event, 100)} }

func (l *eventLog) notify(_ context.Context, account string, e pingr.Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return l.broken
	}
	e.Account = account
	l.events <- e
	return nil
}

func (l *eventLog) breakWith(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = err
}

// A slowRegistry holds back what it is to save, once it is told to.
type slowRegistry struct {
	Registry
	slow    atomic.Bool
	waits   chan struct{} // one for each that waits
	release chan struct{}
}

func (r *slowRegistry) SaveSession(ctx context.Context, record pingr.SessionRecord) error {
	if r.slow.Load() {
		r.waits <- struct{}{}
		<-r.release
	}
	return r.Registry.SaveSession(ctx, record)
}

// What was still to be saved of a session does not bring it back.
func TestRemovedWhileItIsSaved(t *testing.T) {
	w := newWorld(t)
	registry := &slowRegistry{Registry: memory.New(), waits: make(chan struct{}, 10), release: make(chan struct{})}
	require.NoError(t, w.pool.Close())
	w.config.Registry = registry
	w.open()
	s, device := w.link("sess_gone")
	registry.slow.Store(true)
	device.Drop() // a change
	<-registry.waits
	done := make(chan error)
	go func() { done <- w.pool.Remove(t.Context(), s.ID()) }()
	require.Eventually(t, func() bool { _, there := w.pool.Get(s.ID()); return !there }, patience, time.Millisecond)
	close(registry.release)
	require.NoError(t, <-done)
	require.NoError(t, w.pool.Close())
	records, err := registry.Sessions(t.Context())
	require.NoError(t, err)
	assert.Empty(t, records)
}

// A handshake that is interrupted keeps whatsmeow for 20 s; removing a session
// that is just connecting must not.
func TestRemovedWhileItConnects(t *testing.T) {
	w := newWorld(t)
	for i := range 24 {
		s, _ := w.link("sess_busy")
		require.NoError(t, s.Reconnect())
		time.Sleep(time.Duration(i%6) * time.Millisecond) // somewhere between dialling and login
		began := time.Now()
		require.NoError(t, w.pool.Remove(t.Context(), s.ID()))
		require.Less(t, time.Since(began), 8*time.Second)
	}
}
