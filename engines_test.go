package pingr_test

import (
	"context"
	"errors"
	"fmt"
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

// A sender is a number that only sends: for a second engine of the same number,
// or one that takes its time.
type sender struct {
	pingr.Session
	before func(context.Context) error // its error is the send's

	mu               sync.Mutex
	sends, now, most int
}

func (*sender) Listen(ctx context.Context, _ pingr.Handler) error {
	<-ctx.Done()
	return ctx.Err()
}

func (s *sender) Send(ctx context.Context, m pingr.Outgoing) error {
	s.mu.Lock()
	s.sends++
	s.now++
	s.most = max(s.most, s.now)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.now--
		s.mu.Unlock()
	}()
	if s.before != nil {
		if err := s.before(ctx); err != nil {
			return err
		}
	}
	return s.Session.Send(ctx, m)
}

// counted returns how many sends began, and how many were under way at once.
func (s *sender) counted() (sends, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sends, s.most
}

// listening is the number whose messages arrive, and whose sends s makes.
type listening struct {
	*sender
	number *sim.Session
}

func (l listening) Listen(ctx context.Context, handle pingr.Handler) error {
	return l.number.Listen(ctx, handle)
}

// Two engines share a store, and one was stopped midway, by SIGSTOP or a sleeping laptop. Its lease
// ends, and the other takes over and sends. What the first one wakes up with is not sent too, even if
// text and time are the same.
func TestDecisionIsOneEngines(t *testing.T) {
	for _, tt := range []struct {
		name, first, second string
		thinks              time.Duration // how long the second one's backend does
		why                 pingr.NoReply // of the first one's answer
	}{
		{"both decide for the static reply, in the same millisecond", "", "", 0, ""},
		{"the first one's link comes late", "late link", "", 0, pingr.NoReplyAnswered},
		{"both have a link", "late link", "link", 0, pingr.NoReplyAnswered},
		{"the first one's comes while the second asks", "late link", "link", 2 * time.Second, pingr.NoReplyAskedAgain},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				// A clock that stands still, except for a minute that is lost.
				var lost atomic.Int64
				began := time.Now()
				w.config.Now = func() time.Time { return began.Add(time.Duration(lost.Load())) }
				w.config.DispatchTimeout = time.Hour
				w.config.Settings.MaxMessageAge = 100 * time.Hour
				wake := make(chan struct{})
				w.backend = func(_ context.Context, e pingr.Event) (pingr.Reply, error) {
					if e.Attempt > 1 {
						time.Sleep(tt.thinks)
						return pingr.Reply{Text: tt.second}, nil
					}
					<-wake
					return pingr.Reply{Text: tt.first}, nil
				}
				s := &sender{Session: w.session}
				stopA := w.another(session, listening{s, w.session})
				p := w.person(asha)
				p.Send("login")
				pass(1250 * time.Millisecond)
				stopB := w.another(session, s) // looks a quarter of a second after A
				pass(850 * time.Millisecond)
				lost.Store(int64(2 * time.Hour)) // A's lease is over, its hold too; the next look is B's
				pass(1500 * time.Millisecond)
				close(wake)
				pass(5 * time.Second)
				sends, _ := s.counted()
				assert.Equal(t, 1, sends)
				want := tt.second
				if want == "" {
					want = "static for " + asha
				}
				assert.Equal(t, []string{want}, texts(p))
				log := attempts(w)
				require.Len(t, log, 2)
				for _, d := range log {
					assert.Equal(t, d.Attempt == 2 && tt.second != "", d.DynamicReply, "attempt %d", d.Attempt)
					if d.Attempt == 1 {
						assert.Equal(t, tt.why, d.NoReply)
					}
				}
				stopA()
				stopB()
			})
		})
	}
}

// The first engine wakes up with a refusal while the second sends. The limits and the outcome are the
// second one's.
func TestOutcomeIsThatOfWhoHoldsTheFiring(t *testing.T) {
	inWorld(t, func(w *world) {
		var lost atomic.Int64
		w.config.Now = func() time.Time { return time.Now().Add(time.Duration(lost.Load())) }
		w.config.ReplyDeadline = 100 * time.Hour
		wake := make(chan struct{})
		a := &sender{Session: w.session, before: func(context.Context) error { <-wake; return pingr.ErrNotSent }}
		b := &sender{Session: w.session, before: func(context.Context) error { time.Sleep(5 * time.Second); return nil }}
		stopA := w.another(session, listening{a, w.session})
		p := w.person(asha)
		pass(time.Second / 2)
		p.Send("login")
		pass(time.Second / 4)
		lost.Store(int64(time.Hour))
		stopB := w.another(session, b)
		pass(time.Millisecond)
		close(wake)
		pass(time.Minute) // b may have looked before it had its number, and looks again 30 s later
		assert.Len(t, texts(p), 1)
		f, _, err := w.memory.Decide(w.Context(), pingr.Decision{Firing: w.heard()[0].ID, Holder: "nobody"})
		require.NoError(t, err)
		assert.Equal(t, pingr.Replied, f.Outcome)
		stopA()
		stopB()
	})
}

// The backend and the send each take nearly as long as they may. No other engine takes the reply up in
// the meantime.
func TestLeaseCoversAskingAndSending(t *testing.T) {
	for _, tt := range []struct {
		name  string
		loses int // acknowledgements
		age   time.Duration
		sends int
	}{
		{"sent at once", 0, 0, 1},
		{"its acknowledgement lost twice", 2, 0, 3},
		{"of an outage's backlog, which is paced", 0, time.Minute, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.config.DispatchTimeout = 25 * time.Second
				w.backend = func(context.Context, pingr.Event) (pingr.Reply, error) {
					time.Sleep(24 * time.Second)
					return pingr.Reply{Text: "link"}, nil
				}
				var n atomic.Int32
				s := &sender{Session: w.session, before: func(context.Context) error {
					time.Sleep(29 * time.Second)
					if int(n.Add(1)) <= tt.loses {
						return sim.ErrNoAnswer
					}
					return nil
				}}
				stopA := w.another(session, listening{s, w.session})
				pass(500 * time.Millisecond)
				stopB := w.another(session, s) // looks half a second before or after A
				pass(800 * time.Millisecond)
				p := w.person(asha)
				p.SendMessage(sim.Message{Text: "login", At: time.Now().Add(-tt.age)})
				pass(5 * time.Minute)
				sends, most := s.counted()
				assert.Equal(t, tt.sends, sends)
				assert.Equal(t, 1, most, "never two at a time")
				assert.Equal(t, []string{"link"}, texts(p))
				assert.Len(t, w.heard(), 1, "the webhook was asked once")
				stopA()
				stopB()
			})
		})
	}
}

// A backlog is paced for longer than a lease. Only the engine that takes a reply over sends it.
func TestLongBacklogOnTwoEngines(t *testing.T) {
	inWorld(t, func(w *world) {
		const people = 600
		w.config.InFlight, w.config.BacklogRate = people, 10
		s := &sender{Session: w.session}
		stopA := w.another(session, listening{s, w.session})
		pass(500 * time.Millisecond)
		stopB := w.another(session, s)
		for i := range people {
			w.person(fmt.Sprintf("49170%08d", i)).SendMessage(sim.Message{Text: "login", At: time.Now().Add(-time.Minute)})
		}
		pass(10 * time.Minute)
		sends, _ := s.counted()
		assert.Equal(t, people, sends)
		assert.Len(t, w.heard(), people)
		stopA()
		stopB()
	})
}

// A machine slept while replies waited for their turn. Another engine has taken them over, and only
// that engine sends them.
func TestReplyThatIsTakenOverWhileItWaits(t *testing.T) {
	inWorld(t, func(w *world) {
		const people = 100
		var lost atomic.Int64
		w.config.Now = func() time.Time { return time.Now().Add(time.Duration(lost.Load())) }
		w.config.ReplyDeadline, w.config.BacklogRate = 100*time.Hour, 10
		s := &sender{Session: w.session}
		stopA := w.another(session, listening{s, w.session})
		pass(500 * time.Millisecond)
		stopB := w.another(session, s)
		for i := range people {
			w.person(fmt.Sprintf("49170%08d", i)).SendMessage(sim.Message{
				Text: "login", At: time.Now().Add(-time.Minute),
			}) // paced
		}
		pass(750 * time.Millisecond) // the next look is B's
		lost.Store(int64(time.Hour))
		pass(time.Minute)
		sends, _ := s.counted()
		assert.Equal(t, people, sends)
		stopA()
		stopB()
	})
}

// The engine is stopped, and the send under way ends just when it is given up. Its outcome is recorded
// all the same.
func TestEndOfASendWhileStopping(t *testing.T) {
	for _, tt := range []struct {
		name  string
		end   error
		state pingr.State
		kind  pingr.OutcomeKind
		free  bool // whether the cooldown is given back
	}{
		{"acknowledged", nil, pingr.StateDone, pingr.Replied, false},
		{"refused", pingr.ErrNotSent, pingr.StateDone, pingr.Failed, true},
		{"not answered", sim.ErrNoAnswer, pingr.StateUnknown, "", false},
		{"the session went away first", pingr.ErrSessionUnavailable, pingr.StateDecided, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.config.StopGrace = time.Second
				s := &sender{Session: w.session, before: func(ctx context.Context) error {
					<-ctx.Done()
					return tt.end
				}}
				if tt.end == nil {
					s.Session = acknowledges{}
				}
				stop := w.another(session, listening{s, w.session})
				w.person(asha).Send("login")
				pass(time.Second)
				require.Len(t, w.heard(), 1)
				stop()
				f, _, err := w.memory.Decide(w.Context(), pingr.Decision{Firing: w.heard()[0].ID, Holder: "nobody"})
				require.NoError(t, err)
				assert.Equal(t, tt.state, f.State)
				assert.Equal(t, tt.kind, f.Outcome)
				free := w.memory.Peek(w.Context(), time.Now(), pingr.CooldownLimit(account, asha, time.Minute, time.Now()))
				assert.Equal(t, tt.free, free == nil)

				// The next engine to start has no lease to wait for, and knows what is known.
				claimed, err := w.memory.Claim(w.Context(), pingr.Lease{Holder: "next", Until: time.Now().Add(time.Minute)},
					time.Now().Add(2*time.Second), nil, 10)
				require.NoError(t, err)
				if tt.state == pingr.StateDone {
					assert.Empty(t, claimed)
					return
				}
				require.Len(t, claimed, 1)
				assert.Equal(t, tt.state, claimed[0].State)
			})
		})
	}
}

// acknowledges accepts every send and shows nobody anything.
type acknowledges struct{ pingr.Session }

func (acknowledges) Send(context.Context, pingr.Outgoing) error { return nil }

// The same holds for a program's own message: a refused one gives its limits back.
func TestEndOfAnOwnSendWhileStopping(t *testing.T) {
	inWorld(t, func(w *world) {
		w.config.StopGrace = time.Second
		s := &sender{Session: w.session, before: func(ctx context.Context) error {
			<-ctx.Done()
			return pingr.ErrNotSent
		}}
		engine := w.configured()
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { _ = engine.Run(ctx) })
		running.Go(func() { _ = engine.Serve(ctx, account, session, s) })
		pass(time.Second)
		running.Go(func() {
			_, err := engine.Send(w.Context(), pingr.SendRequest{Account: account, Session: session, To: asha, Text: "hi"})
			assert.ErrorIs(t, err, pingr.ErrNotSent)
		})
		pass(time.Second)
		limit := pingr.CooldownLimit(account, asha, time.Minute, time.Now())
		require.Error(t, w.memory.Peek(w.Context(), time.Now(), limit), "taken")
		cancel()
		running.Wait()
		require.NoError(t, w.memory.Peek(w.Context(), time.Now(), limit), "given back")
	})
}

// An event is delivered again just before the engine is given up. It is not delivered once more, and
// its row of the log is there.
func TestEndOfADeliveryWhileStopping(t *testing.T) {
	inWorld(t, func(w *world) {
		w.config.StopGrace = time.Second
		w.config.RetrySchedule = []time.Duration{time.Second, time.Second}
		w.store = slowLog{w.memory}
		w.backend = func(ctx context.Context, e pingr.Event) (pingr.Reply, error) {
			if e.Attempt == 1 {
				return refuses(ctx, e)
			}
			return pingr.Reply{Status: 200}, nil
		}
		w.start()
		w.person(asha).Send("login")
		pass(2 * time.Second)
		require.Len(t, w.heard(), 2)
		w.halt()
		w.start()
		pass(time.Hour)
		assert.Len(t, w.heard(), 2)
		log := attempts(w)
		require.Len(t, log, 2)
		assert.Equal(t, "delivered", log[1].Status)
	})
}

// An attempt that the stop cut off says nothing about the endpoint. It takes no step of the schedule,
// and even if it was the last one, the event is still delivered.
func TestDeliveryThatIsCutOffByTheStop(t *testing.T) {
	inWorld(t, func(w *world) {
		w.config.StopGrace = time.Second
		w.config.RetrySchedule = []time.Duration{time.Second}
		w.backend = refuses
		w.start()
		w.person(asha).Send("login")
		pass(500 * time.Millisecond)
		w.mu.Lock()
		w.backend = hangs
		w.mu.Unlock()
		pass(2 * time.Second)
		require.Len(t, w.heard(), 2)
		w.halt()
		w.backend = says("")
		w.start()
		pass(time.Hour)
		require.Len(t, w.heard(), 3)
		assert.Equal(t, 2, w.heard()[2].Attempt)
		log := attempts(w)
		assert.Equal(t, "delivered", log[len(log)-1].Status)
	})
}

// slowLog takes longer to log than an engine has to stop.
type slowLog struct{ *memory.Store }

func (s slowLog) LogDelivery(ctx context.Context, d pingr.Delivery) error {
	time.Sleep(3 * time.Second)
	return s.Store.LogDelivery(ctx, d)
}

// An answer that could not be stored does not count as used. The backend is asked again, and that
// answer counts.
func TestAnswerThatCannotBeStored(t *testing.T) {
	inWorld(t, func(w *world) {
		var once atomic.Bool
		w.store = failsToDecide{w.memory, &once}
		w.backend = func(_ context.Context, e pingr.Event) (pingr.Reply, error) {
			return pingr.Reply{Text: fmt.Sprint("link ", e.Attempt)}, nil
		}
		w.start()
		p := w.person(asha)
		p.Send("login")
		pass(time.Minute)
		assert.Equal(t, []string{"link 2"}, texts(p))
		assert.Equal(t, []pingr.AutoReply{pending, pending}, promises(w), "nobody holds himself up")
		log := attempts(w)
		require.Len(t, log, 2)
		assert.Equal(t, [2]bool{false, true}, [2]bool{log[0].DynamicReply, log[1].DynamicReply})
		assert.Equal(t, pingr.NoReplyAskedAgain, log[0].NoReply)
	})
}

// failsToDecide fails the first decision, and the end of its hold.
type failsToDecide struct {
	*memory.Store
	failed *atomic.Bool
}

func (s failsToDecide) Decide(ctx context.Context, d pingr.Decision) (pingr.Firing, bool, error) {
	if !s.failed.Swap(true) {
		return pingr.Firing{}, false, errors.New("disk full")
	}
	return s.Store.Decide(ctx, d)
}

func (failsToDecide) Drop(context.Context, string, string) error {
	return errors.New("disk full")
}

// An answer that comes as the engine is given up is not used, and the log says so. The next start asks
// again, and nobody is answered twice.
func TestAnswerWhileStopping(t *testing.T) {
	inWorld(t, func(w *world) {
		w.config.StopGrace = time.Second
		w.backend = func(ctx context.Context, e pingr.Event) (pingr.Reply, error) {
			if e.Attempt == 1 {
				<-ctx.Done()
			}
			return pingr.Reply{Text: fmt.Sprint("link ", e.Attempt)}, nil
		}
		w.start()
		p := w.person(asha)
		p.Send("login")
		pass(time.Second)
		w.halt()
		held, err := w.memory.Hold(w.Context(), pingr.CooldownLimit(account, asha, time.Minute, time.Now()).Key, "another",
			time.Now(), time.Now())
		require.NoError(t, err)
		assert.True(t, held, "nobody is held by a process that is gone")
		w.start()
		pass(time.Minute)
		assert.Equal(t, []string{"link 2"}, texts(p))
		assert.Equal(t, []pingr.AutoReply{pending, pending}, promises(w), "the second answer counts")
		var used []bool
		for _, d := range attempts(w) {
			used = append(used, d.DynamicReply)
		}
		assert.Equal(t, []bool{false, true}, used)
	})
}
