//go:build !race

package whatsapp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/whatsapptest"
)

// A copyist sends the same message as whatsmeow does and as we do, and compares
// what arrives: at the server, at the recipient, and at another linked client of
// our own account.
type copyist struct {
	*world
	session *Session
	device  *whatsapptest.Device
	in      <-chan pingr.Message
	own     <-chan *events.Message
	sent    int
}

func newCopyist(t *testing.T) *copyist {
	c := &copyist{world: newCalmWorld(t)}
	other, _ := c.link("sess_other")
	c.session, c.device = c.link("sess_copyist")
	c.in = c.listen(c.session)
	own := make(chan *events.Message, 100)
	other.line.client.AddEventHandler(func(evt any) {
		if m, ok := evt.(*events.Message); ok && m.Info.DeviceSentMeta != nil {
			own <- m
		}
	})
	c.own = own
	c.shop.AddCompanion()
	c.session.line.forgetDevices(t.Context(), c.session.line.client.Store.GetLID().ToNonAD())
	return c
}

// A letter is one message as it arrived.
type letter struct {
	stanza  string
	token   string         // made of the account's salt and his LID
	read    *waE2E.Message // by its recipient
	ownCopy *waE2E.Message
}

// theirs sends with whatsmeow's SendMessage, or by number with its sendDM, since
// SendMessage takes the LID. ours sends with Send.
func (c *copyist) theirs(to string, m *waE2E.Message, byNumber bool) types.MessageID {
	c.t.Helper()
	c.sent++
	id := fmt.Sprint("3EB0THEIRS", c.sent)
	jid, err := types.ParseJID(to)
	require.NoError(c.t, err)
	h := &holder{persons: c.session.line.keys.device.Load().persons}
	defer h.drop()
	ctx, client := withHolder(c.t.Context(), h), c.session.line.client
	if byNumber {
		in := client.DangerousInternals()
		answer := in.WaitResponse(id)
		require.NoError(c.t, sendDM(in.SendDM, ctx, in.GetOwnID(), jid, id, m))
		receive(c.t, answer)
		return id
	}
	_, err = client.SendMessage(ctx, jid, m, whatsmeow.SendRequestExtra{ID: id})
	require.NoError(c.t, err)
	return id
}

//nolint:revive // as in prepared
func sendDM[Extra any](
	send func(
		context.Context, types.JID, types.JID, types.MessageID, *waE2E.Message, *whatsmeow.MessageDebugTimings, Extra,
	) (string, []byte, error),
	ctx context.Context, own, to types.JID, id types.MessageID, m *waE2E.Message,
) error {
	var none Extra
	_, _, err := send(ctx, own, to, id, m, new(whatsmeow.MessageDebugTimings), none)
	return err
}

func (c *copyist) ours(to, text string) types.MessageID {
	c.t.Helper()
	c.sent++
	id := fmt.Sprint("3EB0OURS", c.sent)
	require.NoError(c.t, c.session.Send(c.t.Context(), pingr.Outgoing{ID: id, To: to, Text: text}))
	return id
}

// names replaces what differs between two messages to people of one kind.
func (c *copyist) names(id types.MessageID, p *whatsapptest.Phone) *strings.Replacer {
	return strings.NewReplacer(id, "ID", c.shop.LID(), "OWN", c.shop.Number(), "OWNNUMBER", p.LID(), "LID", p.Number(),
		"NUMBER")
}

// arrived returns what arrived of a message to a person.
func (c *copyist) arrived(id types.MessageID, p *whatsapptest.Phone) letter {
	c.t.Helper()
	var l letter
	for _, s := range c.server.Ledger().Stanzas() {
		if s.ID == id {
			l.stanza, l.token = outline(*s.Node, c.names(id, p))
		}
	}
	require.NotEmpty(c.t, l.stanza)
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	for p != c.shop && l.read == nil { // the loopback shows nobody what he writes to himself
		m, err := p.Next(ctx)
		require.NoError(c.t, err)
		if m.ID == id {
			l.read = m.Full
		}
	}
	hideSecrets(c.t, l.read)
	return l
}

// arrivedAtAll returns what arrived, with the copy that our other client got.
func (c *copyist) arrivedAtAll(id types.MessageID, p *whatsapptest.Phone) letter {
	c.t.Helper()
	l := c.arrived(id, p)
	for l.ownCopy == nil {
		if m := receive(c.t, c.own); m.Info.ID == id {
			l.ownCopy = m.RawMessage
		}
	}
	d := l.ownCopy.GetDeviceSentMessage()
	require.NotNil(c.t, d)
	d.DestinationJID = proto.String(c.names(id, p).Replace(d.GetDestinationJID()))
	hideSecrets(c.t, l.ownCopy, d.GetMessage())
	return l
}

func hideSecrets(t *testing.T, messages ...*waE2E.Message) {
	t.Helper()
	for _, m := range messages {
		if secret := m.GetMessageContextInfo().GetMessageSecret(); secret != nil {
			assert.Len(t, secret, 32)
			m.MessageContextInfo.MessageSecret = []byte("random")
		}
	}
}

func (c *copyist) equal(theirs, ours letter) {
	c.t.Helper()
	assert.Equal(c.t, theirs.stanza, ours.stanza)
	assert.True(c.t, proto.Equal(theirs.read, ours.read), "%v, %v", theirs.read, ours.read)
	assert.True(c.t, proto.Equal(theirs.ownCopy, ours.ownCopy), "%v, %v", theirs.ownCopy, ours.ownCopy)
}

// outline draws a stanza with everything in it but what is random: ciphertexts
// have random padding, and the token that reports a message has its id in it.
// Recipients are sorted: whatsmeow's order depends on whom it asked for last.
func outline(n waBinary.Node, names *strings.Replacer) (stanza, salted string) {
	var b strings.Builder
	var draw func(n waBinary.Node, depth int)
	draw = func(n waBinary.Node, depth int) {
		fmt.Fprintf(&b, "%*s%s", 2*depth, "", n.Tag)
		for _, key := range slices.Sorted(maps.Keys(n.Attrs)) {
			fmt.Fprintf(&b, " %s=%s", key, names.Replace(fmt.Sprint(n.Attrs[key])))
		}
		switch content := n.Content.(type) {
		case []byte:
			switch n.Tag {
			case "enc":
				fmt.Fprintf(&b, " ciphertext")
			case "cstoken":
				salted = hex.EncodeToString(content)
				fallthrough
			case "reporting_token":
				fmt.Fprintf(&b, " %d bytes", len(content))
			default:
				fmt.Fprintf(&b, " %x", content)
			}
		case []waBinary.Node:
			if n.Tag == "participants" {
				content = slices.Clone(content) // the server may still read it
				slices.SortFunc(content, func(x, y waBinary.Node) int {
					return strings.Compare(names.Replace(fmt.Sprint(x.Attrs)), names.Replace(fmt.Sprint(y.Attrs)))
				})
			}
			b.WriteByte('\n')
			for _, child := range content {
				draw(child, depth+1)
			}
			return
		}
		b.WriteByte('\n')
	}
	draw(n, 0)
	return b.String(), salted
}

// A kind is a kind of recipient.
type kind struct {
	phone      whatsapptest.PhoneConfig
	companions int
	byLID      bool          // how Send is given him
	byNumber   bool          // how the stanza names him
	wrote      bool          // before he gets anything
	timer      time.Duration // of the messages that he writes
	before     func(t *testing.T, c *copyist, p *whatsapptest.Phone)
	wants      string // in the stanza, so that this is a test of it
}

func (k kind) make(t *testing.T, c *copyist) (p *whatsapptest.Phone, to string) {
	k.phone.KeepsTokens = true // people's own differ; see the kind with a token
	p = c.server.NewPhone(k.phone)
	for range k.companions {
		p.AddCompanion()
	}
	if k.before != nil {
		k.before(t, c, p)
	}
	if k.wrote {
		k.write(t, c, p)
	}
	if k.byLID {
		return p, p.LID() + "@lid"
	}
	return p, p.Number() + "@s.whatsapp.net"
}

func (k kind) write(t *testing.T, c *copyist, p *whatsapptest.Phone) {
	m := whatsapptest.Outgoing{To: c.shop.Number(), Text: "login"}
	if k.timer != 0 {
		m.Message = whatsapptest.Disappearing("login", k.timer)
	}
	_, err := p.SendMessage(t.Context(), m)
	require.NoError(t, err)
	receive(t, c.in)
}

// TestStanzas compares every kind of message to a person: the first one to
// somebody, and one in a conversation.
func TestStanzas(t *testing.T) {
	lidFirst := whatsapptest.PhoneConfig{Addressing: whatsapptest.LIDFirst}
	numberFirst := whatsapptest.PhoneConfig{Addressing: whatsapptest.NumberFirst}
	hidden := whatsapptest.PhoneConfig{Addressing: whatsapptest.LIDOnly}
	token := func(t *testing.T, c *copyist, p *whatsapptest.Phone) {
		require.NoError(t, c.session.line.client.Store.PrivacyTokens.PutPrivacyTokens(t.Context(), store.PrivacyToken{
			User: types.NewJID(p.LID(), types.HiddenUserServer), Token: []byte("may write"), Timestamp: time.Now(),
		}))
	}
	salt := func(t *testing.T, c *copyist, _ *whatsapptest.Phone) {
		require.NoError(t, c.session.line.client.Store.NCTSalt.PutNCTSalt(t.Context(), []byte("salt")))
	}
	reporting := func(_ *testing.T, c *copyist, _ *whatsapptest.Phone) {
		c.session.line.client.SendReportingTokens = true
	}
	for name, k := range map[string]kind{
		"a stranger": {wants: "to=LID@lid"},
		"by number": {
			phone: numberFirst, byNumber: true, wrote: true, wants: "to=NUMBER@s.whatsapp.net",
		},
		"by number, with linked devices": {
			phone: numberFirst, companions: 2, byNumber: true, wrote: true, wants: "to jid=NUMBER:2@s.whatsapp.net",
		},
		"by LID": {
			phone: lidFirst, byLID: true, wrote: true, wants: "peer_recipient_pn=NUMBER@s.whatsapp.net",
		},
		"whose number is hidden":  {phone: hidden, byLID: true, wrote: true, wants: "to=LID@lid"},
		"with linked devices":     {companions: 3, wrote: true, wants: "LID:3@lid"},
		"with a timer":            {wrote: true, timer: 24 * time.Hour, wants: "type=text"},
		"with a privacy token":    {wrote: true, before: token, wants: "tctoken " + hex.EncodeToString([]byte("may write"))},
		"with the account's salt": {wrote: true, before: salt, wants: "cstoken 32 bytes"},
		"with reporting of abuse": {wrote: true, before: reporting, wants: "reporting_token v=2 16 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCopyist(t)
			a, toA := k.make(t, c)
			b, toB := k.make(t, c)
			text := func() *waE2E.Message { return content("here", uint32(k.timer.Seconds())) }

			theirs := c.arrivedAtAll(c.theirs(toA, text(), k.byNumber), a)
			ours := c.arrivedAtAll(c.ours(toB, "here"), b)
			c.equal(theirs, ours)
			assert.Contains(t, ours.stanza, k.wants)
			own, person := "to jid=OWN@lid", "to jid=LID@lid"
			if k.byNumber {
				own, person = "to jid=OWNNUMBER@s.whatsapp.net", "to jid=NUMBER@s.whatsapp.net"
			}
			assert.Contains(t, ours.stanza, own, "our phone gets a copy")
			if !k.wrote || k.companions > 0 {
				assert.Contains(t, ours.stanza, "enc type=pkmsg")
				assert.Contains(t, ours.stanza, "device-identity")
			}
			k.write(t, c, b)
			theirs = c.arrivedAtAll(c.theirs(toB, text(), k.byNumber), b)
			ours = c.arrivedAtAll(c.ours(toB, "here"), b)
			c.equal(theirs, ours)
			assert.Equal(t, theirs.token, ours.token)
			assert.Contains(t, ours.stanza, person+"\n      enc type=msg")
			assert.Zero(t, c.server.Ledger().Undecryptable())
		})
	}
}

// Messages to ourselves and to groups have no first time.
func TestStanzasToOurselvesAndGroups(t *testing.T) {
	c := newCopyist(t)
	member := c.server.NewPhone(whatsapptest.PhoneConfig{})
	member.AddCompanion()
	group := func(byLID bool) string {
		return c.server.NewGroup(whatsapptest.GroupConfig{
			Subject: "Friends", ByLID: byLID, Members: []*whatsapptest.Phone{c.shop, member},
		}).ID()
	}
	for _, r := range []struct {
		name, to string
		reads    *whatsapptest.Phone
	}{
		{"our own number", c.shop.Number() + "@s.whatsapp.net", c.shop},
		{"our own LID", c.shop.LID() + "@lid", c.shop},
		{"a group by number", group(false), member},
		{"a group by LID", group(true), member},
	} {
		t.Run(r.name, func(t *testing.T) {
			for range 2 {
				c.theirs(r.to, content("first", 0), false) // sessions are made
			}
			theirs := c.arrived(c.theirs(r.to, content("here", 0), false), r.reads)
			ours := c.arrived(c.ours(r.to, "here"), r.reads)
			c.equal(theirs, ours)
		})
	}
}

// The code that was copied. If this fails with a new whatsmeow, compare what
// changed with flight.go and acquaint.go, then renew the sum.
func TestSendMessageIsTheOneThatWasCopied(t *testing.T) {
	for file, functions := range map[string]map[string]string{
		"send.go": {
			"SendMessage": "bbe78b3f", "sendDM": "067e8c63", "marshalMessage": "c18d6bf3", "prepareMessageNode": "c78fbc61",
			"encryptMessageForDevices": "bc776e08", "encryptMessageForDevice": "53fb01d1", "participantListHashV2": "0dda16f1",
		},
		"request.go":      {"isDisconnectNode": "6e670a44"},
		"retry.go":        {"handleRetryReceipt": "e062b93a"},
		"notification.go": {"handleDeviceNotification": "797effd1"},
		"tctoken.go":      {"shouldSendNewTCToken": "5cf114f7", "shouldSendTCTokenInChatAction": "bc11e523"},
		"user.go":         {"GetUserDevices": "847770c9"},
	} {
		for name, want := range functions {
			assert.Equal(t, want, sourceSum(t, file, name), "%s, %s", file, name)
		}
	}
}

// sourceSum returns the start of a checksum of a function of whatsmeow, without
// comments.
func sourceSum(t *testing.T, file, name string) string {
	t.Helper()
	at := runtime.FuncForPC(reflect.ValueOf((*whatsmeow.Client).SendMessage).Pointer())
	path, _ := at.FileLine(at.Entry())
	files := token.NewFileSet()
	source, err := parser.ParseFile(files, filepath.Join(filepath.Dir(path), file), nil, 0)
	require.NoError(t, err)
	for _, d := range source.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == name {
			sum := sha256.New()
			require.NoError(t, printer.Fprint(sum, files, f))
			return hex.EncodeToString(sum.Sum(nil)[:4])
		}
	}
	require.Fail(t, "whatsmeow has no "+name)
	return ""
}
