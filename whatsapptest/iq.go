package whatsapptest

import (
	"crypto/sha1"
	"encoding/binary"
	"strings"

	"go.mau.fi/libsignal/ecc"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"
)

// handleIQ answers a request. It refuses an unknown one with 501, because
// whatsmeow would wait 75 seconds for an answer that does not come.
func (c *conn) handleIQ(n *waBinary.Node) {
	ag := n.AttrGetter()
	switch ag.OptionalString("type") {
	case "result", "error":
		if c.reg != nil {
			c.reg.answered(n)
		}
		return
	}
	first := ""
	if children := n.GetChildren(); len(children) > 0 {
		first = children[0].Tag
	}
	space := ag.OptionalString("xmlns")
	what := strings.TrimSpace(space + " " + first)
	if c.answerCommon(n, what) {
		return
	}
	if c.reg != nil && what == "md link_code_companion_reg" {
		c.reg.handleCodePairing(c, n)
		return
	}
	if c.dev != nil && c.dev.answerIQ(c, n, what) {
		return
	}
	c.srv.countUnknown(what)
	c.refuse(n, 501, "feature-not-implemented")
}

// answerCommon answers requests that need no account.
func (c *conn) answerCommon(n *waBinary.Node, what string) bool {
	switch what {
	case "w:p", "w:p ping", "urn:xmpp:ping", "w:stats":
		c.answer(n)
	case "privacy privacy":
		c.answer(n, privacySettings())
	case "blocklist":
		c.answer(n, waBinary.Node{Tag: "list", Attrs: waBinary.Attrs{"dhash": "none"}})
	case "abt props":
		c.answer(n, waBinary.Node{Tag: "props", Attrs: waBinary.Attrs{
			"protocol": "1", "ab_key": "loopback", "hash": "loopback", "refresh": 86400,
		}})
	case "w:push config", "w props", "w:biz business_profile", "tos request":
		c.answer(n)
	default:
		return false
	}
	return true
}

func privacySettings() waBinary.Node {
	names := []string{"groupadd", "last", "status", "profile", "readreceipts", "calladd", "online"}
	categories := make([]waBinary.Node, len(names))
	for i, name := range names {
		categories[i] = waBinary.Node{Tag: "category", Attrs: waBinary.Attrs{"name": name, "value": "all"}}
	}
	return waBinary.Node{Tag: "privacy", Content: categories}
}

// answerIQ answers a linked client.
func (d *Device) answerIQ(c *conn, n *waBinary.Node, what string) bool {
	switch what {
	case "passive active":
		c.answer(n)
		d.activate(c)
	case "urn:xmpp:whatsapp:dirty clean":
		d.clean(n)
		c.answer(n)
	case "passive passive":
		c.answer(n)
	case "privacy tokens":
		c.answer(n)
		d.giveTokens(n.GetChildByTag("tokens"))
	case "encrypt count":
		d.mu.Lock()
		left := len(d.oneTime)
		d.mu.Unlock()
		c.answer(n, waBinary.Node{Tag: "count", Attrs: waBinary.Attrs{"value": left}})
	case "encrypt registration":
		d.takePreKeys(c, n)
	case "encrypt rotate":
		d.rotateSigned(c, n)
	case "encrypt digest":
		c.answer(n, d.digest())
	case "encrypt key":
		c.answer(n, d.srv.bundles(n.GetChildByTag("key")))
	case "usync usync":
		d.answerUsync(c, n)
	case "w:m media_conn":
		c.answer(n, d.mediaConn())
	case "w:sync:app:state sync":
		d.syncAppState(c, n)
	case "w:g2 query":
		d.groupInfo(c, n)
	case "w:g2 participating":
		c.answer(n, d.groups())
	case "w:profile:picture picture":
		c.refuse(n, 404, "item-not-found")
	case "md remove-companion-device":
		d.unlink() // before the answer: a client that reads it may look at the list
		c.answer(n)
	default:
		return false
	}
	return true
}

func (c *conn) answer(n *waBinary.Node, content ...waBinary.Node) {
	a := waBinary.Node{Tag: "iq", Attrs: answerAttrs(n, "result")}
	if len(content) > 0 {
		a.Content = content
	}
	_ = c.send(a) // a client that is gone asks again
}

func (c *conn) refuse(n *waBinary.Node, code int, text string) {
	_ = c.send(waBinary.Node{Tag: "iq", Attrs: answerAttrs(n, "error"), Content: []waBinary.Node{
		{Tag: "error", Attrs: waBinary.Attrs{"code": code, "text": text}},
	}})
}

func answerAttrs(n *waBinary.Node, kind string) waBinary.Attrs {
	attrs := waBinary.Attrs{"type": kind, "id": n.Attrs["id"], "from": types.ServerJID}
	if to, ok := n.Attrs["to"].(types.JID); ok {
		attrs["from"] = to
	}
	return attrs
}

// takePreKeys stores the keys that the client uploads (whatsmeow prekeys.go).
func (d *Device) takePreKeys(c *conn, n *waBinary.Node) {
	list := n.GetChildByTag("list")
	var once []*keys.PreKey
	for _, child := range list.GetChildren() {
		k, err := parsePreKey(child)
		if err != nil {
			c.refuse(n, 406, "not-acceptable")
			return
		}
		once = append(once, k)
	}
	signed, err := parsePreKey(n.GetChildByTag("skey"))
	registration, _ := n.GetChildByTag("registration").Content.([]byte)
	if err != nil || signed.Signature == nil || len(registration) != 4 {
		c.refuse(n, 406, "not-acceptable")
		return
	}
	d.mu.Lock()
	d.signed, d.registration = signed, binary.BigEndian.Uint32(registration)
	d.oneTime = append(d.oneTime, once...)
	d.mu.Unlock()
	c.answer(n)
}

func (d *Device) rotateSigned(c *conn, n *waBinary.Node) {
	signed, err := parsePreKey(n.GetChildByTag("rotate", "skey"))
	if err != nil || signed.Signature == nil {
		c.refuse(n, 406, "not-acceptable")
		return
	}
	d.mu.Lock()
	d.signed = signed
	d.mu.Unlock()
	c.answer(n)
}

// digest returns the client's keys that the server has, and the hash over them. WhatsApp Web compares
// that hash with its own (whatsapp-rust wacore/src/prekeys.rs, compute_key_bundle_digest).
func (d *Device) digest() waBinary.Node {
	d.mu.Lock()
	defer d.mu.Unlock()
	sum := sha1.New()
	sum.Write(concat(d.identity[:], d.signed.Pub[:], d.signed.Signature[:]))
	list := make([]waBinary.Node, len(d.oneTime))
	for i, k := range d.oneTime {
		list[i] = waBinary.Node{Tag: "id", Content: binary.BigEndian.AppendUint32(nil, k.KeyID)[1:]}
		sum.Write(k.Pub[:])
	}
	return waBinary.Node{Tag: "digest", Content: []waBinary.Node{
		{Tag: "registration", Content: binary.BigEndian.AppendUint32(nil, d.registration)},
		{Tag: "type", Content: []byte{ecc.DjbType}},
		{Tag: "identity", Content: d.identity[:]},
		preKeyNode("skey", d.signed),
		{Tag: "list", Content: list},
		{Tag: "hash", Content: sum.Sum(nil)},
	}}
}

// bundles answers a request for the keys of devices, simulated and linked.
func (s *Server) bundles(request waBinary.Node) waBinary.Node {
	var users []waBinary.Node
	for _, user := range request.GetChildren() {
		jid, ok := user.Attrs["jid"].(types.JID)
		if !ok {
			continue
		}
		answer := waBinary.Node{Tag: "user", Attrs: waBinary.Attrs{"jid": jid, "t": s.now().Unix()}}
		if content := s.bundleOf(jid); content != nil {
			answer.Content = content
		} else if s.phone(jid) != nil { // WhatsApp answers this for a removed device (whatsapp-rust, issue 468)
			answer.Content = []waBinary.Node{{Tag: "error", Attrs: waBinary.Attrs{"code": 406, "text": "not-acceptable"}}}
		} else {
			answer.Content = []waBinary.Node{{Tag: "error", Attrs: waBinary.Attrs{"code": 404, "text": "item-not-found"}}}
		}
		users = append(users, answer)
	}
	return waBinary.Node{Tag: "list", Content: users}
}

func (s *Server) bundleOf(jid types.JID) []waBinary.Node {
	p := s.phone(jid)
	if p == nil {
		return nil
	}
	if h := p.handset(int(jid.Device)); h != nil {
		return h.bundleNodes()
	}
	d := p.Device(int(jid.Device))
	if d == nil || d.removed.Load() {
		return nil
	}
	b := d.bundle()
	nodes := append([]waBinary.Node{
		{Tag: "registration", Content: binary.BigEndian.AppendUint32(nil, b.registration)},
	}, keyNodes(b.identity[:], b.signed, b.once)...)
	return append(nodes, waBinary.Node{Tag: "device-identity", Content: d.proof})
}

func (d *Device) groupInfo(c *conn, n *waBinary.Node) {
	to, _ := n.Attrs["to"].(types.JID)
	g := d.srv.group(to)
	if g == nil {
		c.refuse(n, 404, "item-not-found")
		return
	}
	for _, p := range g.Members() {
		if p == d.phone {
			c.answer(n, g.node(d.phone))
			return
		}
	}
	c.refuse(n, 403, "forbidden")
}

func (d *Device) groups() waBinary.Node {
	d.srv.mu.RLock()
	defer d.srv.mu.RUnlock()
	var nodes []waBinary.Node
	for _, g := range d.srv.groups {
		for _, p := range g.Members() {
			if p == d.phone {
				nodes = append(nodes, g.node(d.phone))
			}
		}
	}
	return waBinary.Node{Tag: "groups", Content: nodes}
}
