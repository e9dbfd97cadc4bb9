//go:build !race

package whatsapptest_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/heypingr/pingr/whatsapptest"
)

// says sends a text to the shop, and returns the number that came with it.
func (w *world) says(t *testing.T, p *whatsapptest.Phone) (number string) {
	t.Helper()
	_, err := p.Send(within(t), w.shop.Number(), "hello")
	require.NoError(t, err)
	m, _ := w.client.text(t)
	require.Equal(t, p.LID(), m.Info.Sender.User)
	return m.Info.SenderAlt.User
}

// A username hides the number from an account that has not seen it, and from one that saw it long ago.
func TestUsernameHidesTheNumberAtFirstContact(t *testing.T) {
	var later atomic.Int64
	w := newWorldOn(t, whatsapptest.Config{Now: func() time.Time {
		return time.Now().Add(time.Duration(later.Load()))
	}}, whatsapptest.PhoneConfig{Username: "alice"})
	assert.Equal(t, "alice", w.alice.Username())
	assert.Empty(t, w.says(t, w.alice), "at first contact")
	w.alice.SetUsername("")
	assert.Equal(t, w.alice.Number(), w.says(t, w.alice), "without a username")
	w.alice.SetUsername("alice")
	later.Store(int64(29 * 24 * time.Hour))
	assert.Equal(t, w.alice.Number(), w.says(t, w.alice), "seen within 30 days")
	later.Store(int64(58 * 24 * time.Hour))
	assert.Equal(t, w.alice.Number(), w.says(t, w.alice), "seen again within 30 days")
	later.Store(int64(88 * 24 * time.Hour))
	assert.Empty(t, w.says(t, w.alice), "not seen for 30 days")
}

// A person's username hides the number in groups, and the devices' list stays known.
func TestUsernameHidesTheNumberInAGroup(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{Username: "alice"})
	group := w.srv.NewGroup(whatsapptest.GroupConfig{ByLID: true, Members: []*whatsapptest.Phone{w.shop, w.alice}})
	_, err := w.alice.Send(within(t), group.ID(), "hello")
	require.NoError(t, err)
	m, _ := w.client.text(t)
	assert.Equal(t, w.alice.LID(), m.Info.Sender.User)
	assert.True(t, m.Info.SenderAlt.IsEmpty())
	w.client.send(t, m.Info.Chat, "welcome")
	got, err := w.alice.Next(within(t))
	require.NoError(t, err)
	assert.Equal(t, "welcome", got.Text)
}

// asked returns what WhatsApp says about a number: the address, and the number as WhatsApp spells it.
func (w *world) asked(t *testing.T, number string) (isIn bool, address, spelling string) {
	t.Helper()
	found, err := w.client.IsOnWhatsApp(within(t), []string{"+" + number})
	require.NoError(t, err)
	require.Len(t, found, 1)
	assert.Equal(t, "+"+number, found[0].Query)
	return found[0].IsIn, found[0].JID.User, found[0].PhoneNumber.User
}

// A person who takes another number keeps the LID. The old number then leads to nobody, and to
// somebody else once the operator has given it away again.
func TestNumberMovesAndIsRecycled(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{Number: "919876543210"})
	require.Equal(t, "919876543210", w.says(t, w.alice))
	require.NoError(t, w.alice.ChangeNumber("919876543299"))
	isIn, _, _ := w.asked(t, "919876543210")
	assert.False(t, isIn)
	isIn, lid, number := w.asked(t, "919876543299")
	assert.True(t, isIn)
	assert.Equal(t, w.alice.LID(), lid)
	assert.Equal(t, "919876543299", number)
	bob := w.srv.NewPhone(whatsapptest.PhoneConfig{Number: "919876543210"})
	_, lid, _ = w.asked(t, "919876543210")
	assert.Equal(t, bob.LID(), lid)
	assert.Equal(t, "919876543299", w.says(t, w.alice))
	assert.Equal(t, "919876543210", w.says(t, bob))
	w.client.send(t, types.NewJID(w.alice.LID(), types.HiddenUserServer), "for Alice")
	got, err := w.alice.Next(within(t))
	require.NoError(t, err)
	assert.Equal(t, "for Alice", got.Text)
}

func TestNumberThatCannotBeTaken(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	require.ErrorContains(t, w.alice.ChangeNumber(w.shop.Number()), "taken")
	require.ErrorContains(t, w.alice.ChangeNumber("+91 98765"), "digits only")
	require.ErrorContains(t, w.shop.ChangeNumber("15550109999"), "linked clients")
	require.NoError(t, w.alice.ChangeNumber("15550109999"))
	p, ok := w.srv.Phone("15550109999")
	assert.True(t, ok)
	assert.Equal(t, w.alice, p)
}

// Accounts keep the spelling under which they were registered, and WhatsApp finds them by the others.
func TestSpellingsOfANumber(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	for name, c := range map[string]struct{ registered, asked, not string }{
		"Brazil, registered before the ninth digit": {"553187654321", "5531987654321", "5531887654321"},
		"Brazil, registered with the ninth digit":   {"5511987654322", "551187654322", "551137654322"},
		"a Brazilian fixed line has no ninth digit": {"551133334444", "551133334444", "5511933334444"},
		"Mexico, with the 1":                        {"5215512345678", "525512345678", "525212345678"},
		"Mexico, without the 1":                     {"525587654321", "5215587654321", "521558765432"},
		"Argentina, with the 9":                     {"5491123456789", "541123456789", "5401123456789"},
		"Argentina, without the 9":                  {"541187654321", "5491187654321", "549118765432"},
		"elsewhere":                                 {"491701234567", "491701234567", "4991701234567"},
	} {
		t.Run(name, func(t *testing.T) {
			p := w.srv.NewPhone(whatsapptest.PhoneConfig{Number: c.registered})
			isIn, lid, number := w.asked(t, c.asked)
			assert.True(t, isIn)
			assert.Equal(t, p.LID(), lid)
			assert.Equal(t, c.registered, number)
			isIn, _, _ = w.asked(t, c.not)
			assert.False(t, isIn)
		})
	}
}

// A client that asks too often is refused (429) until it has waited.
func TestLookupsAreLimited(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	w.device.RefuseLookups(429, 1)
	_, err := w.client.IsOnWhatsApp(within(t), []string{"+" + w.alice.Number()})
	require.ErrorIs(t, err, whatsmeow.ErrIQRateOverLimit)
	isIn, _, _ := w.asked(t, w.alice.Number())
	assert.True(t, isIn)
	lookups := w.srv.Lookups()
	require.Len(t, lookups, 2)
	assert.Equal(t, 429, lookups[0].Code)
	assert.Equal(t, []string{w.alice.Number()}, lookups[0].Numbers)
	assert.Zero(t, lookups[1].Code)
	assert.Equal(t, w.shop.Number(), lookups[1].Client)
}

// A card arrives as it was sent, whether it is true or not.
func TestContactCards(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{Name: "Alice", Number: "919876543210", Username: "alice"})
	card := func() string {
		for {
			if c := await[*events.Message](t, w.client).Message.GetContactMessage(); c != nil {
				return c.GetVcard()
			}
		}
	}
	_, err := w.alice.SendContact(within(t), w.shop.Number(), w.alice)
	require.NoError(t, err)
	assert.Equal(t, "BEGIN:VCARD\nVERSION:3.0\nN:;Alice;;;\nFN:Alice\n"+
		"TEL;type=CELL;type=VOICE;waid=919876543210:+919876543210\nEND:VCARD", card())
	for _, forged := range []string{"", "BEGIN:VCARD", "TEL;waid=1:+2"} {
		_, err := w.alice.SendMessage(within(t), whatsapptest.Outgoing{
			To: w.shop.Number(), Message: whatsapptest.VCard("Alice", forged),
		})
		require.NoError(t, err)
		assert.Equal(t, forged, card())
	}
}

// All of it works over HTTP.
func TestNumbersOverHTTP(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{Number: "919876543210", Name: "Alice"})
	web := newPage(t, w.srv)
	status, _ := web.do(t, "PUT", "/phones/919876543210/username", `{"username":"alice"}`)
	require.Less(t, status, 300)
	status, alice := web.do(t, "PUT", "/phones/919876543210/number", `{"number":"919876543299"}`)
	require.Equal(t, 200, status)
	assert.Equal(t, "919876543299", alice["number"])
	assert.Equal(t, "alice", alice["username"])
	status, _ = web.do(t, "PUT", "/phones/919876543299/number", `{"number":"15550100001"}`)
	assert.Equal(t, 409, status)
	assert.Empty(t, w.says(t, w.alice))
	status, _ = web.do(t, "POST", "/phones/919876543299/contacts", `{"to":"15550100001"}`)
	require.Equal(t, 201, status)
	assert.Contains(t, await[*events.Message](t, w.client).Message.GetContactMessage().GetVcard(), "waid=919876543299:")
	status, _ = web.do(t, "PUT", "/phones/15550100001/devices/1/lookups", `{"code":429,"times":1}`)
	require.Less(t, status, 300)
	_, err := w.client.IsOnWhatsApp(within(t), []string{"+919876543299"})
	require.ErrorIs(t, err, whatsmeow.ErrIQRateOverLimit)
	_, lookups := web.do(t, "GET", "/lookups", "")
	require.Len(t, lookups["lookups"], 1)
	assert.Subset(t, lookups["lookups"].([]any)[0], map[string]any{"client": "15550100001", "code": 429.0})
}
