//go:build !race

package whatsapptest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"github.com/heypingr/pingr/whatsapptest"
)

// keysOf asks for the keys of one device and returns the answer's <user>.
func (c *client) keysOf(t *testing.T, jid types.JID) waBinary.Node {
	t.Helper()
	list := c.iq(t, "encrypt", waBinary.Node{Tag: "key", Content: []waBinary.Node{
		{Tag: "user", Attrs: waBinary.Attrs{"jid": jid}},
	}})
	return list.GetChildByTag("user")
}

func (c *client) keysLeft(t *testing.T) int {
	t.Helper()
	count := c.iq(t, "encrypt", waBinary.Node{Tag: "count"})
	return count.AttrGetter().Int("value")
}

// A client that was away while its one-time keys were used up is asked for more.
func TestKeysRunOutWhileTheClientIsAway(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	alice, _ := linked(t, w.srv, w.alice)
	jid, left := *w.client.Store.ID, w.client.keysLeft(t)
	w.client.Disconnect()
	require.NoError(t, w.device.WaitOffline(within(t)))
	for range left + 1 {
		user := alice.keysOf(t, jid)
		_, ok := user.GetOptionalChildByTag("identity")
		require.True(t, ok)
	}
	assert.Equal(t, 1, w.device.Queued(), "one notification, the last")
	require.NoError(t, w.client.Connect())
	require.NoError(t, w.device.WaitQueueEmpty(within(t)))
	require.NoError(t, w.device.WaitLogins(within(t), 2))
	assert.NotZero(t, w.client.keysLeft(t))
}

func TestKeysOfARemovedDevice(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	alice, _ := linked(t, w.srv, w.alice)
	w.device.Remove()
	user := alice.keysOf(t, *w.client.Store.ID)
	failure := user.GetChildByTag("error")
	assert.Equal(t, 406, failure.AttrGetter().Int("code"))
}

// A person's new phone has new keys. The client hears of it, and both go on.
func TestPersonReinstalls(t *testing.T) {
	for name, addressing := range map[string]whatsapptest.Addressing{
		"by number": whatsapptest.NumberFirst, "by LID": whatsapptest.LIDFirst,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, whatsapptest.PhoneConfig{Addressing: addressing})
			_, err := w.alice.Send(t.Context(), w.shop.Number(), "before")
			require.NoError(t, err)
			m, _ := w.client.text(t)
			w.client.send(t, m.Info.Chat, "answer before")
			_, err = w.alice.Next(within(t))
			require.NoError(t, err)

			linked(t, w.srv, w.alice)
			w.alice.Reinstall()
			assert.Empty(t, w.alice.Devices())
			assert.Equal(t, m.Info.Chat.User, await[*events.IdentityChange](t, w.client).JID.User)
			w.client.send(t, m.Info.Chat, "answer after")
			seen, err := w.alice.Next(within(t))
			require.NoError(t, err)
			assert.Equal(t, "answer after", seen.Text)
			_, err = w.alice.Send(t.Context(), w.shop.Number(), "after")
			require.NoError(t, err)
			_, text := w.client.text(t)
			assert.Equal(t, "after", text)
			require.NoError(t, w.device.WaitQueueEmpty(within(t)))
		})
	}
}

// The client's own phone supplies a message that WhatsApp withholds, once.
func TestUnavailableMessage(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	w.client.AutomaticMessageRerequestFromPhone = true
	id, err := w.alice.SendMessage(t.Context(), whatsapptest.Outgoing{
		To: w.shop.Number(), Text: "login", Unavailable: true,
	})
	require.NoError(t, err)
	assert.True(t, await[*events.UndecryptableMessage](t, w.client).IsUnavailable)
	m, text := w.client.text(t)
	assert.Equal(t, "login", text)
	assert.Equal(t, id, m.Info.ID)
	require.NoError(t, w.device.WaitQueueEmpty(within(t)))
}

// A client may wrap what it asks of its own phone like any message to its own account,
// as Baileys does.
func TestPhoneIsAskedInsideTheWrapperOfTheAccount(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	_, err := w.alice.Send(t.Context(), w.shop.Number(), "login")
	require.NoError(t, err)
	m, _ := w.client.text(t)
	own := w.client.Store.ID.ToNonAD()
	asked, err := w.client.SendMessage(within(t), own, &waE2E.Message{DeviceSentMessage: &waE2E.DeviceSentMessage{
		DestinationJID: proto.String(own.String()),
		Message:        w.client.BuildUnavailableMessageRequest(m.Info.Chat, m.Info.Sender, m.Info.ID),
	}}, whatsmeow.SendRequestExtra{Peer: true})
	require.NoError(t, err)
	again, text := w.client.text(t)
	assert.Equal(t, "login", text)
	assert.Equal(t, m.Info.ID, again.Info.ID)
	assert.Equal(t, asked.ID, again.UnavailableRequestID)
}
