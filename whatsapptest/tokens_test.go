//go:build !race

package whatsapptest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"github.com/heypingr/pingr/whatsapptest"
)

// tokenOf waits until a client's token of a person has changed, and returns it.
func tokenOf(t *testing.T, c *client, person types.JID, before []byte) []byte {
	t.Helper()
	var token []byte
	require.Eventually(t, func() bool {
		stored, err := c.Store.PrivacyTokens.GetPrivacyToken(within(t), person)
		if err != nil || stored == nil || string(stored.Token) == string(before) {
			return false
		}
		token = stored.Token
		assert.WithinDuration(t, time.Now(), stored.Timestamp, time.Minute)
		return true
	}, limit, 5*time.Millisecond)
	return token
}

// People give tokens to the people they write to, once a week, and messages to them carry the latest.
func TestPeopleGiveTokens(t *testing.T) {
	for name, addressing := range map[string]whatsapptest.Addressing{
		"by LID": whatsapptest.LIDFirst, "by number": whatsapptest.NumberFirst, "by LID alone": whatsapptest.LIDOnly,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, whatsapptest.PhoneConfig{Addressing: addressing})
			_, lid := addresses(w.alice)
			carried := func() []byte {
				t.Helper()
				w.client.send(t, lid, "hello")
				stanzas := w.srv.Ledger().Stanzas()
				child := stanzas[len(stanzas)-1].Node.GetChildByTag("tctoken")
				token, _ := child.Content.([]byte)
				return token
			}
			assert.Nil(t, carried())
			for range 2 {
				_, err := w.alice.Send(within(t), w.shop.Number(), "hi")
				require.NoError(t, err)
			}
			first := tokenOf(t, w.client, lid, nil)
			assert.Equal(t, first, carried())
			require.NoError(t, w.device.WaitQueueEmpty(within(t)))
			assert.Equal(t, first, tokenOf(t, w.client, lid, nil), "one a week")
			w.alice.GiveToken(w.shop)
			assert.NotEqual(t, first, tokenOf(t, w.client, lid, first))
		})
	}
}

// Linked clients ask the server to give tokens to the people they write to.
func TestLinkedClientsGiveTokens(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	web, _ := linked(t, w.srv, w.alice)
	_, shop := addresses(w.shop)
	_, alice := addresses(w.alice)
	web.send(t, shop, "hello")
	tokenOf(t, w.client, alice, nil)
	assert.Empty(t, w.srv.UnknownRequests())
}

func TestMessagesWithoutATokenAreRefused(t *testing.T) {
	srv := start(t, whatsapptest.Config{Tokens: whatsapptest.TokensRequired})
	shop, alice := srv.NewPhone(whatsapptest.PhoneConfig{}), srv.NewPhone(whatsapptest.PhoneConfig{})
	c, _ := linked(t, srv, shop)
	_, lid := addresses(alice)
	_, err := c.SendMessage(within(t), lid, whatsapptest.TextMessage("hello"))
	require.ErrorIs(t, err, whatsmeow.ErrServerReturnedError)
	assert.ErrorContains(t, err, "463")
	_, err = alice.Send(within(t), shop.Number(), "hi")
	require.NoError(t, err)
	tokenOf(t, c, lid, nil)
	c.send(t, lid, "hello")
	c.send(t, types.NewJID(shop.LID(), types.HiddenUserServer), "to oneself")
	seen, err := alice.Next(within(t))
	require.NoError(t, err)
	assert.Equal(t, "hello", seen.Text)
	srv.SetTokens(whatsapptest.NoTokens)
	bob := srv.NewPhone(whatsapptest.PhoneConfig{})
	c.send(t, types.NewJID(bob.LID(), types.HiddenUserServer), "hello")
}
