package pingr_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/sim"
)

// What the person reads, for each thing the backend may do.
func TestReply(t *testing.T) {
	static := []string{"static for " + asha}
	tests := []struct {
		name    string
		backend func(context.Context, pingr.Event) (pingr.Reply, error)
		after   time.Duration
		want    []string
	}{
		{
			"a dynamic reply is sent as it is", says("Tap: https://x.test/a?b={{phone}}"), 0,
			[]string{"Tap: https://x.test/a?b={{phone}}"},
		},
		{"no reply field: static, with the number filled in", says(""), 0, static},
		{"an error: static at once", refuses, 0, static},
		{"an error that comes with a text: static, for the event was not taken", func(
			context.Context, pingr.Event,
		) (pingr.Reply, error) {
			return pingr.Reply{Text: "not taken"}, errors.New("no")
		}, 0, static},
		{"no answer: static after 8 seconds, not before", hangs, 8 * time.Second, static},
		{"a panic: static at once", func(context.Context, pingr.Event) (pingr.Reply, error) { panic("boom") }, 0, static},
		{"an answer that ignores its context: static a tenth of a second later", func(
			context.Context, pingr.Event,
		) (pingr.Reply, error) {
			time.Sleep(9 * time.Second)
			return pingr.Reply{Text: "too late"}, nil
		}, 8100 * time.Millisecond, static},
		{"invalid UTF-8 is mended", says("a\xffb"), 0, []string{"a\uFFFDb"}},
		{"4097 characters are cut to 4096", says(fmt.Sprintf("%04097d", 0)), 0, []string{fmt.Sprintf("%04096d", 0)}},
		{
			"a cut does not split a family", says(fmt.Sprintf("%04094d", 0) + family(1)), 0,
			[]string{fmt.Sprintf("%04094d", 0)},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.backend = tt.backend
				w.config.RetrySchedule = []time.Duration{time.Hour} // no attempt is under way when the world ends
				w.start()
				p := w.person(asha)
				p.Send("login X4K9MQ")
				if tt.after > 0 {
					pass(tt.after - time.Millisecond)
					assert.Empty(t, texts(p))
				}
				pass(2 * time.Millisecond)
				assert.Equal(t, tt.want, texts(p))
				pass(2 * time.Second)
			})
		})
	}
}

func TestWhatTheBackendIsTold(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		p := w.session.NewPhone(sim.PhoneConfig{Number: asha, LID: "777"})
		id := p.Send("Login  x4k9mq")
		pass(0)
		require.Len(t, w.heard(), 1)
		e := w.heard()[0].Event
		assert.Equal(t, pingr.EventMessageReceived, e.Type)
		assert.Equal(t, session, e.Session)
		assert.Equal(t, account, e.Account)
		assert.Equal(t, 1, e.Attempt)
		assert.Regexp(t, `^per_[0-9a-f]{32}$`, e.From.Person)
		assert.Equal(t, &pingr.From{
			Phone: asha, JID: asha + "@s.whatsapp.net", LID: "777@lid", Person: e.From.Person,
		}, e.From)
		assert.Equal(t, &pingr.EventMessage{
			Text: "Login  x4k9mq", Type: "text", ID: id, Timestamp: time.Now().UnixMilli(),
		}, e.Message)
		assert.Equal(t, &pingr.EventTrigger{ID: "trg_login", Phrase: "login"}, e.Trigger)
		assert.Equal(t, &pingr.AutoReply{Status: "pending"}, e.AutoReply)
	})
}

// A forwarded code may be somebody else's: only the mark tells the backend.
func TestTheBackendIsToldWhatWasForwarded(t *testing.T) {
	for _, forwarded := range []bool{false, true} {
		inWorld(t, func(w *world) {
			w.start()
			w.person(asha).SendMessage(sim.Message{Text: "login x4k9mq", Forwarded: forwarded})
			pass(0)
			require.Len(t, w.heard(), 1)
			assert.Equal(t, forwarded, w.heard()[0].Message.Forwarded)
		})
	}
}

func TestOnlyTriggersFire(t *testing.T) {
	inWorld(t, func(w *world) {
		w.trigger("login now", "longer")
		w.config.Settings.Cooldown = -1
		w.start()
		p := w.person(asha)
		for _, text := range []string{"loginx", "hello login", "help"} {
			p.Send(text)
		}
		pass(time.Second)
		assert.Empty(t, texts(p))
		assert.Empty(t, w.heard(), "what no trigger matches is nobody's business")
		p.Send("LOGİN")
		p.Send("login now please")
		pass(time.Second)
		assert.ElementsMatch(t, []string{"static for " + asha, "longer"}, texts(p))
	})
}

func TestCooldown(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		p, other := w.person(asha), w.person("4917012345678")
		p.Send("login")
		pass(13 * time.Second)
		p.Send("login")
		other.Send("login")
		pass(time.Second)
		assert.Len(t, texts(p), 1, "the second is within 60 s")
		assert.Len(t, texts(other), 1, "another number has its own")
		require.Len(t, w.heard(), 3, "the webhook is told all the same")
		assert.Contains(t, []any{*w.heard()[1].AutoReply, *w.heard()[2].AutoReply},
			pingr.AutoReply{Status: "suppressed", Reason: "cooldown", RetryAfter: 47})
		pass(46 * time.Second)
		p.Send("login")
		pass(0)
		assert.Len(t, texts(p), 2, "60 s after the first")
	})
}

// One person has one cooldown, whichever name WhatsApp uses for them.
func TestCooldownIsOneAPerson(t *testing.T) {
	byNumber := sim.PhoneConfig{Number: asha, LID: "777"}
	byLID := sim.PhoneConfig{Number: asha, LID: "777", ByLID: true}
	hidden := sim.PhoneConfig{Number: asha, LID: "777", Hidden: true}
	for name, tt := range map[string]struct{ first, second sim.PhoneConfig }{
		"by number, then by LID":                {byNumber, byLID},
		"by LID, then by number":                {byLID, byNumber},
		"by number, then with a hidden number":  {byNumber, hidden},
		"with a hidden number, then by number":  {hidden, byNumber},
		"with a hidden number, then by LID":     {hidden, byLID},
		"twice with a hidden number":            {hidden, hidden},
		"by a number that nobody knows the LID": {sim.PhoneConfig{Number: asha}, byNumber},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.config.Settings.NoPhoneReply = "Please write from a visible number"
				w.start()
				first := w.session.NewPhone(tt.first)
				first.Send("login")
				pass(time.Second)
				require.Len(t, texts(first), 1)
				second := w.session.NewPhone(tt.second)
				second.Send("login")
				other := w.session.NewPhone(sim.PhoneConfig{Number: "4917000000001", LID: "778"})
				other.Send("login")
				pass(time.Second)
				assert.Empty(t, texts(second), "within his cooldown")
				assert.Len(t, texts(other), 1, "another person has his own")
				pass(time.Minute)
				second.Send("login")
				pass(time.Second)
				assert.Len(t, texts(second), 1, "and when it has ended")
			})
		})
	}
}

func TestCooldownIsOneForBurst(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		p := w.person(asha)
		for range 200 {
			p.Send("login")
		}
		pass(time.Minute - time.Second)
		assert.Len(t, texts(p), 1)
		assert.Len(t, w.heard(), 200)
	})
}

func TestQuota(t *testing.T) {
	inWorld(t, func(w *world) { // the bubble's clock begins on 2000-01-01
		w.config.Settings.MonthlyQuota = 2
		w.start()
		phones := []*sim.Phone{w.person("4917000000001"), w.person("4917000000002"), w.person("4917000000003")}
		for _, p := range phones {
			p.Send("login")
			pass(time.Second)
		}
		assert.Len(t, texts(phones[1]), 1)
		assert.Empty(t, texts(phones[2]))
		require.Len(t, w.heard(), 3)
		assert.Equal(t, &pingr.AutoReply{Status: "suppressed", Reason: "quota"}, w.heard()[2].AutoReply)
		pass(time.Until(time.Date(2000, 2, 1, 0, 0, 0, 0, time.UTC)))
		phones[2].Send("login")
		pass(time.Second)
		assert.Len(t, texts(phones[2]), 1, "a new month")
	})
}

func TestOldMessages(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		fresh, stale := w.person("4917000000001"), w.person("4917000000002")
		fresh.SendMessage(sim.Message{Text: "login", At: time.Now().Add(-5 * time.Minute)})
		stale.SendMessage(sim.Message{Text: "login", At: time.Now().Add(-5*time.Minute - time.Second)})
		pass(time.Minute)
		assert.Len(t, texts(fresh), 1)
		assert.Empty(t, texts(stale))
		assert.Len(t, w.heard(), 1, "an expired message tells nobody")
	})
}

func TestWrongClockExpiresNothing(t *testing.T) {
	for _, off := range []time.Duration{-time.Hour, time.Hour, 400 * 24 * time.Hour} {
		t.Run(off.String(), func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.config.Now = func() time.Time { return time.Now().Add(off) }
				w.start()
				p := w.person(asha)
				p.Send("login")
				pass(time.Second)
				assert.Len(t, texts(p), 1)
			})
		})
	}
}

func TestHiddenNumber(t *testing.T) {
	for reply, want := range map[string][]string{"": nil, "Please share your number": {"Please share your number"}} {
		t.Run("no_phone_reply "+reply, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.config.Settings.NoPhoneReply = reply
				w.start()
				p := w.session.NewPhone(sim.PhoneConfig{LID: "777", Hidden: true})
				p.Send("login")
				p.Send("login")
				pass(time.Second)
				assert.Equal(t, want, texts(p), "once a cooldown")
				assert.Empty(t, w.heard(), "a LID is nobody's phone")
			})
		})
	}
}

func TestGroups(t *testing.T) {
	tests := map[pingr.GroupReply]struct{ private, group int }{
		"": {1, 0}, pingr.GroupPrivate: {1, 0}, pingr.GroupPublic: {1, 1}, pingr.GroupOff: {0, 0},
	}
	for setting, want := range tests {
		t.Run("group_reply "+string(setting), func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.config.Settings.GroupReply = setting
				w.start()
				p, other := w.person(asha), w.person("4917000000001")
				group := w.session.NewGroup(p, other)
				p.SendMessage(sim.Message{Text: "login", Group: group})
				pass(time.Second)
				assert.Len(t, texts(p), want.private)
				assert.Len(t, texts(other), want.group, "a login link is nobody else's")
				for _, e := range w.heard() {
					assert.True(t, e.From.Group)
					assert.Equal(t, group, *e.From.GroupJID)
					assert.Equal(t, asha, e.From.Phone)
				}
			})
		})
	}
}

func TestSameMessageTwice(t *testing.T) {
	inWorld(t, func(w *world) {
		w.config.Settings.Cooldown = -1
		w.start()
		byNumber := w.session.NewPhone(sim.PhoneConfig{Number: asha, LID: "777"})
		byNumber.SendMessage(sim.Message{ID: "3EB0AA", Text: "login"})
		pass(time.Second)
		byLID := w.session.NewPhone(sim.PhoneConfig{Number: asha, LID: "777", ByLID: true})
		byLID.SendMessage(sim.Message{ID: "3EB0AA", Text: "login"})
		hidden := w.session.NewPhone(sim.PhoneConfig{LID: "777", Hidden: true})
		hidden.SendMessage(sim.Message{ID: "3EB0AA", Text: "login"})
		pass(time.Second)
		assert.Len(t, w.heard(), 1)
		assert.Empty(t, texts(byLID))
		stranger := w.person("4917000000001")
		stranger.SendMessage(sim.Message{ID: "3EB0AA", Text: "login"})
		pass(time.Second)
		assert.Len(t, texts(stranger), 1, "the same id from somebody else is another message")
	})
}

// WhatsApp's own queue keeps a message for 14 days, so Pingr knows a handled message for longer.
func TestSameMessageTwoWeeksLater(t *testing.T) {
	inWorld(t, func(w *world) {
		w.config.Settings.Cooldown = -1
		w.start()
		p := w.person(asha)
		p.SendMessage(sim.Message{ID: "3EB0AA", Text: "login"})
		pass(14*24*time.Hour + time.Hour)
		p.SendMessage(sim.Message{ID: "3EB0AA", Text: "login"})
		pass(time.Minute)
		assert.Len(t, texts(p), 1)
		assert.Len(t, w.heard(), 1)
	})
}

func TestEventsAreRetried(t *testing.T) {
	inWorld(t, func(w *world) {
		w.backend = refuses
		w.start()
		p := w.person(asha)
		p.Send("login")
		pass(3 * 24 * time.Hour)
		assert.Equal(t, []string{"static for " + asha}, texts(p), "retries never change the reply")
		waits := []time.Duration{
			time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute,
			5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour,
		}
		heard := w.heard()
		require.Len(t, heard, 1+len(waits))
		for i, wait := range waits {
			assert.InDelta(t, wait, heard[i+1].at.Sub(heard[i].at), float64(wait/10+2*time.Second), "wait before attempt %d",
				i+2)
			assert.Equal(t, i+2, heard[i+1].Attempt)
			assert.Equal(t, heard[0].ID, heard[i+1].ID)
			assert.Equal(t, heard[i+1].at.UnixMilli(), heard[i+1].Timestamp, "stamped again")
			assert.Equal(t, heard[0].Message, heard[i+1].Message)
		}
		require.NoError(t, hasten(t, w, heard[0].ID))
		pass(24 * time.Hour)
		heard = w.heard()
		require.Len(t, heard, 2+len(waits), "it is told once more when somebody asks for that")
		assert.Equal(t, heard[0].Message, heard[len(heard)-1].Message)
		assert.Equal(t, len(heard), heard[len(heard)-1].Attempt)
		pass(8 * 24 * time.Hour)
		require.Error(t, hasten(t, w, heard[0].ID), "its text is gone after a week")
	})
}

func TestGoneEndsRetries(t *testing.T) {
	inWorld(t, func(w *world) {
		w.backend = func(context.Context, pingr.Event) (pingr.Reply, error) {
			return pingr.Reply{Status: 410}, pingr.ErrGone
		}
		w.start()
		w.person(asha).Send("login")
		pass(48 * time.Hour)
		require.Len(t, w.heard(), 1)
		require.NoError(t, hasten(t, w, w.heard()[0].ID))
		pass(time.Hour)
		require.Len(t, w.heard(), 2, "once more, when somebody asks for that")
		assert.Equal(t, 2, w.heard()[1].Attempt)
	})
}

// hasten asks for an event to be delivered now, as redeliver does.
func hasten(t *testing.T, w *world, id string) error {
	t.Helper()
	store, ok := w.store.(interface {
		MakeDue(ctx context.Context, owner, event string, now time.Time) error
	})
	require.True(t, ok)
	return store.MakeDue(t.Context(), account, id, time.Now())
}

func TestEveryEventArrivesAfterAnOutage(t *testing.T) {
	inWorld(t, func(w *world) {
		outage := time.Now().Add(40 * time.Second)
		arrived := map[string]int{}
		w.backend = func(ctx context.Context, e pingr.Event) (pingr.Reply, error) {
			if time.Now().Before(outage) {
				return refuses(ctx, e)
			}
			w.mu.Lock()
			arrived[e.ID]++
			w.mu.Unlock()
			return pingr.Reply{}, nil
		}
		w.start()
		for i := range 100 {
			w.person(fmt.Sprintf("49170%08d", i)).Send("login")
			pass(300 * time.Millisecond)
		}
		pass(10 * time.Minute)
		assert.Len(t, arrived, 100)
		for id, n := range arrived {
			assert.Equal(t, 1, n, id)
		}
	})
}

// The steps of the schedule cover a deployment's restart: nothing waits for the
// long ones.
func TestShortOutageMakesNoEventLate(t *testing.T) {
	inWorld(t, func(w *world) {
		outage := time.Now().Add(10 * time.Second)
		taken := map[string]time.Time{}
		w.backend = func(ctx context.Context, e pingr.Event) (pingr.Reply, error) {
			if time.Now().Before(outage) {
				return refuses(ctx, e)
			}
			w.mu.Lock()
			taken[e.ID] = time.Now()
			w.mu.Unlock()
			return pingr.Reply{}, nil
		}
		w.start()
		for i := range 100 {
			w.person(fmt.Sprintf("49170%08d", i)).Send("login")
			pass(100 * time.Millisecond)
		}
		pass(5 * time.Minute)
		assert.Len(t, taken, 100)
		for _, at := range taken {
			assert.WithinDuration(t, outage, at, 20*time.Second)
		}
	})
}

func TestNotifyIsRetriedToo(t *testing.T) {
	inWorld(t, func(w *world) {
		w.backend = func(ctx context.Context, e pingr.Event) (pingr.Reply, error) {
			if e.Attempt < 3 {
				return refuses(ctx, e)
			}
			return pingr.Reply{}, nil
		}
		c := w.config
		c.Store, c.Dispatcher = w.store, pingr.DispatcherFunc(refuses)
		engine, err := pingr.New(c)
		require.NoError(t, err)
		require.NoError(t, engine.Notify(t.Context(), account, pingr.Event{
			Type: pingr.EventSessionDisconnected, Session: session, Reason: 401, Kind: "terminal",
		}))
		w.start()
		pass(time.Hour)
		require.Len(t, w.heard(), 3)
		assert.Equal(t, 401, w.heard()[2].Reason)
	})
}
