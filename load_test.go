package pingr_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/sim"
)

// hangsFor never answers for numbers with such a beginning, and answers others at once.
func hangsFor(prefix string) func(context.Context, pingr.Event) (pingr.Reply, error) {
	return func(ctx context.Context, e pingr.Event) (pingr.Reply, error) {
		if strings.HasPrefix(e.From.Phone, prefix) {
			return hangs(ctx, e)
		}
		return pingr.Reply{Text: "quick"}, nil
	}
}

// crowd is so many people who write at once.
func crowd(number *sim.Session, n int) (people []*sim.Phone) {
	for i := range n {
		p := number.NewPhone(sim.PhoneConfig{Number: fmt.Sprintf("49170%08d", i)})
		p.Send("login")
		people = append(people, p)
	}
	return people
}

// However many requests of an account hang, the next login of that account is
// asked about at once.
func TestHangingRequestsKeepNobodyWaiting(t *testing.T) {
	for _, hung := range []int{100, 300, 1000} {
		t.Run(fmt.Sprint(hung), func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.backend = hangsFor("49170")
				w.start()
				people := crowd(w.session, hung)
				pass(time.Second)
				p := w.person(asha)
				p.Send("login")
				pass(0)
				assert.Equal(t, []string{"quick"}, texts(p))
				neighbour := w.neighbour("other")
				q := neighbour.NewPhone(sim.PhoneConfig{Number: asha})
				q.Send("login")
				pass(0)
				assert.Equal(t, []string{"quick"}, texts(q), "another account's")
				pass(8 * time.Second)
				for _, p := range people {
					require.Len(t, texts(p), 1, "the static reply, when 8 s have passed")
				}
				// Now the events are tried again, and hang again.
				pass(12 * time.Second)
				last := w.person("919876500000")
				last.Send("login")
				pass(0)
				assert.Equal(t, []string{"quick"}, texts(last), "retries take no login's place")
			})
		})
	}
}

// Every account has eight places, even if other accounts hold all the places of the process.
func TestEveryAccountHasEightPlaces(t *testing.T) {
	inWorld(t, func(w *world) {
		w.config.MaxInFlight = 64
		w.backend = hangs
		w.start()
		for i := range 20 {
			crowd(w.neighbour(fmt.Sprint("crowd", i)), 40)
		}
		pass(time.Second)
		before := len(w.heard())
		crowd(w.session, 20)
		pass(time.Second)
		assert.Len(t, w.heard(), before+8)
	})
}

// A message that comes again takes no place, however often it does.
func TestMessageThatComesAgainTakesNoPlace(t *testing.T) {
	inWorld(t, func(w *world) {
		w.config.InFlight, w.config.MaxInFlight = 8, 8
		w.start()
		p := w.person(asha)
		for range 20 {
			p.SendMessage(sim.Message{ID: "3EB0AA", Text: "login"})
			pass(time.Second)
		}
		other := w.person("4917000000001")
		other.Send("login")
		pass(time.Second)
		assert.Len(t, texts(p), 1)
		assert.Len(t, texts(other), 1)
	})
}

// Only a few events that an endpoint has not accepted are delivered to it at once.
func TestRetriesAreFewAtOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		atOnce, most := 0, 0
		w.backend = func(ctx context.Context, e pingr.Event) (pingr.Reply, error) {
			if e.Attempt == 1 {
				return refuses(ctx, e)
			}
			w.mu.Lock()
			atOnce++
			most = max(most, atOnce)
			w.mu.Unlock()
			time.Sleep(100 * time.Millisecond)
			w.mu.Lock()
			atOnce--
			w.mu.Unlock()
			return pingr.Reply{}, nil
		}
		w.start()
		crowd(w.session, 200)
		pass(10 * time.Second)
		assert.Equal(t, 8, most)
		assert.Len(t, w.heard(), 400, "and all are told soon")
		for _, e := range w.heard()[200:] {
			assert.Equal(t, 2, e.Attempt, "waiting for room is no attempt")
		}
	})
}

// A slow number makes replies late but doubles none, because the leases of waiting replies are
// renewed.
func TestRepliesThatWaitForTheirTurn(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		var people []*sim.Phone
		for i := range 900 {
			p := w.person(fmt.Sprintf("49170%08d", i))
			p.SendMessage(sim.Message{Text: "login", At: time.Now().Add(-time.Minute)}) // paced to 10 a second
			people = append(people, p)
		}
		pass(2 * time.Minute)
		for _, p := range people {
			assert.Len(t, texts(p), 1)
		}
		assert.Len(t, w.heard(), 900, "each is asked about once")
	})
}

// A number gets only as many replies at once as it can send within their leases. The leases of waiting
// replies are renewed, so no other engine takes them up.
func TestRepliesAreHandedOutAFewAtOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		const people = 3 * 64
		s := &sender{Session: w.session, before: func(context.Context) error { time.Sleep(25 * time.Second); return nil }}
		stopA := w.another(session, listening{s, w.session})
		pass(500 * time.Millisecond)
		idle := &sender{Session: w.session}
		stopB := w.another(session, idle)
		pass(700 * time.Millisecond) // a lease of now ends just before a look of the other's
		crowd(w.session, people)
		pass(5 * time.Minute)
		sends, most := s.counted()
		assert.Equal(t, people, sends)
		assert.Equal(t, 64, most)
		others, _ := idle.counted()
		assert.Zero(t, others)
		assert.Len(t, w.heard(), people)
		stopA()
		stopB()
	})
}

// neighbour is the number of another account, with the same trigger.
func (w *world) neighbour(id string) *sim.Session {
	w.Helper()
	require.NoError(w, w.memory.SaveTrigger(w.Context(), pingr.Trigger{
		ID: "trg_" + id, Session: id, Phrase: "login", Reply: "static", Active: true,
	}))
	number := sim.New(sim.Config{})
	w.engine.Attach(id, id, number)
	return number
}
