package whatsapptest

import (
	"encoding/binary"
	"errors"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// receiptAttrs addresses a receipt from the handset to the sender of a message, in the form of address
// that the sender used.
func (h *handset) receiptAttrs(in inbound) waBinary.Attrs {
	attrs := waBinary.Attrs{"id": in.id, "t": h.phone.srv.now().Unix()}
	own := withDevice(in.to, h.number)
	switch {
	case in.to.Server == types.GroupServer:
		g := h.phone.srv.group(in.to)
		attrs["from"], attrs["participant"] = in.to, withDevice(g.address(h.phone), h.number)
	case h.phone == in.from.phone:
		attrs["from"], attrs["recipient"] = h.lid(), in.to
	default:
		attrs["from"] = own
	}
	return attrs
}

// maxRetries is the number of times that a phone asks again for one message.
const maxRetries = 5

// undecryptable asks the sender to encrypt again. From the second time on, it sends keys for a new
// session.
func (h *handset) undecryptable(in inbound) {
	p := h.phone
	if h.number == 0 && p != in.from.phone && !in.peer {
		p.srv.ledger.recordCopy(in.reply(p), nil)
	} else {
		p.srv.ledger.recordUndecryptable()
	}
	h.mu.Lock()
	if h.retries == nil {
		h.retries = make(map[string]int)
	}
	h.retries[in.id]++
	count, registration := h.retries[in.id], h.keys().registration
	h.mu.Unlock()
	if count > maxRetries || in.peer {
		return
	}
	n := waBinary.Node{Tag: "receipt", Attrs: h.receiptAttrs(in)}
	n.Attrs["type"] = "retry"
	content := []waBinary.Node{
		{Tag: "retry", Attrs: waBinary.Attrs{"count": count, "id": in.id, "t": in.at.Unix(), "v": 1}},
		{Tag: "registration", Content: binary.BigEndian.AppendUint32(nil, registration)},
	}
	if count > 1 {
		content = append(content, waBinary.Node{Tag: "keys", Content: h.bundleNodes()[1:]})
	}
	n.Content = content
	in.from.queueReceipt(n)
}

// queueReceipt queues a receipt. Delivery receipts of a group's members for one message come as one, if
// they have to wait for the client (whatsmeow receipt.go, handleGroupedReceipt).
func (d *Device) queueReceipt(n waBinary.Node) {
	key := messageKey(n)
	key.class = "receipt"
	if n.Attrs["type"] == nil && !key.participant.IsEmpty() && d.aggregate(key, n) {
		return
	}
	d.deliver(key, n)
}

// aggregate adds a group member's delivery receipt to the one that waits, unless the client is there.
func (d *Device) aggregate(key parcelKey, n waBinary.Node) bool {
	d.mu.Lock()
	if d.active || d.removed.Load() {
		d.mu.Unlock()
		return false
	}
	user := waBinary.Node{Tag: "user", Attrs: waBinary.Attrs{"jid": key.participant, "t": n.Attrs["t"]}}
	key.participant = types.JID{}
	users := []waBinary.Node{user}
	if waiting := d.queue[key]; waiting != nil {
		before := waiting.node.GetChildByTag("participants")
		users = append(before.GetChildren(), user)
	}
	d.mu.Unlock()
	n.Attrs = cloneAttrs(n.Attrs)
	delete(n.Attrs, "participant")
	n.Content = []waBinary.Node{{Tag: "participants", Attrs: waBinary.Attrs{"key": key.id}, Content: users}}
	d.deliver(key, n)
	return true
}

// handleReceipt settles messages that a client has received. It passes receipts to the clients that
// sent the messages. Requests to encrypt again also go to the phone.
func (d *Device) handleReceipt(c *conn, n *waBinary.Node) {
	if d.misnames(n) {
		c.endOwed("message", n)
		return
	}
	ag := n.AttrGetter()
	kind := ag.OptionalString("type")
	key := parcelKey{
		class: "message", id: ag.OptionalString("id"),
		from: ag.OptionalJIDOrEmpty("to"), participant: ag.OptionalJIDOrEmpty("participant"),
	}
	sender := key.from
	if !key.participant.IsEmpty() {
		sender = key.participant
	}
	p := d.srv.phone(sender)
	first := key.id
	ids := []string{first}
	list := n.GetChildByTag("list")
	for _, item := range list.GetChildrenByTag("item") {
		if id, ok := item.Attrs["id"].(string); ok {
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		if p != nil { // before the queue: a test that waits for it may look at the ledger
			d.srv.ledger.recordSettled(p.shown(), id, d.srv.now(), 0, kind == "retry")
		}
		key.id = id
		d.settle(key)
	}
	d.seeReceipt(kind, key.from, ids)
	if p == nil {
		return
	}
	d.passReceipt(n, kind, p, sender)
	if h := p.handset(int(sender.Device)); h != nil && kind == "retry" {
		request := *n
		h.post(func() { h.encryptAgain(d, first, request) })
	}
}

// rememberedNames bounds the number of messages for which a client's name is remembered.
const rememberedNames = 1024

// wasCalled remembers how another client addressed this one in a message.
func (d *Device) wasCalled(name types.JID, id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.calls == nil || len(d.calls) >= rememberedNames {
		d.calls = make(map[string]types.JID)
	}
	d.calls[id] = name
}

// calledIn returns the client's name for a receipt: the one that the message used, or else one in the
// form in which the receipt names the chat.
func (d *Device) calledIn(id string, chat types.JID) types.JID {
	d.mu.Lock()
	defer d.mu.Unlock()
	if name, ok := d.calls[id]; ok {
		return name
	}
	if chat.Server == types.DefaultUserServer && d.phone.addressing != LIDOnly {
		return d.jid
	}
	return d.lid
}

// passReceipt passes a receipt to the linked client that sent the message. If a person has read the
// message, all of the sender's clients get the receipt. No source tells which of them hear of a
// delivery.
func (d *Device) passReceipt(n *waBinary.Node, kind string, to *Phone, sender types.JID) {
	var hear func(*Device) bool
	switch kind {
	case "", "inactive", "retry":
		hear = func(other *Device) bool { return other.jid.Device == sender.Device }
	case "read", "played":
		hear = func(*Device) bool { return true }
	default:
		return // it concerns our own account's messages
	}
	attrs := waBinary.Attrs{"id": n.Attrs["id"], "t": d.srv.now().Unix()}
	if kind != "" {
		attrs["type"] = kind
	}
	chat, _ := n.Attrs["to"].(types.JID)
	id, _ := n.Attrs["id"].(string)
	attrs["from"] = d.calledIn(id, chat)
	if g := d.srv.group(chat); g != nil {
		attrs["from"], attrs["participant"] = chat, withDevice(g.address(d.phone), d.jid.Device)
	}
	if recipient := n.Attrs["recipient"]; recipient != nil {
		attrs["recipient"] = recipient
	}
	for _, other := range to.Devices() {
		if other == d || !hear(other) {
			continue
		}
		other.queueReceipt(waBinary.Node{Tag: "receipt", Attrs: attrs, Content: n.Content})
	}
}

// handleAck settles stanzas that a client acknowledges without a receipt.
func (d *Device) handleAck(c *conn, n *waBinary.Node) {
	ag := n.AttrGetter()
	if d.misnames(n) {
		c.endOwed(ag.OptionalString("class"), n)
		return
	}
	key := parcelKey{
		class: ag.OptionalString("class"), id: ag.OptionalString("id"),
		from: ag.OptionalJIDOrEmpty("to"), participant: ag.OptionalJIDOrEmpty("participant"),
	}
	if ag.OptionalInt("error") == 0 || !d.hold(key) {
		defer d.settle(key) // after the ledger knows
	}
	if key.class != "message" {
		return
	}
	sender := key.from
	if !key.participant.IsEmpty() {
		sender = key.participant
	}
	if p := d.srv.phone(sender); p != nil && ag.OptionalInt("error") != 0 {
		d.srv.ledger.recordSettled(p.shown(), key.id, d.srv.now(), ag.OptionalInt("error"), false)
	}
}

// encryptAgain answers a client's retry receipt: in the same session the first
// time, in a new one when the client sent keys for it or asks again.
func (h *handset) encryptAgain(d *Device, id string, request waBinary.Node) {
	m := h.phone.recall(id)
	if m == nil || m.from != h {
		return
	}
	retry := request.GetChildByTag("retry")
	count := max(1, retry.AttrGetter().OptionalInt("count"))
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.renewFor(d, request, count); err != nil {
		h.phone.srv.log.Debug("cannot renew session", "error", err)
		return
	}
	var err error
	if m.to.Server == types.GroupServer || m.to.Server == types.BroadcastServer {
		err = m.dispatchGroupAgain(d, count)
	} else {
		err = m.dispatchTo(d, h.phone.addressing, count)
	}
	if err != nil {
		h.phone.srv.log.Debug("cannot encrypt again", "error", err)
	}
}

func (h *handset) renewFor(d *Device, request waBinary.Node, count int) error {
	keysNode, ok := request.GetOptionalChildByTag("keys")
	if !ok {
		if count < 2 {
			return nil
		}
		return h.peer(d.lid).renew(d.bundle(), d.jid.Device)
	}
	registration, _ := request.GetChildByTag("registration").Content.([]byte)
	identity, _ := keysNode.GetChildByTag("identity").Content.([]byte)
	if len(registration) != 4 || len(identity) != 32 {
		return errors.New("malformed keys in retry receipt")
	}
	b := publicBundle{registration: binary.BigEndian.Uint32(registration), identity: [32]byte(identity)}
	var err error
	if b.signed, err = parsePreKey(keysNode.GetChildByTag("skey")); err != nil {
		return err
	}
	if once, ok := keysNode.GetOptionalChildByTag("key"); ok {
		if b.once, err = parsePreKey(once); err != nil {
			return err
		}
	}
	return h.peer(d.lid).renew(b, d.jid.Device)
}

// dispatchGroupAgain sends a group message to one client, in its own session and with the
// sender's key; the caller holds h.mu.
func (m *sentMessage) dispatchGroupAgain(d *Device, count int) error {
	_, key, err := m.from.encryptGroup(m.to, nil)
	if err != nil {
		return err
	}
	again := proto.Clone(m.message).(*waE2E.Message)
	again.SenderKeyDistributionMessage = keyDistribution(m.to, key).SenderKeyDistributionMessage
	plain, err := proto.Marshal(again)
	if err != nil {
		return err
	}
	enc, err := m.from.encryptFor(d, plain, m.encAttrs(count))
	if err != nil {
		return err
	}
	m.hand(d, waBinary.Node{Tag: "message", Attrs: m.groupAttrs(d), Content: m.content(enc)}, count)
	return nil
}
