package whatsapptest

import (
	"strings"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// usync answers a client's question about users: their devices, LIDs and
// whether they exist (whatsmeow user.go). Users who are not on this server are
// left out.
func (d *Device) usync(request waBinary.Node) waBinary.Node {
	query, list := request.GetChildByTag("query"), request.GetChildByTag("list")
	var users []waBinary.Node
	for _, user := range list.GetChildrenByTag("user") {
		if jid, ok := user.Attrs["jid"].(types.JID); ok {
			if p := d.srv.phone(jid); p != nil {
				users = append(users, p.usync(d, query, jid))
			}
			continue
		}
		if asked, ok := user.GetChildByTag("contact").Content.([]byte); ok {
			users = append(users, d.contact(query, asked))
		}
	}
	protocols := make([]waBinary.Node, 0, len(query.GetChildren()))
	for _, asked := range query.GetChildren() {
		protocols = append(protocols, waBinary.Node{Tag: asked.Tag})
	}
	return waBinary.Node{Tag: "usync", Attrs: cloneAttrs(request.Attrs), Content: []waBinary.Node{
		{Tag: "result", Content: protocols}, {Tag: "list", Content: users},
	}}
}

// contact answers whether a number ("+15550100001@c.us") is on WhatsApp.
func (d *Device) contact(query waBinary.Node, asked []byte) waBinary.Node {
	jid := types.NewJID(contactNumber(asked), types.DefaultUserServer)
	contact := waBinary.Node{Tag: "contact", Attrs: waBinary.Attrs{"type": "out"}, Content: asked}
	p := d.srv.whoHas(jid.User)
	if p == nil {
		return waBinary.Node{Tag: "user", Attrs: waBinary.Attrs{"jid": jid}, Content: []waBinary.Node{contact}}
	}
	contact.Attrs["type"] = "in"
	// A client that wants the LID asks for it (whatsmeow user.go, IsOnWhatsApp).
	n := p.usync(d, query, p.pn())
	q := query.GetChildByTag("contact")
	if q.AttrGetter().OptionalString("addressing_mode") == "lid" && p.lookup != LookupNoLID {
		n = p.usync(d, query, p.lid)
		n.Attrs["pn_jid"] = p.pn()
	}
	n.Content = append(n.GetChildren(), contact)
	return n
}

// contactNumber returns the digits of a number in a question.
func contactNumber(asked []byte) string {
	number, _, _ := strings.Cut(strings.TrimPrefix(string(asked), "+"), "@")
	return number
}

// usync returns the phone's part of an answer, under the address in the
// question.
func (p *Phone) usync(d *Device, query waBinary.Node, asked types.JID) waBinary.Node {
	n := waBinary.Node{Tag: "user", Attrs: waBinary.Attrs{"jid": asked}}
	var content []waBinary.Node
	for _, what := range query.GetChildren() {
		switch what.Tag {
		case "devices":
			content = append(content, p.devicesFor(d, asked))
		case "username": // as Baileys reads it (USyncUsernameProtocol)
			if name := p.Username(); name != "" {
				content = append(content, waBinary.Node{Tag: "username", Content: name})
			}
		case "lid":
			if asked.Server == types.DefaultUserServer && p.lookup != LookupNoLID {
				content = append(content, waBinary.Node{Tag: "lid", Attrs: waBinary.Attrs{"val": p.lid}})
			}
		case "business":
			if p.business != "" {
				content = append(content, waBinary.Node{Tag: "business", Content: []waBinary.Node{verifiedName(p.business)}})
			}
		}
	}
	n.Content = content
	return n
}
