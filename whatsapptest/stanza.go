package whatsapptest

import (
	"slices"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waVnameCert"
	"google.golang.org/protobuf/proto"
)

// commonAttrs returns the attributes that every message of a phone has.
func (m *sentMessage) commonAttrs() waBinary.Attrs {
	p := m.from.phone
	kind, _ := stanzaType(m.message)
	attrs := waBinary.Attrs{"id": m.id, "type": kind, "t": m.at.Unix()}
	if name := p.Name(); name != "" {
		attrs["notify"] = name
	}
	if p.business != "" { // as in a capture (Cobalt issue 543)
		attrs["verified_name"], attrs["verified_level"] = verifiedSerial, "unknown"
	}
	return attrs
}

// content returns what a message contains besides its ciphertexts, in the order of the captures: the
// reporting token is in front of the last ciphertext. The caller holds the sender's h.mu.
func (m *sentMessage) content(encs ...waBinary.Node) []waBinary.Node {
	if m.peer {
		return encs
	}
	var content []waBinary.Node
	if name := m.from.phone.business; name != "" {
		content = append(content, verifiedName(name))
	}
	switch {
	case pollOf(unwrap(m.message)) != nil:
		content = append(content, waBinary.Node{Tag: "meta", Attrs: waBinary.Attrs{"polltype": "creation"}})
	case m.message.GetPollUpdateMessage() != nil:
		content = append(content, waBinary.Node{Tag: "meta", Attrs: waBinary.Attrs{"polltype": "vote"}})
	}
	last := len(encs) - 1
	content = append(content, encs[:last]...)
	content = append(content, reporting(), encs[last])
	if slices.ContainsFunc(encs, func(enc waBinary.Node) bool { return enc.Attrs["type"] == "pkmsg" }) {
		content = append(content, m.from.proof()...)
	}
	return content
}

// reporting returns what a client passes on when its user reports a message. Nobody can check it
// without the message's secret, so it is random here.
func reporting() waBinary.Node {
	return waBinary.Node{Tag: "reporting", Content: []waBinary.Node{
		{Tag: "reporting_tag", Content: randomBytes(20)},
		{Tag: "reporting_token", Attrs: waBinary.Attrs{"v": "2"}, Content: randomBytes(16)},
	}}
}

// unavailable replaces ciphertexts that the sender has not made, that WhatsApp has not kept, or that
// linked clients do not get. Captures of the first two show no type.
func (m *sentMessage) unavailable() []waBinary.Node {
	n := waBinary.Node{Tag: "unavailable"}
	switch m.secret {
	case ViewOnce:
		n.Attrs = waBinary.Attrs{"type": "view_once"}
	case Hosted:
		n.Attrs = waBinary.Attrs{"hosted": "true"}
	}
	return []waBinary.Node{n}
}

// verifiedSerial is the serial number of a business's certificate.
const verifiedSerial = 7320

// verifiedName returns a business's certificate. Clients read the name and do not check the signature.
func verifiedName(name string) waBinary.Node {
	details, err := proto.Marshal(&waVnameCert.VerifiedNameCertificate_Details{
		Serial: proto.Uint64(verifiedSerial), Issuer: proto.String("smb:wa"), VerifiedName: proto.String(name),
	})
	n := waBinary.Node{Tag: "verified_name", Attrs: waBinary.Attrs{"v": "1"}}
	if err == nil {
		n.Content, _ = proto.Marshal(&waVnameCert.VerifiedNameCertificate{Details: details, Signature: randomBytes(64)})
	}
	return n
}

// biz is the part of a pairing that only business accounts have.
func (p *Phone) biz() []waBinary.Node {
	if p.business == "" {
		return nil
	}
	return []waBinary.Node{{Tag: "biz", Attrs: waBinary.Attrs{"name": p.business}}}
}
