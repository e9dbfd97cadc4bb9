package whatsapptest

import (
	"errors"
	"maps"
	"slices"
	"time"

	"go.mau.fi/libsignal/signalerror"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// inbound is the part of a client's message that is for one device.
type inbound struct {
	from *Device
	id   string
	to   types.JID // the chat, as the client named it
	peer bool      // between the client and its own phone's machinery
	at   time.Time
	encs []waBinary.Node // in the order to open them
}

// handleMessage accepts a client's message, answers it according to the rule and passes it on.
func (d *Device) handleMessage(c *conn, n *waBinary.Node) {
	ag := n.AttrGetter()
	id, to := ag.OptionalString("id"), ag.OptionalJIDOrEmpty("to")
	peer := ag.OptionalString("category") == "peer"
	rule := d.ackRule(to)
	if rule.Error == 0 && !d.srv.exists(to) {
		rule = AckRule{Error: 404}
	}
	if rule.Error == 0 && malformed(n) {
		rule.Error = codeMalformed
	}
	if rule.Error == 0 && !peer {
		rule.Error = d.refusal(n, to)
	}
	now := d.srv.now()
	d.srv.ledger.recordStanza(Stanza{
		Device: d.jid.String(), ID: id, To: to.String(), At: now, Error: rule.Error, Node: n,
		Peer: peer, Retry: isRetry(n),
	})
	if rule.Vanish {
		return
	}
	if !rule.Lose {
		d.acknowledge(c, id, to, now, rule)
	}
	if rule.Error == 0 {
		if p := d.srv.phone(to); p != nil && to.Server == types.DefaultUserServer {
			p.showNumber(d.phone)
		}
		d.route(n, inbound{from: d, id: id, to: to, at: now, peer: peer})
	}
}

// isRetry reports whether a message is for one device only, encrypted again.
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
	if p := d.srv.phone(to); p != nil && p.outdated.Load() {
		ack.Attrs["refresh_lid"] = "true"
	}
	if rule.Delay == 0 {
		_ = c.send(ack) // a client that is gone asks again
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

// participantHash returns the hash that a client computes over the devices for which it encrypted
// (whatsmeow send.go, participantListHashV2). If the server's hash differs, the client fetches the
// device list again. It is empty if the server sends none.
func (d *Device) participantHash(to types.JID) string {
	var list []types.JID
	add := func(p *Phone, address types.JID) { list = append(list, withDevices(address, p.deviceNumbers())...) }
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
			add(own, own.pn())
		}
	default:
		return ""
	}
	return deviceHash(list)
}

// route passes a message on. Simulated devices get ciphertext to open, and linked clients get a
// stanza.
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

// forwardGroup serves members' devices that already have the sender's key and so were not named one by
// one.
func (d *Device) forwardGroup(
	n *waBinary.Node, in inbound, g *Group, reached map[types.JID]bool, shared []waBinary.Node,
) {
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
		stanza.Content = slices.Concat(n.GetChildrenByTag("meta"), n.GetChildrenByTag("reporting"), encs,
			n.GetChildrenByTag("device-identity"))
		if other.garbles() {
			stanza = garbled(stanza)
		}
		other.wasCalled(to, in.id)
		other.deliver(messageKey(stanza), stanza)
	}
}

// forwarded returns the stanza by which another linked client gets the message.
func (d *Device) forwarded(n *waBinary.Node, in inbound, other *Device) waBinary.Node {
	attrs := waBinary.Attrs{"id": in.id, "t": in.at.Unix(), "type": n.Attrs["type"]}
	if edit := n.Attrs["edit"]; edit != nil {
		attrs["edit"] = edit
	}
	if name := d.pushName(); name != "" {
		attrs["notify"] = name
	}
	switch g := d.srv.group(in.to); {
	case g != nil && g.byLID:
		attrs["from"], attrs["participant"], attrs["addressing_mode"] = in.to, d.lid, g.mode()
		if !d.phone.hidesFrom(other.phone) {
			attrs["participant_pn"] = d.phone.pn()
		}
	case g != nil:
		attrs["from"], attrs["addressing_mode"] = in.to, g.mode()
		attrs["participant"], attrs["participant_lid"] = d.jid, d.phone.lid
	case other.phone == d.phone:
		attrs["from"], attrs["recipient"] = d.lid, in.to
		maps.Copy(attrs, d.phone.recipientNames(in.to))
	default:
		maps.Copy(attrs, d.phone.toward(other.phone, d.phone.addressing).sender(d.jid, d.lid))
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
		// The same ciphertext again. An old counter under a new id is different: the
		// sender has spoilt its session and used a key twice, and this message is
		// lost.
		if h.number == 0 {
			h.phone.srv.ledger.recordDuplicate(in.reply(h.phone))
		}
	case err != nil:
		h.undecryptable(in)
	}
}

// openAll decrypts the parts of a message and returns the visible content, if any.
func (h *handset) openAll(in inbound) (shown *waE2E.Message, failed error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, enc := range in.encs {
		m, err := h.openEnc(in, enc)
		switch {
		case err != nil:
			failed = err
		case isShown(m) || revokedID(m) != "" || in.peer:
			shown = m
		}
	}
	return shown, failed
}

// openEnc decrypts one <enc>; the caller holds h.mu.
func (h *handset) openEnc(in inbound, enc waBinary.Node) (m *waE2E.Message, err error) {
	defer func() {
		if recover() != nil { // libsignal panics on some damaged ciphertexts, such as one with an empty key
			m, err = nil, errors.New("ciphertext is damaged")
		}
	}()
	ciphertext, _ := enc.Content.([]byte)
	kind, _ := enc.Attrs["type"].(string)
	var plain []byte
	if kind == "skmsg" {
		plain, err = h.decryptGroup(in.to, in.from.lid, ciphertext)
	} else {
		plain, err = h.peer(in.from.lid).decrypt(kind, ciphertext)
	}
	if err != nil {
		return nil, err
	}
	m = new(waE2E.Message)
	if err := proto.Unmarshal(plain, m); err != nil {
		return nil, err
	}
	if key := m.GetSenderKeyDistributionMessage(); key != nil {
		err = h.learnSenderKey(in.to, in.from.lid, key.GetAxolotlSenderKeyDistributionMessage())
	}
	return m, err
}

// deliver shows a message to the person, and tells the ledger and the sender.
func (h *handset) deliver(in inbound, m *waE2E.Message) {
	p := h.phone
	if p == in.from.phone {
		return // a copy of what the account's own client has sent
	}
	if id := revokedID(m); id != "" {
		p.revoked(seenKey{in.from.phone.shown(), id})
		return
	}
	seen := Message{
		ID: in.id, From: in.from.phone.shown(), Text: textOf(m), At: in.at,
		Expiration: expirationOf(m), Full: m,
	}
	if in.to.Server == types.GroupServer {
		seen.Group = in.to.String()
	}
	if h.number == 0 { // recorded before it is shown: a test that waits for it may look at the ledger
		p.srv.ledger.recordCopy(in.reply(p), &seen)
	}
	if first := p.show(seen); first && !p.quiet {
		in.from.queueReceipt(waBinary.Node{Tag: "receipt", Attrs: h.receiptAttrs(in)})
	}
}

func (in inbound) reply(to *Phone) Reply {
	r := Reply{To: to.pn().User, From: in.from.phone.pn().User, ID: in.id}
	if in.to.Server == types.GroupServer {
		r.Group = in.to.String()
	}
	return r
}
