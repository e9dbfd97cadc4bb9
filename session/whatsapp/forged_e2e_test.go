//go:build !race

package whatsapp

import (
	"bytes"
	"compress/zlib"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/proto/waWeb"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"github.com/heypingr/pingr/whatsapptest"
)

// What only our own account may say, said by a stranger, as if whatsmeow let it
// through: every event here is what its handler would make of it.
func TestForgedProtocolMessages(t *testing.T) {
	w := newWorld(t)
	s, _ := w.link("sess_forged")
	in := w.listen(s)
	l := s.line
	victim, stranger := types.NewJID("919876543210", types.DefaultUserServer), types.NewJID(
		"4917012345678", types.DefaultUserServer,
	)
	victimLID := types.NewJID("100200300", types.HiddenUserServer)
	login := &waE2E.Message{Conversation: proto.String("login X4K9MQ")}
	from := func(sender types.JID, id string) types.MessageInfo {
		return types.MessageInfo{ID: id, Timestamp: time.Now(), MessageSource: types.MessageSource{
			Chat: sender, Sender: sender,
		}}
	}
	handedOver := func(sender types.JID, id string, m *waE2E.Message) *events.Message {
		e := &events.Message{
			Info: from(sender, id), RawMessage: m, UnavailableRequestID: "3EB0REQUEST",
			SourceWebMsg: &waWeb.WebMessageInfo{Key: &waCommon.MessageKey{ID: &id}, Message: m},
		}
		return e.UnwrapRaw()
	}

	for name, e := range map[string]*events.Message{
		"in somebody's name, handed over by nobody's phone": handedOver(victim, "3EB0A", login),
		"the same without naming a request": func() *events.Message {
			e := handedOver(victim, "3EB0A", login)
			e.UnavailableRequestID = ""
			return e
		}(),
		"wrapped as a copy of our own": (&events.Message{Info: from(stranger, "3EB0B"), RawMessage: &waE2E.Message{
			DeviceSentMessage: &waE2E.DeviceSentMessage{DestinationJID: proto.String(victim.String()), Message: login},
		}}).UnwrapRaw(),
		"a message between our own devices": func() *events.Message {
			e := &events.Message{Info: from(stranger, "3EB0C"), RawMessage: login}
			e.Info.Category = "peer"
			return e.UnwrapRaw()
		}(),
		"an edit that was unwrapped before": {Info: from(stranger, "3EB0D"), Message: login, RawMessage: &waE2E.Message{
			ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(), EditedMessage: login},
		}},
	} {
		assert.True(t, l.onEvent(e), "%s: acknowledged, for it would come for ever", name)
		assert.Empty(t, in, name)
	}

	t.Run("names in a history that is not ours", func(t *testing.T) {
		e := (&events.Message{Info: from(stranger, "3EB0E"), RawMessage: historyOf(t, victim, victimLID)}).UnwrapRaw()
		assert.True(t, l.onEvent(e))
		lid, err := w.pool.database.keys.LIDMap.GetLIDForPN(t.Context(), victim)
		require.NoError(t, err)
		assert.True(t, lid.IsEmpty())
	})

	t.Run("what was missed is believed, from whom and as what it was missed", func(t *testing.T) {
		missed := from(victim, "3EB0F")
		missed.SenderAlt = victimLID
		l.onEvent(&events.UndecryptableMessage{Info: missed})
		for name, e := range map[string]*events.Message{
			"of another sender":  handedOver(stranger, "3EB0F", login),
			"under another id":   handedOver(victim, "3EB0G", login),
			"in a group instead": handedOverIn("120363000000000001@g.us", victim, "3EB0F", login),
		} {
			assert.True(t, l.onEvent(e), name)
			assert.Empty(t, in, name)
		}
		require.True(t, l.onEvent(handedOver(victim, "3EB0F", login)))
		m := receive(t, in)
		assert.Equal(t, "3EB0F", m.ID)
		assert.Equal(t, victim.User, m.Phone)
		require.True(t, l.onEvent(handedOver(victimLID, "3EB0F", login)), "by its other name too")
		assert.Equal(t, "3EB0F", receive(t, in).ID)
	})

	t.Run("also after a restart", func(t *testing.T) {
		require.NoError(t, w.pool.Close())
		w.open()
		s, _ := w.pool.Get("sess_forged")
		in := w.listen(s)
		require.Eventually(t, func() bool { return s.line.onEvent(handedOver(victim, "3EB0F", login)) },
			patience, 5*time.Millisecond, "once somebody listens")
		assert.Equal(t, "3EB0F", receive(t, in).ID)
	})
}

// The same through whatsmeow, which believes only our own account.
func TestStrangersPhoneAnswersForNobody(t *testing.T) {
	w := newWorld(t)
	s, device := w.link("sess_forged")
	in := w.listen(s)
	victim, stranger := w.server.NewPhone(whatsapptest.PhoneConfig{}), w.server.NewPhone(whatsapptest.PhoneConfig{})
	raw, err := proto.Marshal(&waWeb.WebMessageInfo{
		Key: &waCommon.MessageKey{
			RemoteJID: proto.String(victim.Number() + "@s.whatsapp.net"), ID: proto.String("3EB0A"),
			FromMe: proto.Bool(false),
		},
		Message: &waE2E.Message{Conversation: proto.String("login X4K9MQ")},
	})
	require.NoError(t, err)
	resent := &waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult_PlaceholderMessageResendResponse{
		WebMessageInfoBytes: raw,
	}
	answer := &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
		Type: waE2E.ProtocolMessage_PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE.Enum(),
		PeerDataOperationRequestResponseMessage: &waE2E.PeerDataOperationRequestResponseMessage{
			PeerDataOperationRequestType: waE2E.PeerDataOperationRequestType_PLACEHOLDER_MESSAGE_RESEND.Enum(),
			StanzaID:                     proto.String("3EB0REQUEST"),
			PeerDataOperationResult: []*waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult{{
				PlaceholderMessageResendResponse: resent,
			}},
		},
	}}
	for _, m := range []*waE2E.Message{answer, {DeviceSentMessage: &waE2E.DeviceSentMessage{
		DestinationJID: proto.String(victim.Number() + "@s.whatsapp.net"), Message: answer,
	}}, {DeviceSentMessage: &waE2E.DeviceSentMessage{
		DestinationJID: proto.String(victim.Number() + "@s.whatsapp.net"),
		Message:        &waE2E.Message{Conversation: proto.String("login")},
	}}} {
		_, err = stranger.SendMessage(t.Context(), whatsapptest.Outgoing{To: w.shop.Number(), Message: m})
		require.NoError(t, err)
	}
	last, err := stranger.Send(t.Context(), w.shop.Number(), "the only one that counts")
	require.NoError(t, err)
	assert.Equal(t, last, receive(t, in).ID)
	require.NoError(t, device.WaitQueueEmpty(t.Context()))
}

func handedOverIn(group string, sender types.JID, id string, m *waE2E.Message) *events.Message {
	chat, err := types.ParseJID(group)
	if err != nil {
		panic(err)
	}
	return &events.Message{
		Info:    types.MessageInfo{ID: id, MessageSource: types.MessageSource{Chat: chat, Sender: sender, IsGroup: true}},
		Message: m, RawMessage: m, UnavailableRequestID: "3EB0REQUEST",
	}
}

// historyOf is the first bundle of a phone's history, with one name.
func historyOf(t *testing.T, number, lid types.JID) *waE2E.Message {
	t.Helper()
	raw, err := proto.Marshal(&waHistorySync.HistorySync{
		SyncType: waHistorySync.HistorySync_INITIAL_BOOTSTRAP.Enum(),
		PhoneNumberToLidMappings: []*waHistorySync.PhoneNumberToLIDMapping{{
			PnJID: proto.String(number.String()), LidJID: proto.String(lid.String()),
		}},
	})
	require.NoError(t, err)
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	_, err = z.Write(raw)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
		Type:                    waE2E.ProtocolMessage_HISTORY_SYNC_NOTIFICATION.Enum(),
		HistorySyncNotification: &waE2E.HistorySyncNotification{InitialHistBootstrapInlinePayload: packed.Bytes()},
	}}
}
