package pingr_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/sim"
)

// An attached session can send at once, and its messages are answered, whether or not the engine ran
// before.
func TestAttachedSessionWorksAtOnce(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before bool // it is attached before the engine runs
	}{{"before Run", true}, {"while Run runs", false}} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.config.Settings.Cooldown = -1
				engine := w.configured()
				if tt.before {
					engine.Attach(account, session, w.session)
				}
				ctx, cancel := context.WithCancel(w.Context())
				stopped := make(chan error, 1)
				go func() { stopped <- engine.Run(ctx) }()
				<-engine.Started()
				if !tt.before {
					engine.Attach(account, session, w.session)
				}
				p := w.person(asha)
				_, err := engine.Send(w.Context(), request("hi"))
				require.NoError(t, err)
				p.Send("login")
				pass(time.Second)
				assert.Equal(t, []string{"hi", "static for " + asha}, texts(p))
				cancel()
				require.NoError(t, <-stopped)
			})
		})
	}
}

// What arrives while no Run is in progress stays unacknowledged, and the next Run
// answers it.
func TestAttachedSessionFromRunToRun(t *testing.T) {
	inWorld(t, func(w *world) {
		w.config.Settings.Cooldown = -1
		engine := w.configured()
		engine.Attach(account, session, w.session)
		p := w.person(asha)
		for run := range 2 {
			p.Send("login")
			pass(time.Second)
			assert.Equal(t, 1, w.session.Waiting())
			ctx, cancel := context.WithCancel(w.Context())
			stopped := make(chan error, 1)
			go func() { stopped <- engine.Run(ctx) }()
			pass(time.Second)
			assert.Len(t, texts(p), run+1)
			cancel()
			require.NoError(t, <-stopped)
		}
	})
}

// A detached session receives nothing more. Detaching it does not affect a session that replaced it.
func TestDetachedSessionReceivesNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		p := w.person(asha)
		second := sim.New(sim.Config{})
		detachSecond := w.engine.Attach(account, session, second)
		w.detach() // the first, which was replaced already
		pass(time.Millisecond)
		p.Send("login")
		q := second.NewPhone(sim.PhoneConfig{Number: "4917012345678"})
		q.Send("login")
		pass(time.Minute)
		assert.Empty(t, texts(p))
		assert.Equal(t, 1, w.session.Waiting(), "not acknowledged")
		assert.Len(t, texts(q), 1)
		detachSecond()
		detachSecond()
		pass(time.Millisecond)
		q.Send("login")
		pass(time.Minute)
		assert.Equal(t, 1, second.Waiting(), "not acknowledged")
		_, err := w.engine.Send(w.Context(), request("hi"))
		require.ErrorIs(t, err, pingr.ErrSessionUnavailable)
	})
}

// endedSession can never receive again, but sends.
type endedSession struct{ *sim.Session }

func (endedSession) Listen(context.Context, pingr.Handler) error { return errors.New("logged out") }

// The log says why a session receives nothing more. The other sessions go on.
func TestAttachedSessionThatEnds(t *testing.T) {
	inWorld(t, func(w *world) {
		var log bytes.Buffer
		w.config.Log = slog.New(slog.NewTextHandler(&log, nil))
		w.start()
		w.engine.Attach(account, "ended", endedSession{w.session})
		p := w.person(asha)
		p.Send("login")
		_, err := w.engine.Send(w.Context(), pingr.SendRequest{
			Account: account, Session: "ended", To: "4917012345678", Text: "hi",
		})
		require.NoError(t, err)
		pass(time.Second)
		assert.Len(t, texts(p), 1)
		w.halt()
		assert.Contains(t, log.String(), `session=ended error="logged out"`)
	})
}
