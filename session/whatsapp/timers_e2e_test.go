//go:build !race

package whatsapp

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/whatsapptest"
)

// timerOf sends to a chat and returns the timer that the phone finds on it.
func timerOf(t *testing.T, s *Session, to string, p *whatsapptest.Phone) time.Duration {
	t.Helper()
	id := "3EB0" + time.Now().Format("150405.000000000")
	require.NoError(t, s.Send(t.Context(), pingr.Outgoing{ID: id, To: to, Text: "here"}))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		m, err := p.Next(ctx)
		require.NoError(t, err)
		if m.ID == id {
			return m.Expiration
		}
	}
}

// setsTimer is what a phone sends when somebody changes a chat's timer without a
// word.
func setsTimer(d time.Duration) *waE2E.Message {
	return &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
		Type: waE2E.ProtocolMessage_EPHEMERAL_SETTING.Enum(), EphemeralExpiration: proto.Uint32(uint32(d.Seconds())),
	}}
}

// Whatever a chat's timer was learnt from, everything that is sent there carries
// it, by whichever name of the person, also after a restart.
func TestTimerOfAPersonsChat(t *testing.T) {
	for _, c := range []struct {
		name       string
		addressing whatsapptest.Addressing
	}{
		{"named by number", whatsapptest.NumberFirst},
		{"named by LID", whatsapptest.LIDFirst},
		{"named by number alone, until we send", whatsapptest.NumberOnly},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			s, _ := w.link("sess_timer")
			in := w.listen(s)
			alice, bob := w.server.NewPhone(whatsapptest.PhoneConfig{Addressing: c.addressing}), w.server.NewPhone(
				whatsapptest.PhoneConfig{},
			)
			number, lid := alice.Number()+"@s.whatsapp.net", alice.LID()+"@lid"
			sent := time.Now().Add(-time.Minute)
			say := func(p *whatsapptest.Phone, m *waE2E.Message) {
				t.Helper()
				sent = sent.Add(time.Second) // which of two is later is told by the second alone
				_, err := p.SendMessage(t.Context(), whatsapptest.Outgoing{To: w.shop.Number(), Message: m, At: sent})
				require.NoError(t, err)
				w.untilAcknowledged()
			}
			both := func(want time.Duration, why string) {
				t.Helper()
				assert.Equal(t, want, timerOf(t, s, number, alice), "%s, by number", why)
				assert.Equal(t, want, timerOf(t, s, lid, alice), "%s, by LID", why)
			}

			say(alice, whatsapptest.TextMessage("hi"))
			say(bob, whatsapptest.TextMessage("hi"))
			receive(t, in)
			receive(t, in)
			both(0, "without a timer")
			say(alice, setsTimer(week))
			both(week, "set without a text")
			say(alice, whatsapptest.Disappearing("hi", day))
			both(day, "set with a text")
			assert.Zero(t, timerOf(t, s, bob.Number()+"@s.whatsapp.net", bob), "another chat has its own")

			require.NoError(t, w.pool.Close())
			w.open()
			s, _ = w.pool.Get("sess_timer")
			w.untilState(s, pingr.SessionConnected)
			both(day, "after a restart")
			w.listen(s)
			say(alice, whatsapptest.Ephemeral(whatsapptest.TextMessage("hi")))
			both(day, "a text that has one and does not say which")
			say(alice, setsTimer(0))
			both(0, "taken off without a text")
			say(alice, whatsapptest.Disappearing("hi", day))
			say(alice, whatsapptest.TextMessage("hi"))
			both(0, "taken off with a text")
		})
	}
}

// A message that comes late, or once more, tells nothing of the timer that was set
// since it was sent.
func TestTimerOfALateMessage(t *testing.T) {
	w := newWorld(t)
	s, _ := w.link("sess_timer")
	chat := types.NewJID("15550100077", types.DefaultUserServer)
	t0 := time.Now()
	first, retried, told := events.Message{}, events.Message{RetryCount: 2}, events.Message{UnavailableRequestID: "3EB0"}
	for _, tt := range []struct {
		name    string
		sent    time.Duration
		again   events.Message
		seconds uint32
		want    uint32
	}{
		{"the first", 10 * time.Second, first, 86400, 86400},
		{"one sent before it", 0, first, 604800, 86400},
		{"one of the same second that was asked for again", 10 * time.Second, retried, 604800, 86400},
		{"one of the same second that our own phone tells", 10 * time.Second, told, 604800, 86400},
		{"one of the same second", 10 * time.Second, first, 604800, 604800},
		{"it is taken off", 11 * time.Second, first, 0, 0},
		{"one sent before that", 10 * time.Second, retried, 86400, 0},
	} {
		e := tt.again
		e.Info.Chat, e.Info.Timestamp = chat, t0.Add(tt.sent)
		s.heardTimer(t.Context(), &e, tt.seconds)
		assert.Equal(t, tt.want, s.timer(t.Context(), chat), tt.name)
		timers, err := w.pool.database.timers(t.Context(), s.id)
		require.NoError(t, err)
		assert.Equal(t, tt.want, timers[chat.String()].seconds, "after a restart: %s", tt.name)
	}
	require.NoError(t, w.pool.Close())
	w.open()
	s, _ = w.pool.Get("sess_timer")
	e := &events.Message{}
	e.Info.Chat, e.Info.Timestamp = chat, t0
	s.heardTimer(t.Context(), e, 86400)
	assert.Zero(t, s.timer(t.Context(), chat), "what was sent before the restart, and before it was taken off")
}

// A group has a timer of its own; a private answer to one of its members has that
// of their own chat.
func TestTimerOfAGroup(t *testing.T) {
	w := newWorld(t)
	s, _ := w.link("sess_timer")
	in := w.listen(s)
	alice := w.server.NewPhone(whatsapptest.PhoneConfig{})
	group := w.server.NewGroup(whatsapptest.GroupConfig{
		Subject: "Friends", Members: []*whatsapptest.Phone{w.shop, alice},
	}).ID()
	say := func(m *waE2E.Message) {
		t.Helper()
		_, err := alice.SendMessage(t.Context(), whatsapptest.Outgoing{To: group, Message: m})
		require.NoError(t, err)
		w.untilAcknowledged()
	}
	say(whatsapptest.Disappearing("hi", day))
	m := receive(t, in)
	assert.Equal(t, day, timerOf(t, s, group, alice), "learnt from a text")
	assert.Zero(t, timerOf(t, s, m.Sender, alice), "the private chat has none")
	say(setsTimer(week))
	assert.Equal(t, week, timerOf(t, s, group, alice), "set without a text")

	jid, err := types.ParseJID(group)
	require.NoError(t, err)
	s.line.onEvent(&events.GroupInfo{
		JID: jid, Timestamp: time.Now(),
		Ephemeral: &types.GroupEphemeral{IsEphemeral: true, DisappearingTimer: uint32(day.Seconds())},
	})
	assert.Equal(t, day, timerOf(t, s, group, alice), "set in the group's settings")
	s.line.onEvent(&events.GroupInfo{JID: jid})
	assert.Equal(t, day, timerOf(t, s, group, alice), "another change of the group leaves it")
	s.line.onEvent(&events.GroupInfo{JID: jid, Timestamp: time.Now(), Ephemeral: &types.GroupEphemeral{}})
	assert.Zero(t, timerOf(t, s, group, alice), "taken off in the group's settings")
}

// A timer that was learnt while the person had one name is honoured when the
// other comes to be known, as with the first answer.
func TestTimerOutlivesTheNameItWasLearntUnder(t *testing.T) {
	w := newWorld(t)
	s, _ := w.link("sess_timer")
	in := w.listen(s)
	alice := w.server.NewPhone(whatsapptest.PhoneConfig{Addressing: whatsapptest.NumberOnly})
	_, err := alice.SendMessage(t.Context(), whatsapptest.Outgoing{
		To: w.shop.Number(), Message: whatsapptest.Disappearing("hi", day), At: time.Now().Add(-time.Second),
	})
	require.NoError(t, err)
	m := receive(t, in)
	require.Empty(t, m.LID, "not known yet")
	for _, to := range []string{m.Sender, m.Sender, alice.LID() + "@lid"} {
		assert.Equal(t, day, timerOf(t, s, to, alice), to)
	}
	_, err = alice.Send(t.Context(), w.shop.Number(), "hi")
	require.NoError(t, err)
	receive(t, in)
	assert.Zero(t, timerOf(t, s, m.Sender, alice), "taken off under the name that is known now")
}
