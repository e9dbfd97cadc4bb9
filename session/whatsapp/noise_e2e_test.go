//go:build !race

package whatsapp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/whatsapptest"
)

// WhatsApp may send a message that a client refuses first and alone at every login. What cannot be read
// is not refused, so nothing waits behind it.
func TestNothingIsHeldUpByWhatCannotBeRead(t *testing.T) {
	w := newWorldOn(t, whatsapptest.Config{HoldRefused: true, Primer: 5})
	s, device := w.link("sess_held")
	in := w.listen(s)
	alice, bob := w.server.NewPhone(whatsapptest.PhoneConfig{}), w.server.NewPhone(whatsapptest.PhoneConfig{})
	group := w.server.NewGroup(whatsapptest.GroupConfig{ByLID: true, Members: []*whatsapptest.Phone{w.shop, alice}})
	again := func() {
		device.FailLogins(whatsapptest.LoginFailure{})
		require.NoError(t, s.Reconnect())
	}
	device.FailLogins(whatsapptest.LoginFailure{Reason: 503})
	device.Drop()
	require.NoError(t, device.WaitOffline(w.within()))
	readable := map[string]bool{"after all that": true}
	for name, out := range map[string]whatsapptest.Outgoing{
		"a status": {To: "status@broadcast", Text: "my holiday", Garbled: true}, "view once": {
			Message: whatsapptest.ImageCaption("look"), Withheld: whatsapptest.ViewOnce,
		},
		"hosted":      {Text: "from a cloud", Withheld: whatsapptest.Hosted},
		"garbled":     {Text: "garbled", Garbled: true},
		"unavailable": {Text: "unavailable", Unavailable: true},
		"in a group":  {To: group.ID(), Text: "in a group", Garbled: true},
		"a reaction":  {Message: whatsapptest.Reaction("3EB0", "👍"), Garbled: true},
	} {
		if out.To == "" {
			out.To = w.shop.Number()
		}
		if out.Message == nil && out.Withheld == whatsapptest.NotWithheld && out.To != "status@broadcast" {
			readable[out.Text] = true
		}
		_, err := alice.SendMessage(t.Context(), out)
		require.NoError(t, err, name)
	}
	_, err := bob.Send(t.Context(), w.shop.Number(), "after all that")
	require.NoError(t, err)
	again()
	for len(readable) > 0 { // some come twice: from their sender and from our phone
		delete(readable, receive(t, in).Text)
	}
	require.NoError(t, device.WaitQueueEmpty(w.within()))
	device.Drop()
	require.NoError(t, device.WaitLogins(w.within(), device.Logins()+1))
	_, err = bob.Send(t.Context(), w.shop.Number(), "and later")
	require.NoError(t, err)
	for receive(t, in).Text != "and later" {
		continue // what came twice
	}
	for _, sent := range w.server.Ledger().Sent() {
		assert.Zero(t, sent.Refused, sent.Text)
	}
}

// Businesses link a number and write to one like anybody.
func TestBusinesses(t *testing.T) {
	w := newWorld(t)
	w.shop = w.server.NewPhone(whatsapptest.PhoneConfig{Name: "Shop", Business: "Shop Ltd"})
	s, device := w.link("sess_business")
	in := w.listen(s)
	cafe := w.server.NewPhone(whatsapptest.PhoneConfig{Name: "Cafe", Business: "Cafe Ltd"})
	_, err := cafe.Send(t.Context(), w.shop.Number(), "login")
	require.NoError(t, err)
	w.answer(s, receive(t, in), cafe, "here")
	require.NoError(t, device.WaitQueueEmpty(w.within()))
}

// What happens to the account and its groups, while Pingr is there and while it is away, is
// acknowledged, and a login goes on working.
func TestWhatHappensBesidesMessages(t *testing.T) {
	w := newWorldOn(t, whatsapptest.Config{AckWithin: 5 * time.Second})
	s, device := w.link("sess_besides")
	in := w.listen(s)
	alice, bob := w.server.NewPhone(whatsapptest.PhoneConfig{}), w.server.NewPhone(whatsapptest.PhoneConfig{})
	group := w.server.NewGroup(whatsapptest.GroupConfig{ByLID: true, Members: []*whatsapptest.Phone{w.shop, alice}})
	happen := func() {
		group.Add(bob)
		group.Remove(bob)
		w.shop.AddCompanion()
		alice.SetOutdated(true)
		alice.AddCompanion()
	}
	login := func(text string) {
		t.Helper()
		_, err := alice.Send(t.Context(), group.ID(), text)
		require.NoError(t, err)
		w.answer(s, receive(t, in), alice, "for "+text)
		require.NoError(t, device.WaitQueueEmpty(w.within()))
	}
	logins := device.Logins()
	happen()
	login("there")
	device.FailLogins(whatsapptest.LoginFailure{Reason: 503})
	device.Drop()
	require.NoError(t, device.WaitOffline(w.within()))
	happen()
	device.FailLogins(whatsapptest.LoginFailure{})
	require.NoError(t, s.Reconnect())
	w.untilState(s, pingr.SessionConnected)
	login("away")
	assert.Equal(t, logins+1, device.Logins(), "nothing else ended the connection")
	assert.Zero(t, w.server.Ledger().Undecryptable())
}
