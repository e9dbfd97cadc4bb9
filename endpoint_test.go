package pingr_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/sim"
	"github.com/heypingr/pingr/store/memory"
)

// gather lets n people write at once.
func (w *world) gather(prefix string, n int) []*sim.Phone {
	people := make([]*sim.Phone, n)
	for i := range people {
		people[i] = w.person(fmt.Sprintf("%s%07d", prefix, i))
		people[i].Send("login")
	}
	return people
}

func shown(people []*sim.Phone) (n int) {
	for _, p := range people {
		n += len(p.Received())
	}
	return n
}

// An endpoint that hangs for most people is asked less. People it is not asked about get the static
// reply at once. People it can answer are still answered.
func TestAnEndpointThatHangsForMostIsAskedLess(t *testing.T) {
	inWorld(t, func(w *world) {
		var mended atomic.Bool
		w.backend = func(ctx context.Context, e pingr.Event) (pingr.Reply, error) {
			if mended.Load() {
				return pingr.Reply{Text: "quick"}, nil
			}
			return hangsFor("49")(ctx, e)
		}
		w.config.RetrySchedule = []time.Duration{time.Hour}
		w.start()
		w.gather("49", 40)
		pass(9 * time.Second)
		require.Len(t, w.heard(), 40, "they taught it that the endpoint hangs")

		second := w.gather("491", 300)
		pass(100 * time.Millisecond)
		assert.Equal(t, 300-8, shown(second), "the static reply at once, but for 8 who are asked for")
		assert.Len(t, w.heard(), 48)
		pass(9 * time.Second)
		assert.Equal(t, 300, shown(second))
		next := w.person(asha)
		next.Send("login")
		pass(100 * time.Millisecond)
		assert.Equal(t, []string{"quick"}, texts(next))

		mended.Store(true)
		for i := range 32 { // it answers again
			w.gather(fmt.Sprintf("492%02d", i), 1)
			pass(10 * time.Millisecond)
		}
		third := w.gather("493", 100)
		pass(100 * time.Millisecond)
		assert.Equal(t, 100, shown(third))
		assert.Equal(t, "quick", third[99].Received()[0].Text, "everybody is asked for again")
		pass(time.Minute)
		told := map[string]bool{}
		for _, e := range w.heard() {
			told[e.ID] = true
		}
		assert.Len(t, told, 40+300+1+32+100, "the events of those who were not asked for are told later")
		rows := map[string][]pingr.Delivery{}
		for _, d := range attempts(w) {
			rows[d.EventID] = append(rows[d.EventID], d)
		}
		notAsked := 0
		for _, all := range rows {
			if first := all[0]; first.Attempt == 0 {
				notAsked++
				assert.Equal(t, "failed", first.Status)
				assert.Contains(t, first.Error, "not asked")
				require.Greater(t, len(all), 1)
				assert.Equal(t, 1, all[1].Attempt, "and the next one is the first attempt")
			}
		}
		assert.Equal(t, 300-8, notAsked, "the log says who was not asked for")
	})
}

// A dispatcher whose time is over can still report where it went and what came back.
func TestTheLogOfALateAttempt(t *testing.T) {
	inWorld(t, func(w *world) {
		w.config.RetrySchedule = []time.Duration{time.Hour}
		w.backend = func(ctx context.Context, _ pingr.Event) (pingr.Reply, error) {
			<-ctx.Done()
			time.Sleep(50 * time.Millisecond)
			return pingr.Reply{URL: "https://shop.example.com/hook", Status: 200}, ctx.Err()
		}
		w.start()
		w.gather("49", 1)
		pass(8100 * time.Millisecond)
		rows := attempts(w)
		require.Len(t, rows, 1)
		assert.Equal(t, "https://shop.example.com/hook", rows[0].URL)
		assert.Equal(t, 200, rows[0].HTTPStatus)
		assert.Equal(t, "failed", rows[0].Status)
	})
}

// After an outage of ten seconds, no event waits for the step of 5 minutes.
func TestEventsAreToldSoonAfterAnOutage(t *testing.T) {
	inWorld(t, func(w *world) {
		var down atomic.Bool
		down.Store(true)
		w.backend = func(ctx context.Context, e pingr.Event) (pingr.Reply, error) {
			if down.Load() {
				return refuses(ctx, e)
			}
			return pingr.Reply{Status: 200}, nil
		}
		w.start()
		for i := range 10 { // ten a second, for ten seconds
			w.gather(fmt.Sprintf("49%d", i), 10)
			pass(time.Second)
		}
		down.Store(false)
		back := time.Now()
		pass(20 * time.Second)
		delivered := map[string]time.Time{}
		for _, e := range w.heard() {
			if !e.at.Before(back) {
				delivered[e.ID] = e.at
			}
		}
		require.Len(t, delivered, 100, "all within 20 s")
		heard := len(w.heard())
		pass(48 * time.Hour)
		assert.Len(t, w.heard(), heard, "and none of them again")
	})
}

// One accepted event brings forward the events that wait for hours.
func TestAnEndpointThatAnswersAgainIsToldAtOnce(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		t.Run(fmt.Sprintf("restarted %v", restarted), func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.backend = refuses
				w.start()
				w.gather("49", 150)
				pass(50 * time.Minute) // the next attempt is hours away
				before := len(w.heard())
				w.mu.Lock()
				w.backend = says("")
				w.mu.Unlock()
				if restarted {
					w.halt()
					w.start()
				}
				pass(time.Minute)
				assert.Len(t, w.heard(), before, "nobody knows yet that it answers")
				w.person(asha).Send("login")
				pass(5 * time.Second)
				assert.Len(t, w.heard(), before+1+150)
				pass(48 * time.Hour)
				assert.Len(t, w.heard(), before+1+150, "each is told once")
			})
		})
	}
}

// An engine asks the store for waiting events only if there may be some. After it was told that
// everything is delivered, a failure makes it look again.
func TestWhatFailsLaterIsBroughtForwardToo(t *testing.T) {
	inWorld(t, func(w *world) {
		down := false
		w.backend = func(ctx context.Context, e pingr.Event) (pingr.Reply, error) {
			if down {
				return refuses(ctx, e)
			}
			return pingr.Reply{}, nil
		}
		w.config.RetrySchedule = []time.Duration{20 * time.Second, time.Hour}
		w.start()
		succeed := func(n int) {
			w.person(fmt.Sprintf("4915%07d", n)).Send("login")
			pass(300 * time.Millisecond) // sooner than the next look at the queue
		}
		pass(500 * time.Millisecond)
		succeed(1)
		require.Len(t, w.heard(), 1)
		for round := range 2 { // fails at the first attempt, then at the second too
			down = true
			w.gather(fmt.Sprintf("49%d", round), 3)
			pass(time.Duration(round) * 30 * time.Second)
			down = false
			before := len(w.heard())
			succeed(2 + round)
			assert.Len(t, w.heard(), before+1+3, "round %d", round)
			pass(500 * time.Millisecond)
			pass(500 * time.Millisecond)
		}
	})
}

// An event under way is not brought forward. If that attempt fails too, the event waits again.
func TestWhatWasUnderWayIsBroughtForwardToo(t *testing.T) {
	inWorld(t, func(w *world) {
		w.backend = func(ctx context.Context, e pingr.Event) (pingr.Reply, error) {
			switch {
			case !strings.HasPrefix(e.From.Phone, "4966") || e.Attempt > 2:
				return pingr.Reply{}, nil
			case e.Attempt == 2:
				time.Sleep(7 * time.Second)
			}
			return refuses(ctx, e)
		}
		w.config.RetrySchedule = []time.Duration{20 * time.Second, time.Hour}
		w.start()
		w.gather("4966", 1)
		pass(24 * time.Second)
		require.Len(t, w.heard(), 2, "the second attempt is under way")
		w.gather("4967", 1)
		pass(10 * time.Second)
		require.Len(t, w.heard(), 3)
		w.gather("4968", 1)
		pass(time.Second)
		assert.Len(t, w.heard(), 5)
	})
}

// An event that the endpoint never accepts keeps its schedule of some 28 hours, however often the
// endpoint accepts others.
func TestAnEventThatIsNeverTakenKeepsItsSchedule(t *testing.T) {
	inWorld(t, func(w *world) {
		w.backend = func(ctx context.Context, e pingr.Event) (pingr.Reply, error) {
			if e.From.Phone == asha {
				return refuses(ctx, e)
			}
			return pingr.Reply{}, nil
		}
		w.start()
		began := time.Now()
		w.person(asha).Send("login")
		tries := func() (all []time.Duration, last int) {
			for _, e := range w.heard() {
				if e.From.Phone == asha {
					all, last = append(all, e.at.Sub(began)), e.Attempt
				}
			}
			return all, last
		}
		for i := range 100 {
			w.gather(fmt.Sprintf("49%02d", i), 1)
			pass(time.Second)
		}
		all, last := tries()
		assert.LessOrEqual(t, len(all), 2*6, "one try more for each step")
		assert.LessOrEqual(t, last, 6)
		for i := range 70 {
			pass(30 * time.Minute)
			w.gather(fmt.Sprintf("48%02d", i), 1)
		}
		all, last = tries()
		assert.Equal(t, 12, last, "the last attempt of the schedule")
		assert.Greater(t, all[len(all)-1], 24*time.Hour)
		assert.LessOrEqual(t, len(all), 2*12)
	})
}

// An event that the endpoint was not asked about is first delivered at the first step of the schedule.
func TestAnEventThatWasNotAskedAboutIsToldByTheSchedule(t *testing.T) {
	inWorld(t, func(w *world) {
		began := time.Now()
		w.backend = func(ctx context.Context, e pingr.Event) (pingr.Reply, error) {
			if time.Since(began) < 15*time.Second {
				return hangs(ctx, e)
			}
			return refuses(ctx, e)
		}
		w.config.RetrySchedule = []time.Duration{10 * time.Second, time.Hour}
		w.start()
		w.gather("49", 40)
		pass(9 * time.Second)
		w.gather("491", 20)
		pass(20 * time.Second)
		first := map[string]told{}
		for _, e := range w.heard() {
			if _, known := first[e.ID]; !known {
				first[e.ID] = e
			}
		}
		late := 0
		for _, e := range first {
			if at := e.at.Sub(began); at > 10*time.Second {
				late++
				assert.InDelta(t, 19*time.Second, at, float64(2*time.Second+500*time.Millisecond))
				assert.Equal(t, 1, e.Attempt)
				assert.Equal(t, &answered, e.AutoReply)
			}
		}
		assert.Equal(t, 20-8, late)
	})
}

// If the store fails to bring events forward, the next accepted event makes the engine ask again.
func TestEventsAreBroughtForwardAfterTheStoreFailed(t *testing.T) {
	inWorld(t, func(w *world) {
		w.store = &failsToHasten{Store: w.memory}
		w.backend = func(ctx context.Context, e pingr.Event) (pingr.Reply, error) {
			if e.Attempt == 1 && e.From.Phone == asha {
				return refuses(ctx, e)
			}
			return pingr.Reply{}, nil
		}
		w.config.RetrySchedule = []time.Duration{time.Hour}
		w.start()
		w.person(asha).Send("login")
		pass(time.Minute)
		for i := range 2 {
			w.gather(fmt.Sprint("49", i), 1)
			pass(5 * time.Second)
		}
		assert.Len(t, w.heard(), 4)
	})
}

type failsToHasten struct {
	*memory.Store
	failed bool
}

func (s *failsToHasten) MakeAllDue(ctx context.Context, account string, now time.Time, limit int) (int, error) {
	if !s.failed {
		s.failed = true
		return 0, errors.New("disk full")
	}
	return s.Store.MakeAllDue(ctx, account, now, limit)
}

// Events that failed together are not delivered again together.
func TestRetriesAreSpread(t *testing.T) {
	inWorld(t, func(w *world) {
		w.backend = refuses
		w.config.RetrySchedule = []time.Duration{1000 * time.Second}
		w.start()
		w.gather("49", 100)
		pass(time.Second)
		failed := time.Now()
		pass(time.Hour)
		heard := w.heard()
		require.Len(t, heard, 200)
		first, last := heard[100].at.Sub(failed), heard[199].at.Sub(failed)
		assert.Less(t, first, 950*time.Second)
		assert.GreaterOrEqual(t, first, 898*time.Second)
		assert.Greater(t, last, 1050*time.Second)
		assert.LessOrEqual(t, last, 1101*time.Second)
	})
}

// An endpoint that wants no more of an event does not get it again, although the attempt was brought
// forward and takes no step of the schedule.
func TestGoneEndsAnEventThatWasBroughtForward(t *testing.T) {
	inWorld(t, func(w *world) {
		w.backend = func(ctx context.Context, e pingr.Event) (pingr.Reply, error) {
			switch {
			case e.From.Phone != asha:
				return pingr.Reply{}, nil
			case len(w.heard()) == 1:
				return refuses(ctx, e)
			}
			return pingr.Reply{Status: 410}, pingr.ErrGone
		}
		w.config.RetrySchedule = []time.Duration{time.Hour, time.Hour}
		w.start()
		w.person(asha).Send("login")
		pass(time.Minute)
		w.gather("49", 1)
		pass(time.Minute)
		require.Len(t, w.heard(), 3)
		pass(24 * time.Hour)
		assert.Len(t, w.heard(), 3)
	})
}

// An accepted event brings forward only its own account's events.
func TestOnlyTheSameAccountIsToldAtOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		w.backend = func(_ context.Context, e pingr.Event) (pingr.Reply, error) {
			if e.Account == account {
				return refuses(context.Background(), e)
			}
			return pingr.Reply{}, nil
		}
		w.start()
		w.gather("49", 3)
		pass(50 * time.Minute)
		before := len(w.heard())
		require.NoError(t, w.engine.Notify(t.Context(), "acc_other", pingr.Event{
			Type: pingr.EventSessionConnected, Session: "x",
		}))
		pass(time.Minute)
		assert.Len(t, w.heard(), before+1)
	})
}

// panicsToCatchUp is a store that cannot bring events forward.
type panicsToCatchUp struct{ *memory.Store }

func (panicsToCatchUp) MakeAllDue(context.Context, string, time.Time, int) (int, error) {
	panic("a broken store")
}

// Whatever becomes of the waiting events, the person gets the answer.
func TestAReplyDoesNotNeedTheEventsThatWait(t *testing.T) {
	inWorld(t, func(w *world) {
		w.store = panicsToCatchUp{w.memory}
		w.backend = says("link")
		w.start()
		p := w.person(asha)
		p.Send("login")
		pass(time.Second)
		assert.Equal(t, []string{"link"}, texts(p))
	})
}

// A static reply is cut to what WhatsApp takes, as a dynamic one is.
func TestALongStaticReplyIsCut(t *testing.T) {
	inWorld(t, func(w *world) {
		w.trigger("long", strings.Repeat("a", pingr.MaxText+1))
		w.start()
		p := w.person(asha)
		p.Send("long")
		pass(time.Second)
		assert.Equal(t, []string{strings.Repeat("a", pingr.MaxText)}, texts(p))
	})
}
