package whatsapptest

import (
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/proto/waLidMigrationSyncPayload"
	"go.mau.fi/whatsmeow/proto/waWeb"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// receivePeer answers what a client asks its own phone.
func (h *handset) receivePeer(in inbound, m *waE2E.Message) {
	p := unwrap(m).GetProtocolMessage() // Baileys wraps everything that it sends to its own account
	switch request := p.GetPeerDataOperationRequestMessage(); {
	case p.GetType() == waE2E.ProtocolMessage_APP_STATE_SYNC_KEY_REQUEST:
		_, err := h.tellClient(in.from, h.stateKeys(), nil)
		if err != nil {
			h.phone.srv.log.Debug("cannot answer client's request", "error", err)
		}
	case request.GetPeerDataOperationRequestType() == waE2E.PeerDataOperationRequestType_PLACEHOLDER_MESSAGE_RESEND:
		h.resendPlaceholders(in, request.GetPlaceholderMessageResendRequest())
	}
}

// resendPlaceholders gives a client the messages that its phone could decrypt and it could not
// (whatsmeow retry.go, immediateRequestMessageFromPhone).
func (h *handset) resendPlaceholders(
	in inbound, requests []*waE2E.PeerDataOperationRequestMessage_PlaceholderMessageResendRequest,
) {
	var results []*waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult
	for _, request := range requests {
		raw, err := h.phone.webMessage(request.GetMessageKey())
		if err != nil {
			continue
		}
		resent := &waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult_PlaceholderMessageResendResponse{
			WebMessageInfoBytes: raw,
		}
		results = append(results, &waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult{
			PlaceholderMessageResendResponse: resent,
		})
	}
	if len(results) == 0 {
		return
	}
	_, err := h.tellClient(in.from, &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
		Type: waE2E.ProtocolMessage_PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE.Enum(),
		PeerDataOperationRequestResponseMessage: &waE2E.PeerDataOperationRequestResponseMessage{
			PeerDataOperationRequestType: waE2E.PeerDataOperationRequestType_PLACEHOLDER_MESSAGE_RESEND.Enum(),
			StanzaID:                     proto.String(in.id),
			PeerDataOperationResult:      results,
		},
	}}, nil)
	if err != nil {
		h.phone.srv.log.Debug("cannot answer client's request", "error", err)
	}
}

// webMessage returns a message in the form in which a phone passes on its history.
func (p *Phone) webMessage(key *waCommon.MessageKey) ([]byte, error) {
	sender := key.GetParticipant()
	if sender == "" {
		sender = key.GetRemoteJID()
	}
	from, ok := p.srv.Phone(sender)
	if !ok {
		return nil, errors.New("unknown sender")
	}
	m := from.recall(key.GetID())
	if m == nil || m.secret != NotWithheld {
		return nil, errors.New("no such message, or no linked client may have it")
	}
	return proto.Marshal(&waWeb.WebMessageInfo{
		Key: key, Message: m.message, PushName: proto.String(from.Name()),
		MessageTimestamp: proto.Uint64(uint64(m.at.Unix())),
	})
}

// RevealNumber tells the linked clients of to the number behind the phone's LID, as their own phone
// does when it knows it (a LID mapping sync).
func (p *Phone) RevealNumber(ctx context.Context, to *Phone) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !p.Online() {
		return errOffline
	}
	number, err := strconv.ParseUint(p.pn().User, 10, 64)
	if err != nil {
		return errors.New("number does not fit a LID mapping")
	}
	lid, err := strconv.ParseUint(p.lid.User, 10, 64)
	if err != nil {
		return errors.New("LID does not fit a LID mapping")
	}
	payload, err := proto.Marshal(&waLidMigrationSyncPayload.LIDMigrationMappingSyncPayload{
		PnToLidMappings: []*waLidMigrationSyncPayload.LIDMigrationMapping{{Pn: &number, AssignedLid: &lid}},
	})
	if err != nil {
		return err
	}
	var failed error
	for _, d := range to.Devices() {
		_, err := to.parts[0].tellClient(d, &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
			Type:                           waE2E.ProtocolMessage_LID_MIGRATION_MAPPING_SYNC.Enum(),
			LidMigrationMappingSyncMessage: &waE2E.LIDMigrationMappingSyncMessage{EncodedMappingPayload: payload},
		}}, nil)
		failed = errors.Join(failed, err)
	}
	return failed
}

// ForgetSessions drops the phone's Signal sessions with all clients, as a
// restored phone does. The next reply cannot be decrypted at first, and the
// phone's next message starts a new session.
func (p *Phone) ForgetSessions() {
	p.mu.Lock()
	parts := append([]*handset(nil), p.parts...)
	p.mu.Unlock()
	for _, h := range parts {
		h.mu.Lock()
		h.peers, h.senderKeys, h.handed = nil, nil, nil
		h.mu.Unlock()
	}
}

// Reinstall registers the number again, as on a new phone without a backup. The phone has new keys,
// remembers nothing that it sent, and has neither companions nor linked clients. The clients of others
// learn that its identity changed.
func (p *Phone) Reinstall() {
	for _, d := range p.Devices() {
		d.Remove()
	}
	p.mu.Lock()
	p.parts = p.parts[:1]
	p.share = appStateShare{}
	clear(p.sent)
	p.order = nil
	h := p.parts[0]
	p.mu.Unlock()
	h.mu.Lock()
	h.chain, h.peers, h.senderKeys, h.handed = nil, nil, nil, nil
	h.mu.Unlock()
	from := p.lid
	if p.addressing == NumberFirst || p.addressing == NumberOnly {
		from = p.pn()
	}
	for _, other := range p.srv.Phones() {
		for _, d := range other.Devices() {
			d.notifyOfKeys(from, waBinary.Node{Tag: "identity"})
		}
	}
}

// Newsletter delivers a channel's message to the client, unencrypted as in channels. It is noise:
// nobody wrote it to the client.
func (d *Device) Newsletter(text string) error {
	plain, err := proto.Marshal(TextMessage(text))
	if err != nil {
		return err
	}
	n := waBinary.Node{
		Tag: "message",
		Attrs: waBinary.Attrs{
			"from": types.NewJID("120363000000000001", types.NewsletterServer), "id": newMessageID(),
			"t": d.srv.now().Unix(), "type": "text", "server_id": 100,
		},
		Content: []waBinary.Node{{Tag: "plaintext", Content: plain}},
	}
	d.deliver(messageKey(n), n)
	return nil
}

// History tells the client, as its phone does after linking, what from wrote to it in the past. It is
// noise: nobody writes it now. The texts are a minute apart, the last one an hour old.
func (d *Device) History(from *Phone, texts ...string) error {
	if !d.phone.Online() {
		return errOffline
	}
	now := d.srv.now().Add(-time.Hour)
	chat := &waHistorySync.Conversation{ID: proto.String(from.pn().String())}
	for i, text := range texts {
		at := now.Add(-time.Duration(len(texts)-i) * time.Minute)
		chat.Messages = append(chat.Messages, &waHistorySync.HistorySyncMsg{Message: &waWeb.WebMessageInfo{
			Key:              &waCommon.MessageKey{RemoteJID: chat.ID, ID: proto.String(newMessageID())},
			Message:          TextMessage(text),
			MessageTimestamp: proto.Uint64(uint64(at.Unix())),
		}})
	}
	m, err := historyMessage(&waHistorySync.HistorySync{
		SyncType: waHistorySync.HistorySync_RECENT.Enum(), Conversations: []*waHistorySync.Conversation{chat},
	})
	if err == nil {
		_, err = d.phone.parts[0].tellClient(d, m, nil)
	}
	return err
}

// historyMessage returns a part of a phone's history, inlined in the message.
func historyMessage(history *waHistorySync.HistorySync) (*waE2E.Message, error) {
	plain, err := proto.Marshal(history)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	_, err = w.Write(plain)
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	return &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
		Type: waE2E.ProtocolMessage_HISTORY_SYNC_NOTIFICATION.Enum(),
		HistorySyncNotification: &waE2E.HistorySyncNotification{
			SyncType:                          waE2E.HistorySyncType(history.GetSyncType()).Enum(),
			InitialHistBootstrapInlinePayload: packed.Bytes(),
		},
	}}, nil
}
