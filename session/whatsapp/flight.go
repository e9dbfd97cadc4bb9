package whatsapp

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// whatsmeow's SendMessage holds one lock from before it encrypts a message
// until WhatsApp has acknowledged it, so that a number a round trip of 100 ms
// away sends fewer than ten messages a second. The methods below do for a
// message to a person what SendMessage and sendDM do (whatsmeow send.go), and
// wait without a lock. TestStanzas compares the two, and
// TestSendMessageIsTheOneThatWasCopied notices a new whatsmeow.

// A destination is a person as the stanza names him. [Session.addressed] chooses
// the form; SendMessage knows only LIDs.
type destination struct {
	to    types.JID
	own   types.JID // our own, in the same form, with our device
	other types.JID // the person's other name; may be empty
}

func (l *line) destination(ctx context.Context, to types.JID) destination {
	internals, lids := l.client.DangerousInternals(), l.client.Store.LIDs
	if to.Server != types.HiddenUserServer {
		lid, _ := lids.GetLIDForPN(ctx, to) // it helps to learn devices, no more
		return destination{to: to, own: internals.GetOwnID(), other: lid}
	}
	number, _ := lids.GetPNForLID(ctx, to)
	return destination{to: to, own: internals.GetOwnLID(), other: number}
}

// names returns the names of the recipient and of our own account.
func (l *line) names(d destination) (names []types.JID) {
	internals := l.client.DangerousInternals()
	for _, jid := range []types.JID{d.to, d.other, internals.GetOwnLID(), internals.GetOwnID()} {
		if !jid.IsEmpty() {
			names = append(names, jid.ToNonAD())
		}
	}
	return names
}

// A flight is a message that was written and whose acknowledgement is awaited.
type flight struct {
	destination
	id      types.MessageID
	kind    any         // of message: the stanza's type
	data    []byte      // the stanza, to be sent again
	devices []types.JID // that it was encrypted for
	hash    string      // of devices
	token   bool        // it carries the person's privacy token
	answer  chan *waBinary.Node
}

// depart encrypts a message and writes it to the socket.
func (l *line) depart(ctx context.Context, d destination, id types.MessageID, m *waE2E.Message) (flight, error) {
	internals := l.client.DangerousInternals()
	reported := internals.ShouldIncludeReportingToken(m)
	if reported && m.MessageContextInfo == nil {
		secret := make([]byte, 32)
		_, _ = rand.Read(secret) // never fails
		m.MessageContextInfo = &waE2E.MessageContextInfo{MessageSecret: secret}
	}
	if secret := m.GetMessageContextInfo().GetMessageSecret(); secret != nil {
		_ = l.client.Store.MsgSecrets.PutMessageSecret(ctx, d.to, d.own, id, secret) // only votes and reactions need it
	}
	if err := internals.AddRecentMessage(ctx, d.to, id, m, nil); err != nil {
		return flight{}, fmt.Errorf("keep message for retries: %w", err)
	}
	plaintext, ownCopy, err := plaintexts(d.to, m)
	if err != nil {
		return flight{}, err
	}
	node, devices, err := prepared(internals.PrepareMessageNode,
		ctx, d.to, id, m, []types.JID{d.to, d.own.ToNonAD()}, plaintext, ownCopy)
	if err != nil {
		return flight{}, err
	}
	if d.to.Server == types.HiddenUserServer && !d.other.IsEmpty() {
		node.Attrs["peer_recipient_pn"] = d.other
	}
	if reported {
		node.Content = append(node.GetChildren(), internals.GetMessageReportingToken(plaintext, m, d.own, d.to, id))
	}
	token, some := l.token(ctx, d.to)
	if some {
		node.Content = append(node.GetChildren(), token)
	}
	f := flight{
		destination: d, id: id, kind: node.Attrs["type"], devices: devices, hash: participantHash(devices),
		answer: internals.WaitResponse(id),
	}
	f.token = some && token.Tag == "tctoken"
	if f.data, err = internals.SendNodeAndGetData(ctx, *node); err != nil {
		l.withdraw(f)
		return flight{}, fmt.Errorf("write message: %w", err) // sendError needs it wrapped
	}
	l.renewToken(ctx, d.to)
	return f, nil
}

// prepared calls PrepareMessageNode without extra parameters, whose type is not
// exported: Go infers it.
//
//nolint:revive // inference needs the function, and reads best with it first
func prepared[Extra any](
	prepare func(
		context.Context, types.JID, types.MessageID, *waE2E.Message, []types.JID, []byte, []byte,
		*whatsmeow.MessageDebugTimings, Extra,
	) (*waBinary.Node, []types.JID, error),
	ctx context.Context, to types.JID, id types.MessageID, m *waE2E.Message, people []types.JID, plaintext, ownCopy []byte,
) (*waBinary.Node, []types.JID, error) {
	var none Extra
	return prepare(ctx, to, id, m, people, plaintext, ownCopy, new(whatsmeow.MessageDebugTimings), none)
}

// plaintexts returns what is encrypted for the recipient, and for our own other
// devices.
func plaintexts(to types.JID, m *waE2E.Message) (plaintext, ownCopy []byte, err error) {
	if plaintext, err = proto.Marshal(m); err != nil {
		return nil, nil, fmt.Errorf("encode message: %w", err)
	}
	ownCopy, err = proto.Marshal(&waE2E.Message{
		DeviceSentMessage:  &waE2E.DeviceSentMessage{DestinationJID: proto.String(to.String()), Message: m},
		MessageContextInfo: m.MessageContextInfo,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("encode message: %w", err)
	}
	return plaintext, ownCopy, nil
}

// token returns the node that shows WhatsApp that we may write to a person: his
// token, or else what the account's salt makes of his LID.
func (l *line) token(ctx context.Context, to types.JID) (waBinary.Node, bool) {
	internals := l.client.DangerousInternals()
	if token, err := internals.EnsureTCToken(ctx, to); err == nil && len(token) > 0 {
		return waBinary.Node{Tag: "tctoken", Content: token}, true
	}
	token := internals.GenerateCsToken(ctx, to)
	return waBinary.Node{Tag: "cstoken", Content: token}, len(token) > 0
}

// tokenTime is how long a person's token of ours counts as new, counted in
// whole spans of it since 1970 (whatsmeow tctoken.go, tcTokenBucketDuration).
const tokenTime = 7 * 24 * time.Hour

// renewToken gives a person a token to write to us, in the background, unless
// he got one lately.
func (l *line) renewToken(ctx context.Context, to types.JID) {
	internals, now := l.client.DangerousInternals(), time.Now()
	if to.User == types.PSAJID.User {
		return
	}
	person := internals.ResolveTCTokenStorageLID(ctx, to)
	last := internals.GetTCTokenSenderTS(person)
	if span := int64(tokenTime.Seconds()); last.IsZero() || now.Unix()/span > last.Unix()/span {
		go internals.IssuePrivacyTokenAndSave(person, now)
	}
}

// land waits for the acknowledgement, at most for limit. If the connection ends
// meanwhile, the same stanza is sent again on the next one: repeated. hash is
// WhatsApp's hash of the devices if it is not ours, or else empty.
func (l *line) land(ctx context.Context, f flight, limit time.Duration) (repeated bool, hash string, err error) {
	internals := l.client.DangerousInternals()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	var ack *waBinary.Node
	select {
	case ack = <-f.answer:
	case <-timer.C:
		l.withdraw(f)
		return false, "", whatsmeow.ErrMessageTimedOut
	case <-ctx.Done():
		l.withdraw(f)
		return false, "", ctx.Err()
	}
	if ack.Tag == "xmlstreamend" || ack.Tag == "stream:error" {
		repeated = true
		if ack, err = internals.RetryFrame(ctx, "message send", f.id, f.data, ack, 0); err != nil {
			l.withdraw(f)
			return repeated, "", err
		}
	}
	ag := ack.AttrGetter()
	if code := ag.OptionalInt("error"); code != 0 {
		return repeated, "", serverRefusal(code)
	}
	if hash = ag.OptionalString("phash"); hash == f.hash {
		hash = ""
	}
	return repeated, hash, nil
}

// withdraw stops waiting for an answer. CancelResponse would close the channel
// to which whatsmeow's reader may be about to write, which would end the
// program. So the answer is taken from the reader by one of our own.
func (l *line) withdraw(f flight) {
	l.client.DangerousInternals().ReceiveResponse(context.Background(),
		&waBinary.Node{Tag: "ack", Attrs: waBinary.Attrs{"id": f.id}})
}

// participantHash returns the hash by which WhatsApp notices that devices were
// left out (whatsmeow send.go, participantListHashV2).
func participantHash(devices []types.JID) string {
	names := make([]string, len(devices))
	for i, d := range devices {
		names[i] = d.ADString()
	}
	slices.Sort(names)
	sum := sha256.Sum256([]byte(strings.Join(names, "")))
	return "2:" + base64.RawStdEncoding.EncodeToString(sum[:6])
}
