package pingr_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/sim"
)

// How long it takes until so many people who wrote at once have their answers.
func TestRates(t *testing.T) {
	const backlog = time.Minute
	for _, tt := range []struct {
		name     string
		set      func(*pingr.Config)
		age      time.Duration // of the messages when they arrive
		people   int
		min, max time.Duration
	}{
		{"no limit by default", func(*pingr.Config) {}, 0, 500, 0, time.Second},
		{"a ceiling", func(c *pingr.Config) { c.SendRate = 5 }, 0, 100, 19 * time.Second, 21 * time.Second},
		{"less than one a second", func(c *pingr.Config) { c.SendRate = 0.1 }, 0, 10, 89 * time.Second, 92 * time.Second},
		{"a backlog by default", func(*pingr.Config) {}, backlog, 200, 4 * time.Second, 6 * time.Second},
		{"a backlog at a rate", func(c *pingr.Config) { c.BacklogRate = 100 }, backlog, 200, time.Second, 3 * time.Second},
		{"the lower of both", func(c *pingr.Config) { c.SendRate = 5 }, backlog, 100, 19 * time.Second, 21 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.config.InFlight = tt.people
				tt.set(&w.config)
				w.start()
				pass(time.Millisecond)
				var people []*sim.Phone
				for i := range tt.people {
					p := w.person(fmt.Sprintf("49170%08d", i))
					p.SendMessage(sim.Message{Text: "login", At: time.Now().Add(-tt.age)})
					people = append(people, p)
				}
				answered := func() (n int) {
					for _, p := range people {
						n += len(texts(p))
					}
					return n
				}
				pass(tt.min)
				if tt.min > 0 {
					assert.Less(t, answered(), tt.people)
				}
				pass(tt.max - tt.min)
				assert.Equal(t, tt.people, answered())
			})
		})
	}
}

// A program's own messages count too, and wait for their turn. A message whose turn is too far away is
// not sent and takes no limits.
func TestRateOfSend(t *testing.T) {
	inWorld(t, func(w *world) {
		w.config.SendRate = 0.05
		w.start()
		p := w.person(asha)
		pass(time.Millisecond)
		p.Send("login")
		pass(time.Second)
		require.Len(t, texts(p), 1)

		to := func(phone string) pingr.SendRequest {
			r := request("hi")
			r.To = phone
			return r
		}
		began := time.Now()
		_, err := w.engine.Send(w.Context(), to("4917000000001"))
		require.NoError(t, err)
		assert.InDelta(t, 19, time.Since(began).Seconds(), 0.1)

		waits := make(chan error)
		go func() { _, err := w.engine.Send(w.Context(), to("4917000000002")); waits <- err }()
		pass(time.Millisecond)
		_, err = w.engine.Send(w.Context(), to("4917000000003"))
		require.ErrorIs(t, err, pingr.ErrSessionUnavailable)
		require.NoError(t, <-waits)
		_, err = w.engine.Send(w.Context(), to("4917000000003"))
		require.NoError(t, err, "the first try took no cooldown")
	})
}

// A reply whose turn comes after its deadline is not sent, and takes no limits.
func TestTurnAfterTheDeadline(t *testing.T) {
	inWorld(t, func(w *world) {
		w.config.SendRate, w.config.ReplyDeadline = 0.1, 25*time.Second
		w.start()
		pass(time.Millisecond)
		var people []*sim.Phone
		for i := range 5 {
			p := w.person(fmt.Sprintf("49170%08d", i))
			p.Send("login")
			people = append(people, p)
		}
		pass(5 * time.Minute)
		answered := 0
		for _, p := range people {
			answered += len(texts(p))
		}
		assert.Equal(t, 3, answered, "at once, after 10 s and after 20 s")

		for i, p := range people {
			if len(texts(p)) == 0 {
				p.Send("login")
				pass(11 * time.Second)
				assert.Len(t, texts(p), 1, "person %d was never in cooldown", i)
			}
		}
	})
}
