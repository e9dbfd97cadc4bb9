package pingr_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/sim"
)

// One message reads its account once, whoever writes and wherever. That read counts until the message
// is answered.
func TestAccountIsReadOnceAMessage(t *testing.T) {
	for _, tt := range []struct {
		name string
		send func(*world)
		want int
	}{
		{"a message that fires", func(w *world) { w.person(asha).Send("login") }, 1},
		{"one in a group", func(w *world) {
			p := w.person(asha)
			p.SendMessage(sim.Message{Text: "login", Group: w.session.NewGroup(p)})
		}, 1},
		{"one without a trigger", func(w *world) { w.person(asha).Send("hello") }, 0},
		{"a message of the program's own", func(w *world) {
			_, err := w.engine.Send(w.Context(), request("hi"))
			require.NoError(w, err)
		}, 1},
		{"an event", func(w *world) {
			require.NoError(w, w.engine.Notify(w.Context(), account, pingr.Event{Type: pingr.EventSessionConnected}))
		}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				read := 0
				w.config.Accounts = func(context.Context, string) (pingr.Account, error) {
					read++
					return pingr.Account{
						Settings:   pingr.Settings{DayEnds: time.Now().Add(time.Hour)},
						Dispatcher: pingr.DispatcherFunc(w.ask),
					}, nil
				}
				w.start()
				tt.send(w)
				pass(time.Minute)
				assert.Equal(t, tt.want, read)
			})
		})
	}
}

// Every account has its own backend, or none, and gets only the events that it wants. An event that
// goes nowhere is neither queued forever nor in the delivery log.
func TestAccountsBackend(t *testing.T) {
	for _, tt := range []struct {
		name   string
		none   bool
		events []pingr.EventType
		reply  string
		told   []pingr.EventType
	}{
		{"every event", false, nil, "link", pingr.EventTypes()},
		{"no backend", true, nil, "static for " + asha, nil},
		{
			"only that it is connected", false,
			[]pingr.EventType{pingr.EventSessionConnected},
			"static for " + asha,
			[]pingr.EventType{pingr.EventSessionConnected},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.backend = says("link")
				w.config.Accounts = func(context.Context, string) (a pingr.Account, _ error) {
					if !tt.none {
						a.Dispatcher = pingr.DispatcherFunc(w.ask)
					}
					a.Settings.Events = tt.events
					return a, nil
				}
				var logged []pingr.EventType
				w.config.Observer.Delivery = func(d pingr.Delivery) { logged = append(logged, d.Event) }
				w.start()
				p := w.person(asha)
				p.Send("login")
				pass(time.Second)
				for _, e := range []pingr.EventType{pingr.EventSessionDisconnected, pingr.EventSessionConnected} {
					require.NoError(t, w.engine.Notify(w.Context(), account, pingr.Event{Type: e}))
					pass(time.Second)
				}
				assert.Equal(t, []string{tt.reply}, texts(p))
				var told []pingr.EventType
				for _, e := range w.heard() {
					told = append(told, e.Type)
				}
				assert.Equal(t, tt.told, told)
				assert.Equal(t, tt.told, logged)
				pass(100 * time.Hour)
				assert.Len(t, w.heard(), len(tt.told))
				due, err := w.store.Due(w.Context(), pingr.Lease{}, time.Now(), nil, 10)
				require.NoError(t, err)
				assert.Empty(t, due)
			})
		})
	}
}

// If an event's account cannot be read, the event is delivered later, not dropped.
func TestEventWaitsForItsAccount(t *testing.T) {
	inWorld(t, func(w *world) {
		readable := w.unreadable()
		w.start()
		require.NoError(t, w.engine.Notify(w.Context(), account, pingr.Event{Type: pingr.EventSessionConnected}))
		pass(time.Minute)
		assert.Empty(t, w.heard())
		readable()
		pass(time.Hour)
		assert.Len(t, w.heard(), 1)
	})
}

// A lateBackend keeps working after its time is over.
type lateBackend struct{}

func (lateBackend) Dispatch(context.Context, pingr.Event) (pingr.Reply, error) {
	time.Sleep(time.Minute)
	return pingr.Reply{}, errors.New("too late")
}

func (lateBackend) Endpoint() string { return "https://shop.example/hook" }

// The delivery log names the endpoint of an attempt that did not return in time,
// and of one that was not made.
func TestDeliveryLogNamesTheEndpoint(t *testing.T) {
	inWorld(t, func(w *world) {
		w.config.RetrySchedule = []time.Duration{} // no attempt but the first
		w.config.Accounts = func(context.Context, string) (pingr.Account, error) {
			return pingr.Account{Dispatcher: lateBackend{}}, nil
		}
		urls := map[int][]string{}
		var mu sync.Mutex
		w.config.Observer.Delivery = func(d pingr.Delivery) {
			mu.Lock()
			defer mu.Unlock()
			urls[d.Attempt] = append(urls[d.Attempt], d.URL)
		}
		w.start()
		crowd(w.session, 20)
		pass(time.Minute)
		crowd(w.session, 20)
		pass(time.Minute)
		w.halt()
		pass(time.Minute) // until the last of them returns
		mu.Lock()
		defer mu.Unlock()
		for attempt, all := range urls {
			assert.Equal(t, []string{"https://shop.example/hook"}, slices.Compact(all), "attempt %d", attempt)
		}
		assert.NotEmpty(t, urls[0], "not asked")
		assert.NotEmpty(t, urls[1], "not back in time")
	})
}

// With DayEnds, the messages of a session are counted until then: replies and sends
// that may have gone out, and nothing else.
func TestMessagesOfADay(t *testing.T) {
	inWorld(t, func(w *world) {
		w.config.Settings.Cooldown = -1
		ends := time.Now().Add(24 * time.Hour)
		w.config.Settings.DayEnds = ends
		taken := func() int64 {
			n, err := w.memory.LimitTaken(w.Context(), time.Now(), pingr.DayLimit(session, ends).Key)
			require.NoError(t, err)
			return n
		}
		w.start()
		p := w.person(asha)
		p.Send("login")
		pass(time.Second)
		assert.EqualValues(t, 1, taken())
		p.Send("hello")
		pass(time.Second)
		assert.EqualValues(t, 1, taken(), "nothing was sent")
		_, err := w.engine.Send(w.Context(), request("hi"))
		require.NoError(t, err)
		assert.EqualValues(t, 2, taken())
		w.session.SetFault(sim.Refuse)
		_, err = w.engine.Send(w.Context(), request("hi"))
		require.Error(t, err)
		assert.EqualValues(t, 2, taken(), "nobody got it")
		w.session.SetFault(sim.None)
		pass(25 * time.Hour)
		assert.Zero(t, taken(), "a new day")
	})
}
