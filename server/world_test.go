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

// The tests run in a time zone where it is tomorrow already, so code that takes the local day or month
// for UTC's fails on every machine.
func init() { time.Local = time.FixedZone("Kiritimati", 14*60*60) }

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A world is a running server with two customers, Anna and Ben, each with a
// session and keys, and an endpoint on loopback.
type world struct {
	*testing.T
	server   *Server
	store    *memory.Store
	sessions *simSessions
	hook     *hook
	// who makes requests, by name: the headers that say so.
	who map[string]http.Header

	mu  sync.Mutex
	now time.Time
}

const password = "correct horse"

// newWorld creates a world. change, if given, has the last word on the server's configuration.
func newWorld(t *testing.T, change ...func(*Config)) *world {
	t.Helper()
	w := &world{
		T: t, store: memory.New(), sessions: &simSessions{}, who: map[string]http.Header{"nobody": {}, "this machine": {}},
		now: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC),
	}
	w.hook = newHook(t)
	hash, err := HashPassword(password)
	require.NoError(t, err)
	for _, name := range []string{"anna", "ben"} {
		a := hosted.Account{
			ID: "acc_" + name, Email: name + "@example.com", PasswordHash: hash, Plan: "growth",
			Settings: hosted.DefaultSettings(),
			Webhook:  hosted.Webhook{Secret: "whsec_" + name + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}, CreatedAt: w.now,
		}
		require.NoError(t, w.store.CreateAccount(t.Context(), a))
		for _, mode := range []hosted.Mode{hosted.Live, hosted.Test} {
			secret, k := hosted.NewKey(a.ID, "", mode, w.now)
			require.NoError(t, w.store.CreateKey(t.Context(), k))
			w.who[name+"'s "+string(mode)+" key"] = http.Header{"X-Api-Key": {secret}}
		}
		w.sessions.add(pingr.SessionRecord{
			ID: name + "-bot", Account: a.ID, Name: name + "'s bot", Phone: "15550100", State: pingr.SessionConnected,
			ConnectedAt: w.now, CreatedAt: w.now,
		})
	}
	config := Config{
		Store: w.store, Now: w.clock,
		Sessions: func(n Notify) (Sessions, error) { w.sessions.notify = n; return w.sessions, nil },
		Guard:    &pingr.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	}
	for _, f := range change {
		f(&config)
	}
	w.server, err = New(t.Context(), config)
	require.NoError(t, err)
	for _, name := range []string{"anna", "ben"} {
		token := w.logIn(name)
		w.who[name+"'s browser"] = http.Header{"Cookie": {loginCookie + "=" + token}, "Sec-Fetch-Site": {"same-origin"}}
		w.who["another site in "+name+"'s browser"] = http.Header{
			"Cookie": {loginCookie + "=" + token}, "Sec-Fetch-Site": {"cross-site"},
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.server.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
	})
	<-w.server.engine.Started()
	require.Eventually(t, func() bool { return w.call("anna's live key", "GET", "/readyz", "").Code == http.StatusOK },
		5*time.Second, time.Millisecond)
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

// simSessions are simulated Sessions. A test chooses what happens while one is added or removed.
type simSessions struct {
	mu     sync.Mutex
	all    []*simSession
	notify Notify

	adding   func()
	removing func(context.Context)
	noCode   error // of PairCode
}

type simSession struct {
	*sim.Session
	sessions *simSessions
	record   pingr.SessionRecord
	sending  func()      // before each send, if it is set
	left     atomic.Bool // nobody listens any more
	linked   atomic.Int64
}

func (s *simSession) Listen(ctx context.Context, handle pingr.Handler) error {
	defer s.left.Store(true)
	return s.Session.Listen(ctx, handle)
}

func (s *simSession) Send(ctx context.Context, m pingr.Outgoing) error {
	if s.sending != nil {
		s.sending()
	}
	return s.Session.Send(ctx, m)
}

func (s *simSessions) add(r pingr.SessionRecord) *simSession {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := &simSession{Session: sim.New(sim.Config{}), sessions: s, record: r}
	s.all = append(s.all, one)
	slices.SortFunc(s.all, func(a, b *simSession) int { return strings.Compare(a.record.ID, b.record.ID) })
	return one
}

func (s *simSessions) Add(_ context.Context, r pingr.SessionRecord) (Session, error) {
	if s.adding != nil {
		s.adding()
	}
	r.State = pingr.SessionPairing
	return s.add(r), nil
}

func (s *simSessions) find(id string) *simSession {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.all {
		if one.record.ID == id {
			return one
		}
	}
	return nil
}

func (s *simSessions) Get(id string) (Session, bool) {
	one := s.find(id)
	return one, one != nil
}

func (s *simSessions) List() []Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Session
	for _, one := range s.all {
		all = append(all, one)
	}
	return all
}

func (s *simSessions) Remove(ctx context.Context, id string) error {
	if s.removing != nil {
		s.removing(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = slices.DeleteFunc(s.all, func(one *simSession) bool { return one.record.ID == id })
	return nil
}

func (s *simSession) ID() string { return s.record.ID }

func (s *simSession) Record() pingr.SessionRecord {
	s.sessions.mu.Lock()
	defer s.sessions.mu.Unlock()
	return s.record
}

func (s *simSession) Rename(name string) {
	s.sessions.mu.Lock()
	s.record.Name = name
	r := s.record
	s.sessions.mu.Unlock()
	s.sessions.notify.Changed(r)
}

func (s *simSession) setState(state pingr.SessionState) {
	s.sessions.mu.Lock()
	defer s.sessions.mu.Unlock()
	s.record.State = state
}

func (s *simSession) Link() error {
	s.linked.Add(1)
	if s.Record().Phone != "" {
		return ErrLinked
	}
	return nil
}

func (s *simSession) QR() (string, time.Time, bool) {
	return "2@code", time.Date(2026, 11, 23, 10, 1, 0, 0, time.UTC), s.Record().State == pingr.SessionPairing
}

func (s *simSession) PairCode(context.Context, string) (string, error) {
	return "ABCD-EFGH", errors.Join(s.Link(), s.sessions.noCode)
}

func (s *simSession) Reconnect() error {
	if s.Record().Phone == "" {
		return ErrNotLinked
	}
	return nil
}
