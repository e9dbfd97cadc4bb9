package pingr_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/sim"
	"github.com/heypingr/pingr/store/memory"
)

const (
	account = "acc"
	session = "main"
	asha    = "919876543210"
)

// world is an engine with a simulated session and a backend in plain Go, on the
// fake clock of a synctest bubble.
type world struct {
	*testing.T
	store   pingr.Store
	memory  *memory.Store
	session *sim.Session
	config  pingr.Config
	// backend answers; nil gives no dynamic reply.
	backend func(context.Context, pingr.Event) (pingr.Reply, error)

	// wrap changes what the engine sends with; nil leaves it.
	wrap func(pingr.Session) pingr.Session

	mu     sync.Mutex
	events []told
	stop   func()
	engine *pingr.Engine // since start
	detach func()        // ends what the engine has of session
}

// told is an event and the time when the backend received it.
type told struct {
	pingr.Event
	at time.Time
}

// inWorld runs test in a bubble, with the trigger "login" whose static reply is
// "static for {{phone}}".
func inWorld(t *testing.T, test func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := memory.New()
		w := &world{T: t, store: m, memory: m, session: sim.New(sim.Config{})}
		w.config.Accounts = func(context.Context, string) (pingr.Account, error) {
			return pingr.Account{Settings: w.config.Settings, Dispatcher: pingr.DispatcherFunc(w.ask)}, nil
		}
		w.trigger("login", "static for {{phone}}")
		test(w)
		w.halt()
	})
}

func (w *world) trigger(phrase, reply string) {
	w.Helper()
	require.NoError(w, w.memory.SaveTrigger(w.Context(), pingr.Trigger{
		ID: "trg_" + phrase, Session: session, Phrase: phrase, Reply: reply, Active: true,
	}))
}

// start runs a new engine on the world's store and session.
func (w *world) start() *world {
	w.Helper()
	engine := w.configured()
	w.engine = engine
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = engine.Run(ctx) })
	<-engine.Started() // one that does not run yet refuses what arrives, and it comes again 50 ms later
	var served pingr.Session = w.session
	if w.wrap != nil {
		served = w.wrap(served)
	}
	w.detach = engine.Attach(account, session, served)
	w.stop = func() {
		cancel()
		running.Wait()
	}
	return w
}

// configured is a new engine on the world's store.
func (w *world) configured() *pingr.Engine {
	w.Helper()
	c := w.config
	c.Store = w.store
	c.Dispatcher = pingr.DispatcherFunc(w.ask)
	engine, err := pingr.New(c)
	require.NoError(w, err)
	return engine
}

// ask is the backend, as the engine calls it.
func (w *world) ask(ctx context.Context, e pingr.Event) (pingr.Reply, error) {
	w.mu.Lock()
	w.events = append(w.events, told{e, time.Now()})
	w.mu.Unlock()
	if w.backend == nil {
		return pingr.Reply{}, nil
	}
	return w.backend(ctx, e)
}

// halt stops the engine, if one runs.
func (w *world) halt() {
	if w.stop != nil {
		w.stop()
		w.stop = nil
	}
}

// person is a phone with that number.
func (w *world) person(number string) *sim.Phone {
	return w.session.NewPhone(sim.PhoneConfig{Number: number})
}

// pass lets time pass, and everything that is due happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// texts are what the phone shows.
func texts(p *sim.Phone) []string {
	var all []string
	for _, r := range p.Received() {
		all = append(all, r.Text)
	}
	return all
}

// heard returns the events that the backend received, in order.
func (w *world) heard() []told {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]told(nil), w.events...)
}

func says(text string) func(context.Context, pingr.Event) (pingr.Reply, error) {
	return func(context.Context, pingr.Event) (pingr.Reply, error) { return pingr.Reply{Text: text}, nil }
}

func refuses(context.Context, pingr.Event) (pingr.Reply, error) {
	return pingr.Reply{Status: 500}, errors.New("status 500")
}

func hangs(ctx context.Context, _ pingr.Event) (pingr.Reply, error) {
	<-ctx.Done()
	return pingr.Reply{}, ctx.Err()
}

func family(n int) string { return strings.Repeat("\U0001F468\u200D\U0001F469\u200D\U0001F467", n) }
