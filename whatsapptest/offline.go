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
		"notification": kinds["notification"], "receipt": kinds["receipt"],
	}}))
	count := d.srv.primer
	if count == 0 {
		count = len(waiting)
	}
	d.offer(c, count)
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
	waiting := slices.DeleteFunc(d.waiting(), func(p *parcel) bool { return p.position <= d.offered })
	for _, p := range waiting[:min(max(count, 0), len(waiting))] {
		n := p.node
		n.Attrs = cloneAttrs(n.Attrs)
		n.Attrs["offline"] = min(d.given, 9)
		_ = c.send(n)
		d.expectAck(c, p)
		d.offered = p.position
		d.given++
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

// waiting returns the queue, oldest first. The caller holds d.mu.
func (d *Device) waiting() []*parcel {
	waiting := make([]*parcel, 0, len(d.queue))
	for _, p := range d.queue {
		waiting = append(waiting, p)
	}
	slices.SortFunc(waiting, func(a, b *parcel) int { return cmp.Compare(a.position, b.position) })
	return waiting
}
