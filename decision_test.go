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
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/session/sim"
	"github.com/heypingr/pingr/store/memory"
)

var (
	pending  = pingr.AutoReply{Status: "pending"}
	answered = pingr.AutoReply{Status: "suppressed", Reason: "answered"}
)

func inCooldown(seconds int) pingr.AutoReply {
	return pingr.AutoReply{Status: "suppressed", Reason: "cooldown", RetryAfter: seconds}
}

// promises are what the backend was told of the reply, in order.
func promises(w *world) []pingr.AutoReply {
	var all []pingr.AutoReply
	for _, e := range w.heard() {
		all = append(all, *e.AutoReply)
	}
	return all
}

// attempts are the delivery log, oldest first.
func attempts(w *world) []pingr.Delivery {
	w.Helper()
	page, err := w.memory.DeliveryPage(w.Context(), hosted.DeliveryQuery{Account: account, Limit: 10_000})
	require.NoError(w, err)
	rows := make([]pingr.Delivery, 0, len(page.Rows))
	for _, row := range slices.Backward(page.Rows) {
		rows = append(rows, row.Delivery)
	}
	return rows
}

// An endpoint is down once, and then answers with a link. The static reply went out long before, and
// nobody is told otherwise.
func TestAfterTheDecisionNoReplyIsPromised(t *testing.T) {
	inWorld(t, func(w *world) {
		w.backend = func(ctx context.Context, e pingr.Event) (pingr.Reply, error) {
			if e.Attempt == 1 {
				return refuses(ctx, e)
			}
			return pingr.Reply{Text: "late link"}, nil
		}
		w.start()
		p := w.person(asha)
		p.Send("login")
		pass(10 * time.Minute)
		assert.Equal(t, []string{"static for " + asha}, texts(p))
		assert.Equal(t, []pingr.AutoReply{pending, answered}, promises(w))
		log := attempts(w)
		require.Len(t, log, 2)
		assert.Equal(t, [2]string{"failed", "delivered"}, [2]string{log[0].Status, log[1].Status})
		assert.Equal(t, [2]bool{}, [2]bool{log[0].DynamicReply, log[1].DynamicReply})
		assert.Equal(t, [2]pingr.NoReply{"", pingr.NoReplyAnswered}, [2]pingr.NoReply{log[0].NoReply, log[1].NoReply})
	})
}

// The same holds after a request to deliver the event again, and after a restart.
func TestAfterTheDecisionNoReplyIsPromisedByHandOrAfterARestart(t *testing.T) {
	inWorld(t, func(w *world) {
		w.backend = refuses
		w.config.RetrySchedule = []time.Duration{time.Minute}
		w.start()
		w.person(asha).Send("login")
		pass(time.Second)
		w.halt()
		w.start()
		pass(2 * time.Minute)
		w.backend = says("link")
		require.NoError(t, hasten(t, w, w.heard()[0].ID))
		pass(time.Minute)
		assert.Equal(t, []pingr.AutoReply{pending, answered, answered}, promises(w))
		log := attempts(w)
		assert.Equal(t, pingr.NoReplyAnswered, log[len(log)-1].NoReply)
		assert.False(t, log[len(log)-1].DynamicReply)
	})
}

// A message that a limit refused was not answered. Later attempts say so, with the rest of the
// cooldown.
func TestLaterAttemptsOfARefusedMessage(t *testing.T) {
	inWorld(t, func(w *world) {
		w.config.RetrySchedule = []time.Duration{10 * time.Second, 10 * time.Minute}
		w.start()
		p := w.person(asha)
		p.Send("login")
		pass(time.Second)
		w.backend = func(ctx context.Context, e pingr.Event) (pingr.Reply, error) {
			if e.Attempt < 3 {
				return refuses(ctx, e)
			}
			return pingr.Reply{Text: "link"}, nil
		}
		p.Send("login again")
		pass(20 * time.Minute)
		assert.Len(t, texts(p), 1)
		told := promises(w)
		require.Len(t, told, 4)
		assert.Equal(t, []pingr.AutoReply{pending, inCooldown(59)}, told[:2])
		assert.Equal(t, "cooldown", told[2].Reason)
		assert.InDelta(t, 49, told[2].RetryAfter, 2)
		assert.Equal(t, inCooldown(1), told[3], "it has ended")
		log := attempts(w)
		assert.Equal(t, pingr.NoReplyCooldown, log[len(log)-1].NoReply)
	})
}

// dynamic_reply is that of an answer whose text was sent.
func TestDynamicReplyIsOneThatWasUsed(t *testing.T) {
	inWorld(t, func(w *world) {
		w.backend = says("link")
		w.start()
		p := w.person(asha)
		p.Send("login")
		p.Send("login")
		pass(time.Second)
		p.Send("login")
		pass(time.Second)
		assert.Equal(t, []string{"link"}, texts(p))
		used := 0
		for _, d := range attempts(w) {
			if d.DynamicReply {
				used++
				assert.Empty(t, d.NoReply)
			} else {
				assert.Equal(t, pingr.NoReplyCooldown, d.NoReply)
			}
		}
		assert.Equal(t, 1, used)
	})
}

// A person taps twice. The first message is promised a reply and gets it, although the second's
// webhook answers sooner.
func TestTwoQuickTaps(t *testing.T) {
	for _, taps := range []int{2, 3, 20} {
		t.Run(fmt.Sprint(taps), func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.backend = func(_ context.Context, e pingr.Event) (pingr.Reply, error) {
					if e.AutoReply.Status == "pending" {
						time.Sleep(3 * time.Second)
						return pingr.Reply{Text: "link for " + e.Message.Text}, nil
					}
					return pingr.Reply{}, nil
				}
				w.start()
				p := w.person(asha)
				for i := range taps {
					p.Send(fmt.Sprint("login ", i))
				}
				pass(10 * time.Second)
				var promised string
				for _, e := range w.heard() {
					if *e.AutoReply == pending {
						assert.Empty(t, promised, "one alone is promised a reply")
						promised = e.Message.Text
					} else {
						assert.Equal(t, inCooldown(60), *e.AutoReply)
					}
				}
				assert.Len(t, w.heard(), taps)
				assert.Equal(t, []string{"link for " + promised}, texts(p))
			})
		})
	}
}

// The same between two engines that share a store, each with a number of the
// account.
func TestTwoQuickTapsOnTwoEngines(t *testing.T) {
	inWorld(t, func(w *world) {
		w.backend = func(context.Context, pingr.Event) (pingr.Reply, error) {
			time.Sleep(3 * time.Second)
			return pingr.Reply{Text: "link"}, nil
		}
		require.NoError(t, w.memory.SaveTrigger(t.Context(), pingr.Trigger{
			ID: "trg_2", Session: "second", Phrase: "login", Active: true,
		}))
		w.start()
		second := sim.New(sim.Config{})
		stop := w.another("second", second)
		w.person(asha).Send("login")
		p := second.NewPhone(sim.PhoneConfig{Number: asha})
		p.Send("login")
		pass(10 * time.Second)
		assert.ElementsMatch(t, []pingr.AutoReply{pending, inCooldown(60)}, promises(w))
		stop()
	})
}

// A person with two names is one person, whichever name a message comes under.
func TestTwoQuickTapsUnderTwoNames(t *testing.T) {
	inWorld(t, func(w *world) {
		w.config.Settings.NoPhoneReply = "Please write from a visible number"
		w.backend = func(context.Context, pingr.Event) (pingr.Reply, error) {
			time.Sleep(3 * time.Second)
			return pingr.Reply{Text: "link"}, nil
		}
		w.start()
		byNumber := w.person(asha)
		byNumber.Send("login")
		pass(time.Second)
		both := w.session.NewPhone(sim.PhoneConfig{Number: asha, LID: "777", ByLID: true})
		both.Send("login")
		pass(3 * time.Second)
		assert.Equal(t, []pingr.AutoReply{pending, inCooldown(60)}, promises(w))
		pass(time.Minute)

		both.Send("login") // holds both names, then releases both
		pass(time.Second)
		both.Send("login")
		pass(10 * time.Second)
		assert.Equal(t, []pingr.AutoReply{pending, inCooldown(60)}, promises(w)[2:])
		pass(time.Minute)
		both.Send("login")
		pass(10 * time.Second)
		assert.Equal(t, pending, promises(w)[4])
	})
}

// The second tap comes after the first one's backend has been thinking for a long time.
func TestTapsWhileTheBackendHangs(t *testing.T) {
	inWorld(t, func(w *world) {
		w.backend = hangs
		w.start()
		p := w.person(asha)
		p.Send("login")
		pass(7900 * time.Millisecond)
		p.Send("login")
		pass(time.Minute)
		assert.Equal(t, []pingr.AutoReply{pending, inCooldown(60)}, promises(w)[:2])
		assert.Equal(t, []string{"static for " + asha}, texts(p))
	})
}

// Without a cooldown both are answered, so both are promised a reply.
func TestTwoQuickTapsWithoutCooldown(t *testing.T) {
	inWorld(t, func(w *world) {
		w.config.Settings.Cooldown = -1
		w.start()
		p := w.person(asha)
		p.Send("login")
		p.Send("login")
		pass(time.Second)
		assert.Equal(t, []pingr.AutoReply{pending, pending}, promises(w))
		assert.Len(t, texts(p), 2)
	})
}

// A message whose backend was told that no reply follows gets none, although the first one's could not
// be sent. The next message is answered at once.
func TestTheFirstOfTwoTapsFails(t *testing.T) {
	inWorld(t, func(w *world) {
		w.backend = func(_ context.Context, e pingr.Event) (pingr.Reply, error) {
			time.Sleep(time.Second)
			return pingr.Reply{Text: "link for " + e.Message.Text}, nil
		}
		w.session.SetFault(sim.Refuse)
		w.start()
		p := w.person(asha)
		p.Send("login 1")
		pass(100 * time.Millisecond)
		p.Send("login 2")
		pass(1500 * time.Millisecond)
		w.session.SetFault(sim.None)
		pass(time.Second)
		assert.Empty(t, texts(p))
		p.Send("login 3")
		pass(2 * time.Second)
		assert.Equal(t, []string{"link for login 3"}, texts(p))
		assert.Equal(t, []pingr.AutoReply{pending, inCooldown(60), pending}, promises(w))
	})
}

// If the cooldown ends while the backend thinks, what the backend was told still holds.
func TestWhatWasToldHolds(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		p := w.person(asha)
		p.Send("login")
		pass(59 * time.Second)
		w.backend = func(context.Context, pingr.Event) (pingr.Reply, error) {
			time.Sleep(3 * time.Second)
			return pingr.Reply{Text: "link"}, nil
		}
		p.Send("login")
		pass(10 * time.Second)
		assert.Equal(t, []pingr.AutoReply{pending, inCooldown(1)}, promises(w))
		assert.Len(t, texts(p), 1)
		p.Send("login")
		pass(10 * time.Second)
		assert.Len(t, texts(p), 2, "and it took no cooldown")
	})
}

// A hanging backend holds the person only as long as it is asked.
func TestHoldEndsWithTheDecision(t *testing.T) {
	inWorld(t, func(w *world) {
		w.config.Settings.Cooldown = time.Second
		w.config.RetrySchedule = []time.Duration{time.Hour}
		w.backend = hangs
		w.start()
		p := w.person(asha)
		p.Send("login")
		pass(9 * time.Second)
		w.backend = says("link")
		pass(time.Second)
		p.Send("login")
		pass(time.Second)
		assert.Equal(t, []pingr.AutoReply{pending, pending}, promises(w)[:2], "before the first event is told again")
		assert.Equal(t, []string{"static for " + asha, "link"}, texts(p))
	})
}

// A hold that nobody ended, as after a crash, lasts as long as the backend may take and a decision
// after it, and no longer.
func TestHoldThatIsNotDroppedEndsByItself(t *testing.T) {
	inWorld(t, func(w *world) {
		w.config.Settings.Cooldown = time.Second
		w.store = dropsNothing{w.memory}
		w.start()
		p := w.person(asha)
		p.Send("login") // holds for 8 s and 5 s
		pass(12900 * time.Millisecond)
		p.Send("login")
		pass(200 * time.Millisecond)
		p.Send("login")
		pass(time.Second)
		assert.Equal(t, []pingr.AutoReply{pending, inCooldown(1), pending}, promises(w))
	})
}

type dropsNothing struct{ *memory.Store }

func (dropsNothing) Drop(context.Context, string, string) error { return errors.New("no connection") }

// another runs a second engine on the world's store and backend, with a number
// of its own.
func (w *world) another(id string, number pingr.Session) (stop func()) {
	w.Helper()
	engine := w.configured()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = engine.Run(ctx) })
	running.Go(func() { _ = engine.Serve(ctx, account, id, number) })
	return func() {
		cancel()
		running.Wait()
	}
}
