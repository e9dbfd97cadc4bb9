package whatsapptest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// Outgoing is a message that a phone sends.
type Outgoing struct {
	// To is a number in digits, "<lid>@lid", a group's id ("…@g.us"), or
	// "status@broadcast" for a status, which every linked client gets.
	To string
	// Text is sent as plain text when Message is nil.
	Text string
	// Message is any message; see ExtendedText, ImageCaption, Edit and others.
	Message *waE2E.Message
	// ID is the message id. If empty, one is generated. Phones choose their ids, so two phones may use
	// the same.
	ID string
	// At is the time stamped on the message, up to 14 days back. Zero means now.
	At time.Time
	// Companion sends from that device of the phone (AddCompanion). Zero is the phone itself.
	Companion int
	// Garbled makes the first ciphertext unreadable for every client. The message
	// gets through when the client asks for it again.
	Garbled bool
	// Unavailable gives linked clients no ciphertext but <unavailable/>, as WhatsApp does now and
	// then. They must ask their own phone for the message.
	Unavailable bool
	// Withheld is Unavailable with a reason why no linked client ever gets the message, not even from
	// its own phone.
	Withheld Withheld
}

// Withheld is why linked clients do not get a message.
type Withheld int

const (
	// NotWithheld lets linked clients have the message.
	NotWithheld Withheld = iota
	// ViewOnce is a picture that can be viewed once, on the phone (whatsmeow issue 705).
	ViewOnce
	// Hosted is a message of a business whose clients WhatsApp itself runs (whatsapp-rust
	// src/message/receive.rs, zapo pull 185).
	Hosted
)

// Resending selects how Phone.Resend sends a message again.
type Resending int

const (
	// SameCiphertext delivers the stanza as it was, as the server does after a lost acknowledgement.
	SameCiphertext Resending = iota
	// Anew encrypts the message again under the same id, as a phone does when it is unsure.
	Anew
	// Flipped is Anew with the other form of the sender's name: by LID if it was by number, and the
	// other way round.
	Flipped
)

// sentMessage is what a phone remembers for retries and redeliveries.
type sentMessage struct {
	id      string
	to      types.JID
	from    *handset
	message *waE2E.Message
	plain   []byte
	at      time.Time
	garbled bool
	absent  bool // clients get <unavailable/> first
	secret  Withheld
	peer    bool // between the phone's machinery and its own client

	mu    sync.Mutex
	nodes map[*Device]waBinary.Node // the last stanza for each client
}

// rememberedMessages bounds how many messages a phone can still resend.
const rememberedMessages = 2048

// Send sends a text to a number (digits), LID or group and returns the message id.
func (p *Phone) Send(ctx context.Context, to, text string) (id string, err error) {
	return p.SendMessage(ctx, Outgoing{To: to, Text: text})
}

// SendMessage sends m and returns its id. It returns when the message is on its
// way to each connected client or in its queue. It fails if the addressee does
// not exist or the phone is not in the group.
func (p *Phone) SendMessage(ctx context.Context, m Outgoing) (id string, err error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	to, err := parseAddress(m.To)
	if err != nil {
		return "", err
	}
	from := p.handset(m.Companion)
	if from == nil {
		return "", errors.New("phone has no such companion")
	}
	if m.Companion == 0 && !p.Online() {
		return "", errOffline
	}
	if m.Message == nil {
		m.Message = TextMessage(m.Text)
	}
	if m.At.IsZero() {
		m.At = p.srv.now()
	}
	if m.ID == "" {
		m.ID = newMessageID()
	}
	plain, err := proto.Marshal(m.Message)
	if err != nil {
		return "", fmt.Errorf("encode message: %w", err)
	}
	out := &sentMessage{
		id: m.ID, to: to, from: from, message: m.Message, plain: plain, at: m.At, garbled: m.Garbled,
		absent: m.Unavailable || m.Withheld != NotWithheld, secret: m.Withheld,
	}
	readers, err := p.srv.audience(p, to)
	if err != nil {
		return "", err
	}
	p.remember(out)
	p.srv.ledger.recordSent(Sent{ID: m.ID, From: p.shown(), To: m.To, Text: textOf(m.Message), At: m.At})
	for _, reader := range readers {
		if reader != p {
			reader.parts[0].whenOnline(func() { reader.takes(p, out) })
		}
	}
	err = out.dispatch(readers, p.addressing)
	p.giveTokenIfDue(to)
	return m.ID, err
}

// Resend sends a message again to every linked client that got it. The message
// must be among the phone's last 2048.
func (p *Phone) Resend(ctx context.Context, id string, how Resending) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	out := p.recall(id)
	if out == nil {
		return errors.New("phone sent no such message, or too long ago")
	}
	if how == SameCiphertext {
		out.mu.Lock()
		nodes := maps.Clone(out.nodes)
		out.mu.Unlock()
		for d, n := range nodes {
			d.deliver(messageKey(n), n)
		}
		return nil
	}
	readers, err := p.srv.audience(p, out.to)
	if err != nil {
		return err
	}
	addressing := p.addressing
	if how == Flipped {
		addressing = addressing.flipped()
	}
	return out.dispatch(readers, addressing)
}

// audience returns the phones that receive a message, including the sender.
func (s *Server) audience(from *Phone, to types.JID) ([]*Phone, error) {
	switch to.Server {
	case types.GroupServer:
		g := s.group(to)
		if g == nil || !slices.Contains(g.Members(), from) {
			return nil, errors.New("no such group, or the phone is not in it")
		}
		return g.Members(), nil
	case types.BroadcastServer:
		return slices.DeleteFunc(s.Phones(), func(p *Phone) bool { return p != from && len(p.Devices()) == 0 }), nil
	}
	p := s.phone(to)
	switch p {
	case nil:
		return nil, errors.New("addressee is not on this server")
	case from:
		return []*Phone{p}, nil
	}
	return []*Phone{p, from}, nil
}

// dispatch encrypts the message for every linked client of the readers.
func (m *sentMessage) dispatch(readers []*Phone, addressing Addressing) error {
	h := m.from
	h.mu.Lock() // held while delivering: a sender's messages arrive in their order
	defer h.mu.Unlock()
	if m.to.Server == types.GroupServer || m.to.Server == types.BroadcastServer {
		return m.dispatchGroup(readers)
	}
	var failed error
	for _, reader := range readers {
		for _, d := range reader.Devices() {
			if err := m.dispatchTo(d, addressing, 0); err != nil {
				failed = errors.Join(failed, fmt.Errorf("to linked device %d: %w", d.Number(), err))
			}
		}
	}
	return failed
}

// dispatchTo encrypts a private message for one client; the caller holds h.mu.
func (m *sentMessage) dispatchTo(d *Device, addressing Addressing, retry int) error {
	plain := m.plain
	attrs := m.attrs(d, addressing)
	if m.absent && retry == 0 {
		m.hand(d, waBinary.Node{Tag: "message", Attrs: attrs, Content: m.unavailable()}, retry)
		return nil
	}
	if d.phone == m.from.phone && !m.peer { // a copy for the sender's own client
		var err error
		if plain, err = m.copyForOwnDevice(); err != nil {
			return err
		}
	}
	enc, err := m.from.encryptFor(d, plain, m.encAttrs(retry))
	if err != nil {
		return err
	}
	m.hand(d, waBinary.Node{Tag: "message", Attrs: attrs, Content: m.content(enc)}, retry)
	return nil
}

func (m *sentMessage) copyForOwnDevice() ([]byte, error) {
	return proto.Marshal(&waE2E.Message{DeviceSentMessage: &waE2E.DeviceSentMessage{
		DestinationJID: proto.String(m.to.String()), Message: m.message,
	}})
}

// hand delivers a finished stanza and keeps it for redelivery.
func (m *sentMessage) hand(d *Device, n waBinary.Node, retry int) {
	if m.garbled && retry == 0 {
		garble(n)
	}
	m.mu.Lock()
	if m.nodes == nil {
		m.nodes = make(map[*Device]waBinary.Node)
	}
	m.nodes[d] = n
	m.mu.Unlock()
	d.deliver(messageKey(n), n)
}

func (m *sentMessage) encAttrs(retry int) waBinary.Attrs {
	attrs := waBinary.Attrs{"v": "2"}
	kind, media := stanzaType(m.message)
	if media != "" {
		attrs["mediatype"] = media
	}
	if kind == "reaction" || editAttribute(m.message) != "" || m.message.GetPollUpdateMessage() != nil {
		attrs["decrypt-fail"] = "hide" // nothing is shown in place of one that cannot be read (whatsmeow send.go)
	}
	if retry > 0 {
		attrs["count"] = retry
	}
	return attrs
}

// attrs returns the attributes of the stanza for d (whatsmeow message.go,
// parseMessageSource).
func (m *sentMessage) attrs(d *Device, addressing Addressing) waBinary.Attrs {
	h := m.from
	attrs := m.commonAttrs()
	if edit := editAttribute(m.message); edit != "" {
		attrs["edit"] = edit
	}
	switch {
	case m.peer:
		attrs["from"], attrs["category"], attrs["type"] = h.pn(), "peer", "peer_msg"
		return attrs
	case d.phone == h.phone:
		attrs["from"], attrs["recipient"] = h.pn(), m.to
		maps.Copy(attrs, h.phone.recipientNames(m.to))
		return attrs
	}
	maps.Copy(attrs, h.phone.toward(d.phone, addressing).sender(h.pn(), h.lid()))
	return attrs
}

// encryptFor encrypts for one linked client, starting a session if there is
// none; the caller holds h.mu.
func (h *handset) encryptFor(d *Device, plain []byte, attrs waBinary.Attrs) (waBinary.Node, error) {
	p := h.peer(d.lid)
	if p.session == nil {
		if err := p.renew(d.bundle(), d.jid.Device); err != nil {
			return waBinary.Node{}, err
		}
	}
	ciphertext, first, err := p.encrypt(plain)
	if err != nil {
		return waBinary.Node{}, err
	}
	attrs["type"] = "msg"
	if first {
		attrs["type"] = "pkmsg"
	}
	return waBinary.Node{Tag: "enc", Attrs: attrs, Content: ciphertext}, nil
}

// asSeen returns the message as another simulated phone shows it. Simulated phones do not encrypt for
// each other.
func (m *sentMessage) asSeen(from *Phone) Message {
	seen := Message{
		ID: m.id, From: from.shown(), Text: textOf(m.message), At: m.at,
		Expiration: expirationOf(m.message), Full: m.message,
	}
	if m.to.Server == types.GroupServer {
		seen.Group = m.to.String()
	}
	return seen
}

// takes shows a message of another simulated phone, or what the message does to an earlier one.
func (p *Phone) takes(from *Phone, m *sentMessage) {
	if id := revokedID(m.message); id != "" {
		p.revoked(seenKey{from.shown(), id})
	} else if isShown(m.message) {
		p.show(m.asSeen(from))
	}
}

func (p *Phone) remember(m *sentMessage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sent[m.id] == nil {
		p.order = append(p.order, m.id)
	}
	p.sent[m.id] = m
	if len(p.order) > rememberedMessages {
		delete(p.sent, p.order[0])
		p.order = p.order[1:]
	}
}

func (p *Phone) recall(id string) *sentMessage {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent[id]
}

// messageKey returns how the client's receipt will name the stanza.
func messageKey(n waBinary.Node) parcelKey {
	key := parcelKey{class: "message"}
	key.id, _ = n.Attrs["id"].(string)
	key.from, _ = n.Attrs["from"].(types.JID)
	key.participant, _ = n.Attrs["participant"].(types.JID)
	return key
}

// garbled returns a copy of a stanza with spoilt ciphertexts.
func garbled(n waBinary.Node) waBinary.Node {
	content := slices.Clone(n.GetChildren())
	for i, child := range content {
		if c, ok := child.Content.([]byte); ok {
			content[i].Content = slices.Clone(c)
		}
	}
	n.Content = content
	garble(n)
	return n
}

// garble spoils the authentication code at the end of each ciphertext.
func garble(n waBinary.Node) {
	for _, enc := range n.GetChildrenByTag("enc") {
		if c, ok := enc.Content.([]byte); ok && len(c) > 0 {
			c[len(c)-1] ^= 0xFF
		}
	}
}

// newMessageID generates an id like a phone's: 32 hexadecimal digits.
func newMessageID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return strings.ToUpper(hex.EncodeToString(b[:]))
}
