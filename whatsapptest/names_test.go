//go:build !race

package whatsapptest_test

import (
	"crypto/sha1"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/heypingr/pingr/whatsapptest"
)

// A client's messages carry its push name, as a phone's do.
func TestNameOfALinkedClient(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{Name: "Alice"})
	alice, _ := linked(t, w.srv, w.alice)
	shop := types.NewJID(w.shop.Number(), types.DefaultUserServer)
	alice.send(t, shop, "hello")
	m, _ := w.client.text(t)
	assert.Equal(t, "Alice", m.Info.PushName)
	alice.Store.PushName = "Alice Adams"
	require.NoError(t, alice.SendPresence(t.Context(), types.PresenceAvailable))
	alice.send(t, shop, "hello again")
	m, _ = w.client.text(t)
	assert.Equal(t, "Alice Adams", m.Info.PushName)
}

// A person who hides their number hides it in a group too.
func TestHiddenNumberOfALinkedClientInAGroup(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{Addressing: whatsapptest.LIDOnly})
	group := w.srv.NewGroup(whatsapptest.GroupConfig{ByLID: true, Members: []*whatsapptest.Phone{w.shop, w.alice}})
	alice, _ := linked(t, w.srv, w.alice)
	jid, err := types.ParseJID(group.ID())
	require.NoError(t, err)
	alice.send(t, jid, "hello")
	m, _ := w.client.text(t)
	assert.Equal(t, w.alice.LID(), m.Info.Sender.User)
	assert.True(t, m.Info.SenderAlt.IsEmpty())
}

// iq asks the server for something and returns the first child of the answer.
func (c *client) iq(t *testing.T, space string, question waBinary.Node) waBinary.Node {
	t.Helper()
	answer, err := c.DangerousInternals().SendIQ(within(t), whatsmeow.DangerousInfoQuery{
		Namespace: space, Type: "get", To: types.ServerJID, Content: []waBinary.Node{question},
	})
	require.NoError(t, err)
	require.NotEmpty(t, answer.GetChildren())
	return answer.GetChildren()[0]
}

// A plain question whether a number is on WhatsApp gets an answer by number. whatsmeow asks for the
// LID.
func TestContactIsAnsweredAsAsked(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{Number: "919876543210", LID: "123456789012345"})
	for mode, want := range map[string]string{"": "919876543210@s.whatsapp.net", "lid": "123456789012345@lid"} {
		answer := w.client.iq(t, "usync", waBinary.Node{
			Tag:   "usync",
			Attrs: waBinary.Attrs{"sid": "1", "mode": "query", "last": "true", "index": "0", "context": "interactive"},
			Content: []waBinary.Node{
				{Tag: "query", Content: []waBinary.Node{{Tag: "contact", Attrs: waBinary.Attrs{"addressing_mode": mode}}}},
				{Tag: "list", Content: []waBinary.Node{{Tag: "user", Content: []waBinary.Node{{
					Tag: "contact", Content: []byte("+919876543210"),
				}}}}},
			},
		})
		user := answer.GetChildByTag("list", "user")
		assert.Equal(t, want, user.Attrs["jid"].(types.JID).String())
	}
}

func TestDigestOfTheKeys(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	digest := w.client.iq(t, "encrypt", waBinary.Node{Tag: "digest"})
	require.Equal(t, "digest", digest.Tag)
	sum := sha1.New()
	sum.Write(w.client.Store.IdentityKey.Pub[:])
	sum.Write(w.client.Store.SignedPreKey.Pub[:])
	sum.Write(w.client.Store.SignedPreKey.Signature[:])
	list := digest.GetChildByTag("list")
	ids := list.GetChildren()
	require.NotEmpty(t, ids)
	for _, id := range ids {
		raw := id.Content.([]byte)
		key, err := w.client.Store.PreKeys.GetPreKey(t.Context(), uint32(raw[0])<<16|uint32(raw[1])<<8|uint32(raw[2]))
		require.NoError(t, err)
		sum.Write(key.Pub[:])
	}
	hash := digest.GetChildByTag("hash")
	assert.Equal(t, sum.Sum(nil), hash.Content)
	props := w.client.iq(t, "abt", waBinary.Node{Tag: "props"})
	assert.Equal(t, "props", props.Tag)
}

// The keys of a linked client come with its account's signature, which WhatsApp Web checks.
func TestKeysOfALinkedClientAreSigned(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	list := w.client.iq(t, "encrypt", waBinary.Node{Tag: "key", Content: []waBinary.Node{
		{Tag: "user", Attrs: waBinary.Attrs{"jid": *w.client.Store.ID}},
	}})
	user := list.GetChildByTag("user")
	raw, _ := user.GetChildByTag("device-identity").Content.([]byte)
	var proof waAdv.ADVSignedDeviceIdentity
	require.NoError(t, proto.Unmarshal(raw, &proof))
	assert.Equal(t, w.client.Store.Account.GetDetails(), proof.GetDetails())
	assert.Equal(t, w.client.Store.Account.GetDeviceSignature(), proof.GetDeviceSignature())
}
