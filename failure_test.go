package pingr_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/heypingr/pingr"
)

// An error or panic of the program's own Dispatcher is logged with the event's id,
// and the observer receives it whole. The person's number, text and code reach no log.
func TestAFailingDispatcher(t *testing.T) {
	secret := errors.New("no user +91 98765-43210 (919876543210@s.whatsapp.net) for x4k9mq: connection refused")
	for _, tt := range []struct {
		name    string
		backend func(context.Context, pingr.Event) (pingr.Reply, error)
		logged  []string
		level   string
	}{
		{
			"an error", func(context.Context, pingr.Event) (pingr.Reply, error) { return pingr.Reply{}, secret },
			[]string{"the dispatcher failed", "no user +…@s.whatsapp.net) for …: connection refused"},
			"level=WARN",
		},
		{
			"a panic", func(context.Context, pingr.Event) (pingr.Reply, error) { panic(secret) },
			[]string{"the dispatcher panicked", "panic=*errors.errorString", "failure_test.go"},
			"level=ERROR",
		},
		{
			"a panic of the runtime", func(_ context.Context, e pingr.Event) (pingr.Reply, error) {
				var users map[string]int
				users[e.From.Phone]++ //nolint:staticcheck // SA5000: the panic under test
				return pingr.Reply{}, nil
			},
			[]string{"the dispatcher panicked", "assignment to entry in nil map", "failure_test.go"},
			"level=ERROR",
		},
		{
			"an answer that comes too late", hangs,
			[]string{"the dispatcher failed", "context deadline exceeded"},
			"level=WARN",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				var log bytes.Buffer
				var told []error
				w.config.RetrySchedule = []time.Duration{}
				w.config.Log = slog.New(slog.NewTextHandler(&log, nil))
				w.config.Observer.Dispatched = func(e pingr.Event, _ pingr.Reply, _ time.Duration, err error) {
					assert.Equal(t, "login x4k9mq", e.Message.Text)
					told = append(told, err)
				}
				w.backend = tt.backend
				w.start()
				p := w.person(asha)
				p.Send("login x4k9mq")
				pass(time.Minute)
				w.halt()
				assert.Len(t, texts(p), 1)
				for _, part := range append(tt.logged, tt.level, w.heard()[0].ID) {
					assert.Contains(t, log.String(), part)
				}
				for _, part := range []string{"98765", "x4k9mq"} {
					assert.NotContains(t, log.String(), part)
				}
				if assert.Len(t, told, 1) {
					var panicked *pingr.PanicError
					if errors.As(told[0], &panicked) {
						assert.NotNil(t, panicked.Value)
						assert.Contains(t, string(panicked.Stack), "failure_test.go")
					} else if tt.name == "an error" {
						assert.Equal(t, secret, told[0])
					}
				}
			})
		})
	}
}

// What an endpoint elsewhere answers is in the delivery log. A program that hosts
// thousands of endpoints would drown in it.
func TestAFailingEndpointIsNotLogged(t *testing.T) {
	inWorld(t, func(w *world) {
		var log bytes.Buffer
		told := 0
		w.config.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
		w.config.Observer.Dispatched = func(pingr.Event, pingr.Reply, time.Duration, error) { told++ }
		w.config.RetrySchedule = []time.Duration{}
		w.config.Accounts = func(context.Context, string) (pingr.Account, error) {
			return pingr.Account{Dispatcher: elsewhere{pingr.DispatcherFunc(refuses)}}, nil
		}
		w.start()
		w.person(asha).Send("login")
		pass(time.Minute)
		w.halt()
		assert.Empty(t, log.String())
		assert.Equal(t, 1, told)
	})
}

type elsewhere struct{ pingr.DispatcherFunc }

func (elsewhere) Endpoint() string { return "https://shop.example" }

// Each of several observers is told of everything.
func TestObservers(t *testing.T) {
	inWorld(t, func(w *world) {
		var first, second notes
		w.config.Observer = pingr.Observers(first.observer(), pingr.Observer{}, second.observer())
		w.store = &failsOnce{Store: w.store, method: "Finish"}
		w.start()
		w.person(asha).Send("login")
		pass(time.Hour)
		told := first.told()
		assert.Equal(t, told, second.told())
		assert.Contains(t, told, "recording an outcome: no disk")
		assert.Contains(t, told, "dispatched 1 <nil>")
	})
}
