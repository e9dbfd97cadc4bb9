//go:build !race

package whatsapptest_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/heypingr/pingr/whatsapptest"
)

// A client that does not acknowledge a message loses its connection, not the message.
func TestStanzaThatIsNotAcknowledged(t *testing.T) {
	srv := start(t, whatsapptest.Config{AckWithin: 2 * time.Second})
	shop, alice := srv.NewPhone(whatsapptest.PhoneConfig{}), srv.NewPhone(whatsapptest.PhoneConfig{})
	client, device := linked(t, srv, shop)
	client.SynchronousAck = true
	client.EnableAutoReconnect = false
	client.AddEventHandlerWithSuccessStatus(func(e any) bool {
		_, message := e.(*events.Message)
		return !message
	})
	id, err := alice.Send(t.Context(), shop.Number(), "hello")
	require.NoError(t, err)
	failure := await[*events.StreamError](t, client)
	assert.Empty(t, failure.Code)
	ack := failure.Raw.GetChildByTag("ack")
	assert.Equal(t, waBinary.Attrs{"class": "message", "type": "text", "id": id}, ack.Attrs)
	require.NoError(t, device.WaitOffline(within(t)))
	assert.Equal(t, 1, device.Queued())
}

func TestMalformedMessageIsRefused(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	alice := types.NewJID(w.alice.Number(), types.DefaultUserServer)
	enc := func(kind string, content any) []waBinary.Node {
		return []waBinary.Node{{Tag: "participants", Content: []waBinary.Node{
			{Tag: "to", Attrs: waBinary.Attrs{"jid": alice}, Content: []waBinary.Node{
				{Tag: "enc", Attrs: waBinary.Attrs{"v": "2", "type": kind}, Content: content},
			}},
		}}}
	}
	identity := waBinary.Node{Tag: "device-identity", Content: []byte("signature")}
	for name, tt := range map[string]struct {
		content []waBinary.Node
		code    int
	}{
		"a session begins without the account's signature": {enc("pkmsg", []byte("x")), 479},
		"a session begins with it":                         {append(enc("pkmsg", []byte("x")), identity), 0},
		"it goes on":                                       {enc("msg", []byte("x")), 0},
		"no ciphertext":                                    {enc("msg", nil), 479},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(w.srv.Ledger().Stanzas())
			require.NoError(t, w.client.DangerousInternals().SendNode(t.Context(), waBinary.Node{
				Tag: "message", Attrs: waBinary.Attrs{"id": name, "to": alice, "type": "text"}, Content: tt.content,
			}))
			require.NoError(t, w.srv.Ledger().WaitStanzas(within(t), before+1))
			for _, s := range w.srv.Ledger().Stanzas()[before:] {
				if s.ID == name {
					assert.Equal(t, tt.code, s.Error)
				}
			}
		})
	}
}

// What a client names wrongly it still owes, and WhatsApp ends the connection for it.
func TestWrongAcknowledgements(t *testing.T) {
	w := newDebtor(t, whatsapptest.Config{})
	without := func(name string) func(waBinary.Attrs) {
		return func(attrs waBinary.Attrs) { delete(attrs, name) }
	}
	toAccount := func(attrs waBinary.Attrs) { attrs["to"] = attrs["to"].(types.JID).ToNonAD() }
	for name, tt := range map[string]struct {
		of    string // what is acknowledged
		tag   string
		wrong func(waBinary.Attrs)
		fatal bool
	}{
		"as it should be":                          {"private", "ack", func(waBinary.Attrs) {}, false},
		"of a copy, as it should be":               {"copy", "ack", func(waBinary.Attrs) {}, false},
		"of a copy without its recipient":          {"copy", "ack", without("recipient"), true},
		"of a group without the participant":       {"group", "ack", without("participant"), true},
		"of a notification without its type":       {"notification", "ack", without("type"), true},
		"of a companion, to its account":           {"private", "ack", toAccount, true},
		"receipt for a companion, to its account":  {"private", "receipt", toAccount, true},
		"read receipt, which is about a chat":      {"private", "read", toAccount, false},
		"of what never was, which nobody can owe":  {"private", "ack", func(a waBinary.Attrs) { a["id"] = "3EB0" }, false},
		"receipt for a group without its sender":   {"group", "receipt", without("participant"), true},
		"receipt for a group, as it should be":     {"group", "receipt", func(waBinary.Attrs) {}, false},
		"receipt for a companion, as it should be": {"private", "receipt", func(waBinary.Attrs) {}, false},
	} {
		t.Run(name, func(t *testing.T) { w.acknowledge(t, tt.of, tt.tag, tt.wrong, tt.fatal) })
	}
	forgiving := newDebtor(t, whatsapptest.Config{Lenient: true})
	forgiving.acknowledge(t, "private", "ack", toAccount, false)
}

// A debtor is a client that acknowledges as a test says, besides as whatsmeow does.
type debtor struct {
	world
	group *whatsapptest.Group
	web   int // a companion of Alice's
}

func newDebtor(t *testing.T, c whatsapptest.Config) debtor {
	t.Helper()
	srv := start(t, c)
	d := debtor{world: world{
		srv: srv, shop: srv.NewPhone(whatsapptest.PhoneConfig{}),
		alice: srv.NewPhone(whatsapptest.PhoneConfig{KeepsTokens: true}),
	}}
	d.client, d.device = linked(t, srv, d.shop)
	d.client.EnableAutoReconnect = false
	d.group = srv.NewGroup(whatsapptest.GroupConfig{Members: []*whatsapptest.Phone{d.shop, d.alice}})
	d.web = d.alice.AddCompanion()
	return d
}

// receive makes the client get a stanza of a kind, and returns it.
func (d debtor) receive(t *testing.T, kind string) waBinary.Node {
	t.Helper()
	if kind == "notification" {
		d.alice.GiveToken(d.shop)
		return d.client.stanza(t, func(n waBinary.Node) bool { return n.Attrs["type"] == "privacy_token" })
	}
	from, out := d.alice, whatsapptest.Outgoing{Text: "hello", To: d.shop.Number()}
	switch kind {
	case "private":
		out.Companion = d.web
	case "copy":
		from, out.To = d.shop, d.alice.Number()
	case "group":
		out.To = d.group.ID()
	}
	id, err := from.SendMessage(t.Context(), out)
	require.NoError(t, err)
	return d.client.stanza(t, tagged("message", id))
}

// acknowledge makes the client acknowledge a stanza once more, and checks what follows.
func (d debtor) acknowledge(t *testing.T, of, tag string, wrong func(waBinary.Attrs), fatal bool) {
	t.Helper()
	n := d.receive(t, of)
	attrs := waBinary.Attrs{"class": n.Tag, "id": n.Attrs["id"], "to": n.Attrs["from"]}
	for _, name := range []string{"participant", "recipient"} {
		if value, ok := n.Attrs[name]; ok {
			attrs[name] = value
		}
	}
	if n.Tag != "message" {
		attrs["type"] = n.Attrs["type"]
	}
	switch tag {
	case "read":
		attrs["type"], tag = "read", "receipt"
		fallthrough
	case "receipt":
		delete(attrs, "class")
	}
	wrong(attrs)
	require.NoError(t, d.client.DangerousInternals().SendNode(t.Context(), waBinary.Node{Tag: tag, Attrs: attrs}))
	if !fatal {
		before := d.device.Logins()
		_, err := d.client.IsOnWhatsApp(within(t), []string{"+" + d.alice.Number()})
		require.NoError(t, err, "it goes on")
		assert.Equal(t, before, d.device.Logins())
		return
	}
	failure := await[*events.StreamError](t, d.client)
	assert.Empty(t, failure.Code)
	owed := failure.Raw.GetChildByTag("ack")
	assert.Equal(t, attrs["id"], owed.Attrs["id"])
	require.NoError(t, d.device.WaitOffline(within(t)))
	d.client.Disconnect()
	require.NoError(t, d.client.Connect())
	require.NoError(t, d.device.WaitOnline(within(t)))
}

func TestStanzaThatDoesNotExist(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	w.client.EnableAutoReconnect = false
	require.NoError(t, w.client.DangerousInternals().SendNode(t.Context(), waBinary.Node{Tag: "greeting"}))
	failure := await[*events.StreamError](t, w.client)
	_, ok := failure.Raw.GetOptionalChildByTag("xml-not-well-formed")
	assert.True(t, ok)
	require.NoError(t, w.device.WaitOffline(within(t)))
}

// A message that the client refuses comes first and alone at each login, until it is acknowledged.
func TestRefusedMessageIsHeld(t *testing.T) {
	srv := start(t, whatsapptest.Config{HoldRefused: true})
	shop, alice := srv.NewPhone(whatsapptest.PhoneConfig{}), srv.NewPhone(whatsapptest.PhoneConfig{KeepsTokens: true})
	client, device := linked(t, srv, shop)
	client.SynchronousAck, client.EnableDecryptedEventBuffer, client.EnableAutoReconnect = true, true, false
	var refused atomic.Value
	refused.Store("")
	client.AddEventHandlerWithSuccessStatus(func(e any) bool {
		m, ok := e.(*events.Message)
		return !ok || m.Info.ID != refused.Load()
	})
	refused.Store("3EB0REFUSED")
	_, err := alice.SendMessage(t.Context(), whatsapptest.Outgoing{ID: "3EB0REFUSED", To: shop.Number(), Text: "refused"})
	require.NoError(t, err)
	client.text(t)
	n := client.stanza(t, tagged("message", "3EB0REFUSED"))
	client.DangerousInternals().SendAck(t.Context(), &n, whatsmeow.NackUnhandledError)
	wasRefused := func(l *whatsapptest.Ledger) bool { return l.Sent()[0].Refused == 1 }
	require.NoError(t, srv.Ledger().WaitUntil(within(t), wasRefused))
	_, err = alice.Send(t.Context(), shop.Number(), "goes on for now")
	require.NoError(t, err)
	_, text := client.text(t)
	assert.Equal(t, "goes on for now", text)

	for range 2 {
		client.Disconnect()
		require.NoError(t, device.WaitOffline(within(t)))
		_, err = alice.Send(t.Context(), shop.Number(), "waits")
		require.NoError(t, err)
		require.NoError(t, client.Connect())
		_, text = client.text(t)
		assert.Equal(t, "refused", text)
	}
	_, err = alice.Send(t.Context(), shop.Number(), "waits too")
	require.NoError(t, err)
	assert.False(t, device.Online())
	assert.Len(t, srv.Ledger().Sent(), 5)
	client.DangerousInternals().SendAck(t.Context(), &n, 0)
	for _, want := range []string{"waits", "waits", "waits too"} {
		_, text = client.text(t)
		assert.Equal(t, want, text)
	}
	require.NoError(t, device.WaitOnline(within(t)))
	require.NoError(t, device.WaitQueueEmpty(within(t)))
}
