package whatsapptest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mau.fi/libsignal/signalerror"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// inbound is what one device gets of a client's message.
type inbound struct {
	from *Device
	id   string
	to   types.JID // the chat, as the client named it
	peer bool      // between the client and its own phone's machinery
	at   time.Time
	encs []waBinary.Node // in the order to open them
}

// handleMessage takes a message from a client, answers it as the rule says and
// passes it on.
func (d *Device) handleMessage(c *conn, n *waBinary.Node) {
	ag := n.AttrGetter()
	id, to := ag.OptionalString("id"), ag.OptionalJIDOrEmpty("to")
	rule := d.ackRule()
	if rule.Error == 0 && !d.srv.exists(to) {
		rule = AckRule{Error: 404}
	}
	now := d.srv.now()
	d.srv.ledger.recordStanza(Stanza{
		Device: d.jid.String(), ID: id, To: to.String(), At: now, Error: rule.Error, Node: n,
		Peer: ag.OptionalString("category") == "peer", Retry: isRetry(n),
	})
	if rule.Vanish {
		return
	}
	if !rule.Lose {
		d.acknowledge(c, id, to, now, rule)
	}
	if rule.Error == 0 {
		d.route(n, inbound{from: d, id: id, to: to, at: now, peer: ag.OptionalString("category") == "peer"})
	}
}

// isRetry recognises a message for one device only, encrypted again.
func isRetry(n *waBinary.Node) bool {
	enc, ok := n.GetOptionalChildByTag("enc")
	return ok && enc.Attrs["count"] != nil
}

func (s *Server) exists(to types.JID) bool {
	switch to.Server {
	case types.GroupServer:
		return s.group(to) != nil
	case types.BroadcastServer:
		return true
	}
	return s.phone(to) != nil
}

func (d *Device) acknowledge(c *conn, id string, to types.JID, at time.Time, rule AckRule) {
	ack := waBinary.Node{Tag: "ack", Attrs: waBinary.Attrs{
		"class": "message", "id": id, "from": to, "t": at.Unix(),
	}}
	if rule.Error != 0 {
		ack.Attrs["error"] = rule.Error
	} else if phash := d.participantHash(to); phash != "" {
		ack.Attrs["phash"] = phash
	}
	if rule.Delay == 0 {
		_ = c.send(ack) // who is gone will ask again
		return
	}
	d.srv.spawn(func() {
		select {
		case <-time.After(rule.Delay):
			_ = c.send(ack)
		case <-c.ctx.Done():
		}
	})
}

// participantHash is what a client computes over the devices it encrypted for
// (whatsmeow send.go, participantListHashV2): when it differs, the client fetches the
// device list anew. Empty where the server does not say.
func (d *Device) participantHash(to types.JID) string {
	var list []string
	add := func(p *Phone, address types.JID) {
		for _, n := range p.deviceNumbers() {
			list = append(list, address.User+".0:"+strconv.Itoa(int(n))+"@"+address.Server)
		}
	}
	switch to.Server {
	case types.GroupServer:
		g := d.srv.group(to)
		for _, p := range g.Members() {
			add(p, g.address(p))
		}
	case types.HiddenUserServer, types.DefaultUserServer:
		if to.Device != 0 {
			return ""
		}
		p := d.srv.phone(to)
		add(p, to)
		if own := d.phone; own != p && to.Server == types.HiddenUserServer {
			add(own, own.lid)
		} else if own != p {
			add(own, own.pn)
		}
	default:
		return ""
	}
	slices.Sort(list)
	sum := sha256.Sum256([]byte(strings.Join(list, "")))
	return "2:" + base64.RawStdEncoding.EncodeToString(sum[:6])
}

// route passes a message on: to simulated devices as ciphertext for them to open, to
// linked clients as a stanza.
func (d *Device) route(n *waBinary.Node, in inbound) {
	shared := n.GetChildrenByTag("enc") // for everybody (groups), or for the one addressee
	if participant, ok := n.Attrs["participant"].(types.JID); ok {
		d.forward(n, in, participant, shared)
		return
	}
	reached := make(map[types.JID]bool)
	participants := n.GetChildByTag("participants")
	for _, child := range participants.GetChildren() {
		jid, ok := child.Attrs["jid"].(types.JID)
		if !ok || child.Tag != "to" {
			continue
		}
		reached[jid] = true
		d.forward(n, in, jid, append(child.GetChildrenByTag("enc"), shared...))
	}
	switch g := d.srv.group(in.to); {
	case g != nil:
		d.forwardGroup(n, in, g, reached, shared)
	case len(reached) == 0:
		d.forward(n, in, in.to, shared)
	}
}

// forwardGroup serves members' devices that have the sender's key already and so
// were not named one by one.
func (d *Device) forwardGroup(n *waBinary.Node, in inbound, g *Group, reached map[types.JID]bool, shared []waBinary.Node) {
	for _, p := range g.Members() {
		for _, number := range p.deviceNumbers() {
			if jid := withDevice(g.address(p), number); !reached[jid] {
				d.forward(n, in, jid, shared)
			}
		}
	}
}

func (d *Device) forward(n *waBinary.Node, in inbound, to types.JID, encs []waBinary.Node) {
	p := d.srv.phone(to)
	if p == nil || len(encs) == 0 {
		return
	}
	if h := p.handset(int(to.Device)); h != nil {
		in.encs = encs
		h.post(func() { h.receive(in) })
		return
	}
	if other := p.Device(int(to.Device)); other != nil && other != d {
		stanza := d.forwarded(n, in, other)
		stanza.Content = append(encs, n.GetChildrenByTag("device-identity")...)
		other.deliver(messageKey(stanza), stanza)
	}
}

// forwarded is the stanza in which another linked client gets the message.
func (d *Device) forwarded(n *waBinary.Node, in inbound, other *Device) waBinary.Node {
	attrs := waBinary.Attrs{"id": in.id, "t": in.at.Unix(), "type": n.Attrs["type"]}
	if edit := n.Attrs["edit"]; edit != nil {
		attrs["edit"] = edit
	}
	switch g := d.srv.group(in.to); {
	case g != nil && g.byLID:
		attrs["from"], attrs["participant"], attrs["participant_pn"], attrs["addressing_mode"] = in.to, d.lid, d.phone.pn, g.mode()
	case g != nil:
		attrs["from"], attrs["participant"], attrs["participant_lid"], attrs["addressing_mode"] = in.to, d.jid, d.phone.lid, g.mode()
	case other.phone == d.phone:
		attrs["from"], attrs["recipient"] = d.lid, in.to
	default:
		attrs["from"], attrs["sender_pn"] = d.lid, d.phone.pn
	}
	return waBinary.Node{Tag: "message", Attrs: attrs}
}

// receive opens a client's message. It runs in the handset's mailbox.
func (h *handset) receive(in inbound) {
	shown, err := h.openAll(in)
	switch {
	case shown != nil && in.peer:
		h.receivePeer(in, shown)
	case shown != nil:
		h.deliver(in, shown)
	case errors.Is(err, signalerror.ErrOldCounter) && h.phone.hasShown(in.from.phone, in.id):
		// The same ciphertext again. An old counter under a new id is another matter: the sender
		// has spoilt its session and used a key twice, and this message is lost.
		if h.number == 0 {
			h.phone.srv.ledger.recordDuplicate(in.reply(h.phone))
		}
	case err != nil:
		h.undecryptable(in)
	}
}

// openAll decrypts the parts of a message and returns what there is to see, if anything.
func (h *handset) openAll(in inbound) (shown *waE2E.Message, failed error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, enc := range in.encs {
		m, err := h.openEnc(in, enc)
		switch {
		case err != nil:
			failed = err
		case isShown(m) || in.peer:
			shown = m
		}
	}
	return shown, failed
}

// openEnc decrypts one <enc>; the caller holds h.mu.
func (h *handset) openEnc(in inbound, enc waBinary.Node) (*waE2E.Message, error) {
	ciphertext, _ := enc.Content.([]byte)
	kind, _ := enc.Attrs["type"].(string)
	var plain []byte
	var err error
	if kind == "skmsg" {
		plain, err = h.decryptGroup(in.to, in.from.lid, ciphertext)
	} else {
		plain, err = h.peer(in.from.lid).decrypt(kind, ciphertext)
	}
	if err != nil {
		return nil, err
	}
	m := new(waE2E.Message)
	if err := proto.Unmarshal(plain, m); err != nil {
		return nil, err
	}
	if key := m.GetSenderKeyDistributionMessage(); key != nil {
		err = h.learnSenderKey(in.to, in.from.lid, key.GetAxolotlSenderKeyDistributionMessage())
	}
	return m, err
}

// deliver shows a message to the person, tells the ledger and the sender.
func (h *handset) deliver(in inbound, m *waE2E.Message) {
	p := h.phone
	if p == in.from.phone {
		return // the copy of what one's own client has sent
	}
	seen := Message{
		ID: in.id, From: in.from.phone.shown(), Text: textOf(m), At: in.at,
		Expiration: expirationOf(m), Full: m,
	}
	if in.to.Server == types.GroupServer {
		seen.Group = in.to.String()
	}
	first := p.show(seen)
	if h.number == 0 {
		p.srv.ledger.recordCopy(in.reply(p), &seen)
	}
	if first && !p.quiet {
		in.from.tell(waBinary.Node{Tag: "receipt", Attrs: h.receiptAttrs(in)})
	}
}

func (in inbound) reply(to *Phone) Reply {
	r := Reply{To: to.pn.User, From: in.from.phone.pn.User, ID: in.id}
	if in.to.Server == types.GroupServer {
		r.Group = in.to.String()
	}
	return r
}

// receiptAttrs address a receipt from the handset to the sender of a message, in the terms of
// the address that the sender used.
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

// maxRetries is how often a phone asks again for one message.
const maxRetries = 5

// undecryptable asks the sender to encrypt again, from the second time on with
// keys for a new session.
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
	key := messageKey(n)
	key.class = "receipt"
	in.from.deliver(key, n)
}

// handleReceipt settles messages that a client has received, and passes its requests to
// encrypt again to the phone that sent them.
func (d *Device) handleReceipt(_ *conn, n *waBinary.Node) {
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
	ids := []string{key.id}
	list := n.GetChildByTag("list")
	for _, item := range list.GetChildrenByTag("item") {
		if id, ok := item.Attrs["id"].(string); ok {
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		key.id = id
		d.settle(key)
		if p != nil {
			d.srv.ledger.recordSettled(p.shown(), id, d.srv.now(), 0, kind == "retry")
		}
	}
	if p == nil || kind != "retry" {
		return
	}
	if h := p.handset(int(sender.Device)); h != nil {
		request := *n
		h.post(func() { h.encryptAgain(d, key.id, request) })
	}
}

// handleAck settles stanzas that a client acknowledges without a receipt.
func (d *Device) handleAck(n *waBinary.Node) {
	ag := n.AttrGetter()
	key := parcelKey{
		class: ag.OptionalString("class"), id: ag.OptionalString("id"),
		from: ag.OptionalJIDOrEmpty("to"), participant: ag.OptionalJIDOrEmpty("participant"),
	}
	d.settle(key)
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
	m.hand(d, waBinary.Node{Tag: "message", Attrs: m.groupAttrs(), Content: []waBinary.Node{enc}}, count)
	return nil
}
