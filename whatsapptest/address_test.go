//go:build !race

package whatsapptest_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/heypingr/pingr/whatsapptest"
)

// whatsmeow addresses everybody by LID, whatever form the caller asks for.
func TestLIDsAreRefusedByWhoHasNotMoved(t *testing.T) {
	tests := map[string]struct {
		shop, alice whatsapptest.Move
		refused     map[whatsapptest.AddressForm]int
		err         string
	}{
		"nobody has moved for sure":                {},
		"the shop has not moved":                   {shop: whatsapptest.NotMoved, err: "400"},
		"the shop has not moved, and she has":      {shop: whatsapptest.NotMoved, alice: whatsapptest.Moved, err: "400"},
		"she has not moved, which is her business": {alice: whatsapptest.NotMoved},
		"she has moved":                            {alice: whatsapptest.Moved},
		"LIDs are refused for her": {
			refused: map[whatsapptest.AddressForm]int{whatsapptest.ByLID: 463}, err: "463",
		},
		"numbers are refused for her": {refused: map[whatsapptest.AddressForm]int{whatsapptest.ByNumber: 463}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, whatsapptest.PhoneConfig{Move: tt.alice})
			w.shop.SetMove(tt.shop)
			for f, code := range tt.refused {
				w.alice.Refuse(f, code)
			}
			for _, to := range []string{w.alice.LID() + "@lid", w.alice.Number() + "@s.whatsapp.net"} {
				jid, err := types.ParseJID(to)
				require.NoError(t, err)
				_, err = w.client.SendMessage(within(t), jid, whatsapptest.TextMessage("hello"))
				if tt.err != "" {
					require.ErrorIs(t, err, whatsmeow.ErrServerReturnedError)
					assert.ErrorContains(t, err, tt.err)
					continue
				}
				require.NoError(t, err)
				m, err := w.alice.Next(within(t))
				require.NoError(t, err)
				assert.Equal(t, "hello", m.Text)
			}
		})
	}
}

// A number whose owner has moved, and a stanza with both forms. whatsmeow sends neither by itself.
func TestNumbersAreRefusedForWhoHasMoved(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	number := types.NewJID(w.alice.Number(), types.DefaultUserServer)
	code := func(id string, own types.JID) int {
		t.Helper()
		internals := w.client.DangerousInternals()
		answer := internals.WaitResponse(id)
		require.NoError(t, sendDM(internals.SendDM, within(t), own, number, id))
		return (<-answer).AttrGetter().OptionalInt("error")
	}
	pn, lid := *w.client.Store.ID, w.client.Store.LID
	assert.Zero(t, code("3EB01", pn))
	assert.Equal(t, 400, code("3EB02", lid), "its own devices are named by LID")
	w.alice.SetMove(whatsapptest.Moved)
	assert.Equal(t, 463, code("3EB03", pn))
	w.alice.SetMove(whatsapptest.NotMoved)
	assert.Zero(t, code("3EB04", pn))
	seen, err := w.alice.Next(within(t))
	require.NoError(t, err)
	assert.Equal(t, "3EB01", seen.ID)
	seen, err = w.alice.Next(within(t))
	require.NoError(t, err)
	assert.Equal(t, "3EB04", seen.ID)
}

// sendDM calls whatsmeow's sendDM, whose last parameter has a type without a
// name here.
//
//nolint:revive // inference needs the function, and reads best with it first
func sendDM[P any](
	send func(
		context.Context, types.JID, types.JID, types.MessageID, *waE2E.Message, *whatsmeow.MessageDebugTimings, P,
	) (string, []byte, error),
	ctx context.Context, own, to types.JID, id string,
) error {
	_, _, err := send(ctx, own, to, id, whatsapptest.TextMessage("hello"), new(whatsmeow.MessageDebugTimings), *new(P))
	return err
}

func TestWhatIsToldOfANumber(t *testing.T) {
	tests := map[string]struct {
		lookup   whatsapptest.Lookup
		lid      bool
		byNumber int
	}{
		"all":        {whatsapptest.LookupAll, true, 1},
		"no LID":     {whatsapptest.LookupNoLID, false, 1},
		"no devices": {whatsapptest.LookupNoDevices, true, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, whatsapptest.PhoneConfig{Lookup: tt.lookup})
			number, lid := types.NewJID(w.alice.Number(), types.DefaultUserServer), types.NewJID(
				w.alice.LID(), types.HiddenUserServer,
			)
			people, err := w.client.GetUserInfo(within(t), []types.JID{number, lid})
			require.NoError(t, err)
			assert.Equal(t, tt.lid, !people[number].LID.IsEmpty())
			assert.Len(t, people[number].Devices, tt.byNumber)
			assert.Len(t, people[lid].Devices, 1)
		})
	}
}

func TestNewClientIsToldOfTheMove(t *testing.T) {
	for move, moved := range map[whatsapptest.Move]bool{
		whatsapptest.Moving: true, whatsapptest.NotMoved: false, whatsapptest.Moved: true,
	} {
		srv := start(t, whatsapptest.Config{})
		c, _ := linked(t, srv, srv.NewPhone(whatsapptest.PhoneConfig{Move: move}))
		assert.Equal(t, moved, await[*events.PairSuccess](t, c).Props.GetIsChatDbLidMigrated())
	}
}

// A hidden number stays hidden when its owner writes on WhatsApp Web.
func TestLinkedClientsAreNamedLikeTheirPhone(t *testing.T) {
	const number, lid = "919876543210", "123456789012345"
	pn, hidden := types.NewJID(number, types.DefaultUserServer), types.NewJID(lid, types.HiddenUserServer)
	tests := map[whatsapptest.Addressing]struct{ sender, alt types.JID }{
		whatsapptest.LIDFirst:    {hidden, pn},
		whatsapptest.NumberFirst: {pn, hidden},
		whatsapptest.LIDOnly:     {hidden, types.EmptyJID},
		whatsapptest.NumberOnly:  {pn, types.EmptyJID},
	}
	for addressing, want := range tests {
		w := newWorld(t, whatsapptest.PhoneConfig{Number: number, LID: lid, Addressing: addressing})
		web, _ := linked(t, w.srv, w.alice)
		web.send(t, types.NewJID(w.shop.LID(), types.HiddenUserServer), "hello")
		m, _ := w.client.text(t)
		assert.Equal(t, want.sender, m.Info.Sender.ToNonAD())
		assert.Equal(t, want.alt, m.Info.SenderAlt.ToNonAD())
	}
}
