package pingr_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/sim"
)

// answersAfter makes the backend answer each message after the duration that it
// names ("login 3s").
func answersAfter(_ context.Context, e pingr.Event) (pingr.Reply, error) {
	wait, err := time.ParseDuration(strings.TrimPrefix(e.Message.Text, "login "))
	time.Sleep(wait)
	return pingr.Reply{Text: "after " + wait.String()}, err
}

func TestRepliesKeepTheOrderOfTheMessages(t *testing.T) {
	for _, c := range []struct {
		name  string
		texts []string // of one person, at once
		after time.Duration
		want  []string // seen by then
	}{
		{"a quick answer waits for a slow one", []string{"1s", "0s"}, time.Second, []string{"1s", "0s"}},
		{"and is not sent before", []string{"1s", "0s"}, 999 * time.Millisecond, nil},
		{"many", []string{"3ms", "9ms", "1ms", "7ms", "0s"}, time.Second, []string{"3ms", "9ms", "1ms", "7ms", "0s"}},
		{"it waits for two seconds at most", []string{"5s", "0s"}, 2 * time.Second, []string{"0s"}},
		{"then what is late comes late", []string{"5s", "0s"}, 5 * time.Second, []string{"0s", "5s"}},
		{"the wait begins when the answer is there", []string{"4s", "3s"}, 4 * time.Second, []string{"4s", "3s"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.config.Settings.Cooldown = -1
				w.backend = answersAfter
				w.start()
				p, other := w.person(asha), w.person("919876543211")
				for _, text := range c.texts {
					p.Send("login " + text)
				}
				other.Send("login 0s")
				pass(time.Millisecond)
				assert.Len(t, texts(other), 1, "nobody else waits")
				pass(c.after - time.Millisecond)
				var want []string
				for _, text := range c.want {
					want = append(want, "after "+text)
				}
				assert.Equal(t, want, texts(p))
				pass(10 * time.Second)
			})
		})
	}
}

// A message that gets no reply keeps nobody waiting, and does not hide an earlier
// one that does.
func TestOrderOutlastsMessagesWithoutReply(t *testing.T) {
	inWorld(t, func(w *world) {
		w.config.Settings.Cooldown = -1
		w.config.Settings.MaxMessageAge = time.Minute
		w.backend = answersAfter
		w.start()
		p := w.person(asha)
		p.Send("login 1s")
		p.SendMessage(sim.Message{Text: "login 1h", At: time.Now().Add(-time.Hour)}) // expired
		p.Send("login 0s")
		pass(2 * time.Second)
		assert.Equal(t, []string{"after 1s", "after 0s"}, texts(p))
	})
}
