package whatsapptest

import (
	"cmp"
	"slices"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// activate tells a logged-in client what waits for it and sends it. If the client has to ask for the
// rest (Config.Primer), activate sends only the first part.
func (d *Device) activate(c *conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn != c || d.active {
		return
	}
	d.offered, d.given = 0, 0
	waiting := d.waiting()
	kinds := make(map[string]int)
	for _, p := range waiting {
		kinds[p.key.class]++
	}
	_ = c.send(ib(waBinary.Node{Tag: "offline_preview", Attrs: waBinary.Attrs{
		"count": len(waiting), "message": kinds["message"], "appdata": 0,
		"notification": kinds["notification"], "receipt": kinds["receipt"], "call": 0, "status": 0,
	}}))
	d.offer(c, d.srv.primerOf(len(waiting)))
}

// primerOf returns how many of the waiting stanzas come without being asked for.
func (s *Server) primerOf(waiting int) int {
	if s.primer == 0 {
		return waiting
	}
	return s.primer
}

// handleIB handles a client's <ib>. Only a request for more of its queue matters here.
func (d *Device) handleIB(c *conn, n *waBinary.Node) {
	batch, ok := n.GetOptionalChildByTag("offline_batch")
	if !ok {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn == c && !d.active {
		d.offer(c, batch.AttrGetter().OptionalInt("count"))
	}
}

// offer sends the next part of the queue, oldest first and marked as offline. After the last stanza,
// it reports the end and lets new stanzas through. The caller holds d.mu, which keeps new stanzas
// behind old ones.
func (d *Device) offer(c *conn, count int) {
	waiting := d.waiting()
	if held := slices.IndexFunc(waiting, func(p *parcel) bool { return p.refused }); held >= 0 {
		if d.given == 0 {
			d.give(c, waiting[held])
		}
		return // everything else is withheld
	}
	waiting = slices.DeleteFunc(waiting, func(p *parcel) bool { return p.position <= d.offered })
	for _, p := range waiting[:min(max(count, 0), len(waiting))] {
		d.give(c, p)
		d.offered = p.position
	}
	if count < len(waiting) {
		return
	}
	_ = c.send(ib(waBinary.Node{Tag: "offline", Attrs: waBinary.Attrs{"count": d.given}}))
	d.active = true
	d.announce()
	if !d.knowsKeys {
		h := d.phone.parts[0]
		h.post(func() { h.introduce(d) })
	}
}

// give sends one of the waiting stanzas. The caller holds d.mu.
func (d *Device) give(c *conn, p *parcel) {
	n := p.node
	n.Attrs = cloneAttrs(n.Attrs)
	n.Attrs["offline"] = min(d.given, 9)
	_ = c.send(n)
	d.expectAck(c, p)
	d.given++
}

// waiting returns the queue, oldest first. The caller holds d.mu.
func (d *Device) waiting() []*parcel {
	waiting := make([]*parcel, 0, len(d.queue))
	for _, p := range d.queue {
		waiting = append(waiting, p)
	}
	slices.SortFunc(waiting, func(a, b *parcel) int { return cmp.Compare(a.position, b.position) })
	return waiting
}
