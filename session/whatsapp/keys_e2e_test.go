//go:build !race

package whatsapp

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/whatsapptest"
)

// answer sends a text to the sender of a message, who must see it next.
func (w *world) answer(s *Session, m pingr.Message, p *whatsapptest.Phone, text string) {
	w.t.Helper()
	require.NoError(w.t, s.Send(w.t.Context(), pingr.Outgoing{ID: "3EB0" + m.ID, To: m.Sender, Text: text}))
	seen, err := p.Next(w.within())
	require.NoError(w.t, err)
	assert.Equal(w.t, text, seen.Text)
}

// WhatsApp withholds a message now and then: its text comes from our own phone.
func TestWithheldMessageIsAnswered(t *testing.T) {
	w := newWorld(t)
	s, device := w.link("sess_withheld")
	in := w.listen(s)
	for _, addressing := range []whatsapptest.Addressing{
		whatsapptest.LIDFirst, whatsapptest.NumberFirst, whatsapptest.LIDOnly, whatsapptest.NumberOnly,
	} {
		p := w.server.NewPhone(whatsapptest.PhoneConfig{Addressing: addressing})
		id, err := p.SendMessage(t.Context(), whatsapptest.Outgoing{To: w.shop.Number(), Text: "login", Unavailable: true})
		require.NoError(t, err)
		m := receive(t, in)
		assert.Equal(t, "login", m.Text)
		assert.Equal(t, id, m.ID)
		want := p.Number()
		if addressing == whatsapptest.LIDOnly {
			want = ""
		}
		assert.Equal(t, want, m.Phone, "the number came with what could not be read")
		w.answer(s, m, p, "your link")
	}
	require.NoError(t, device.WaitQueueEmpty(w.within()))
	assert.Empty(t, in)
	assert.Zero(t, s.Undecryptable(), "nothing was damaged")
}

// A person whose phone is new has new keys, and is answered all the same.
func TestPersonWithANewPhoneIsAnswered(t *testing.T) {
	w := newWorld(t)
	s, device := w.link("sess_reinstalled")
	in := w.listen(s)
	for _, addressing := range []whatsapptest.Addressing{whatsapptest.LIDFirst, whatsapptest.NumberFirst} {
		p := w.server.NewPhone(whatsapptest.PhoneConfig{Addressing: addressing})
		for _, text := range []string{"before", "after"} {
			_, err := p.Send(t.Context(), w.shop.Number(), text)
			require.NoError(t, err)
			m := receive(t, in)
			assert.Equal(t, text, m.Text)
			w.answer(s, m, p, "answer "+text)
			p.Reinstall()
		}
	}
	require.NoError(t, device.WaitQueueEmpty(w.within()))
	assert.Empty(t, w.server.Ledger().Unread())
}

// within bounds a wait.
func (w *world) within() context.Context {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	w.t.Cleanup(cancel)
	return ctx
}
