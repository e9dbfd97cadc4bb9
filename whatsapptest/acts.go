package whatsapptest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"google.golang.org/protobuf/proto"
)

var (
	errOffline   = errors.New("phone is offline; it must go online first")
	errNoMessage = errors.New("phone has neither shown nor sent a message with this id")
)

// GoOffline takes the phone itself, not its companions, off the network. What clients send to it
// waits, without delivery receipts, and its own sends fail. Nothing of this survives the server.
func (p *Phone) GoOffline() { p.setOffline(true) }

// GoOnline brings the phone back. It then takes what has waited, in order.
func (p *Phone) GoOnline() { p.setOffline(false) }

func (p *Phone) setOffline(offline bool) {
	p.mu.Lock()
	p.offline = offline
	h := p.parts[0]
	p.mu.Unlock()
	h.setAway(offline)
}

// Online reports whether the phone is on the network.
func (p *Phone) Online() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.offline
}

// Rename changes the push name that goes with the phone's messages from now on.
func (p *Phone) Rename(name string) { p.name.Store(&name) }

// Read marks the message with that id as read. The sender's linked clients get a read receipt.
func (p *Phone) Read(ctx context.Context, id string) error {
	m, from, err := p.received(ctx, id)
	if err != nil {
		return err
	}
	in := inbound{id: id, to: p.lid}
	if p.namesByNumber(from) {
		in.to = p.pn()
	}
	if m.Group != "" {
		if in.to, err = types.ParseJID(m.Group); err != nil {
			return err
		}
	}
	for _, d := range from.Devices() {
		in.from = d
		n := waBinary.Node{Tag: "receipt", Attrs: p.parts[0].receiptAttrs(in)}
		n.Attrs["type"] = "read"
		d.queueReceipt(n)
	}
	return nil
}

// received returns a message that the phone has shown, and its sender.
func (p *Phone) received(ctx context.Context, id string) (Message, *Phone, error) {
	if err := ctx.Err(); err != nil {
		return Message{}, nil, err
	}
	if !p.Online() {
		return Message{}, nil, errOffline
	}
	m, ok := p.shownWith(id)
	if !ok {
		return m, nil, errNoMessage
	}
	from, ok := p.srv.Phone(m.From)
	if !ok {
		return m, nil, errNoMessage
	}
	return m, from, nil
}

// Typing is what a person is seen to do in a chat.
type Typing int

const (
	// Composing types a text.
	Composing Typing = iota
	// Recording records a voice message.
	Recording
	// Paused has stopped doing so.
	Paused
)

// Type shows in the chat with a number (digits), LID or group that the person is typing. Clients that
// are away never learn of it.
func (p *Phone) Type(ctx context.Context, to string, what Typing) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !p.Online() {
		return errOffline
	}
	chat, err := parseAddress(to)
	if err != nil {
		return err
	}
	readers, err := p.srv.audience(p, chat)
	if err != nil {
		return err
	}
	child := waBinary.Node{Tag: "composing"}
	switch what {
	case Recording:
		child.Attrs = waBinary.Attrs{"media": "audio"}
	case Paused:
		child.Tag = "paused"
	}
	for _, reader := range readers {
		if reader == p {
			continue
		}
		attrs := p.toward(reader, p.addressing).sender(p.pn(), p.lid)
		if g := p.srv.group(chat); g != nil {
			attrs = waBinary.Attrs{"from": chat, "participant": g.address(p)}
		}
		for _, d := range reader.Devices() {
			d.tell(waBinary.Node{Tag: "chatstate", Attrs: attrs, Content: []waBinary.Node{child}})
		}
	}
	return nil
}

// Revoke deletes the phone's own message with that id for everybody. It returns the id of the message
// that does so. The message must be among the phone's last 2048.
func (p *Phone) Revoke(ctx context.Context, id string) (string, error) {
	return p.change(ctx, id, &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
		Key:  &waCommon.MessageKey{ID: proto.String(id), FromMe: proto.Bool(true)},
		Type: waE2E.ProtocolMessage_REVOKE.Enum(),
	}})
}

// Edit replaces the text of the phone's own message with that id, and returns the id of the message
// that does so. The message must be among the phone's last 2048.
func (p *Phone) Edit(ctx context.Context, id, text string) (string, error) {
	return p.change(ctx, id, Edit(id, text))
}

// change sends a message about one of the phone's own, to the same chat.
func (p *Phone) change(ctx context.Context, id string, how *waE2E.Message) (string, error) {
	m := p.recall(id)
	if m == nil {
		return "", errors.New("phone sent no message with this id, or too long ago")
	}
	if key := unwrap(how).GetProtocolMessage().GetKey(); key != nil {
		key.RemoteJID = proto.String(m.to.String())
	}
	return p.SendMessage(ctx, Outgoing{To: m.to.String(), Message: how, Companion: int(m.from.number)})
}

// React puts an emoji on the message with that id, which the phone has shown or sent, and returns the
// id of the message that does so. An empty emoji takes it away.
func (p *Phone) React(ctx context.Context, id, emoji string) (string, error) {
	to, key, err := p.chatOf(id)
	if err != nil {
		return "", err
	}
	return p.SendMessage(ctx, Outgoing{To: to, Message: &waE2E.Message{ReactionMessage: &waE2E.ReactionMessage{
		Key: key, Text: proto.String(emoji), SenderTimestampMS: proto.Int64(p.srv.now().UnixMilli()),
	}}})
}

// chatOf returns the chat that a message with that id is in, and how the phone names the message.
func (p *Phone) chatOf(id string) (to string, key *waCommon.MessageKey, err error) {
	key = &waCommon.MessageKey{ID: proto.String(id)}
	if own := p.recall(id); own != nil && !own.peer {
		to = own.to.String()
		key.RemoteJID, key.FromMe = &to, proto.Bool(true)
		return to, key, nil
	}
	m, ok := p.shownWith(id)
	if !ok {
		return "", nil, errNoMessage
	}
	from, ok := p.srv.Phone(m.From)
	if !ok {
		return "", nil, errNoMessage
	}
	key.FromMe = proto.Bool(false)
	if m.Group == "" {
		sender := from.lid.String()
		if p.namesByNumber(from) {
			sender = from.pn().String()
		}
		key.RemoteJID = &sender
		return sender, key, nil
	}
	group, err := types.ParseJID(m.Group)
	if err != nil {
		return "", nil, err
	}
	g := p.srv.group(group)
	if g == nil {
		return "", nil, errNoMessage
	}
	key.RemoteJID, key.Participant = &m.Group, proto.String(g.address(from).String())
	return m.Group, key, nil
}

// namesByNumber reports whether the chat of two accounts is one of numbers, as the phone's messages are.
func (p *Phone) namesByNumber(other *Phone) bool {
	return !p.hidesFrom(other) && (p.addressing == NumberFirst || p.addressing == NumberOnly)
}

// Vote votes for options of the poll with that id, which the phone has shown, and returns the id of
// the vote. A later vote replaces an earlier one. No option takes it back.
func (p *Phone) Vote(ctx context.Context, id string, options ...string) (string, error) {
	m, _, err := p.received(ctx, id)
	if err != nil {
		return "", err
	}
	poll, secret := pollOf(m.Full), m.Full.GetMessageContextInfo().GetMessageSecret()
	if poll == nil || len(secret) == 0 {
		return "", errors.New("message with this id is not a poll")
	}
	names := list(poll.GetOptions(), (*waE2E.PollCreationMessage_Option).GetOptionName)
	vote := new(waE2E.PollVoteMessage)
	for _, option := range options {
		if !slices.Contains(names, option) {
			return "", fmt.Errorf("poll has no option %q; its options are %s", option, strings.Join(names, ", "))
		}
		hash := sha256.Sum256([]byte(option))
		vote.SelectedOptions = append(vote.SelectedOptions, hash[:])
	}
	to, key, err := p.chatOf(id)
	if err != nil {
		return "", err
	}
	sealed, err := p.sealVote(key, secret, vote)
	if err != nil {
		return "", err
	}
	return p.SendMessage(ctx, Outgoing{To: to, Message: &waE2E.Message{PollUpdateMessage: &waE2E.PollUpdateMessage{
		PollCreationMessageKey: key, Vote: sealed, SenderTimestampMS: proto.Int64(p.srv.now().UnixMilli()),
	}}})
}

// sealVote encrypts a vote with the poll's secret (whatsmeow msgsecret.go, generateMsgSecretKey).
func (p *Phone) sealVote(
	key *waCommon.MessageKey, secret []byte, vote *waE2E.PollVoteMessage,
) (*waE2E.PollEncValue, error) {
	plain, err := proto.Marshal(vote)
	if err != nil {
		return nil, err
	}
	pollster, err := types.ParseJID(key.GetRemoteJID())
	if key.GetParticipant() != "" {
		pollster, err = types.ParseJID(key.GetParticipant())
	}
	if err != nil {
		return nil, err
	}
	voter := p.lid
	if pollster.Server == types.DefaultUserServer {
		voter = p.pn()
	}
	use := key.GetID() + pollster.String() + voter.String() + "Poll Vote"
	iv := randomBytes(12)
	sealed, err := gcmutil.Encrypt(hkdfutil.SHA256(secret, nil, []byte(use), 32), iv, plain,
		[]byte(key.GetID()+"\x00"+voter.String()))
	return &waE2E.PollEncValue{EncPayload: sealed, EncIV: iv}, err
}
