//go:build !race

package whatsapptest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
