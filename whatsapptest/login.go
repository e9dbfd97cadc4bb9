package whatsapptest

import (
	"encoding/base64"
	"strconv"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// login lets a linked client in, or tells it the reason why not.
func (c *conn) login() error {
	payload := c.hands.payload
	p := c.srv.phone(types.NewJID(strconv.FormatUint(payload.GetUsername(), 10), types.DefaultUserServer))
	var d *Device
	if p != nil {
		d = p.Device(int(payload.GetDevice()))
	}
	if d == nil || d.removed.Load() || d.noiseKey != c.hands.clientKey {
		return c.fail(LoginFailure{Reason: 401})
	}
	d.mu.Lock()
	failure, silent := d.loginFailure(), d.silent
	d.mu.Unlock()
	if failure.Reason != 0 {
		return c.fail(failure)
	}
	c.silent.Store(silent)
	c.dev = d
	c.in.of(d)
	c.out.of(d)
	if name := payload.GetPushName(); name != "" {
		d.announceName(name)
	}
	d.connected(c)
	if err := c.send(waBinary.Node{Tag: "success", Attrs: waBinary.Attrs{
		"t": c.srv.now().Unix(), "lid": d.lid, "display_name": p.Name(),
		// What follows, no client uses. It is what a capture has (a Baileys fixture of 2024).
		"creation": p.srv.started.Unix(), "location": site, "props": 27, "abprops": 22,
		"companion_enc_static": base64.StdEncoding.EncodeToString(randomBytes(32)),
	}}); err != nil {
		return err
	}
	if err := c.send(ib(waBinary.Node{Tag: "edge_routing", Content: []waBinary.Node{
		{Tag: "routing_info", Content: routingInfo},
	}})); err != nil {
		return err
	}
	return d.tellDirty(c)
}

// routingInfo is what a client may send first on its next connections to reach the same data center
// (Baileys noise-handler.js). Here it has no effect.
var routingInfo = []byte("loopback")

// site is the data center that answers.
const site = "frc"

// fail tells the client why it may not log in. The connection ends soon after.
func (c *conn) fail(f LoginFailure) error {
	if err := c.send(f.node()); err != nil {
		return err
	}
	c.end()
	return nil
}

// introduce sends what a phone tells a newly linked client: the key to the account's app state, and
// its history, which is empty except for names and tokens. Baileys fetches app state only after the
// history. whatsmeow does not wait.
func (h *handset) introduce(d *Device) {
	d.introduces(true)
	defer d.introduces(false)
	said := []*waE2E.Message{h.stateKeys()}
	for _, part := range []*waHistorySync.HistorySync{
		h.phone.tokenHistory(),
		{SyncType: waHistorySync.HistorySync_PUSH_NAME.Enum(), Pushnames: []*waHistorySync.Pushname{
			{ID: proto.String(h.phone.pn().String()), Pushname: proto.String(h.phone.Name())},
		}},
	} {
		m, err := historyMessage(part)
		if err != nil {
			h.phone.srv.log.Error("cannot encode history", "error", err)
			continue
		}
		said = append(said, m)
	}
	for _, m := range said {
		if id, err := h.tellClient(d, m, d.mustLearn); err != nil {
			h.phone.srv.log.Debug("cannot introduce phone", "message", id, "error", err)
		}
	}
}

// stateKeys returns the message with the key to the account's app state.
func (h *handset) stateKeys() *waE2E.Message {
	share := h.phone.appState()
	return &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
		Type: waE2E.ProtocolMessage_APP_STATE_SYNC_KEY_SHARE.Enum(),
		AppStateSyncKeyShare: &waE2E.AppStateSyncKeyShare{Keys: []*waE2E.AppStateSyncKey{{
			KeyID: &waE2E.AppStateSyncKeyId{KeyID: share.keyID},
			KeyData: &waE2E.AppStateSyncKeyData{
				KeyData: share.key,
				Fingerprint: &waE2E.AppStateSyncKeyFingerprint{
					RawID: proto.Uint32(1), CurrentIndex: proto.Uint32(0), DeviceIndexes: []uint32{0},
				},
				Timestamp: proto.Int64(h.phone.srv.now().UnixMilli()),
			},
		}}},
	}}
}

// tellClient sends a message from the phone's machinery to its own client (category "peer"). before,
// if not nil, runs before the message is sent.
func (h *handset) tellClient(d *Device, m *waE2E.Message, before func(id string)) (id string, err error) {
	id = newMessageID()
	if before != nil {
		before(id)
	}
	plain, err := proto.Marshal(m)
	if err != nil {
		return id, err
	}
	out := &sentMessage{id: id, to: h.phone.pn(), from: h, message: m, plain: plain, at: h.phone.srv.now(), peer: true}
	h.phone.remember(out)
	h.mu.Lock()
	defer h.mu.Unlock()
	return id, out.dispatchTo(d, NumberFirst, 0)
}
