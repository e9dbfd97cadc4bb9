package pingr_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/sim"
)

// notes are what an observer was told, in order.
type notes struct {
	mu  sync.Mutex
	all []string
}

func (n *notes) add(format string, a ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = append(n.all, fmt.Sprintf(format, a...))
}

// told returns the notes since the last call.
func (n *notes) told() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := n.all
	n.all = nil
	return all
}

func (n *notes) observer() pingr.Observer {
	return pingr.Observer{
		Received: func(account, session string, m pingr.Message, matches bool) {
			n.add("received %s %s %q %t", account, session, m.Text, matches)
		},
		Firing: func(f pingr.Firing) { n.add("%s %s%s", f.State, f.Outcome, f.Source) },
		Delivery: func(d pingr.Delivery) {
			n.add("delivery %d %s %q %t", d.Attempt, d.Status, d.URL, d.DynamicReply)
		},
		Dispatched: func(e pingr.Event, _ pingr.Reply, _ time.Duration, err error) {
			n.add("dispatched %d %v", e.Attempt, err)
		},
		StoreFailed: func(doing string, err error) { n.add("%s: %v", doing, err) },
	}
}

// An observer hears of every step, once it is stored.
func TestObserver(t *testing.T) {
	const in = `received acc main "login" true`
	for _, tt := range []struct {
		name    string
		text    string
		prepare func(*world)
		want    []string
	}{
		{"a message without a trigger", "hello", nil, []string{`received acc main "hello" false`}},
		{
			"a dynamic reply", "login", func(w *world) { w.backend = says("link") },
			[]string{in, "accepted ", "dispatched 1 <nil>", "decided dynamic", `delivery 1 delivered "" true`, "done replieddynamic"},
		},
		{"a backend that fails once", "login", func(w *world) {
			w.backend = func(_ context.Context, e pingr.Event) (pingr.Reply, error) {
				if e.Attempt == 1 {
					return pingr.Reply{URL: "https://shop.example"}, errors.New("status 500")
				}
				return pingr.Reply{}, nil
			}
		}, []string{
			in, "accepted ", "dispatched 1 status 500", "decided static",
			`delivery 1 failed "https://shop.example" false`, "done repliedstatic",
			"dispatched 2 <nil>", `delivery 2 delivered "" false`,
		}},
		{"no quota", "login", func(w *world) {
			w.config.Settings.MonthlyQuota = 1
			require.NoError(w, w.store.Reserve(w.Context(), time.Now(), pingr.QuotaLimit(account, 1, time.Now())))
		}, []string{in, "accepted ", "dispatched 1 <nil>", "done quota", `delivery 1 delivered "" false`}},
		{"an acknowledgement that is lost", "login", func(w *world) {
			w.session.SetFault(sim.LoseAck)
			time.AfterFunc(time.Second/2, func() { w.session.SetFault(sim.None) })
		}, []string{
			in, "accepted ", "dispatched 1 <nil>", "decided static", `delivery 1 delivered "" false`, "unknown static",
			"done repliedstatic",
		}},
		{
			"a session that is away", "login", func(w *world) {
				w.backend = func(context.Context, pingr.Event) (pingr.Reply, error) {
					w.session.SetFault(sim.Away)
					return pingr.Reply{}, nil
				}
			},
			[]string{
				in, "accepted ", "dispatched 1 <nil>", "decided static", `delivery 1 delivered "" false`, "decided static",
				"done failedstatic",
			},
		},
		{
			"a message that is too old", "login", func(w *world) { w.config.Settings.MaxMessageAge = -1 },
			[]string{in, "accepted ", "done expired"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				if tt.prepare != nil {
					tt.prepare(w)
				}
				var n notes
				w.config.Observer = n.observer()
				w.start()
				w.person(asha).Send(tt.text)
				pass(time.Hour)
				assert.Equal(t, tt.want, slices.Compact(n.told()), "tries that change nothing are left out")
			})
		})
	}
}

// The observer hears what the Store refuses and what the engine was doing, and the engine goes on.
func TestObserverOfAStoreThatFails(t *testing.T) {
	for doing, method := range map[string]string{
		"finding a trigger": "FindTrigger", "storing a message": "Accept", "claiming messages": "Claim",
		"storing a reply": "Decide", "recording an outcome": "Finish", "claiming events": "Due",
	} {
		t.Run(doing, func(t *testing.T) {
			inWorld(t, func(w *world) {
				var n notes
				w.config.Observer = pingr.Observer{StoreFailed: n.observer().StoreFailed}
				w.store = &failsOnce{Store: w.store, method: method}
				w.start()
				p := w.person(asha)
				p.Send("login")
				pass(time.Minute)
				assert.Equal(t, []string{doing + ": no disk"}, n.told())
				assert.Len(t, texts(p), 1)
			})
		})
	}
}

// failsOnce is a Store of which one method fails the first time.
type failsOnce struct {
	pingr.Store
	method string
	once   sync.Once
}

func (s *failsOnce) fails(method string) (err error) {
	if method == s.method {
		s.once.Do(func() { err = errors.New("no disk") })
	}
	return err
}

func (s *failsOnce) FindTrigger(ctx context.Context, session string, phrases []string) (pingr.Trigger, bool, error) {
	if err := s.fails("FindTrigger"); err != nil {
		return pingr.Trigger{}, false, err
	}
	return s.Store.FindTrigger(ctx, session, phrases)
}

func (s *failsOnce) Accept(ctx context.Context, f pingr.Firing, l pingr.Lease) (pingr.Firing, bool, error) {
	if err := s.fails("Accept"); err != nil {
		return f, false, err
	}
	return s.Store.Accept(ctx, f, l)
}

func (s *failsOnce) Claim(
	ctx context.Context, l pingr.Lease, now time.Time, skip []string, most int,
) ([]pingr.Firing, error) {
	if err := s.fails("Claim"); err != nil {
		return nil, err
	}
	return s.Store.Claim(ctx, l, now, skip, most)
}

func (s *failsOnce) Decide(ctx context.Context, d pingr.Decision) (pingr.Firing, bool, error) {
	if err := s.fails("Decide"); err != nil {
		return pingr.Firing{}, false, err
	}
	return s.Store.Decide(ctx, d)
}

func (s *failsOnce) Finish(ctx context.Context, o pingr.Outcome) error {
	if err := s.fails("Finish"); err != nil {
		return err
	}
	return s.Store.Finish(ctx, o)
}

func (s *failsOnce) Due(
	ctx context.Context, l pingr.Lease, now time.Time, skip []string, most int,
) ([]pingr.PendingEvent, error) {
	if err := s.fails("Due"); err != nil {
		return nil, err
	}
	return s.Store.Due(ctx, l, now, skip, most)
}

// An observer that panics loses nothing: no message, no row, no reply.
func TestObserverThatPanics(t *testing.T) {
	inWorld(t, func(w *world) {
		w.backend = says("link")
		w.config.Observer = pingr.Observer{
			Received:    func(string, string, pingr.Message, bool) { panic("received") },
			Firing:      func(pingr.Firing) { panic("firing") },
			Delivery:    func(pingr.Delivery) { panic("delivery") },
			Dispatched:  func(pingr.Event, pingr.Reply, time.Duration, error) { panic("dispatched") },
			StoreFailed: func(string, error) { panic("store") },
		}
		w.store = &failsOnce{Store: w.store, method: "Finish"}
		w.start()
		p := w.person(asha)
		p.Send("login")
		pass(time.Hour)
		assert.Equal(t, []string{"link"}, texts(p))
		assert.Len(t, w.heard(), 1)
		assert.Zero(t, w.session.Waiting())
		open, err := w.store.Claim(w.Context(), pingr.Lease{}, time.Now(), nil, 1)
		require.NoError(t, err)
		assert.Empty(t, open, "it has ended")
	})
}

// Two engines share one Store. Only the engine that made a change tells of it.
func TestObserversOfTwoEngines(t *testing.T) {
	inWorld(t, func(w *world) {
		var n notes
		w.config.Observer = n.observer()
		stop := w.another("second", sim.New(sim.Config{}))
		w.start()
		w.person(asha).Send("login")
		pass(time.Minute)
		assert.Equal(t, []string{
			`received acc main "login" true`, "accepted ", "dispatched 1 <nil>", "decided static",
			`delivery 1 delivered "" false`, "done repliedstatic",
		}, n.told())
		stop()
	})
}
