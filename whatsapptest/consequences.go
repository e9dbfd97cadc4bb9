package whatsapptest

import (
	"slices"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// expectAck ends the connection if the client has not acknowledged a stanza in
// time (Config.AckWithin). The stanza stays in the queue.
func (d *Device) expectAck(c *conn, p *parcel) {
	if d.srv.patience == 0 {
		return
	}
	d.srv.spawn(func() {
		select {
		case <-time.After(d.srv.patience):
		case <-c.ctx.Done():
			return
		}
		d.mu.Lock()
		late := d.conn == c && d.queue[p.key] == p
		d.mu.Unlock()
		if late {
			c.endOwed(p.key.class, &p.node)
		}
	})
}

// endOwed ends the connection because an acknowledgement is missing: of n, or of what n names wrongly.
func (c *conn) endOwed(class string, n *waBinary.Node) {
	attrs := waBinary.Attrs{"class": class, "id": n.Attrs["id"]}
	if kind, ok := n.Attrs["type"]; ok {
		attrs["type"] = kind
	}
	_ = c.send(waBinary.Node{Tag: "stream:error", Content: []waBinary.Node{{Tag: "ack", Attrs: attrs}}})
	c.end()
}

// malformed ends the connection after a stanza that does not exist.
func (c *conn) malformed() {
	if c.srv.lenient {
		return
	}
	_ = c.send(waBinary.Node{Tag: "stream:error", Content: []waBinary.Node{{Tag: "xml-not-well-formed"}}})
	c.end()
}

// rememberedParcels bounds the number of stanzas whose names are remembered.
const rememberedParcels = 4096

// expectNames remembers how the client must name a stanza. The caller holds d.mu.
func (d *Device) expectNames(p *parcel) {
	if d.named == nil || len(d.named) >= rememberedParcels {
		d.named = make(map[string][]*parcel)
	}
	name := p.key.class + " " + p.key.id
	d.named[name] = append(d.named[name], p)
}

// messageReceipts are the types of receipts that acknowledge a message, and therefore name its sender
// with the device. Others are about a chat.
var messageReceipts = []string{"", "inactive", "sender", "peer_msg", "retry"}

// misnames reports whether an acknowledgement or receipt names a stanza that the client got, but not as
// the server named it.
func (d *Device) misnames(n *waBinary.Node) bool {
	ag := n.AttrGetter()
	class, kind := ag.OptionalString("class"), ag.OptionalString("type")
	if n.Tag == "receipt" {
		if class = "message"; !slices.Contains(messageReceipts, kind) {
			return false
		}
	}
	d.mu.Lock()
	named := slices.Clone(d.named[class+" "+ag.OptionalString("id")])
	d.mu.Unlock()
	return !d.srv.lenient && len(named) > 0 && !slices.ContainsFunc(named, func(p *parcel) bool {
		theirs := p.node.AttrGetter()
		same := p.key.from == ag.OptionalJIDOrEmpty("to") && p.key.participant == ag.OptionalJIDOrEmpty("participant")
		if n.Tag == "receipt" {
			return same
		}
		return same && theirs.OptionalJIDOrEmpty("recipient") == ag.OptionalJIDOrEmpty("recipient") &&
			(class == "message" || theirs.OptionalString("type") == kind)
	})
}

// hold keeps a refused message in the queue (Config.HoldRefused) and reports whether it does.
func (d *Device) hold(key parcelKey) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.queue[key]
	if !d.srv.holds || p == nil {
		return false
	}
	p.refused = true
	return true
}

// codeMalformed refuses a stanza that WhatsApp's own clients would never send.
const codeMalformed = 479

// malformed reports whether a linked client's message lacks something that its readers need. Each
// <enc> needs a ciphertext. A message that begins a session also needs the account's signature on the
// client's keys.
func malformed(n *waBinary.Node) bool {
	encs := n.GetChildrenByTag("enc")
	participants := n.GetChildByTag("participants")
	for _, to := range participants.GetChildren() {
		encs = append(encs, to.GetChildrenByTag("enc")...)
	}
	for _, enc := range encs {
		ciphertext, _ := enc.Content.([]byte)
		if len(ciphertext) == 0 {
			return true
		}
		if _, signed := n.GetOptionalChildByTag("device-identity"); enc.Attrs["type"] == "pkmsg" && !signed {
			return true
		}
	}
	return false
}
