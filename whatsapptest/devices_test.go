//go:build !race

package whatsapptest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/libsignal/ecc"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"github.com/heypingr/pingr/whatsapptest"
)

func addresses(p *whatsapptest.Phone) (pn, lid types.JID) {
	return types.NewJID(p.Number(), types.DefaultUserServer), types.NewJID(p.LID(), types.HiddenUserServer)
}

// WhatsApp Web and Baileys encrypt only for devices that the account has signed.
func TestDevicesAreSigned(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	web, device := linked(t, w.srv, w.alice)
	gone, left := linked(t, w.srv, w.alice)
	left.Remove()
	await[*events.LoggedOut](t, gone)
	companion := w.alice.AddCompanion()
	_, lid := addresses(w.alice)
	answer, err := w.client.DangerousInternals().Usync(within(t), []types.JID{lid}, "query", "message",
		[]waBinary.Node{{Tag: "devices", Attrs: waBinary.Attrs{"version": "2"}}})
	require.NoError(t, err)
	user := answer.GetChildByTag("user", "devices")
	indexes := map[int]int{}
	for _, d := range user.GetChildByTag("device-list").Content.([]waBinary.Node) {
		attrs := d.AttrGetter()
		indexes[attrs.Int("id")] = attrs.OptionalInt("key-index")
	}
	assert.Equal(t, map[int]int{0: 0, device.Number(): device.Number(), companion: companion}, indexes)

	list := user.GetChildByTag("key-index-list")
	assert.WithinDuration(t, time.Now(), list.AttrGetter().UnixTime("ts"), time.Minute)
	var signed waAdv.ADVSignedKeyIndexList
	require.NoError(t, proto.Unmarshal(list.Content.([]byte), &signed))
	account := ecc.NewDjbECPublicKey([32]byte(web.Store.Account.GetAccountSignatureKey()))
	assert.True(t, ecc.VerifySignature(account, append([]byte{6, 2}, signed.GetDetails()...),
		[64]byte(signed.GetAccountSignature())))
	var details waAdv.ADVKeyIndexList
	require.NoError(t, proto.Unmarshal(signed.GetDetails(), &details))
	assert.Equal(t, []uint32{0, uint32(device.Number()), uint32(companion)}, details.GetValidIndexes())
	var own waAdv.ADVDeviceIdentity
	require.NoError(t, proto.Unmarshal(web.Store.Account.GetDetails(), &own))
	assert.Equal(t, own.GetRawID(), details.GetRawID())
	assert.Equal(t, uint32(device.Number()), own.GetKeyIndex())
}

// A client that has asked for an account's devices learns when one comes or goes, and so do the
// account's own clients. whatsmeow asks only once.
func TestChangedDevicesAreTold(t *testing.T) {
	for name, addressing := range map[string]whatsapptest.Addressing{
		"by LID": whatsapptest.LIDFirst, "by number": whatsapptest.NumberFirst, "by LID alone": whatsapptest.LIDOnly,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, whatsapptest.PhoneConfig{Addressing: addressing})
			pn, lid := addresses(w.alice)
			ask := []types.JID{pn, lid}
			if addressing == whatsapptest.LIDOnly {
				ask = ask[1:]
			}
			known := func(c *client, who ...types.JID) int {
				devices, err := c.GetUserDevices(within(t), who)
				require.NoError(t, err)
				return len(devices)
			}
			knows := func(c *client, n int, who ...types.JID) {
				t.Helper()
				require.Eventually(t, func() bool { return known(c, who...) == n*len(who) }, limit, 5*time.Millisecond)
			}
			knows(w.client, 1, ask...)
			first, device := linked(t, w.srv, w.alice)
			knows(w.client, 2, ask...)
			knows(first, 2, pn, lid)
			w.alice.AddCompanion()
			knows(w.client, 3, ask...)
			knows(first, 3, pn, lid)
			second, _ := linked(t, w.srv, w.alice)
			knows(first, 4, pn, lid)
			device.Remove()
			knows(w.client, 3, ask...)
			knows(second, 3, pn, lid)
			require.NoError(t, w.device.WaitQueueEmpty(within(t)), "notifications are acknowledged")
		})
	}
}

// A client that was away learns it on coming back.
func TestChangedDevicesAreToldLater(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	pn, lid := addresses(w.alice)
	devices, err := w.client.GetUserDevices(within(t), []types.JID{pn, lid})
	require.NoError(t, err)
	require.Len(t, devices, 2)
	w.client.Disconnect()
	require.NoError(t, w.device.WaitOffline(within(t)))
	w.alice.AddCompanion()
	require.NoError(t, w.client.Connect())
	require.Eventually(t, func() bool {
		devices, err = w.client.GetUserDevices(within(t), []types.JID{pn, lid})
		return err == nil && len(devices) == 4
	}, limit, 5*time.Millisecond)
}

// A linked client's receipt for another's message reaches that client.
func TestReceiptsBetweenLinkedClients(t *testing.T) {
	for name, addressing := range map[string]whatsapptest.Addressing{
		"by LID": whatsapptest.LIDFirst, "by number": whatsapptest.NumberFirst,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, whatsapptest.PhoneConfig{Addressing: addressing, Quiet: true})
			web, device := linked(t, w.srv, w.alice)
			web.SetForceActiveDeliveryReceipts(true)
			_, lid := addresses(w.alice)
			receipt := func(kind types.ReceiptType, id string) *events.Receipt {
				t.Helper()
				for {
					if r := await[*events.Receipt](t, w.client); r.Type == kind {
						assert.Equal(t, []string{id}, r.MessageIDs)
						assert.Equal(t, uint16(device.Number()), r.Sender.Device)
						return r
					}
				}
			}
			sent := w.client.send(t, lid, "hello")
			m, text := web.text(t)
			assert.Equal(t, "hello", text)
			receipt(types.ReceiptTypeDelivered, sent.ID)
			require.NoError(t, web.MarkRead(within(t), []string{sent.ID}, time.Now(), m.Info.Chat, m.Info.Sender))
			receipt(types.ReceiptTypeRead, sent.ID)

			device.Garble(1)
			sent = w.client.send(t, lid, "again")
			_, text = web.text(t)
			assert.Equal(t, "again", text)
			receipt(types.ReceiptTypeRetry, sent.ID)
			receipt(types.ReceiptTypeDelivered, sent.ID)
			require.NoError(t, w.device.WaitQueueEmpty(within(t)))
			assert.Zero(t, device.Queued())
		})
	}
}

// In a group, and between two clients of one account.
func TestRetriesBetweenLinkedClients(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	web, device := linked(t, w.srv, w.alice)
	for _, byLID := range []bool{true, false} {
		group := w.srv.NewGroup(whatsapptest.GroupConfig{ByLID: byLID, Members: []*whatsapptest.Phone{w.shop, w.alice}})
		jid, err := types.ParseJID(group.ID())
		require.NoError(t, err)
		for range 2 { // with the sender's key in the message, and without
			device.Garble(1)
			w.client.send(t, jid, "to all")
			_, text := web.text(t)
			assert.Equal(t, "to all", text)
		}
	}
	other, own := linked(t, w.srv, w.shop)
	own.Garble(1)
	_, lid := addresses(w.alice)
	require.Eventually(t, func() bool {
		devices, err := w.client.GetUserDevices(within(t), []types.JID{w.client.Store.LID.ToNonAD()})
		return err == nil && len(devices) == 3
	}, limit, 5*time.Millisecond)
	w.client.send(t, lid, "copied")
	m := await[*events.Message](t, other)
	for m.Message.GetConversation() == "" {
		m = await[*events.Message](t, other)
	}
	assert.Equal(t, "copied", m.Message.GetConversation())
	assert.True(t, m.Info.IsFromMe)
}
