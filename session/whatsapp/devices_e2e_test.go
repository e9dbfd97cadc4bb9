//go:build !race

package whatsapp

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow/types"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/whatsapptest"
)

// reached returns the devices for which the last private message to a person was
// encrypted.
func (w *world) reached(to *whatsapptest.Phone) (numbers []int) {
	var last whatsapptest.Stanza
	for _, s := range w.server.Ledger().Stanzas() {
		if s.To == to.LID()+"@lid" || s.To == to.Number()+"@s.whatsapp.net" {
			last = s
		}
	}
	if last.Node == nil {
		return nil
	}
	participants := last.Node.GetChildByTag("participants")
	for _, child := range participants.GetChildrenByTag("to") {
		if jid := child.Attrs["jid"].(types.JID); jid.User == to.LID() || jid.User == to.Number() {
			numbers = append(numbers, int(jid.Device))
		}
	}
	return numbers
}

// WhatsApp tells when a person links WhatsApp Web or removes it, and the very next
// answer goes to the devices that there are.
func TestAnswerReachesAClientLinkedASecondAgo(t *testing.T) {
	for _, c := range []struct {
		name   string
		person whatsapptest.PhoneConfig
	}{
		{"by LID", whatsapptest.PhoneConfig{}},
		{"by number", whatsapptest.PhoneConfig{Addressing: whatsapptest.NumberFirst}},
		{"by LID alone", whatsapptest.PhoneConfig{Addressing: whatsapptest.LIDOnly}},
		{"by number alone", whatsapptest.PhoneConfig{Addressing: whatsapptest.NumberOnly, Lookup: whatsapptest.LookupNoLID}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			s, device := w.link("sess_web")
			in := w.listen(s)
			person := w.server.NewPhone(c.person)
			n := 0
			answer := func(companion int) {
				t.Helper()
				n++
				_, err := person.SendMessage(t.Context(), whatsapptest.Outgoing{To: w.shop.Number(), Text: "login", Companion: companion})
				require.NoError(t, err)
				require.NoError(t, s.Send(t.Context(), pingr.Outgoing{ID: fmt.Sprint("3EB0D", n), To: receive(t, in).Sender, Text: "answer"}))
			}
			answer(0)
			assert.Equal(t, []int{0}, w.reached(person))
			web := person.AddCompanion()
			answer(0)
			assert.Equal(t, []int{0, web}, w.reached(person), "written on the phone, to be read on WhatsApp Web")
			another := person.AddCompanion()
			answer(another)
			assert.Equal(t, []int{0, web, another}, w.reached(person))
			device.Drop()
			third := person.AddCompanion()
			require.NoError(t, device.WaitLogins(t.Context(), 2))
			w.untilState(s, pingr.SessionConnected)
			answer(0)
			assert.Equal(t, []int{0, web, another, third}, w.reached(person), "linked while the number was away")
			assert.Zero(t, w.server.Ledger().Undecryptable())
			require.NoError(t, w.server.Ledger().WaitReplies(t.Context(), 4))
		})
	}
}
