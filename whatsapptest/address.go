package whatsapptest

import (
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waCompanionReg"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// Addressing selects how a phone appears as the sender of its messages, also of
// those that its linked clients send.
type Addressing int

const (
	// LIDFirst names the sender by LID and adds the number (from=LID, sender_pn), as
	// nearly all messages are now (Baileys issue 2794).
	LIDFirst Addressing = iota
	// NumberFirst names the sender by number and adds the LID (from=number, sender_lid).
	NumberFirst
	// LIDOnly names the sender by LID and withholds the number everywhere, as for a person with a
	// username. A client can then learn the number only by Phone.RevealNumber, or by asking about the
	// right number.
	LIDOnly
	// NumberOnly names the sender by number without any LID, as an old server
	// does. See Lookup for whether a client that asks for the LID gets it.
	NumberOnly
)

func (a Addressing) flipped() Addressing {
	switch a {
	case NumberFirst, NumberOnly:
		return LIDFirst
	default:
		return NumberFirst
	}
}

// sender returns the attributes of a private message that name its sender.
func (a Addressing) sender(pn, lid types.JID) waBinary.Attrs {
	switch a {
	case NumberFirst:
		return waBinary.Attrs{"from": pn, "sender_lid": lid.ToNonAD()}
	case NumberOnly:
		return waBinary.Attrs{"from": pn}
	case LIDOnly:
		return waBinary.Attrs{"from": lid}
	default:
		return waBinary.Attrs{"from": lid, "sender_pn": pn.ToNonAD()}
	}
}

// Move is how far WhatsApp has moved an account's private chats from numbers to LIDs. It moves
// accounts one by one.
type Move int

const (
	// Moving accounts may use either form of address, and others may reach them by either.
	Moving Move = iota
	// NotMoved accounts may not address private messages to LIDs: their clients get 400 (whatsapp-rust
	// issue 941). A new client learns this from <client-props> (whatsapp-rust pull 943).
	NotMoved
	// Moved accounts cannot be reached by number: a client that tries gets 463 (OpenWA pull 717,
	// Baileys issue 2683).
	Moved
)

// Lookup is what a client learns when it asks WhatsApp about a number.
type Lookup int

const (
	// LookupAll answers with the LID and the devices.
	LookupAll Lookup = iota
	// LookupNoLID answers with the devices, and without a LID (whatsmeow issue 1041).
	LookupNoLID
	// LookupNoDevices answers with the LID and an empty list of devices (Baileys issue 2794). A
	// question about the LID gets the list.
	LookupNoDevices
)

// AddressForm is how a private message names its recipient.
type AddressForm int

const (
	// ByLID is …@lid.
	ByLID AddressForm = iota
	// ByNumber is …@s.whatsapp.net.
	ByNumber
)

// SetMove moves the account, or moves it back.
func (p *Phone) SetMove(m Move) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.move = m
}

// Refuse makes WhatsApp refuse, with that code, linked clients' private messages that address the
// phone in that form. For example, some accounts get 463 for LIDs (whatsapp-mcp-extended pull 67).
// Code 0 ends it.
func (p *Phone) Refuse(f AddressForm, code int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused[f] = code
}

// SetOutdated makes WhatsApp tell clients that write to the phone that they hold an outdated LID of
// it (<ack refresh_lid="true">, whatsapp-rust issue 1313).
func (p *Phone) SetOutdated(on bool) { p.outdated.Store(on) }

// recipientNames returns the other name of a private message's recipient, which copies for the
// sender's own clients have.
func (p *Phone) recipientNames(to types.JID) waBinary.Attrs {
	other := p.srv.phone(to)
	switch {
	case other == nil || other.hidesFrom(p) || other.addressing == NumberOnly:
		return nil
	case to.Server == types.HiddenUserServer:
		return waBinary.Attrs{"peer_recipient_pn": other.pn()}
	}
	return waBinary.Attrs{"peer_recipient_lid": other.lid}
}

// refusal returns the code with which WhatsApp refuses a client's private message because of the form
// of its addresses or a missing token, or 0.
func (d *Device) refusal(n *waBinary.Node, to types.JID) int {
	p := d.srv.phone(to)
	if p == nil || p == d.phone {
		return 0
	}
	participants := n.GetChildByTag("participants")
	for _, child := range participants.GetChildren() {
		if jid, ok := child.Attrs["jid"].(types.JID); ok && jid.Server != to.Server {
			return 400 // mixed forms (whatsapp-rust issue 730)
		}
	}
	f := ByNumber
	if to.Server == types.HiddenUserServer {
		f = ByLID
	}
	code := max(d.phone.refusesAsSender(f), p.refusesAsRecipient(f))
	if code == 0 && d.srv.tokenRule() == TokensRequired && !isRetry(n) && !d.trusted(n, p) {
		code = 463
	}
	return code
}

func (p *Phone) refusesAsSender(f AddressForm) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.move == NotMoved && f == ByLID {
		return 400
	}
	return 0
}

func (p *Phone) refusesAsRecipient(f AddressForm) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.move == Moved && f == ByNumber {
		return 463
	}
	return p.refused[f]
}

// clientProps tells a new client whether its account has moved (whatsmeow pair.go). It is unknown what
// else real servers put there.
func (p *Phone) clientProps() (waBinary.Node, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	props, err := proto.Marshal(&waCompanionReg.ClientPairingProps{IsChatDbLidMigrated: proto.Bool(p.move != NotMoved)})
	return waBinary.Node{Tag: "client-props", Content: props}, err
}
