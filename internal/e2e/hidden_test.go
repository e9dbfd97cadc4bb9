//go:build !race

package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/whatsapptest"
)

// asks is a shop that asks people whose number is hidden.
func asks(t *testing.T) *shop {
	t.Helper()
	return open(t, pingr.Settings{HiddenNumbers: pingr.HiddenAsk, NumberQuestion: "Your number?", Cooldown: -1})
}

// says sends a text, and returns what the phone shows then.
func (s *shop) says(p *whatsapptest.Phone, m whatsapptest.Outgoing) string {
	s.Helper()
	m.To = s.phone.Number()
	_, err := p.SendMessage(s.Context(), m)
	require.NoError(s, err)
	return s.hears(p)
}

func (s *shop) hears(p *whatsapptest.Phone) string {
	s.Helper()
	reply, err := p.Next(in(s.T, 20*time.Second))
	require.NoError(s, err)
	return reply.Text
}

func TestSomebodyWithAUsernameLogsIn(t *testing.T) {
	for _, tt := range []struct {
		name   string
		number string
		answer whatsapptest.Outgoing
	}{
		{"by the number", asha, whatsapptest.Outgoing{Text: "+91 98765 43210"}},
		{"by the own card", asha, whatsapptest.Outgoing{Message: whatsapptest.ContactCard("Asha", asha)}},
		{
			"by a card of another program", asha, whatsapptest.Outgoing{
				Message: whatsapptest.VCard(
					"Asha", "BEGIN:VCARD\r\nVERSION:4.0\r\nitem1.TEL;TYPE=cell:tel:+91-98765-43210\r\nEND:VCARD",
				),
			},
		},
		{"by another spelling", "553187654321", whatsapptest.Outgoing{Text: "+55 31 98765-4321"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := asks(t)
			p := s.whatsapp.NewPhone(whatsapptest.PhoneConfig{Number: tt.number, Username: "asha"})
			assert.Equal(t, "Your number?", s.says(p, whatsapptest.Outgoing{Text: "login X4K9MQ", ID: "3EB0FIRST"}))
			assert.Equal(t, "link for 3EB0FIRST", s.says(p, tt.answer), "the first message goes on")
			from := s.backend.heard()[0].From
			assert.Equal(t, tt.number, from.Phone)
			assert.Equal(t, p.LID()+"@lid", from.LID)
		})
	}
}

// A card is what somebody wrote. WhatsApp says whose a number is.
func TestForgedCards(t *testing.T) {
	s := asks(t)
	s.whatsapp.NewPhone(whatsapptest.PhoneConfig{Number: asha})
	eve := s.whatsapp.NewPhone(whatsapptest.PhoneConfig{Username: "eve"})
	s.says(eve, whatsapptest.Outgoing{Text: "login X4K9MQ"})
	forged := whatsapptest.ContactCard("Eve", asha)
	assert.Contains(t, s.says(eve, whatsapptest.Outgoing{Message: forged}), "not the number of this WhatsApp account")
	assert.Contains(t, s.says(eve, whatsapptest.Outgoing{Text: asha}), "not the number of this WhatsApp account")
	assert.Contains(t, s.says(eve, whatsapptest.Outgoing{Message: whatsapptest.VCard("Eve", "TEL:")}), "in an hour")
	assert.Empty(t, s.backend.heard())
}

// The number of somebody who hides it since the first login comes to another person.
func TestARecycledNumber(t *testing.T) {
	s := asks(t)
	asha1 := s.whatsapp.NewPhone(whatsapptest.PhoneConfig{Number: asha})
	require.Contains(t, s.says(asha1, whatsapptest.Outgoing{Text: "login X4K9MQ"}), "link for")
	first := s.backend.heard()[0].From
	assert.Zero(t, first.PhoneSince)
	require.NoError(t, asha1.ChangeNumber("919876500000"))
	asha1.SetUsername("asha")
	next := s.whatsapp.NewPhone(whatsapptest.PhoneConfig{Number: asha})
	require.Contains(t, s.says(next, whatsapptest.Outgoing{Text: "login X4K9MR"}), "link for")
	second := s.backend.heard()[1].From
	assert.Equal(t, asha, second.Phone)
	assert.NotEqual(t, first.Person, second.Person)
	assert.NotZero(t, second.PhoneSince, "it changed hands")

	assert.Equal(t, "Your number?", s.says(asha1, whatsapptest.Outgoing{Text: "login X4K9MS"}), "not the other's number")
	require.Contains(t, s.says(asha1, whatsapptest.Outgoing{Text: "919876500000"}), "link for")
	third := s.backend.heard()[2].From
	assert.Equal(t, first.Person, third.Person, "the same person with a new number")
	assert.Equal(t, "919876500000", third.Phone)
}
