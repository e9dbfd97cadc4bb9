package whatsapptest

import (
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
			attrs := waBinary.Attrs{"class": p.key.class, "id": p.key.id}
			if kind, ok := p.node.Attrs["type"]; ok {
				attrs["type"] = kind
			}
			_ = c.send(waBinary.Node{Tag: "stream:error", Content: []waBinary.Node{{Tag: "ack", Attrs: attrs}}})
			c.end()
		}
	})
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
