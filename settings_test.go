package pingr_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/sim"
)

// unreadable makes the settings unreadable until the returned function is called.
func (w *world) unreadable() (readable func()) {
	was := w.config.Accounts
	var broken atomic.Bool
	broken.Store(true)
	w.config.Accounts = func(ctx context.Context, account string) (pingr.Account, error) {
		if broken.Load() {
			return pingr.Account{}, errors.New("no settings")
		}
		return was(ctx, account)
	}
	return func() { broken.Store(false) }
}

// While the settings cannot be read, nobody knows whether a group is answered, so its message comes
// again.
func TestGroupMessageWhileSettingsCannotBeRead(t *testing.T) {
	for setting, answers := range map[pingr.GroupReply]int{pingr.GroupPrivate: 1, pingr.GroupOff: 0} {
		t.Run("group_reply "+string(setting), func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.config.Settings.GroupReply = setting
				readable := w.unreadable()
				w.start()
				p := w.person(asha)
				p.SendMessage(sim.Message{Text: "login", Group: w.session.NewGroup(p)})
				pass(time.Second)
				assert.Equal(t, 1, w.session.Waiting(), "not acknowledged")
				readable()
				pass(time.Minute)
				assert.Zero(t, w.session.Waiting())
				assert.Len(t, texts(p), answers)
				assert.Len(t, w.heard(), answers)
			})
		})
	}
}

// If a decided reply cannot be sent because the settings cannot be read, it gives its limits back,
// unless it may have been seen.
func TestLimitsOfAReplyWhoseSettingsCannotBeRead(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault sim.Fault
		shown []string
	}{
		{"it was not sent", sim.Away, []string{"second"}},
		{"its acknowledgement was lost", sim.LoseAck, []string{"first"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.config.Settings.Cooldown = 24 * time.Hour
				w.backend = func(context.Context, pingr.Event) (pingr.Reply, error) {
					w.session.SetFault(tt.fault)
					return pingr.Reply{Text: "first"}, nil
				}
				w.start()
				p := w.person(asha)
				p.Send("login")
				pass(500 * time.Millisecond)
				w.halt()
				pass(time.Hour)
				w.session.SetFault(sim.None)
				w.backend = says("second")
				readable := w.unreadable()
				w.start()
				pass(20 * time.Minute)
				readable()
				p.Send("login")
				pass(time.Minute)
				assert.Equal(t, tt.shown, texts(p))
			})
		})
	}
}

// Nothing is sent without the account's own limits.
func TestSendWhileSettingsCannotBeRead(t *testing.T) {
	inWorld(t, func(w *world) {
		readable := w.unreadable()
		w.start()
		p := w.person(asha)
		pass(time.Millisecond)
		_, err := w.engine.Send(w.Context(), request("hi"))
		require.ErrorContains(t, err, "no settings")
		require.NotErrorIs(t, err, pingr.ErrUnknown)
		assert.Empty(t, texts(p))
		readable()
		_, err = w.engine.Send(w.Context(), request("hi"))
		require.NoError(t, err)
		assert.Len(t, texts(p), 1)
	})
}

// Without Accounts, Config.Settings hold for every account.
func TestSettingsOfAProgramWithOneAccount(t *testing.T) {
	inWorld(t, func(w *world) {
		w.config.Accounts = nil
		w.config.Settings = pingr.Settings{Cooldown: time.Hour, GroupReply: pingr.GroupOff}
		w.start()
		p := w.person(asha)
		p.SendMessage(sim.Message{Text: "login", Group: w.session.NewGroup(p)})
		pass(time.Second)
		assert.Empty(t, texts(p))
		p.Send("login")
		pass(30 * time.Minute)
		p.Send("login")
		pass(time.Second)
		assert.Len(t, texts(p), 1)
		require.Len(t, w.heard(), 2)
		assert.Equal(t, inCooldown(1800), *w.heard()[1].AutoReply)
	})
}
