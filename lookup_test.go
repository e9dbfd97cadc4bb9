package pingr_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/sim"
)

const (
	typed   = "5531987654321" // with Brazil's ninth digit
	spelled = "553187654321"  // as WhatsApp has it
)

func (w *world) resolve(phone string) pingr.Resolved {
	w.Helper()
	who, err := w.engine.Resolve(w.Context(), account, session, phone)
	require.NoError(w, err)
	return who
}

// A number is asked about once a day, whichever way it is spelled.
func TestResolveAsksOnceADay(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		w.session.NewPhone(sim.PhoneConfig{Number: spelled, Aliases: []string{typed}, LID: "1"})
		want := pingr.Resolved{OnWhatsApp: true, Phone: spelled}
		for _, phone := range []string{"+55 (31) 98765-4321", typed, spelled, "00" + typed} {
			assert.Equal(t, want, w.resolve(phone), phone)
		}
		assert.Equal(t, []string{typed}, w.session.Asked())
		pass(24*time.Hour - time.Second)
		w.resolve(typed)
		assert.Len(t, w.session.Asked(), 1)
		pass(time.Second)
		assert.Equal(t, want, w.resolve(spelled), "the next day")
		assert.Equal(t, want, w.resolve(typed), "known to be another spelling")
		assert.Equal(t, []string{typed, spelled}, w.session.Asked())
	})
}

// Who has written within a day is not asked about.
func TestResolveOfSomebodyWhoWrote(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		p := w.person(asha)
		p.Send("something that fires no trigger")
		pass(time.Second)
		assert.Equal(t, pingr.Resolved{OnWhatsApp: true, Phone: asha}, w.resolve(asha))
		_, err := w.engine.Send(w.Context(), request("hi"))
		require.NoError(t, err)
		assert.Empty(t, w.session.Asked())
	})
}

func TestResolveFails(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		ask := func(phone string) error {
			_, err := w.engine.Resolve(w.Context(), account, session, phone)
			return err
		}
		require.ErrorIs(t, ask("12"), pingr.ErrPhone)
		w.session.SetFault(sim.Away)
		require.ErrorIs(t, ask(asha), pingr.ErrSessionUnavailable)
		w.session.SetFault(sim.RefuseForNow)
		var limited *pingr.ResolveLimitError
		require.ErrorAs(t, ask(asha), &limited)
		assert.Equal(t, time.Minute, limited.RetryAfter)
		_, err := w.engine.Resolve(w.Context(), "another", session, asha)
		require.ErrorIs(t, err, pingr.ErrSessionUnavailable, "another account's session")
		w.session.SetFault(sim.None)
		require.NoError(t, ask(asha), "no failure is remembered")
	})
	inWorld(t, func(w *world) {
		w.wrap = func(s pingr.Session) pingr.Session { return struct{ pingr.Session }{s} }
		w.start()
		_, err := w.engine.Resolve(w.Context(), account, session, asha)
		require.ErrorIs(t, err, pingr.ErrSessionUnavailable, "it cannot ask")
		_, err = w.engine.Send(w.Context(), request("hi"))
		require.NoError(t, err, "but it can send")
	})
}

// A send goes to the number as WhatsApp spells it, and its limits are those of that number.
func TestSendResolves(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		p := w.session.NewPhone(sim.PhoneConfig{Number: spelled, Aliases: []string{typed}})
		to := func(phone string) error {
			_, err := w.engine.Send(w.Context(), pingr.SendRequest{Account: account, Session: session, To: phone, Text: "hi"})
			return err
		}
		require.NoError(t, to(typed))
		require.Len(t, p.Received(), 1)
		assert.Equal(t, pingr.PhoneJID(spelled), p.Received()[0].Chat)
		var limit *pingr.LimitError
		require.ErrorAs(t, to(spelled), &limit, "the same person")
		assert.Equal(t, []string{typed}, w.session.Asked())
	})
}

// A number that nobody has is asked about once a day too, unless its owner writes.
func TestSendToANumberThatNobodyHas(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		send := func() error {
			_, err := w.engine.Send(w.Context(), request("hi"))
			return err
		}
		w.session.SetFault(sim.Nobody)
		for range 3 {
			require.ErrorIs(t, send(), pingr.ErrNotOnWhatsApp)
		}
		assert.Len(t, w.session.Asked(), 1)
		w.session.SetFault(sim.None)
		require.ErrorIs(t, send(), pingr.ErrNotOnWhatsApp, "known")
		w.person(asha).Send("hello") // has joined
		pass(time.Second)
		require.NoError(t, send())
	})
}

// If WhatsApp does not say who has a number, the message goes to the number as it is.
func TestSendWithoutAnAnswer(t *testing.T) {
	inWorld(t, func(w *world) {
		w.wrap = func(s pingr.Session) pingr.Session { return mute{s} }
		w.start()
		p := w.person(asha)
		began := time.Now()
		_, err := w.engine.Send(w.Context(), request("hi"))
		require.NoError(t, err)
		assert.Equal(t, []string{"hi"}, texts(p))
		assert.Equal(t, 10*time.Second, time.Since(began))
	})
}

// mute never says who has a number.
type mute struct{ pingr.Session }

func (mute) Resolve(ctx context.Context, _ string) (pingr.Resolved, error) {
	<-ctx.Done()
	return pingr.Resolved{}, ctx.Err()
}

// A month of a shop's traffic: 100 people, of whom every fourth types another spelling than WhatsApp's.
// They log in by what they typed, some write of themselves, and the shop sends to the number that it
// knows. Nobody is asked about twice
// in a day, but for the first time that a second spelling is typed.
func TestQuestionsInAMonth(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		random := rand.New(rand.NewPCG(15, 1))
		type person struct {
			phone          *sim.Phone
			typed, spelled string
			asked          time.Time
		}
		people := make([]*person, 100)
		owner := map[string]*person{}
		for i := range people {
			p := &person{spelled: fmt.Sprintf("5531%08d", 80000000+i)}
			p.typed = p.spelled
			if i%4 == 0 {
				p.typed = p.spelled[:4] + "9" + p.spelled[4:]
			}
			p.phone = w.session.NewPhone(sim.PhoneConfig{Number: p.spelled, Aliases: []string{p.typed}})
			people[i], owner[p.typed], owner[p.spelled] = p, p, p
		}
		acts, repeated := 0, 0
		for range 30 * 24 {
			for range 10 {
				p := people[random.IntN(len(people))]
				before := len(w.session.Asked())
				switch acts++; random.IntN(4) {
				case 0, 1:
					w.resolve(p.typed)
				case 2:
					_, err := w.engine.Send(w.Context(), pingr.SendRequest{
						Account: account, Session: session, To: p.spelled, Text: "Your order is ready.",
					})
					var limit *pingr.LimitError
					require.True(t, err == nil || errors.As(err, &limit), err)
				case 3:
					p.phone.Send("login")
				}
				pass(6 * time.Minute)
				for _, phone := range w.session.Asked()[before:] {
					asked := owner[phone]
					if !asked.asked.IsZero() && time.Since(asked.asked) < 24*time.Hour {
						repeated++
					}
					asked.asked = time.Now()
				}
			}
		}
		questions := len(w.session.Asked())
		t.Logf("%d logins, sends and messages of %d people in 30 days: %d questions, %.2f a person a day, %d twice a day",
			acts, len(people), questions, float64(questions)/float64(len(people))/30, repeated)
		assert.LessOrEqual(t, repeated, len(people)/4, "once for each second spelling, which WhatsApp alone knows")
		assert.LessOrEqual(t, questions, len(people)*30)
	})
}
