// Package server is the hosted Pingr: the REST API and the dashboard over a
// store, the engine and the sessions of the process. A [Server] is an
// http.Handler; [Server.Run] runs the engine behind it.
package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/server/dashboard"
)

// Config configures a Server. Store is required. The zero value of every other
// field selects its default.
type Config struct {
	// Store keeps everything.
	Store Store
	// Sessions opens the sessions. If nil, there are none and none can be added.
	Sessions func(notify Notify) (Sessions, error)
	// Plans are the plans that accounts may have. Defaults to
	// hosted.DefaultPlans. The first account gets the last plan.
	Plans []hosted.Plan
	// SignUpPlan is the plan of accounts that sign up by themselves. If empty,
	// nobody can sign up.
	SignUpPlan string
	// Guard restricts the addresses of webhook endpoints. Defaults to the zero
	// Guard: https to the public internet only.
	Guard *pingr.Guard
	// HTTPS declares that the server is reached only by https, through a proxy.
	// The login cookie then travels only over https, under a name that no other
	// host can set, and browsers are told never to use http (HSTS). A request that
	// came by TLS to this process gets such a cookie in any case.
	HTTPS bool
	// TrustedProxies are the networks whose X-Forwarded-For and Forwarded headers
	// are believed. Nil means [LoopbackProxies]; an empty list trusts none.
	TrustedProxies []netip.Prefix
	// RetrySchedule is the engine's. Nil selects the engine's default.
	RetrySchedule []time.Duration
	// SendRate and BacklogRate are the engine's; see [pingr.Config].
	SendRate, BacklogRate float64
	// MetricsApart leaves out /metrics, for a deployment that serves
	// [Server.Metrics] at another address. Otherwise /metrics answers requests
	// that were made on this machine. So does /readyz with more than a status.
	MetricsApart bool
	// FreeSpace returns how many bytes may still be written to the data's disk,
	// for /readyz. known is false if the system does not say. A nil FreeSpace
	// means unknown.
	FreeSpace func() (bytes uint64, known bool)
	// Now returns the current time. Defaults to time.Now.
	Now func() time.Time
	// Log receives failures and each firing. If nil, they are discarded.
	Log *slog.Logger
}

// Notify holds the functions that Sessions call. Event queues an event for an
// account's webhook and returns when it is durable. Changed reports that a
// session has changed. Grace returns how long a lost link of the account's
// sessions goes unreported.
type Notify struct {
	Event   func(ctx context.Context, account string, e pingr.Event) error
	Changed func(pingr.SessionRecord)
	Grace   func(ctx context.Context, account string) (time.Duration, error)
}

// A Server is the API. Create one with [New]. It is safe for concurrent use.
type Server struct {
	config   Config
	store    Store
	sessions Sessions
	engine   *pingr.Engine
	hub      *hub
	metrics  *metrics
	log      *slog.Logger
	now      func() time.Time

	api       huma.API
	handler   http.Handler
	pages     *dashboard.Dashboard
	transport *http.Transport
	signing   []byte        // signs logins
	passwords chan struct{} // holds a token for each check in progress
	decoy     string        // a password hash without a password
	running   atomic.Bool
	trouble   trouble
	readiness readiness

	// setup is the token of the set-up link, or empty if there was an account when
	// the server started. anyAccount is set once there is one.
	setup      []byte
	settingUp  sync.Mutex
	anyAccount atomic.Bool
	// strangeProxy is set once an untrusted proxy has been logged.
	strangeProxy atomic.Bool

	mu     sync.Mutex        // guards adding and removing sessions
	detach map[string]func() // by session: takes it from the engine
}

// New returns a server with its engine and sessions. It reads the store and may
// write to it. What it opened is closed by Run, or by Close if Run is never
// called.
func New(ctx context.Context, c Config) (*Server, error) {
	if c.Store == nil {
		return nil, errors.New("server.New: Config.Store is missing")
	}
	if c.Plans == nil {
		c.Plans = hosted.DefaultPlans()
	}
	if c.SignUpPlan != "" && !slices.ContainsFunc(c.Plans, func(p hosted.Plan) bool { return p.Name == c.SignUpPlan }) {
		return nil, fmt.Errorf("server.New: Config.SignUpPlan %q is not one of the plans", c.SignUpPlan)
	}
	if c.Guard == nil {
		c.Guard = &pingr.Guard{}
	}
	if c.TrustedProxies == nil {
		c.TrustedProxies = LoopbackProxies()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		config: c, store: c.Store, log: c.Log, now: c.Now, hub: newHub(),
		transport: pingr.NewTransport(c.Guard),
		passwords: make(chan struct{}, maxPasswordChecks),
		detach:    map[string]func(){},
	}
	s.trouble.log = c.Log
	s.metrics = newMetrics(s)
	s.readiness.server, s.readiness.every = s, readyTime
	var err error
	if s.signing, err = c.Store.LoadOrStoreValue(ctx, "login signing key", randomKey); err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	if err := s.loadSetup(ctx); err != nil {
		return nil, fmt.Errorf("setup link: %w", err)
	}
	if s.decoy, err = HashPassword(rand.Text()); err != nil {
		return nil, err
	}
	s.engine, err = pingr.New(pingr.Config{
		Store: c.Store, Accounts: s.accountOf, Observer: s.observer(),
		RetrySchedule: c.RetrySchedule, SendRate: c.SendRate, BacklogRate: c.BacklogRate, Now: c.Now, Log: c.Log,
	})
	if err != nil {
		return nil, err
	}
	s.sessions = noSessions{}
	if c.Sessions != nil {
		if s.sessions, err = c.Sessions(Notify{
			Event: s.engine.Notify, Changed: s.sessionChanged, Grace: s.disconnectGrace,
		}); err != nil {
			return nil, err
		}
	}
	s.handler = s.routes()
	return s, nil
}

func randomKey() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	return key
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// attach gives a session to the engine. s.mu is held.
func (s *Server) attach(n Session) {
	owner := n.Record().Account
	if owner == "" {
		// Its messages stay unacknowledged, so that they come again once it has one.
		s.log.Warn("session has no account and is not served", "session", n.ID())
		return
	}
	s.detach[n.ID()] = s.engine.Attach(owner, n.ID(), n)
}

// Run runs the engine and serves the sessions until ctx ends and work in flight
// is finished.
func (s *Server) Run(ctx context.Context) error {
	s.mu.Lock()
	for _, n := range s.sessions.List() {
		s.attach(n)
	}
	s.mu.Unlock()
	var sweeping sync.WaitGroup
	sweeping.Go(func() { s.sweep(ctx) })
	context.AfterFunc(ctx, s.hub.close)
	s.running.Store(true)
	err := s.engine.Run(ctx)
	s.running.Store(false)
	sweeping.Wait()
	s.Close()
	return err
}

// Close closes idle connections and ends event streams.
func (s *Server) Close() {
	s.hub.close()
	s.transport.CloseIdleConnections()
}

// sweep deletes old idempotency keys.
func (s *Server) sweep(ctx context.Context) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if _, err := s.store.PurgeReplays(ctx, s.now().Add(-hosted.ReplayTime)); err != nil && ctx.Err() == nil {
			s.log.Warn("could not purge idempotency keys", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// plan returns an account's plan. A plan that the deployment does not know
// allows nothing to be added.
func (s *Server) plan(a hosted.Account) hosted.Plan {
	i := slices.IndexFunc(s.config.Plans, func(p hosted.Plan) bool { return p.Name == a.Plan })
	if i < 0 {
		return hosted.Plan{Name: a.Plan, Triggers: 1, Sessions: 1, Messages: 1}
	}
	return s.config.Plans[i]
}

// noSessions are those of a process that has none.
type noSessions struct{}

func (noSessions) Add(context.Context, pingr.SessionRecord) (Session, error) {
	return nil, fail(sessionUnavailable, "This server accepts no sessions.")
}
func (noSessions) Get(string) (Session, bool)           { return nil, false }
func (noSessions) List() []Session                      { return nil }
func (noSessions) Remove(context.Context, string) error { return hosted.ErrNotFound }
