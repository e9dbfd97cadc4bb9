//go:build !race

package foreign

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/whatsapptest"
)

// A shop is a business whose number Baileys serves.
type shop struct {
	*program
	srv    *whatsapptest.Server
	phone  *whatsapptest.Phone
	client *client
	device *whatsapptest.Device
}

func newShop(t *testing.T, c whatsapptest.Config) *shop {
	t.Helper()
	srv := start(t, c)
	s := &shop{program: baileys(t, srv), srv: srv, phone: srv.NewPhone(whatsapptest.PhoneConfig{Name: "Shop"})}
	s.client, s.device = s.link("shop", s.phone)
	require.NoError(t, s.device.WaitOnline(within(t)))
	return s
}

// next returns the next message that a person sees.
func next(t *testing.T, p *whatsapptest.Phone) whatsapptest.Message {
	t.Helper()
	m, err := p.Next(within(t))
	require.NoError(t, err)
	return m
}

// nothingIsLost checks the ledger: all that was sent either way arrived, once.
func (s *shop) nothingIsLost(t *testing.T) {
	t.Helper()
	require.NoError(t, s.device.WaitQueueEmpty(within(t)))
	for _, m := range s.srv.Ledger().Sent() {
		assert.False(t, m.Acknowledged.IsZero() && m.Refused == 0, "not acknowledged: %s", m.Text)
	}
	assert.Empty(t, s.srv.Ledger().Unread())
	assert.Empty(t, s.srv.UnknownRequests())
}

func TestTalkWithPeople(t *testing.T) {
	s := newShop(t, whatsapptest.Config{})
	for addressing, name := range map[whatsapptest.Addressing]string{
		whatsapptest.NumberFirst: "number first", whatsapptest.LIDFirst: "LID first",
		whatsapptest.LIDOnly: "LID only", whatsapptest.NumberOnly: "number only",
	} {
		s.in(t, name, func(t *testing.T) {
			p := s.srv.NewPhone(whatsapptest.PhoneConfig{Name: name, Addressing: addressing})
			for round := range 2 {
				text := fmt.Sprintf("hello %s %d", name, round)
				_, err := p.Send(t.Context(), s.phone.Number(), text)
				require.NoError(t, err)
				got := s.client.text(text)
				assert.True(t, got.Live)
				assert.Equal(t, name, got.Name)
				id := s.client.send(got.Chat, "answer to "+text)
				reply := next(t, p)
				assert.Equal(t, "answer to "+text, reply.Text)
				assert.Equal(t, id, reply.ID)
				s.client.await("status", func(e event) bool { return e.ID == id && e.Status == statusDelivered })
			}
		})
	}
	assert.Zero(t, s.srv.Ledger().Undecryptable())
	s.nothingIsLost(t)
}

func TestForms(t *testing.T) {
	s := newShop(t, whatsapptest.Config{})
	p := s.srv.NewPhone(whatsapptest.PhoneConfig{Name: "Asha"})
	first, err := p.Send(t.Context(), s.phone.Number(), "plain")
	require.NoError(t, err)
	chat := s.client.text("plain").Chat
	for _, tt := range []struct {
		name string
		sent whatsapptest.Outgoing
		want event
	}{
		{"extended", whatsapptest.Outgoing{Message: whatsapptest.ExtendedText("extended")}, event{
			Text: "extended", Kind: "extendedTextMessage",
		}},
		{"timer", whatsapptest.Outgoing{Message: whatsapptest.Disappearing("timer", time.Hour)}, event{
			Text: "timer", Kind: "extendedTextMessage", Timer: 3600,
		}},
		{
			"wrapper",
			whatsapptest.Outgoing{Message: whatsapptest.Ephemeral(whatsapptest.TextMessage("wrapper"))},
			event{Text: "wrapper", Kind: "ephemeralMessage"},
		},
		{
			"caption",
			whatsapptest.Outgoing{Message: whatsapptest.ImageCaption("caption")},
			event{Text: "caption", Kind: "imageMessage"},
		},
		{"document", whatsapptest.Outgoing{Message: whatsapptest.DocumentCaption("document")}, event{
			Text: "document", Kind: "documentWithCaptionMessage",
		}},
		{
			"reaction",
			whatsapptest.Outgoing{Message: whatsapptest.Reaction(first, "👍")},
			event{Text: "👍", Kind: "reactionMessage"},
		},
		{
			"edit",
			whatsapptest.Outgoing{Message: whatsapptest.Edit(first, "edited")},
			event{Text: "edited", Kind: "editedMessage"},
		},
		{
			"from a companion",
			whatsapptest.Outgoing{Text: "web", Companion: p.AddCompanion()},
			event{Text: "web", Kind: "conversation"},
		},
	} {
		s.in(t, tt.name, func(t *testing.T) {
			tt.sent.To = s.phone.Number()
			_, err := p.SendMessage(t.Context(), tt.sent)
			require.NoError(t, err)
			got := s.client.text(tt.want.Text)
			assert.Equal(t, chat, got.Chat)
			assert.Equal(t, tt.want.Kind, got.Kind)
			assert.Equal(t, tt.want.Timer, got.Timer)
		})
	}
	s.nothingIsLost(t)
}

// What cannot be read is asked for again and arrives once, both ways.
func TestUnreadable(t *testing.T) {
	s := newShop(t, whatsapptest.Config{})
	p := s.srv.NewPhone(whatsapptest.PhoneConfig{Name: "Asha"})
	id, err := p.SendMessage(t.Context(), whatsapptest.Outgoing{To: s.phone.Number(), Text: "garbled", Garbled: true})
	require.NoError(t, err)
	got := s.client.text("garbled")
	assert.Equal(t, id, got.ID)
	s.client.send(got.Chat, "first answer")
	assert.Equal(t, "first answer", next(t, p).Text)
	p.ForgetSessions()
	s.client.send(got.Chat, "to a phone that lost its keys")
	assert.Equal(t, "to a phone that lost its keys", next(t, p).Text)
	assert.Len(t, p.Messages(), 2)
	ledger := s.srv.Ledger()
	assert.Equal(t, 1, ledger.Sent()[0].Retries)
	assert.NotZero(t, ledger.Undecryptable())
	s.nothingIsLost(t)
}

// What WhatsApp withholds comes from the client's own phone. Baileys wraps what it
// asks of it like every message to its own account.
func TestUnavailable(t *testing.T) {
	s := newShop(t, whatsapptest.Config{})
	p := s.srv.NewPhone(whatsapptest.PhoneConfig{Name: "Asha"})
	withheld := whatsapptest.Outgoing{To: s.phone.Number(), Text: "withheld", Unavailable: true}
	id, err := p.SendMessage(t.Context(), withheld)
	require.NoError(t, err)
	assert.Equal(t, id, s.client.await("unreadable", nil).ID)
	got := s.client.text("withheld")
	assert.Equal(t, id, got.ID)
	s.client.send(got.Chat, "answer")
	assert.Equal(t, "answer", next(t, p).Text)
	require.NoError(t, s.device.WaitQueueEmpty(within(t)))
	assert.Empty(t, s.srv.UnknownRequests())
}

func TestGroups(t *testing.T) {
	s := newShop(t, whatsapptest.Config{})
	for byLID, name := range map[bool]string{true: "members by LID", false: "members by number"} {
		s.in(t, name, func(t *testing.T) {
			asha := s.srv.NewPhone(whatsapptest.PhoneConfig{Name: "Asha"})
			bo := s.srv.NewPhone(whatsapptest.PhoneConfig{Name: "Bo"})
			group := s.srv.NewGroup(whatsapptest.GroupConfig{
				Subject: name, ByLID: byLID, Members: []*whatsapptest.Phone{s.phone, asha, bo},
			})
			for _, garbled := range []bool{false, true} {
				text := fmt.Sprintf("%s, garbled %v", name, garbled)
				_, err := asha.SendMessage(t.Context(), whatsapptest.Outgoing{To: group.ID(), Text: text, Garbled: garbled})
				require.NoError(t, err)
				got := s.client.text(text)
				assert.Equal(t, group.ID(), got.Chat)
				assert.Contains(t, got.Participant,
					map[bool]string{true: asha.LID() + "@lid", false: asha.Number() + "@s.whatsapp.net"}[byLID])
				assert.Equal(t, text, next(t, bo).Text)
			}
			s.client.send(group.ID(), "to all")
			assert.Equal(t, "to all", next(t, asha).Text)
			assert.Equal(t, "to all", next(t, bo).Text)
		})
	}
	s.nothingIsLost(t)
}

// Two clients of Baileys: names, numbers, receipts.
func TestTwoClients(t *testing.T) {
	s := newShop(t, whatsapptest.Config{})
	phone := s.srv.NewPhone(whatsapptest.PhoneConfig{Name: "Asha"})
	asha, d := s.link("asha", phone)
	require.NoError(t, d.WaitOnline(within(t)))
	var found []struct {
		JID    string `json:"jid"`
		Exists bool   `json:"exists"`
	}
	require.NoError(t, json.Unmarshal(asha.do("onWhatsApp", args{"number": s.phone.Number()}), &found))
	require.Len(t, found, 1)
	assert.True(t, found[0].Exists)
	assert.Equal(t, s.phone.Number()+"@s.whatsapp.net", found[0].JID, "asked for by number, named by number")

	id := asha.send(s.phone.LID()+"@lid", "hello")
	got := s.client.text("hello")
	assert.Equal(t, "Asha", got.Name)
	asha.await("status", func(e event) bool { return e.ID == id && e.Status == statusDelivered })
	s.client.do("read", args{"chat": got.Chat, "id": got.ID})
	asha.await("status", func(e event) bool { return e.ID == id && e.Status == statusRead })
	s.client.send(got.Chat, "hello Asha")
	assert.Equal(t, "Shop", asha.text("hello Asha").Name)
	assert.Equal(t, "hello Asha", next(t, phone).Text)
}
