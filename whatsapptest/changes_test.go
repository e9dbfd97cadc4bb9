//go:build !race

package whatsapptest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/heypingr/pingr/whatsapptest"
)

// The clients of a group's members learn who comes and goes.
func TestChangedGroupIsTold(t *testing.T) {
	for name, byLID := range map[string]bool{"by LID": true, "by number": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, whatsapptest.PhoneConfig{})
			web, _ := linked(t, w.srv, w.alice)
			group := w.srv.NewGroup(whatsapptest.GroupConfig{ByLID: byLID, Members: []*whatsapptest.Phone{w.shop}})
			pn, lid := addresses(w.alice)
			member := pn
			if byLID {
				member = lid
			}
			for range 2 { // a second time changes nothing
				group.Add(w.alice)
			}
			for _, c := range []*client{w.client, web} {
				change := await[*events.GroupInfo](t, c)
				assert.Equal(t, group.ID(), change.JID.String())
				assert.Equal(t, []types.JID{member}, change.Join)
				assert.Equal(t, "Shop", change.Notify)
			}
			info, err := w.client.GetGroupInfo(within(t), mustParse(t, group.ID()))
			require.NoError(t, err)
			assert.Equal(t, []bool{true, false}, []bool{info.Participants[0].IsSuperAdmin, info.Participants[1].IsSuperAdmin})
			for range 2 {
				group.Remove(w.alice)
			}
			for _, c := range []*client{w.client, web} {
				assert.Equal(t, []types.JID{member}, await[*events.GroupInfo](t, c).Leave)
			}
		})
	}
}

func mustParse(t *testing.T, s string) types.JID {
	t.Helper()
	jid, err := types.ParseJID(s)
	require.NoError(t, err)
	return jid
}

// Until a client says that it knows, every login tells it what changed while it was away.
func TestWhatChangedMeanwhileIsDirty(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	group := w.srv.NewGroup(whatsapptest.GroupConfig{Members: []*whatsapptest.Phone{w.shop}})
	group.Add(w.alice)
	w.client.Disconnect()
	require.NoError(t, w.device.WaitOffline(within(t)))
	group.Remove(w.alice)
	w.shop.AddCompanion()
	dirty := func(logins int) map[string]int {
		t.Helper()
		require.NoError(t, w.client.Connect())
		require.NoError(t, w.device.WaitLogins(within(t), logins))
		kinds := map[string]int{}
		w.client.tap.all.mu.Lock()
		defer w.client.tap.all.mu.Unlock()
		for _, n := range w.client.tap.all.got {
			if child, ok := n.GetOptionalChildByTag("dirty"); ok {
				kinds[child.Attrs["type"].(string)]++
			}
		}
		return kinds
	}
	assert.Equal(t, map[string]int{"groups": 1, "account_sync": 1}, dirty(2))
	require.NoError(t, w.client.MarkNotDirty(within(t), "groups", time.Now()))
	w.client.Disconnect()
	require.NoError(t, w.device.WaitOffline(within(t)))
	assert.Equal(t, map[string]int{"groups": 1, "account_sync": 2}, dirty(3))
}

// What one client changes in the account's app state, the others learn.
func TestChangedAppStateIsTold(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	other := newClient(t, w.srv)
	other.EmitAppStateEventsOnFullSync = true // its first fetch may come as late as the change
	d, err := w.shop.Scan(within(t), other.qr(t))
	require.NoError(t, err)
	require.NoError(t, d.WaitOnline(within(t)))
	pn, _ := addresses(w.alice)
	require.NoError(t, w.client.SendAppState(within(t), appstate.BuildArchive(pn, true, time.Now(), nil)))
	sync := other.stanza(t, func(n waBinary.Node) bool { return n.Attrs["type"] == "server_sync" })
	collection := sync.GetChildByTag("collection")
	assert.Equal(t, "regular_low", collection.Attrs["name"])
	archived := await[*events.Archive](t, other)
	assert.Equal(t, pn, archived.JID)
	assert.True(t, archived.Action.GetArchived())
}

// A receipt waits for a client that is away. Those of a group's members come as one.
func TestReceiptsWait(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{Quiet: true})
	bob := w.srv.NewPhone(whatsapptest.PhoneConfig{Quiet: true})
	group := w.srv.NewGroup(whatsapptest.GroupConfig{ByLID: true, Members: []*whatsapptest.Phone{w.shop, w.alice}})
	group.Add(bob)
	var webs []*client
	var lids []types.JID
	for _, p := range []*whatsapptest.Phone{w.alice, bob} {
		web, d := linked(t, w.srv, p)
		_, lid := addresses(p)
		lid.Device = uint16(d.Number())
		lids = append(lids, lid)
		webs = append(webs, web)
		web.SetForceActiveDeliveryReceipts(true)
		web.Disconnect()
		require.NoError(t, d.WaitOffline(within(t)))
	}
	toAll := w.client.send(t, mustParse(t, group.ID()), "to all")
	private := w.client.send(t, lids[0], "to Alice")
	w.client.Disconnect()
	require.NoError(t, w.device.WaitOffline(within(t)))
	for _, web := range webs {
		require.NoError(t, web.Connect())
		web.text(t)
	}
	_, text := webs[0].text(t)
	require.Equal(t, "to Alice", text)
	for i, p := range []*whatsapptest.Phone{w.alice, bob} {
		require.NoError(t, p.Device(int(lids[i].Device)).WaitQueueEmpty(within(t)), "it has sent its receipts")
	}

	require.NoError(t, w.client.Connect())
	receipt := w.client.stanza(t, func(n waBinary.Node) bool {
		_, ok := n.GetOptionalChildByTag("participants")
		return ok && n.Tag == "receipt"
	})
	assert.Equal(t, group.ID(), receipt.AttrGetter().JID("from").String())
	list := receipt.GetChildByTag("participants")
	assert.Equal(t, toAll.ID, list.Attrs["key"])
	var heard []types.JID
	for _, user := range list.GetChildrenByTag("user") {
		heard = append(heard, user.Attrs["jid"].(types.JID))
	}
	assert.ElementsMatch(t, lids, heard)
	single := w.client.stanza(t, tagged("receipt", private.ID))
	assert.NotEmpty(t, single.Attrs["offline"])
	require.NoError(t, w.device.WaitQueueEmpty(within(t)))
}
