package whatsapp

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/sessiontest"
	"github.com/heypingr/pingr/whatsapptest"
)

func TestSession(t *testing.T) {
	sessiontest.Run(t, func(t *testing.T) sessiontest.Harness {
		w := newWorld(t)
		s, device := w.link("sess_test1")
		return &harness{world: w, session: s, device: device}
	})
}

// A harness is the loopback seen by the suite.
type harness struct {
	*world
	session *Session
	device  *whatsapptest.Device
}

func (h *harness) Session() pingr.Session { return h.session }

func (h *harness) Phone(_ *testing.T, c sessiontest.PhoneConfig) sessiontest.Phone {
	config := whatsapptest.PhoneConfig{Name: "Somebody"}
	switch {
	case c.Hidden:
		config.Addressing = whatsapptest.LIDOnly
	case c.ByLID:
		config.Addressing = whatsapptest.LIDFirst
	}
	p := &phone{Phone: h.server.NewPhone(config), harness: h}
	if c.Web {
		p.companion = p.AddCompanion()
	}
	return p
}

func (h *harness) Nobody(*testing.T) string { return "15550109999@s.whatsapp.net" }

func (h *harness) Group(_ *testing.T, members ...sessiontest.Phone) string {
	phones := []*whatsapptest.Phone{h.shop}
	for _, m := range members {
		phones = append(phones, m.(*phone).Phone)
	}
	return h.server.NewGroup(whatsapptest.GroupConfig{Subject: "Friends", Members: phones}).ID()
}

func (h *harness) Sends(_ *testing.T, f sessiontest.Fault) {
	h.server.Acks(map[sessiontest.Fault]whatsapptest.AckRule{
		sessiontest.Deliver: {},
		sessiontest.Refuse:  {Error: 463},
		sessiontest.LoseAck: {Lose: true},

		sessiontest.RefuseForNow: {Error: 400},
	}[f])
}

func (h *harness) Cut(*testing.T) {
	h.device.FailLogins(whatsapptest.LoginFailure{Reason: 503})
	h.device.Drop()
	h.untilState(h.session, pingr.SessionDisconnected)
}

func (h *harness) Restore(t *testing.T) {
	h.device.FailLogins(whatsapptest.LoginFailure{})
	require.NoError(t, h.session.Reconnect())
	h.untilState(h.session, pingr.SessionConnected)
}

func (h *harness) End(t *testing.T) {
	require.NoError(t, h.pool.Remove(t.Context(), h.session.id))
}

func (h *harness) Undecryptable() int {
	return h.server.Ledger().Undecryptable() + int(h.session.Undecryptable())
}

type phone struct {
	*whatsapptest.Phone
	harness   *harness
	companion int
}

func (p *phone) Send(t *testing.T, m sessiontest.Message) string {
	t.Helper()
	out := whatsapptest.Outgoing{To: p.harness.shop.Number(), Text: m.Text, ID: m.ID, At: m.At, Companion: p.companion}
	if m.Group != "" {
		out.To = m.Group
	}
	if m.Timer != 0 {
		out.Message = whatsapptest.Disappearing(m.Text, m.Timer)
	}
	from := p.Phone
	switch m.Form {
	case sessiontest.Plain:
	case sessiontest.Extended:
		out.Message = whatsapptest.ExtendedText(m.Text)
	case sessiontest.Forwarded:
		out.Message = whatsapptest.Forwarded(m.Text)
	case sessiontest.Ephemeral:
		out.Message = whatsapptest.Ephemeral(whatsapptest.TextMessage(m.Text))
	case sessiontest.ImageCaption:
		out.Message = whatsapptest.ImageCaption(m.Text)
	case sessiontest.VideoCaption:
		out.Message = &waE2E.Message{VideoMessage: &waE2E.VideoMessage{Caption: proto.String(m.Text)}}
	case sessiontest.DocumentCaption:
		out.Message = whatsapptest.DocumentCaption(m.Text)
	case sessiontest.Reaction:
		out.Message = whatsapptest.Reaction("3EB0SOMETHING", m.Text)
	case sessiontest.Edit:
		out.Message = whatsapptest.Edit("3EB0SOMETHING", m.Text)
	case sessiontest.Revoke:
		out.Message = &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_REVOKE.Enum()}}
	case sessiontest.Status:
		out.To = "status@broadcast"
	case sessiontest.Newsletter:
		require.NoError(t, p.harness.device.Newsletter(m.Text))
		return ""
	case sessiontest.History:
		require.NoError(t, p.harness.device.History(p.Phone, m.Text))
		return ""
	case sessiontest.Own:
		from, out.To = p.harness.shop, p.Number()
	}
	id, err := from.SendMessage(t.Context(), out)
	require.NoError(t, err)
	return id
}

func (p *phone) Next(ctx context.Context) (sessiontest.Reply, error) {
	m, err := p.Phone.Next(ctx)
	return reply(m), err
}

func (p *phone) Shown() []sessiontest.Reply {
	var shown []sessiontest.Reply
	for _, m := range p.Messages() {
		shown = append(shown, reply(m))
	}
	return shown
}

func reply(m whatsapptest.Message) sessiontest.Reply {
	return sessiontest.Reply{ID: m.ID, Text: m.Text, Timer: m.Expiration}
}
