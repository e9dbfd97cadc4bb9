//go:build !race

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/whatsapptest"
)

func TestFirstMessageOfAStranger(t *testing.T) {
	s := open(t, pingr.Settings{})
	p := s.whatsapp.NewPhone(whatsapptest.PhoneConfig{Number: asha})
	id, err := p.Send(t.Context(), s.phone.Number(), "login X4K9MQ")
	require.NoError(t, err)
	reply, err := p.Next(in(t, 10*time.Second))
	require.NoError(t, err)
	assert.Equal(t, "link for "+id, reply.Text)
	assert.Equal(t, s.phone.Number(), reply.From)
	require.Len(t, s.backend.heard(), 1)
	assert.Equal(t, asha, s.backend.heard()[0].From.Phone)
	assert.Equal(t, "login X4K9MQ", s.backend.heard()[0].Message.Text)
	assert.Zero(t, s.whatsapp.Ledger().Undecryptable())
}

// If the first message cannot be decrypted, the client asks for it again and answers it.
func TestFirstMessageThatCannotBeRead(t *testing.T) {
	s := open(t, pingr.Settings{})
	p := s.whatsapp.NewPhone(whatsapptest.PhoneConfig{Number: asha})
	_, err := p.SendMessage(t.Context(), whatsapptest.Outgoing{To: s.phone.Number(), Text: "login X4K9MQ", Garbled: true})
	require.NoError(t, err)
	_, err = p.Next(in(t, 20*time.Second))
	require.NoError(t, err)
	assert.Len(t, s.backend.heard(), 1)
}

func TestHowASenderIsNamed(t *testing.T) {
	tests := []struct {
		name       string
		addressing whatsapptest.Addressing
		answered   bool
	}{
		{"by number first", whatsapptest.NumberFirst, true},
		{"by LID first", whatsapptest.LIDFirst, true},
		{"by number only", whatsapptest.NumberOnly, true},
		{"by LID only: nobody's phone is known, so nobody is told", whatsapptest.LIDOnly, false},
	}
	s := open(t, pingr.Settings{NoPhoneReply: "Please write from a visible number"})
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			number := fmt.Sprintf("4917012345%03d", i)
			p := s.whatsapp.NewPhone(whatsapptest.PhoneConfig{
				Number: number, LID: fmt.Sprintf("99887766%03d", i), Addressing: tt.addressing,
			})
			before := len(s.backend.heard())
			id, err := p.Send(t.Context(), s.phone.Number(), "login X4K9MQ")
			require.NoError(t, err)
			reply, err := p.Next(in(t, 10*time.Second))
			require.NoError(t, err)
			if !tt.answered {
				assert.Equal(t, "Please write from a visible number", reply.Text)
				assert.Len(t, s.backend.heard(), before, "the digits of a LID are nobody's number")
				return
			}
			assert.Equal(t, "link for "+id, reply.Text)
			from := s.backend.heard()[before].From
			assert.Equal(t, number, from.Phone)
			assert.Equal(t, number+"@s.whatsapp.net", from.JID)
		})
	}
}

func TestMessageFromWhatsAppWeb(t *testing.T) {
	s := open(t, pingr.Settings{})
	p := s.whatsapp.NewPhone(whatsapptest.PhoneConfig{Number: asha})
	id, err := p.SendMessage(t.Context(), whatsapptest.Outgoing{
		To: s.phone.Number(), Text: "login X4K9MQ", Companion: p.AddCompanion(),
	})
	require.NoError(t, err)
	reply, err := p.Next(in(t, 10*time.Second))
	require.NoError(t, err)
	assert.Equal(t, "link for "+id, reply.Text, "the phone itself reads the answer")
	assert.Equal(t, asha+"@s.whatsapp.net", s.backend.heard()[0].From.JID, "without the device")
}

func TestGroupMessageIsAnsweredInPrivate(t *testing.T) {
	s := open(t, pingr.Settings{})
	p, other := s.whatsapp.NewPhone(whatsapptest.PhoneConfig{Number: asha}), s.whatsapp.NewPhone(
		whatsapptest.PhoneConfig{},
	)
	group := s.whatsapp.NewGroup(whatsapptest.GroupConfig{
		Subject: "Neighbours", Members: []*whatsapptest.Phone{s.phone, p, other},
	})
	_, err := p.Send(t.Context(), group.ID(), "login X4K9MQ")
	require.NoError(t, err)
	for {
		m, err := p.Next(in(t, 10*time.Second))
		require.NoError(t, err)
		if m.From == s.phone.Number() {
			assert.Empty(t, m.Group)
			break
		}
	}
	for _, m := range other.Messages() {
		assert.NotEqual(t, s.phone.Number(), m.From, "a login link is nobody else's")
	}
	from := s.backend.heard()[0].From
	assert.True(t, from.Group)
	assert.Equal(t, group.ID(), *from.GroupJID)
	assert.Equal(t, asha, from.Phone)
}

// An outage's backlog: 1,000 messages between 0 and 14 days old. Those of the last five minutes get
// one answer each, the others none.
func TestOfflineQueue(t *testing.T) {
	s := open(t, pingr.Settings{})
	s.device.FailLogins(whatsapptest.LoginFailure{Reason: 503})
	s.device.Drop()
	require.NoError(t, s.device.WaitOffline(in(t, 10*time.Second)))
	const all, fresh = 1000, 50
	now := time.Now()
	for i := range all {
		age := time.Duration(i) * 2 * time.Second
		if i >= fresh {
			age = 10*time.Minute + time.Duration(i-fresh)*14*24*time.Hour/all
		}
		p := s.whatsapp.NewPhone(whatsapptest.PhoneConfig{})
		_, err := p.SendMessage(t.Context(), whatsapptest.Outgoing{
			To: s.phone.Number(), Text: "login X4K9MQ", At: now.Add(-age),
		})
		require.NoError(t, err)
	}
	s.device.FailLogins(whatsapptest.LoginFailure{})
	ledger := s.whatsapp.Ledger()
	require.NoError(t, s.device.WaitQueueEmpty(in(t, 60*time.Second)))
	require.NoError(t, ledger.WaitReplies(in(t, 60*time.Second), fresh))
	s.stop() // finishes what is in flight, so nothing more comes
	assert.Equal(t, fresh, ledger.Visible())
	assert.Len(t, ledger.Replies(), fresh)
	told := 0 // besides that the session was away
	for _, e := range s.backend.heard() {
		if e.Type == pingr.EventMessageReceived {
			told++
		}
	}
	assert.Equal(t, fresh, told)
}

func TestMessageThatComesTwice(t *testing.T) {
	for name, how := range map[string]whatsapptest.Resending{
		"the same ciphertext":                         whatsapptest.SameCiphertext,
		"the same id, encrypted again":                whatsapptest.Anew,
		"the same id, its sender named the other way": whatsapptest.Flipped,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, pingr.Settings{Cooldown: -1})
			p := s.whatsapp.NewPhone(whatsapptest.PhoneConfig{Number: asha})
			id, err := p.Send(t.Context(), s.phone.Number(), "login X4K9MQ")
			require.NoError(t, err)
			_, err = p.Next(in(t, 10*time.Second))
			require.NoError(t, err)
			require.NoError(t, p.Resend(t.Context(), id, how))
			last, err := p.Send(t.Context(), s.phone.Number(), "login again")
			require.NoError(t, err)
			reply, err := p.Next(in(t, 10*time.Second))
			require.NoError(t, err)
			assert.Equal(t, "link for "+last, reply.Text)
			s.stop()
			assert.Equal(t, 2, s.whatsapp.Ledger().Visible())
			assert.Len(t, s.backend.heard(), 2)
		})
	}
}

func TestLostAcknowledgementShowsOneReply(t *testing.T) {
	s := open(t, pingr.Settings{})
	s.device.Acks(whatsapptest.AckRule{Lose: true, Times: 1})
	p := s.whatsapp.NewPhone(whatsapptest.PhoneConfig{Number: asha})
	_, err := p.Send(t.Context(), s.phone.Number(), "login X4K9MQ")
	require.NoError(t, err)
	ledger := s.whatsapp.Ledger()
	require.NoError(t, ledger.WaitStanzas(in(t, 60*time.Second), 2))
	s.stop()
	assert.Len(t, ledger.Replies(), 1)
	assert.Equal(t, 1, ledger.Visible())
}

func TestBurstOfOnePerson(t *testing.T) {
	s := open(t, pingr.Settings{Cooldown: -1})
	p := s.whatsapp.NewPhone(whatsapptest.PhoneConfig{Number: asha})
	const burst = 400
	for range burst {
		_, err := p.Send(t.Context(), s.phone.Number(), "login X4K9MQ")
		require.NoError(t, err)
	}
	ledger := s.whatsapp.Ledger()
	require.NoError(t, ledger.WaitReplies(in(t, 60*time.Second), burst))
	s.stop()
	assert.Zero(t, ledger.Undecryptable(), "replies")
	assert.Len(t, ledger.Replies(), burst)
	for _, sent := range ledger.Sent() {
		assert.Zero(t, sent.Retries, "messages")
	}
}

func TestHostileTexts(t *testing.T) {
	s := open(t, pingr.Settings{Cooldown: -1})
	p := s.whatsapp.NewPhone(whatsapptest.PhoneConfig{Number: asha})
	const family = "\U0001F468\u200D\U0001F469\u200D\U0001F467" // one character to a reader
	texts := map[string]bool{
		"": false, "   ": false, "loginx": false, strings.Repeat("a", 64<<10): false,
		"login " + strings.Repeat("\u200b", 64<<10): true, "ｌｏｇｉｎ fullwidth": true, "LOGİN": true,
		"\u202elogin\u202c": true, "login \x00": true, "login " + strings.Repeat(family, 5000): true,
	}
	want := 0
	for text, fires := range texts {
		_, err := p.Send(t.Context(), s.phone.Number(), text)
		require.NoError(t, err)
		if fires {
			want++
		}
	}
	ledger := s.whatsapp.Ledger()
	require.NoError(t, ledger.WaitReplies(in(t, 30*time.Second), want))
	require.NoError(t, ledger.WaitAcknowledged(in(t, 30*time.Second), len(texts)))
	s.stop()
	assert.Equal(t, want, ledger.Visible())
}

// WhatsApp does not know the number, and the sender learns it.
func TestSendToANumberThatIsNotOnWhatsApp(t *testing.T) {
	s := open(t, pingr.Settings{})
	linked, ok := s.pool.Get(session)
	require.True(t, ok)
	err := linked.Send(in(t, 30*time.Second), pingr.Outgoing{ID: "3EB0AA", To: "4915799999999@s.whatsapp.net", Text: "hi"})
	require.ErrorIs(t, err, pingr.ErrNotOnWhatsApp)
	assert.ErrorIs(t, err, pingr.ErrNotSent)
	assert.NotContains(t, err.Error(), "4915799999999")
}

// This machine's clock is ten minutes fast or slow compared with WhatsApp's, which stamps messages. No
// message is too old because of that.
func TestWrongClockBesideWhatsApps(t *testing.T) {
	for _, fast := range []time.Duration{10 * time.Minute, -10 * time.Minute} {
		t.Run(fast.String(), func(t *testing.T) {
			s := openAt(t, pingr.Config{}, func() time.Time { return time.Now().Add(-fast) })
			p := s.whatsapp.NewPhone(whatsapptest.PhoneConfig{Number: asha})
			id, err := p.Send(t.Context(), s.phone.Number(), "login X4K9MQ")
			require.NoError(t, err)
			reply, err := p.Next(in(t, 10*time.Second))
			require.NoError(t, err)
			assert.Equal(t, "link for "+id, reply.Text)
			ended := func(n int64) {
				t.Helper()
				require.Eventually(t, func() bool { return s.ended.Load() == n }, 30*time.Second, 10*time.Millisecond)
			}
			ended(1)

			// A really old message is too old on any clock.
			s.device.FailLogins(whatsapptest.LoginFailure{Reason: 503})
			s.device.Drop()
			require.NoError(t, s.device.WaitOffline(in(t, 10*time.Second)))
			late := s.whatsapp.NewPhone(whatsapptest.PhoneConfig{})
			_, err = late.SendMessage(t.Context(), whatsapptest.Outgoing{
				To: s.phone.Number(), Text: "login X4K9MQ", At: time.Now().Add(-fast - 6*time.Minute),
			})
			require.NoError(t, err)
			s.device.FailLogins(whatsapptest.LoginFailure{})
			require.NoError(t, s.device.WaitOnline(in(t, 60*time.Second)))
			ended(2)
			assert.Empty(t, late.Messages())
		})
	}
}
