package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/internal/pgtest"
	"github.com/heypingr/pingr/prom"
	"github.com/heypingr/pingr/session/sim"
	"github.com/heypingr/pingr/store/memory"
	"github.com/heypingr/pingr/store/postgres"
	"github.com/heypingr/pingr/store/storetest"
)

// What docs/go.md shows of embedding is here, in main.go or in
// session/whatsapp/example_test.go, and runs.

// started is an engine that runs, and what stops it.
func started(c pingr.Config) (*pingr.Engine, func()) {
	engine, err := pingr.New(c)
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- engine.Run(ctx) }()
	<-engine.Started()
	return engine, func() { cancel(); <-ended }
}

// says is a memory store with one trigger a session.
func says(reply string, sessions ...string) *memory.Store {
	store := memory.New()
	for _, id := range sessions {
		t := pingr.Trigger{ID: "trg_" + id, Session: id, Phrase: "login", Reply: reply, Active: true}
		if err := store.SaveTrigger(context.Background(), t); err != nil {
			panic(err)
		}
	}
	return store
}

// One engine serves any number of numbers, and each account has its own backend.
func Example_severalNumbers() {
	numbers := map[string]*sim.Session{"books": sim.New(sim.Config{}), "bikes": sim.New(sim.Config{})}
	engine, err := pingr.New(pingr.Config{
		Store: says("Try again later.", "books", "bikes"),
		Accounts: func(_ context.Context, shop string) (pingr.Account, error) {
			return pingr.Account{
				Settings: pingr.Settings{Cooldown: time.Minute},
				Dispatcher: pingr.DispatcherFunc(func(_ context.Context, e pingr.Event) (pingr.Reply, error) {
					return pingr.Reply{Text: "https://" + shop + ".example/login"}, nil
				}),
			}, nil
		},
	})
	if err != nil {
		panic(err)
	}
	for shop, number := range numbers {
		detach := engine.Attach(shop, shop, number) // account, session id, session
		defer detach()
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go engine.Run(ctx)

	alice := numbers["bikes"].NewPhone(sim.PhoneConfig{Number: "919876543210"})
	alice.Send("login")
	reply, err := alice.Next(ctx)
	fmt.Println(reply.Text, err)
	// Output: https://bikes.example/login <nil>
}

// The same function is told when a number is lost or comes back.
func Example_lostNumber() {
	heard := make(chan pingr.Event)
	engine, stop := started(pingr.Config{
		Store: memory.New(),
		Dispatcher: pingr.DispatcherFunc(func(_ context.Context, e pingr.Event) (pingr.Reply, error) {
			if e.Type == pingr.EventSessionDisconnected {
				heard <- e // wake somebody up
			}
			return pingr.Reply{}, nil
		}),
	})
	defer stop()

	// session/whatsapp does this, if whatsapp.Config.Notify is engine.Notify.
	err := engine.Notify(context.Background(), "", pingr.Event{
		Type: pingr.EventSessionDisconnected, Session: "default", Reason: 401, Kind: "terminal",
	})
	e := <-heard
	fmt.Println(e.Session, e.Reason, e.Kind, err)
	// Output: default 401 terminal <nil>
}

// Errors and panics of the function reach the log with the event's id, and the Observer whole.
func Example_whatFails() {
	number := sim.New(sim.Config{})
	failed := make(chan error, 1)
	_, stop := started(pingr.Config{
		Store: says("Sorry, logging in does not work at the moment.", pingr.DefaultSession), Session: number,
		Log: slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Observer: pingr.Observer{
			Dispatched: func(e pingr.Event, _ pingr.Reply, took time.Duration, err error) {
				if err != nil {
					failed <- err // to Sentry, with the *pingr.PanicError's Stack
				}
			},
		},
		Dispatcher: pingr.DispatcherFunc(func(context.Context, pingr.Event) (pingr.Reply, error) {
			return pingr.Reply{}, errors.New("the database is gone")
		}),
	})
	defer stop()
	alice := number.NewPhone(sim.PhoneConfig{Number: "919876543210"})
	alice.Send("login")
	fmt.Println(<-failed)
	// Output: the database is gone
}

// Metrics count for Prometheus what the engine does.
func Example_metrics() {
	number := sim.New(sim.Config{})
	metrics := prom.New(nil)
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics)
	page := promhttp.HandlerFor(registry, promhttp.HandlerOpts{}) // serve it at /metrics, inside your network
	_, stop := started(pingr.Config{
		Store: says("Hello!", pingr.DefaultSession), Session: number, Observer: metrics.Observer(),
	})
	alice := number.NewPhone(sim.PhoneConfig{Number: "919876543210"})
	alice.Send("login")
	_, _ = alice.Next(context.Background())
	stop()

	w := httptest.NewRecorder()
	page.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, `pingr_firings_total{outcome="replied",reply="static"}`) {
			fmt.Print(line)
		}
	}
	// Output: pingr_firings_total{outcome="replied",reply="static"} 1
}

// Run returns when its context ends and what is in flight is done.
func Example_stopping() {
	engine, err := pingr.New(pingr.Config{Store: memory.New(), StopGrace: 20 * time.Second})
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background()) // signal.NotifyContext in a program
	ended := make(chan error)
	go func() { ended <- engine.Run(ctx) }()
	<-engine.Started()

	stop()
	fmt.Println(<-ended) // then close the pool, then the store
	// Output: <nil>
}

// A phone in process writes what a person writes, and shows what he gets.
func TestLoginGetsALink(t *testing.T) {
	number := sim.New(sim.Config{Number: "15550100"})
	links := newLinks("https://shop.example", time.Now)
	engine, err := pingr.New(pingr.Config{
		Store: says("Sorry.", pingr.DefaultSession), Session: number,
		Dispatcher: pingr.DispatcherFunc(func(_ context.Context, e pingr.Event) (pingr.Reply, error) {
			return pingr.Reply{Text: links.New(e.From.Phone)}, nil
		}),
	})
	require.NoError(t, err)
	go func() { _ = engine.Run(t.Context()) }()

	alice := number.NewPhone(sim.PhoneConfig{Number: "919876543210"})
	alice.Send("Login!")
	reply, err := alice.Next(t.Context())
	require.NoError(t, err)
	require.Regexp(t, `^https://shop\.example/in/`, reply.Text)
}

// An auditedStore is a Store that also writes down each outcome. What it does not
// define itself, the Store inside does.
type auditedStore struct {
	*memory.Store
	audit func(pingr.Outcome)
}

func (s auditedStore) Finish(ctx context.Context, o pingr.Outcome) error {
	if err := s.Store.Finish(ctx, o); err != nil {
		return err
	}
	s.audit(o)
	return nil
}

// It must still promise what every Store promises.
func TestAuditedStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Store {
		return auditedStore{memory.New(), func(pingr.Outcome) {}}
	})
}

func TestPostgreSQL(t *testing.T) {
	server := pgtest.New(t, "-c", "fsync=off")
	ctx, databaseURL := t.Context(), server.URL(t)

	store, err := postgres.Open(ctx, postgres.Config{URL: databaseURL}) // postgres://user:password@host/database
	require.NoError(t, err)
	defer store.Close()

	trigger := pingr.Trigger{
		ID: "trg_login", Session: pingr.DefaultSession, Phrase: "login", Reply: "Hello!", Active: true,
	}
	require.NoError(t, store.SaveTrigger(ctx, trigger))
	number := sim.New(sim.Config{})
	_, stop := started(pingr.Config{Store: store, Session: number})
	defer stop()
	alice := number.NewPhone(sim.PhoneConfig{Number: "919876543210"})
	alice.Send("login")
	reply, err := alice.Next(ctx)
	require.NoError(t, err)
	require.Equal(t, "Hello!", reply.Text)
}
