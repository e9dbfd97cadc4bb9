//go:build !race

package whatsapptest_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/libsignal/ecc"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"github.com/heypingr/pingr/whatsapptest"
)

func tags(n waBinary.Node) []string {
	var tags []string
	for _, child := range n.GetChildren() {
		tags = append(tags, child.Tag)
	}
	return tags
}

// A message's stanza has what captures have, in their order.
func TestWhatIsAroundACiphertext(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{Name: "Alice"})
	cafe := w.srv.NewPhone(whatsapptest.PhoneConfig{Name: "Cafe", Business: "Cafe Ltd"})
	group := w.srv.NewGroup(whatsapptest.GroupConfig{ByLID: true, Members: []*whatsapptest.Phone{w.shop, w.alice}})
	poll := &waE2E.Message{PollCreationMessage: &waE2E.PollCreationMessage{Name: proto.String("tea?")}}
	vote := &waE2E.Message{PollUpdateMessage: &waE2E.PollUpdateMessage{}}
	for _, tt := range []struct {
		name string
		from *whatsapptest.Phone
		sent whatsapptest.Outgoing
		tags []string
		kind string
		hide any // decrypt-fail
	}{
		{"text", w.alice, whatsapptest.Outgoing{Text: "hello"}, []string{"reporting", "enc"}, "text", nil},
		{
			"text in a group", w.alice,
			whatsapptest.Outgoing{To: group.ID(), Text: "hello"},
			[]string{"enc", "reporting", "enc"},
			"text", nil,
		},
		{
			"text in a group, to those who have the key", w.alice,
			whatsapptest.Outgoing{To: group.ID(), Text: "hello"},
			[]string{"reporting", "enc"},
			"text", nil,
		},
		{
			"reaction", w.alice,
			whatsapptest.Outgoing{Message: whatsapptest.Reaction("3EB0", "👍")},
			[]string{"reporting", "enc"},
			"reaction", "hide",
		},
		{
			"edit", w.alice,
			whatsapptest.Outgoing{Message: whatsapptest.Edit("3EB0", "changed")},
			[]string{"reporting", "enc"},
			"text", "hide",
		},
		{"poll", w.alice, whatsapptest.Outgoing{Message: poll}, []string{"meta", "reporting", "enc"}, "poll", nil},
		{"vote", w.alice, whatsapptest.Outgoing{Message: vote}, []string{"meta", "reporting", "enc"}, "poll", "hide"},
		{
			"from a companion, which has to show who it is", w.alice,
			whatsapptest.Outgoing{Text: "hello", Companion: w.alice.AddCompanion()},
			[]string{"reporting", "enc", "device-identity"},
			"text", nil,
		},
		{
			"from a business", cafe,
			whatsapptest.Outgoing{Text: "hello"},
			[]string{"verified_name", "reporting", "enc"},
			"text", nil,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.sent.To == "" {
				tt.sent.To = w.shop.Number()
			}
			id, err := tt.from.SendMessage(t.Context(), tt.sent)
			require.NoError(t, err)
			n := w.client.stanza(t, tagged("message", id))
			assert.Equal(t, tt.tags, tags(n))
			assert.Equal(t, tt.kind, n.Attrs["type"])
			assert.Equal(t, tt.from.Name(), n.Attrs["notify"])
			enc := n.GetChildByTag("enc")
			assert.Equal(t, tt.hide, enc.Attrs["decrypt-fail"])
			reporting := n.GetChildByTag("reporting")
			assert.Equal(t, []string{"reporting_tag", "reporting_token"}, tags(reporting))
		})
	}
	t.Run("the name of a business", func(t *testing.T) {
		m := await[*events.Message](t, w.client)
		for m.Info.VerifiedName == nil {
			m = await[*events.Message](t, w.client)
		}
		assert.Equal(t, "Cafe Ltd", m.Info.VerifiedName.Details.GetVerifiedName())
		found, err := w.client.IsOnWhatsApp(within(t), []string{"+" + cafe.Number(), "+" + w.alice.Number()})
		require.NoError(t, err)
		assert.Equal(t, "Cafe Ltd", found[0].VerifiedName.Details.GetVerifiedName())
		assert.Nil(t, found[1].VerifiedName)
	})
	require.NoError(t, w.device.WaitQueueEmpty(within(t)))
}

// Copies for the sender's own clients have the recipient's other name.
func TestCopyNamesTheRecipientTwice(t *testing.T) {
	for name, tt := range map[string]struct {
		addressing whatsapptest.Addressing
		byLID      bool
		want       func(pn, lid types.JID) waBinary.Attrs
	}{
		"by number": {whatsapptest.LIDFirst, false, func(pn, lid types.JID) waBinary.Attrs {
			return waBinary.Attrs{"recipient": pn, "peer_recipient_lid": lid}
		}},
		"by LID": {whatsapptest.LIDFirst, true, func(pn, lid types.JID) waBinary.Attrs {
			return waBinary.Attrs{"recipient": lid, "peer_recipient_pn": pn}
		}},
		"hidden": {whatsapptest.LIDOnly, true, func(_, lid types.JID) waBinary.Attrs {
			return waBinary.Attrs{"recipient": lid}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, whatsapptest.PhoneConfig{Addressing: tt.addressing})
			web, _ := linked(t, w.srv, w.shop)
			pn, lid := addresses(w.alice)
			to := pn
			if tt.byLID {
				to = lid
			}
			check := func(n waBinary.Node) {
				t.Helper()
				got := waBinary.Attrs{}
				for name, value := range n.Attrs {
					if name == "recipient" || name == "peer_recipient_pn" || name == "peer_recipient_lid" {
						got[name] = value
					}
				}
				assert.Equal(t, tt.want(pn, lid), got)
			}
			id, err := w.shop.Send(t.Context(), to.String(), "from the phone")
			require.NoError(t, err)
			check(web.stanza(t, tagged("message", id)))
			check(w.client.stanza(t, tagged("message", id)))
			sent := web.send(t, lid, "from a client")
			if to == lid {
				check(w.client.stanza(t, tagged("message", sent.ID)))
			}
		})
	}
}

func TestMessageThatNoClientMayHave(t *testing.T) {
	for name, tt := range map[string]struct {
		reason whatsapptest.Withheld
		attrs  waBinary.Attrs
		kind   events.UnavailableType
	}{
		"view once": {whatsapptest.ViewOnce, waBinary.Attrs{"type": "view_once"}, events.UnavailableTypeViewOnce},
		"hosted":    {whatsapptest.Hosted, waBinary.Attrs{"hosted": "true"}, events.UnavailableTypeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, whatsapptest.PhoneConfig{})
			id, err := w.alice.SendMessage(t.Context(), whatsapptest.Outgoing{
				To: w.shop.Number(), Message: whatsapptest.ImageCaption("look"), Withheld: tt.reason,
			})
			require.NoError(t, err)
			n := w.client.stanza(t, tagged("message", id))
			assert.Equal(t, []string{"unavailable"}, tags(n))
			child := n.GetChildByTag("unavailable")
			assert.Equal(t, tt.attrs, child.Attrs)
			assert.Equal(t, tt.kind, await[*events.UndecryptableMessage](t, w.client).UnavailableType)
			assert.Equal(t, "look", w.shop.Messages()[0].Text, "the phone shows it")
			require.NoError(t, w.device.WaitQueueEmpty(within(t)))
			_, err = w.alice.Send(t.Context(), w.shop.Number(), "next")
			require.NoError(t, err)
			_, text := w.client.text(t)
			assert.Equal(t, "next", text, "nothing came from the phone")
		})
	}
}

// signed reports whether key signed the parts.
func signed(key, signature []byte, parts ...[]byte) bool {
	return ecc.VerifySignature(ecc.NewDjbECPublicKey([32]byte(key)), bytes.Join(parts, nil), [64]byte(signature))
}

// A companion's keys come with its account's signature, as WhatsApp Web wants them.
func TestKeysOfACompanionAreSigned(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	pn, _ := addresses(w.alice)
	phone := w.client.keysOf(t, pn)
	assert.NotContains(t, tags(phone), "device-identity", "the phone's key is the account's")
	account := phone.GetChildByTag("identity")
	pn.Device = uint16(w.alice.AddCompanion())
	user := w.client.keysOf(t, pn)
	raw, _ := user.GetChildByTag("device-identity").Content.([]byte)
	var proof waAdv.ADVSignedDeviceIdentity
	require.NoError(t, proto.Unmarshal(raw, &proof))
	key := user.GetChildByTag("identity")
	assert.Equal(t, account.Content, proof.GetAccountSignatureKey())
	assert.True(t, signed(proof.GetAccountSignatureKey(), proof.GetAccountSignature(),
		[]byte{6, 0}, proof.GetDetails(), key.Content.([]byte)))
	assert.True(t, signed(key.Content.([]byte), proof.GetDeviceSignature(),
		[]byte{6, 1}, proof.GetDetails(), key.Content.([]byte), proof.GetAccountSignatureKey()))
}

func TestAcknowledgementTellsOfAnOutdatedLID(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	_, lid := addresses(w.alice)
	for _, on := range []bool{false, true} {
		w.alice.SetOutdated(on)
		ack := w.client.stanza(t, tagged("ack", w.client.send(t, lid, "hello").ID))
		assert.Equal(t, on, ack.Attrs["refresh_lid"] == "true")
	}
}

// What a login, a link and an end say besides what clients use.
func TestLoginLinkAndEndAsCaptured(t *testing.T) {
	srv := start(t, whatsapptest.Config{})
	shop := srv.NewPhone(whatsapptest.PhoneConfig{Name: "Shop"})
	cafe := srv.NewPhone(whatsapptest.PhoneConfig{Name: "Cafe", Business: "Cafe Ltd"})
	isPair := func(n waBinary.Node) bool { _, ok := n.GetOptionalChildByTag("pair-success"); return ok }

	client, device := linked(t, srv, shop)
	pair := client.stanza(t, isPair)
	assert.NotContains(t, tags(pair.GetChildByTag("pair-success")), "biz")
	business, _ := linked(t, srv, cafe)
	pair = business.stanza(t, isPair)
	biz := pair.GetChildByTag("pair-success", "biz")
	assert.Equal(t, waBinary.Attrs{"name": "Cafe Ltd"}, biz.Attrs)

	success := client.stanza(t, tagged("success", ""))
	for _, name := range []string{
		"t", "lid", "display_name", "creation", "location", "props", "abprops", "companion_enc_static",
	} {
		assert.Contains(t, success.Attrs, name)
	}
	assert.IsType(t, "", success.Attrs["companion_enc_static"], "bytes are no attribute to whatsapp-rust")
	preview := client.stanza(t, func(n waBinary.Node) bool {
		_, ok := n.GetOptionalChildByTag("offline_preview")
		return ok
	})
	child := preview.GetChildByTag("offline_preview")
	for _, name := range []string{"count", "message", "appdata", "notification", "receipt", "call", "status"} {
		assert.Contains(t, child.Attrs, name)
	}

	device.FailLogins(whatsapptest.LoginFailure{Reason: 500, Times: 1})
	device.StreamError(503)
	client.stanza(t, tagged("xmlstreamend", ""))
	failure := client.stanza(t, tagged("failure", ""))
	assert.Equal(t, waBinary.Attrs{"reason": "500", "location": "frc"}, failure.Attrs)
}

// The answer to a question about users names what was asked, and keeps the question's attributes.
func TestAnswerAboutUsersRepeatsTheQuestion(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	_, lid := addresses(w.alice)
	_, err := w.client.DangerousInternals().Usync(within(t), []types.JID{lid}, "query", "message", []waBinary.Node{
		{Tag: "devices", Attrs: waBinary.Attrs{"version": "2"}}, {Tag: "lid"},
	})
	require.NoError(t, err)
	answer := w.client.stanza(t, func(n waBinary.Node) bool {
		result := n.GetChildByTag("usync", "result")
		return len(result.GetChildren()) == 2
	})
	usync := answer.GetChildByTag("usync")
	assert.Equal(t, []string{"devices", "lid"}, tags(usync.GetChildByTag("result")))
	assert.Equal(t, "true", usync.Attrs["last"])
	assert.Equal(t, "message", usync.Attrs["context"])
}
