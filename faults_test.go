package pingr_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/sim"
)

func TestSends(t *testing.T) {
	tests := []struct {
		name  string
		fault sim.Fault
		for_  time.Duration
		want  int
	}{
		{"the session is away for a minute", sim.Away, time.Minute, 1},
		{"WhatsApp refuses for a minute", sim.RefuseForNow, time.Minute, 1},
		{"WhatsApp refuses for longer than a login link is of use", sim.RefuseForNow, 15 * time.Minute, 0},
		{"acknowledgements are lost for a minute: repeated, shown once", sim.LoseAck, time.Minute, 1},
		{"messages are lost for a minute", sim.LoseMessage, time.Minute, 1},
		{"nothing answers for a minute", sim.Hang, time.Minute, 1},
		{"away for longer than a login link is of use", sim.Away, 15 * time.Minute, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.backend = func(context.Context, pingr.Event) (pingr.Reply, error) {
					w.session.SetFault(tt.fault)
					return pingr.Reply{}, nil
				}
				w.start()
				p := w.person(asha)
				p.Send("login")
				pass(tt.for_)
				w.session.SetFault(sim.None)
				pass(90 * time.Second)
				assert.Len(t, texts(p), tt.want)
				assert.Len(t, w.heard(), 1, "the webhook was asked once")
			})
		})
	}
}

// A reply gives its limits back if certainly nobody saw it. A reply that may have been seen keeps
// them, whatever becomes of its later tries. Otherwise a second reply could go out within the
// cooldown.
func TestWhatAFailedReplyGivesBack(t *testing.T) {
	tests := []struct {
		name        string
		first, then sim.Fault
		shown       int // of the first reply
		second      bool
	}{
		{"refused for good", sim.Refuse, sim.Refuse, 0, true},
		{"refused until it was too late", sim.RefuseForNow, sim.RefuseForNow, 0, true},
		{"no link until it was too late", sim.Away, sim.Away, 0, true},
		{"refused, then no link until it was too late", sim.RefuseForNow, sim.Away, 0, true},
		{"no link, then refused for good", sim.Away, sim.Refuse, 0, true},
		{"shown, its answer lost, then refused for good", sim.LoseAck, sim.Refuse, 1, false},
		{"shown, its answer lost, then refused until it was too late", sim.LoseAck, sim.RefuseForNow, 1, false},
		{"shown, its answer lost, then no link until it was too late", sim.LoseAck, sim.Away, 1, false},
		{"shown, its answer lost until it was too late", sim.LoseAck, sim.LoseAck, 1, false},
		{"perhaps shown, then refused for good", sim.LoseMessage, sim.Refuse, 0, false},
		{"no link, then shown, its answer lost until it was too late", sim.Away, sim.LoseAck, 1, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.config.Settings.Cooldown = time.Hour
				w.backend = func(context.Context, pingr.Event) (pingr.Reply, error) {
					w.session.SetFault(tt.first)
					return pingr.Reply{}, nil
				}
				w.start()
				p := w.person(asha)
				p.Send("login")
				pass(500 * time.Millisecond)
				w.session.SetFault(tt.then)
				pass(15 * time.Minute)
				assert.Len(t, texts(p), tt.shown)
				w.backend = nil
				w.session.SetFault(sim.None)
				p.Send("login")
				pass(time.Minute)
				want := tt.shown
				if tt.second {
					want++
				}
				assert.Len(t, texts(p), want)
			})
		})
	}
}

// WhatsApp bans a number that insists after a refusal, so the pauses double.
func TestRefusedReplyIsTriedWithGrowingPauses(t *testing.T) {
	inWorld(t, func(w *world) {
		var tries []time.Duration
		began := time.Now()
		w.wrap = func(s pingr.Session) pingr.Session {
			return counting{s, func() { tries = append(tries, time.Since(began)) }}
		}
		w.backend = func(context.Context, pingr.Event) (pingr.Reply, error) {
			w.session.SetFault(sim.RefuseForNow)
			return pingr.Reply{}, nil
		}
		w.start()
		w.person(asha).Send("login")
		pass(20 * time.Minute)
		require.Greater(t, len(tries), 5)
		assert.Less(t, len(tries), 12)
		for i := 2; i < len(tries); i++ {
			assert.GreaterOrEqual(t, tries[i], 2*tries[i-1]-time.Second, "try %d", i+1)
		}
		assert.LessOrEqual(t, tries[len(tries)-1], 10*time.Minute)
	})
}

// counting reports each send.
type counting struct {
	pingr.Session
	sends func()
}

func (c counting) Send(ctx context.Context, m pingr.Outgoing) error {
	c.sends()
	return c.Session.Send(ctx, m)
}

// A program that was down for an hour does not send an hour-old login link.
func TestReplyFromBeforeALongStopIsNotSent(t *testing.T) {
	inWorld(t, func(w *world) {
		w.session.SetFault(sim.Away)
		w.start()
		p := w.person(asha)
		w.session.SetFault(sim.None)
		w.backend = func(context.Context, pingr.Event) (pingr.Reply, error) {
			w.session.SetFault(sim.Away)
			return pingr.Reply{Text: "link"}, nil
		}
		p.Send("login")
		pass(5 * time.Second)
		w.halt()
		w.session.SetFault(sim.None)
		pass(time.Hour)
		w.backend = says("fresh link")
		w.start()
		pass(time.Minute)
		assert.Empty(t, texts(p))
		p.Send("login")
		pass(time.Second)
		assert.Equal(t, []string{"fresh link"}, texts(p))
	})
}

func TestEnormousTexts(t *testing.T) {
	inWorld(t, func(w *world) {
		w.config.Settings.Cooldown = -1
		w.start()
		p := w.person(asha)
		p.Send(strings.Repeat("x", 10<<20))
		p.Send("login " + strings.Repeat("é", 5<<20))
		p.Send("login " + strings.Repeat("\xff", 10<<20))
		pass(time.Second)
		assert.Len(t, texts(p), 2)
		require.Len(t, w.heard(), 2)
		for _, e := range w.heard() {
			assert.LessOrEqual(t, utf8.RuneCountInString(e.Message.Text), 65536, "cut to what WhatsApp itself allows")
			assert.True(t, utf8.ValidString(e.Message.Text))
		}
	})
}

// A laptop slept, or a clock was set: leases end while the engine works on them.
func TestClockThatJumpsAheadDoublesNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		var off atomic.Int64
		w.config.Now = func() time.Time { return time.Now().Add(time.Duration(off.Load())) }
		w.backend = func(context.Context, pingr.Event) (pingr.Reply, error) {
			off.Store(int64(time.Minute))
			time.Sleep(5 * time.Second)
			return pingr.Reply{Text: "once"}, nil
		}
		w.start()
		p := w.person(asha)
		p.Send("login")
		pass(time.Minute)
		assert.Equal(t, []string{"once"}, texts(p))
		assert.Len(t, w.heard(), 1, "the webhook was asked once")
	})
}

// A session id that moved to another account sends nothing of the first.
func TestSessionOfAnotherAccountSendsNothingOfOurs(t *testing.T) {
	inWorld(t, func(w *world) {
		theirs := sim.New(sim.Config{})
		spy := theirs.NewPhone(sim.PhoneConfig{Number: asha})
		w.backend = func(context.Context, pingr.Event) (pingr.Reply, error) {
			w.session.SetFault(sim.Away)
			return pingr.Reply{Text: "link"}, nil
		}
		w.start()
		w.person(asha).Send("login")
		pass(time.Second)
		w.engine.Attach("other", session, theirs)
		pass(time.Minute)
		assert.Empty(t, texts(spy))
	})
}

func TestRefusedSendGivesTheCooldownBack(t *testing.T) {
	inWorld(t, func(w *world) {
		w.session.SetFault(sim.Refuse)
		w.start()
		p := w.person(asha)
		p.Send("login")
		pass(time.Second)
		w.session.SetFault(sim.None)
		p.Send("login")
		pass(time.Second)
		assert.Len(t, texts(p), 1, "the refused one took no cooldown")
	})
}

func TestUnknownSendKeepsTheCooldown(t *testing.T) {
	inWorld(t, func(w *world) {
		w.session.SetFault(sim.LoseAck)
		w.start()
		p := w.person(asha)
		p.Send("login")
		pass(time.Second)
		p.Send("login")
		pass(time.Second)
		w.session.SetFault(sim.None)
		pass(20 * time.Second)
		assert.Len(t, texts(p), 1)
	})
}

// A crash is a stop without grace; the next engine waits for the lease.
func TestCrashAnywhere(t *testing.T) {
	for _, at := range []string{"webhook", "send"} {
		t.Run("during the "+at, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.config.StopGrace = time.Nanosecond
				if at == "webhook" {
					w.backend = hangs
				} else {
					w.session.SetFault(sim.Hang)
				}
				w.start()
				p := w.person(asha)
				p.Send("login")
				pass(time.Second)
				w.halt()
				w.backend = says("after the crash")
				w.session.SetFault(sim.None)
				w.start()
				pass(2 * time.Minute)
				require.Len(t, texts(p), 1)
				if at == "webhook" {
					assert.Equal(t, "after the crash", texts(p)[0], "the webhook is asked again and that answer counts")
				} else {
					assert.Equal(t, "static for "+asha, texts(p)[0], "the text was fixed before")
				}
			})
		})
	}
}

func TestStopFinishesWhatIsInFlight(t *testing.T) {
	inWorld(t, func(w *world) {
		w.backend = func(context.Context, pingr.Event) (pingr.Reply, error) {
			time.Sleep(5 * time.Second)
			return pingr.Reply{Text: "slow"}, nil
		}
		w.start()
		p := w.person(asha)
		p.Send("login")
		pass(time.Second)
		w.halt()
		assert.Equal(t, []string{"slow"}, texts(p))
	})
}

func TestMessageThatCannotBeStoredComesAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		broken := &flaky{Store: w.memory}
		broken.every.Store(1)
		w.store = broken
		w.start()
		p := w.person(asha)
		p.Send("login")
		pass(time.Second)
		assert.Equal(t, 1, w.session.Waiting(), "not acknowledged")
		broken.every.Store(0)
		pass(time.Minute)
		assert.Len(t, texts(p), 1)
		assert.Zero(t, w.session.Waiting())
	})
}

func TestStoreFailsAtEveryKthCall(t *testing.T) {
	// Not 2: a message needs two calls to be accepted, so every second would
	// refuse it for good.
	for k := int64(6); k < 20; k++ {
		panics := k%2 == 1
		t.Run(fmt.Sprintf("k=%d, panics=%t", k/2, panics), func(t *testing.T) {
			inWorld(t, func(w *world) {
				broken := &flaky{Store: w.memory, panics: panics}
				broken.every.Store(k / 2)
				w.store = broken
				w.start()
				var people []*sim.Phone
				for i := range 50 {
					p := w.person(fmt.Sprintf("49170%08d", i))
					p.Send("login")
					people = append(people, p)
					pass(100 * time.Millisecond)
				}
				pass(15 * time.Minute)
				for _, p := range people {
					assert.Len(t, texts(p), 1, p.Number())
				}
			})
		})
	}
}

// If a person's settings cannot be read for a while, the reply is delayed. If they stay unreadable,
// the message ends with a reason, and nobody reads them every second until then.
func TestSettingsThatCannotBeRead(t *testing.T) {
	for _, tt := range []struct {
		name   string
		back   time.Duration
		panics bool
		want   []string
	}{
		{"for a while", time.Minute, false, []string{"static for 919876543210"}},
		{"for a while, with a panic", time.Minute, true, []string{"static for 919876543210"}},
		{"for good", time.Hour, false, nil},
		{"for good, with a panic", time.Hour, true, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				began, asked := time.Now(), 0
				w.config.Accounts = func(context.Context, string) (pingr.Account, error) {
					asked++
					switch {
					case time.Since(began) > tt.back:
						return pingr.Account{}, nil
					case tt.panics:
						panic("no settings")
					}
					return pingr.Account{}, errors.New("no settings")
				}
				w.start()
				p := w.person(asha)
				p.Send("login")
				pass(20 * time.Minute)
				assert.Equal(t, tt.want, texts(p))
				assert.Less(t, asked, 40)
				open, err := w.store.Claim(t.Context(), pingr.Lease{Until: time.Now()}, time.Now(), nil, 1)
				require.NoError(t, err)
				assert.Empty(t, open, "it has ended")
			})
		})
	}
}

// slowPurge is a store with much to forget.
type slowPurge struct{ pingr.Store }

func (s slowPurge) Purge(ctx context.Context, _, _, _ time.Time) (int, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

func TestPurgeDelaysNobody(t *testing.T) {
	inWorld(t, func(w *world) {
		w.store = slowPurge{w.memory}
		w.backend = func(context.Context, pingr.Event) (pingr.Reply, error) {
			w.session.SetFault(sim.Away)
			return pingr.Reply{}, nil
		}
		w.start()
		p := w.person(asha)
		p.Send("login")
		pass(time.Second)
		w.session.SetFault(sim.None)
		pass(10 * time.Second) // only poll takes up what was not sent
		assert.Len(t, texts(p), 1)
	})
}

func TestOneAccountsSlowEndpointDelaysNoOther(t *testing.T) {
	inWorld(t, func(w *world) {
		w.backend = func(ctx context.Context, e pingr.Event) (pingr.Reply, error) {
			if e.Account != account {
				return hangs(ctx, e)
			}
			return pingr.Reply{Text: "quick"}, nil
		}
		w.config.Store = w.store
		w.start()
		for i := range 200 {
			id := fmt.Sprintf("slow%d", i)
			require.NoError(t, w.memory.SaveTrigger(t.Context(), pingr.Trigger{
				ID: "trg_" + id, Session: id, Phrase: "login", Reply: "static", Active: true,
			}))
			number := sim.New(sim.Config{})
			w.engine.Attach(id, id, number)
			for j := range 100 {
				number.NewPhone(sim.PhoneConfig{Number: fmt.Sprintf("4917%04d%04d", i, j)}).Send("login")
			}
		}
		pass(time.Second)
		p := w.person(asha)
		p.Send("login")
		pass(0)
		assert.Equal(t, []string{"quick"}, texts(p), "at once, though 20,000 messages of others wait")
	})
}

func TestMoreThanFitsInFlightIsAllAnswered(t *testing.T) {
	inWorld(t, func(w *world) {
		w.backend = func(context.Context, pingr.Event) (pingr.Reply, error) {
			time.Sleep(time.Second)
			return pingr.Reply{}, nil
		}
		w.config.InFlight = 64
		w.start()
		var people []*sim.Phone
		for i := range 1000 {
			p := w.person(fmt.Sprintf("49170%08d", i))
			p.Send("login")
			people = append(people, p)
		}
		pass(20 * time.Second)
		for _, p := range people {
			assert.Len(t, texts(p), 1)
		}
		for _, e := range w.heard() {
			assert.Equal(t, 1, e.Attempt, "waiting for room is no attempt")
		}
	})
}
