//go:build !race

package whatsapp

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

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
				_, err := person.SendMessage(t.Context(), whatsapptest.Outgoing{
					To: w.shop.Number(), Text: "login", Companion: companion,
				})
				require.NoError(t, err)
				require.NoError(t, s.Send(t.Context(), pingr.Outgoing{
					ID: fmt.Sprint("3EB0D", n), To: receive(t, in).Sender, Text: "answer",
				}))
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

// A person's WhatsApp Web that cannot read an answer gets it again, in the form of
// address that the answer had.
func TestLinkedClientThatCannotReadAnAnswer(t *testing.T) {
	for _, c := range []struct {
		name   string
		shop   whatsapptest.Move
		person whatsapptest.PhoneConfig
	}{
		{"by LID", whatsapptest.Moving, whatsapptest.PhoneConfig{Move: whatsapptest.Moved}},
		{"by number", whatsapptest.NotMoved, whatsapptest.PhoneConfig{Addressing: whatsapptest.NumberFirst}},
		{"by number alone", whatsapptest.NotMoved, whatsapptest.PhoneConfig{
			Addressing: whatsapptest.NumberOnly, Lookup: whatsapptest.LookupNoLID,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.shop.SetMove(c.shop)
			s, device := w.link("sess_retry")
			in := w.listen(s)
			person := w.server.NewPhone(c.person)
			texts, web := w.linkWeb(person)
			for i := range 2 { // in a new Signal session, and in one that works
				_, err := person.Send(t.Context(), w.shop.Number(), "login")
				require.NoError(t, err)
				web.Garble(1)
				text := fmt.Sprint("answer ", i)
				require.NoError(t, s.Send(t.Context(), pingr.Outgoing{
					ID: fmt.Sprint("3EB0R", i), To: receive(t, in).Sender, Text: text,
				}))
				assert.Equal(t, text, receive(t, texts))
			}
			require.NoError(t, device.WaitQueueEmpty(w.within()))
			assert.Empty(t, texts)
			for _, stanza := range w.server.Ledger().Stanzas() {
				assert.Zero(t, stanza.Error)
			}
		})
	}
}

// linkWeb links a bare whatsmeow client to a person's phone, and returns what
// others write to it.
func (w *world) linkWeb(to *whatsapptest.Phone) (<-chan string, *whatsapptest.Device) {
	w.t.Helper()
	pragmas := "?_pragma=foreign_keys(1)&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)"
	store, err := sqlstore.New(w.t.Context(), "sqlite", "file:"+w.t.TempDir()+"/web.db"+pragmas, nil)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { assert.NoError(w.t, store.Close()) })
	client := whatsmeow.NewClient(store.NewDevice(), nil)
	client.ManualHistorySyncDownload = true // the other way leaves a goroutine behind
	codes, texts := make(chan string, 1), make(chan string, 10)
	client.AddEventHandler(func(e any) {
		switch e := e.(type) {
		case *events.QR:
			codes <- e.Codes[0]
		case *events.Message:
			if text := e.Message.GetConversation(); text != "" && !e.Info.IsFromMe {
				texts <- text
			}
		}
	})
	w.server.Point(client)
	w.t.Cleanup(client.Disconnect)
	require.NoError(w.t, client.Connect())
	device, err := to.Scan(w.within(), receive(w.t, codes))
	require.NoError(w.t, err)
	require.NoError(w.t, device.WaitOnline(w.within()))
	return texts, device
}
