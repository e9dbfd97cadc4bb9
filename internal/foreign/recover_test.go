//go:build !race

package foreign

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/whatsapptest"
)

// What waited while the client was away arrives in its order, once. Baileys asks
// for 100 stanzas, once, and so gets no more from a server that waits to be asked.
func TestQueueOfTheNight(t *testing.T) {
	t.Run("all at once", func(t *testing.T) { testQueueOfTheNight(t, 0, 300) })
	t.Run("when asked", func(t *testing.T) { testQueueOfTheNight(t, 5, 105) })
}

func testQueueOfTheNight(t *testing.T, primer, waiting int) {
	s := newShop(t, whatsapptest.Config{Primer: primer})
	people := make([]*whatsapptest.Phone, 5)
	for i := range people {
		people[i] = s.srv.NewPhone(whatsapptest.PhoneConfig{KeepsTokens: true}) // which would be counted too
	}
	s.client.do("close", nil)
	require.NoError(t, s.device.WaitOffline(within(t)))
	for i := range waiting {
		_, err := people[i%len(people)].Send(t.Context(), s.phone.Number(), strconv.Itoa(i))
		require.NoError(t, err)
	}
	s.client.do("open", nil)
	for i := range waiting {
		got := s.client.await("message", hasText)
		require.Equal(t, strconv.Itoa(i), got.Text)
		require.False(t, got.Live)
	}
	s.nothingIsLost(t)
	assert.Zero(t, s.client.count("message", hasText))
}

// The client learns why its connection ended, and works after it.
func TestEnds(t *testing.T) {
	s := newShop(t, whatsapptest.Config{})
	p := s.srv.NewPhone(whatsapptest.PhoneConfig{})
	works := func(t *testing.T, after string) {
		t.Helper()
		_, err := p.Send(t.Context(), s.phone.Number(), "after "+after)
		require.NoError(t, err)
		s.client.send(s.client.text("after "+after).Chat, "answer after "+after)
		assert.Equal(t, "answer after "+after, next(t, p).Text)
	}
	ends := []struct {
		name string
		end  func()
		code int // what Baileys makes of it
	}{
		{"the network", s.device.Drop, 428},
		{"503", func() { s.device.StreamError(503) }, 503},
		{"500", func() { s.device.StreamError(500) }, 500},
		{"516", func() { s.device.StreamError(516) }, 516},
		{"515", func() { s.device.StreamError(515) }, 515},
		{"replaced", s.device.Replace, 440},
	}
	for _, tt := range ends {
		s.in(t, tt.name, func(t *testing.T) {
			tt.end()
			assert.Equal(t, tt.code, s.client.await("close", nil).Code)
			if tt.code != 515 { // after which it comes back by itself
				s.client.do("open", nil)
			}
			s.client.await("open", nil)
			works(t, tt.name)
		})
	}
	for _, reason := range []int{402, 403, 405, 409, 500, 503} {
		s.in(t, fmt.Sprintf("login fails with %d", reason), func(t *testing.T) {
			s.device.FailLogins(whatsapptest.LoginFailure{Reason: reason, Times: 1})
			s.device.Drop()
			s.client.await("close", nil)
			s.client.do("open", nil)
			assert.Equal(t, reason, s.client.await("close", nil).Code)
			s.client.do("open", nil)
			s.client.await("open", nil)
			works(t, fmt.Sprint(reason))
		})
	}
	s.in(t, "removed while connected, and at the next login", func(t *testing.T) {
		s.device.Remove()
		assert.Equal(t, 401, s.client.await("close", nil).Code)
		s.client.do("open", nil)
		assert.Equal(t, 401, s.client.await("close", nil).Code)
	})
	s.in(t, "it logs out", func(t *testing.T) {
		c, d := s.link("leaver", s.phone)
		require.NoError(t, d.WaitOnline(within(t)))
		c.do("logout", nil)
		assert.Equal(t, 401, c.await("close", nil).Code)
		assert.Empty(t, s.phone.Devices())
	})
	assert.Empty(t, s.srv.UnknownRequests())
}

func TestRefusedAndUnacknowledged(t *testing.T) {
	s := newShop(t, whatsapptest.Config{})
	p := s.srv.NewPhone(whatsapptest.PhoneConfig{})
	_, err := p.Send(t.Context(), s.phone.Number(), "hello")
	require.NoError(t, err)
	chat := s.client.text("hello").Chat
	for _, code := range []int{463, 400, 500, 479, 404} {
		s.in(t, fmt.Sprint(code), func(t *testing.T) {
			s.device.Acks(whatsapptest.AckRule{Error: code, Times: 1})
			id := s.client.send(chat, fmt.Sprintf("refused with %d", code))
			s.client.await("status", func(e event) bool { return e.ID == id && e.Status == statusError })
		})
	}
	s.in(t, "the acknowledgement is lost", func(t *testing.T) {
		s.device.Acks(whatsapptest.AckRule{Lose: true, Times: 1})
		s.client.send(chat, "without an ack")
		assert.Equal(t, "without an ack", next(t, p).Text)
	})
	assert.Len(t, p.Messages(), 1, "what was refused reaches nobody")
}

// Keys are taken until four are left: the client is asked for more, and sends them.
func TestKeysRunOut(t *testing.T) {
	s := newShop(t, whatsapptest.Config{})
	asha, _ := s.link("asha", s.srv.NewPhone(whatsapptest.PhoneConfig{}))
	left := func() int {
		var text string
		require.NoError(t, json.Unmarshal(s.client.do("keysLeft", nil), &text))
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		return n
	}
	const few = 4 // Baileys heeds no notification of more
	asha.do("takeKeys", args{"jid": s.device.JID(), "times": left() - few})
	require.Eventually(t, func() bool { return left() > few }, patience, 10*time.Millisecond)
	for i := range 2 * few { // with the old keys, then with new ones
		_, err := s.srv.NewPhone(whatsapptest.PhoneConfig{}).Send(t.Context(), s.phone.Number(), strconv.Itoa(i))
		require.NoError(t, err)
		s.client.text(strconv.Itoa(i))
	}
	assert.Zero(t, s.client.count("unreadable", nil))
	s.nothingIsLost(t)
}

// On its next connection the client first says where the last one led it.
func TestRoutingInformation(t *testing.T) {
	s := newShop(t, whatsapptest.Config{})
	var info string
	require.NoError(t, json.Unmarshal(s.client.do("hasRouting", nil), &info))
	require.NotEmpty(t, info, "the server tells it at login")
	s.device.Drop()
	s.client.await("close", nil)
	s.client.do("open", nil)
	s.client.await("open", nil)
	require.NoError(t, s.device.WaitLogins(within(t), 2))
}
