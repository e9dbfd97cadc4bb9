package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/session/sim"
	"github.com/heypingr/pingr/store/memory"
)

// The machine is where it is tomorrow already: whatever takes its clock's day or
// month for UTC's fails on every machine.
func init() { time.Local = time.FixedZone("Kiritimati", 14*60*60) }

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A world is a running server with two customers, Anna and Ben, each with a
// session and keys, and an endpoint on loopback.
type world struct {
	*testing.T
	server *Server
	store  *memory.Store
	lines  *lines
	hook   *hook
	// who makes requests, by name: the headers that say so.
	who map[string]http.Header

	mu  sync.Mutex
	now time.Time
}

const password = "correct horse"

// newWorld makes one; change, if given, has the last word on the server's configuration.
func newWorld(t *testing.T, change ...func(*Config)) *world {
	t.Helper()
	w := &world{
		T: t, store: memory.New(), lines: &lines{}, who: map[string]http.Header{"nobody": {}, "this machine": {}},
		now: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC),
	}
	w.hook = newHook(t)
	hash, err := HashPassword(password)
	require.NoError(t, err)
	for _, name := range []string{"anna", "ben"} {
		a := hosted.Account{
			ID: "acc_" + name, Email: name + "@example.com", PasswordHash: hash, Plan: "growth", Settings: hosted.DefaultSettings(),
			Webhook: hosted.Webhook{Secret: "whsec_" + name + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}, CreatedAt: w.now,
		}
		require.NoError(t, w.store.CreateAccount(t.Context(), a))
		for _, mode := range []hosted.Mode{hosted.Live, hosted.Test} {
			secret, k := hosted.NewKey(a.ID, "", mode, w.now)
			require.NoError(t, w.store.CreateKey(t.Context(), k))
			w.who[name+"'s "+string(mode)+" key"] = http.Header{"X-Api-Key": {secret}}
		}
		w.lines.add(pingr.SessionRecord{
			ID: name + "-bot", Account: a.ID, Name: name + "'s bot", Phone: "15550100", State: pingr.SessionConnected,
			ConnectedAt: w.now, CreatedAt: w.now,
		})
	}
	config := Config{
		Store: w.store, Now: w.clock,
		Numbers: func(n Notify) (Numbers, error) { w.lines.notify = n; return w.lines, nil },
		Guard:   &pingr.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	}
	for _, f := range change {
		f(&config)
	}
	w.server, err = New(t.Context(), config)
	require.NoError(t, err)
	for _, name := range []string{"anna", "ben"} {
		token := w.logIn(name)
		w.who[name+"'s browser"] = http.Header{"Cookie": {loginCookie + "=" + token}, "Sec-Fetch-Site": {"same-origin"}}
		w.who["another site in "+name+"'s browser"] = http.Header{"Cookie": {loginCookie + "=" + token}, "Sec-Fetch-Site": {"cross-site"}}
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.server.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
	})
	<-w.server.engine.Started()
	require.Eventually(t, func() bool { return w.call("anna's live key", "GET", "/readyz", "").Code == http.StatusOK }, 5*time.Second, time.Millisecond)
	return w
}

// logIn logs somebody in, and again after twelve hours.
func (w *world) logIn(name string) (token string) {
	w.Helper()
	a, err := w.store.Account(w.Context(), "acc_"+name)
	require.NoError(w, err)
	token, _, err = w.server.newLogin(a)
	require.NoError(w, err)
	w.who[name] = http.Header{"Authorization": {"Bearer " + token}}
	return token
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) wait(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// call makes a request as somebody.
func (w *world) call(who, method, path, body string, more ...string) *httptest.ResponseRecorder {
	w.Helper()
	r := httptest.NewRequestWithContext(w.Context(), method, "http://api.example.com"+path, strings.NewReader(body))
	header, ok := w.who[who]
	require.True(w, ok, "nobody is called %q", who)
	for name, values := range header {
		r.Header[name] = values
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(more); i += 2 {
		r.Header.Set(more[i], more[i+1])
	}
	if who == "this machine" {
		r.RemoteAddr = "127.0.0.1:1234"
	}
	got := httptest.NewRecorder()
	w.server.ServeHTTP(got, r)
	w.documented(method, strings.Split(path, "?")[0], got)
	return got
}

// A hook is a customer's endpoint.
type hook struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	reply  string
	serves http.HandlerFunc // in place of status and reply
	bodies []string
	heads  []http.Header
}

func newHook(t *testing.T) *hook {
	h := &hook{status: http.StatusOK}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.bodies, h.heads = append(h.bodies, string(body)), append(h.heads, r.Header)
		if h.serves != nil {
			h.serves(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(h.status)
		fmt.Fprintf(w, `{"reply":%q}`, h.reply)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) answer(status int, reply string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status, h.reply = status, reply
}

// serve lets f answer from now on.
func (h *hook) serve(f http.HandlerFunc) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.serves = f
}

func (h *hook) got() ([]string, []http.Header) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.bodies), slices.Clone(h.heads)
}

// lines are Numbers over simulated sessions. What happens while one is added or
// removed is a test's choice.
type lines struct {
	mu     sync.Mutex
	all    []*line
	notify Notify

	adding   func()
	removing func(context.Context)
	noCode   error // of PairCode
}

type line struct {
	*sim.Session
	lines   *lines
	record  pingr.SessionRecord
	sending func()      // before each send, if it is set
	left    atomic.Bool // nobody listens any more
	linked  atomic.Int64
}

func (n *line) Listen(ctx context.Context, handle pingr.Handler) error {
	defer n.left.Store(true)
	return n.Session.Listen(ctx, handle)
}

func (n *line) Send(ctx context.Context, m pingr.Outgoing) error {
	if n.sending != nil {
		n.sending()
	}
	return n.Session.Send(ctx, m)
}

func (l *lines) add(r pingr.SessionRecord) *line {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := &line{Session: sim.New(sim.Config{}), lines: l, record: r}
	l.all = append(l.all, n)
	slices.SortFunc(l.all, func(a, b *line) int { return strings.Compare(a.record.ID, b.record.ID) })
	return n
}

func (l *lines) Add(_ context.Context, r pingr.SessionRecord) (Number, error) {
	if l.adding != nil {
		l.adding()
	}
	r.State = pingr.SessionPairing
	return l.add(r), nil
}

func (l *lines) find(id string) *line {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.all {
		if n.record.ID == id {
			return n
		}
	}
	return nil
}

func (l *lines) Get(id string) (Number, bool) {
	n := l.find(id)
	return n, n != nil
}

func (l *lines) List() []Number {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []Number
	for _, n := range l.all {
		all = append(all, n)
	}
	return all
}

func (l *lines) Remove(ctx context.Context, id string) error {
	if l.removing != nil {
		l.removing(ctx)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = slices.DeleteFunc(l.all, func(n *line) bool { return n.record.ID == id })
	return nil
}

func (n *line) ID() string { return n.record.ID }

func (n *line) Record() pingr.SessionRecord {
	n.lines.mu.Lock()
	defer n.lines.mu.Unlock()
	return n.record
}

func (n *line) Rename(name string) {
	n.lines.mu.Lock()
	n.record.Name = name
	r := n.record
	n.lines.mu.Unlock()
	n.lines.notify.Changed(r)
}

func (n *line) setState(state pingr.SessionState) {
	n.lines.mu.Lock()
	defer n.lines.mu.Unlock()
	n.record.State = state
}

func (n *line) Link() error {
	n.linked.Add(1)
	if n.Record().Phone != "" {
		return ErrLinked
	}
	return nil
}

func (n *line) QR() (string, time.Time, bool) {
	return "2@code", time.Date(2026, 11, 23, 10, 1, 0, 0, time.UTC), n.Record().State == pingr.SessionPairing
}

func (n *line) PairCode(context.Context, string) (string, error) {
	return "ABCD-EFGH", errors.Join(n.Link(), n.lines.noCode)
}

func (n *line) Reconnect() error {
	if n.Record().Phone == "" {
		return ErrNotLinked
	}
	return nil
}
