package pingr_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/sim"
	"github.com/heypingr/pingr/store/memory"
)

// Messages that come before Run are kept for it. Run asks about them at once, and only once.
func TestMessageBeforeTheEngineRuns(t *testing.T) {
	inWorld(t, func(w *world) {
		engine := w.configured()
		ctx, cancel := context.WithCancel(context.Background())
		var all sync.WaitGroup
		all.Go(func() { _ = engine.Serve(ctx, account, session, w.session) })
		p := w.person(asha)
		p.Send("login")
		people := crowd(w.session, 200)
		pass(time.Minute)
		assert.Zero(t, w.session.Waiting(), "it is stored")
		assert.Empty(t, w.heard())
		all.Go(func() { _ = engine.Run(ctx) })
		pass(time.Millisecond)
		assert.Equal(t, []string{"static for " + asha}, texts(p))
		assert.Equal(t, 200, shown(people))
		require.Len(t, w.heard(), 201)
		for _, e := range w.heard() {
			assert.Equal(t, 1, e.Attempt)
		}
		cancel()
		all.Wait()
	})
}

// A program without a backend answers by its triggers, within the limits.
func TestWithoutABackend(t *testing.T) {
	inWorld(t, func(w *world) {
		c := w.config
		c.Store, c.Session, c.Accounts = w.store, w.session, nil
		require.NoError(t, w.memory.SaveTrigger(w.Context(), pingr.Trigger{
			ID: "trg_d", Session: pingr.DefaultSession, Phrase: "login", Reply: "hi {{phone}}", Active: true,
		}))
		engine, err := pingr.New(c)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(context.Background())
		var all sync.WaitGroup
		all.Go(func() { assert.NoError(t, engine.Run(ctx)) })
		p := w.person(asha)
		p.Send("login")
		p.Send("login")
		pass(time.Second)
		assert.Equal(t, []string{"hi " + asha}, texts(p))
		require.NoError(t, engine.Notify(w.Context(), account, pingr.Event{
			Type: pingr.EventSessionConnected, Session: session,
		}))
		n, err := w.memory.Undelivered(w.Context())
		require.NoError(t, err)
		assert.Zero(t, n, "nobody is told")
		require.ErrorContains(t, engine.Run(ctx), "already running")
		cancel()
		all.Wait()
	})
}

// A message that a crash kept from being answered is too old after a long stop. The backend does not
// receive it, and nobody gets a link that they no longer wait for.
func TestMessageFromBeforeALongStopExpires(t *testing.T) {
	inWorld(t, func(w *world) {
		w.config.StopGrace = time.Nanosecond
		w.backend = hangs
		w.start()
		p := w.person(asha)
		p.Send("login")
		pass(time.Second)
		w.halt()
		pass(time.Hour)
		w.backend = says("link")
		w.start()
		pass(10 * time.Minute)
		assert.Empty(t, texts(p))
		require.Len(t, w.heard(), 1)
		f, _, err := w.memory.Decide(w.Context(), pingr.Decision{Firing: w.heard()[0].ID, Holder: "nobody"})
		require.NoError(t, err)
		assert.Equal(t, pingr.Expired, f.Outcome)
	})
}

// Run ends with its number, once the work in flight is done.
func TestRunEndsWithItsNumber(t *testing.T) {
	inWorld(t, func(w *world) {
		gone := errors.New("logged out")
		w.backend = func(context.Context, pingr.Event) (pingr.Reply, error) {
			time.Sleep(5 * time.Second)
			return pingr.Reply{}, nil
		}
		w.config.Session, w.config.SessionID = w.session, session
		engine := w.configured()
		w.person(asha).Send("login")
		time.AfterFunc(time.Second, func() { w.session.End(gone) })
		began := time.Now()
		require.ErrorIs(t, engine.Run(w.Context()), gone)
		assert.Equal(t, 5*time.Second, time.Since(began))
		assert.Len(t, w.heard(), 1)
	})
}

// A session's event carries the time when it happened and the time of each delivery, under its own id.
func TestNotifyNamesAndStampsAnEvent(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		pass(500 * time.Millisecond)
		for range 2 {
			require.NoError(t, w.engine.Notify(w.Context(), account, pingr.Event{
				Type: pingr.EventSessionConnected, Session: session,
			}))
		}
		require.NoError(t, w.engine.Notify(w.Context(), account, pingr.Event{
			Type: pingr.EventSessionConnected, ID: "evt_own",
		}))
		pass(100 * time.Millisecond)
		require.Len(t, w.heard(), 3, "at once")
		ids := map[string]bool{}
		for _, e := range w.heard() {
			ids[e.ID] = true
			assert.Equal(t, 1, e.Attempt)
			assert.Equal(t, e.at.UnixMilli(), e.Timestamp)
			assert.Nil(t, e.AutoReply, "it promises nobody a reply")
		}
		assert.Len(t, ids, 3)
		assert.True(t, ids["evt_own"])
	})
}

// A detached session sends nothing more. Its replies fail when their time is over.
func TestDetachedSessionSendsNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		w.backend = func(context.Context, pingr.Event) (pingr.Reply, error) {
			w.detach()
			return pingr.Reply{Text: "link"}, nil
		}
		w.start()
		p := w.person(asha)
		p.Send("login")
		pass(time.Hour)
		assert.Empty(t, texts(p))
		_, err := w.engine.Send(w.Context(), request("hi"))
		require.ErrorIs(t, err, pingr.ErrSessionUnavailable)
	})
}

// A number that panics may have sent: the reply is sent again under the same id.
func TestNumberThatPanics(t *testing.T) {
	inWorld(t, func(w *world) {
		tries := 0
		s := &sender{Session: w.session, before: func(context.Context) error {
			if tries++; tries < 3 {
				panic("a bug")
			}
			return nil
		}}
		stop := w.another(session, listening{s, w.session})
		p := w.person(asha)
		p.Send("login")
		pass(time.Minute)
		assert.Equal(t, []string{"static for " + asha}, texts(p))
		assert.Equal(t, 3, tries)
		stop()
		w.config.Settings.Cooldown = -1
		w.wrap = func(pingr.Session) pingr.Session { return s }
		w.start()
		pass(time.Millisecond)
		tries = 0
		_, err := w.engine.Send(w.Context(), request("hi"))
		require.ErrorIs(t, err, pingr.ErrUnknown)
		assert.Len(t, texts(p), 1)
	})
}

// A reply that was refused for good but may have been seen is not repeated, and
// keeps its cooldown.
func TestReplyThatWasRefusedAndMayHaveBeenSeen(t *testing.T) {
	inWorld(t, func(w *world) {
		s := &sender{Session: w.session, before: func(context.Context) error {
			return fmt.Errorf("%w: %w: the second copy", pingr.ErrNotSent, pingr.ErrUnknown)
		}}
		stop := w.another(session, listening{s, w.session})
		w.config.Settings.Cooldown = time.Hour
		p := w.person(asha)
		p.Send("login")
		pass(30 * time.Minute)
		p.Send("login")
		pass(time.Minute)
		sends, _ := s.counted()
		assert.Equal(t, 1, sends)
		stop()
	})
}

// Every hour the engine forgets what is old: the delivery log after 90 days, a message after 15. The
// clock jumps, because the bubble's own would tick every second of that time.
func TestWhatIsOldIsForgotten(t *testing.T) {
	inWorld(t, func(w *world) {
		var off atomic.Int64
		w.config.Now = func() time.Time { return time.Now().Add(time.Duration(off.Load())) }
		w.start()
		p := w.person(asha)
		p.SendMessage(sim.Message{ID: "3EB0AA", Text: "login"})
		pass(time.Second)
		id := w.heard()[0].ID
		known := func() bool {
			_, _, err := w.memory.Decide(w.Context(), pingr.Decision{Firing: id, Holder: "nobody"})
			return err == nil
		}
		for _, step := range []struct {
			day           int
			known, logged bool
		}{{14, true, true}, {16, false, true}, {89, false, true}, {91, false, false}} {
			off.Store(int64(time.Duration(step.day) * 24 * time.Hour))
			pass(time.Hour)
			assert.Equal(t, step.known, known(), "the firing on day %d", step.day)
			assert.Equal(t, step.logged, len(attempts(w)) == 1, "the delivery on day %d", step.day)
		}
	})
}

// A row of the delivery log names an attempt's owner, subject, outcome and duration.
func TestWhatTheDeliveryLogTells(t *testing.T) {
	inWorld(t, func(w *world) {
		w.config.RetrySchedule = []time.Duration{time.Minute}
		w.backend = func(_ context.Context, e pingr.Event) (pingr.Reply, error) {
			time.Sleep(3 * time.Second)
			if e.Attempt == 1 {
				return pingr.Reply{
					URL: "https://shop.test/hook", Status: 503, NoReply: pingr.NoReplyEmpty,
				}, errors.New("status 503")
			}
			return pingr.Reply{URL: "https://shop.test/hook", Status: 200, NoReply: pingr.NoReplyEmpty}, nil
		}
		w.start()
		w.person(asha).Send("login")
		pass(2 * time.Minute)
		log := attempts(w)
		require.Len(t, log, 2)
		for i, want := range []pingr.Delivery{
			{Status: "failed", HTTPStatus: 503, Error: "status 503"},
			{Status: "delivered", HTTPStatus: 200, NoReply: pingr.NoReplyEmpty},
		} {
			e := w.heard()[i]
			want.ID, want.Account, want.Session = log[i].ID, account, session
			want.EventID, want.Event = e.ID, pingr.EventMessageReceived
			want.URL, want.Attempt, want.Duration, want.At = "https://shop.test/hook", i+1, 3*time.Second, e.at
			assert.Equal(t, want, log[i])
		}
		assert.NotEqual(t, log[0].ID, log[1].ID)
	})
}

// The log names no person and contains nothing that was written, whatever fails and however.
func TestLogHoldsNothingOfAPerson(t *testing.T) {
	inWorld(t, func(w *world) {
		var said strings.Builder
		w.config.Log = slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug}))
		w.config.Settings.Cooldown = -1
		w.store = &panics{Store: w.memory}
		w.backend = func(_ context.Context, e pingr.Event) (pingr.Reply, error) {
			if e.Attempt == 1 {
				panic("of " + e.From.Phone + ": " + e.Message.Text)
			}
			return pingr.Reply{Text: "https://shop.test/in/hush"}, nil
		}
		w.start()
		p := w.person(asha)
		for _, fault := range []sim.Fault{sim.None, sim.Refuse, sim.LoseAck, sim.Away} {
			w.session.SetFault(sim.None)
			p.Send("login hush")
			w.session.SetFault(fault)
			_, _ = w.engine.Send(w.Context(), request("hush"))
			pass(20 * time.Minute)
		}
		w.backend = says("https://shop.test/in/hush")
		w.session.SetFault(sim.None)
		p.Send("login hush")
		pass(time.Minute)
		w.halt()
		for _, part := range []string{
			"msg=firing", `msg="firing not finished"`, `msg="could not purge old rows"`, "msg=send", "msg=event", "msg=panic",
			"outcome=replied", "outcome=failed",
		} {
			assert.Contains(t, said.String(), part)
		}
		for _, secret := range []string{asha, asha[2:], "98765-43210", "hush", "static for"} {
			assert.NotContains(t, said.String(), secret)
		}
	})
}

// panics is a store whose log, purge and first decision panic with their arguments.
type panics struct {
	*memory.Store
	decided atomic.Bool
}

func (*panics) LogDelivery(_ context.Context, d pingr.Delivery) error {
	panic(fmt.Sprint(asha, " hush ", d))
}

func (*panics) Purge(context.Context, time.Time, time.Time, time.Time) (int, error) {
	panic(asha)
}

func (p *panics) Decide(ctx context.Context, d pingr.Decision) (pingr.Firing, bool, error) {
	if !p.decided.Swap(true) {
		panic(fmt.Sprint(asha, " hush ", d))
	}
	return p.Store.Decide(ctx, d)
}
