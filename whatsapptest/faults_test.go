//go:build !race

package whatsapptest_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/heypingr/pingr/whatsapptest"
)

func TestDroppedClientComesBackAndMissesNothing(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	w.device.Drop()
	await[*events.Disconnected](t, w.client)
	_, err := w.alice.Send(within(t), w.shop.Number(), "while you were away")
	require.NoError(t, err)
	_, text := w.client.text(t)
	assert.Equal(t, "while you were away", text)
	require.NoError(t, w.device.WaitLogins(within(t), 2))
}

func TestLoginFailures(t *testing.T) {
	tests := map[string]struct {
		failure whatsapptest.LoginFailure
		check   func(*testing.T, *client)
	}{
		"401 logged out": {whatsapptest.LoginFailure{Reason: 401}, loggedOut(events.ConnectFailureLoggedOut)},
		"402 temporarily banned": {
			whatsapptest.LoginFailure{Reason: 402, Code: 101, Expire: time.Hour},
			func(t *testing.T, c *client) {
				t.Helper()
				ban := await[*events.TemporaryBan](t, c)
				assert.Equal(t, time.Hour, ban.Expire)
				assert.Equal(t, events.TempBanSentToTooManyPeople, ban.Code)
			},
		},
		"403 locked": {whatsapptest.LoginFailure{Reason: 403}, loggedOut(events.ConnectFailureMainDeviceGone)},
		"405 outdated": {whatsapptest.LoginFailure{Reason: 405}, func(t *testing.T, c *client) {
			t.Helper()
			await[*events.ClientOutdated](t, c)
		}},
		"406 banned": {whatsapptest.LoginFailure{Reason: 406}, loggedOut(events.ConnectFailureUnknownLogout)},
		"409 unknown": {whatsapptest.LoginFailure{Reason: 409}, func(t *testing.T, c *client) {
			t.Helper()
			assert.EqualValues(t, 409, await[*events.ConnectFailure](t, c).Reason)
		}},
		"503 once: it tries again": {whatsapptest.LoginFailure{Reason: 503, Times: 1}, func(t *testing.T, c *client) {
			t.Helper()
			await[*events.Connected](t, c)
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, whatsapptest.PhoneConfig{})
			w.device.FailLogins(tt.failure)
			w.device.Drop()
			await[*events.Disconnected](t, w.client)
			tt.check(t, w.client)
		})
	}
}

func loggedOut(reason events.ConnectFailureReason) func(*testing.T, *client) {
	return func(t *testing.T, c *client) {
		t.Helper()
		e := await[*events.LoggedOut](t, c)
		assert.Equal(t, reason, e.Reason)
		assert.True(t, e.OnConnect)
	}
}

func TestRemovedClientLearnsIt(t *testing.T) {
	t.Run("while connected", func(t *testing.T) {
		w := newWorld(t, whatsapptest.PhoneConfig{})
		w.device.Remove()
		assert.False(t, await[*events.LoggedOut](t, w.client).OnConnect)
		assert.Empty(t, w.shop.Devices())
	})
	t.Run("while away", func(t *testing.T) {
		w := newWorld(t, whatsapptest.PhoneConfig{})
		w.client.Disconnect()
		require.NoError(t, w.device.WaitOffline(within(t)))
		w.device.Remove()
		require.NoError(t, w.client.Connect())
		assert.True(t, await[*events.LoggedOut](t, w.client).OnConnect)
	})
	t.Run("by itself", func(t *testing.T) {
		w := newWorld(t, whatsapptest.PhoneConfig{})
		require.NoError(t, w.client.Logout(within(t)))
		assert.Empty(t, w.shop.Devices())
	})
}

func TestReplacedClientStaysAway(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	w.device.Replace()
	await[*events.StreamReplaced](t, w.client)
	require.NoError(t, w.device.WaitOffline(within(t)))
}

func TestStreamError503BringsTheClientBack(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	w.device.StreamError(http.StatusServiceUnavailable)
	require.NoError(t, w.device.WaitLogins(within(t), 2))
}

func TestSilentSocketNeitherAnswersNorCloses(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{KeepsTokens: true})
	// The client must know the recipient's devices. Otherwise it waits for those instead.
	w.client.send(t, types.NewJID(w.alice.Number(), types.DefaultUserServer), "hi")
	w.device.Silence(true)
	_, err := w.alice.Send(within(t), w.shop.Number(), "hello?")
	require.NoError(t, err)
	_, err = w.client.SendMessage(within(t), types.NewJID(w.alice.Number(), types.DefaultUserServer),
		whatsapptest.TextMessage("anybody?"), whatsmeow.SendRequestExtra{Timeout: 100 * time.Millisecond})
	require.Error(t, err)
	assert.True(t, w.client.IsConnected())
	assert.Equal(t, 1, w.device.Queued())

	w.device.Silence(false)
	w.client.ResetConnection()
	_, text := w.client.text(t)
	assert.Equal(t, "hello?", text)
}

func TestAcknowledgementsOfSentMessages(t *testing.T) {
	tests := map[string]struct {
		rule      whatsapptest.AckRule
		err       error
		delivered bool
	}{
		"normal":        {whatsapptest.AckRule{}, nil, true},
		"slow":          {whatsapptest.AckRule{Delay: 50 * time.Millisecond}, nil, true},
		"lost":          {whatsapptest.AckRule{Lose: true}, whatsmeow.ErrMessageTimedOut, true},
		"vanished":      {whatsapptest.AckRule{Vanish: true}, whatsmeow.ErrMessageTimedOut, false},
		"refused":       {whatsapptest.AckRule{Error: 463}, whatsmeow.ErrServerReturnedError, false},
		"lost for once": {whatsapptest.AckRule{Lose: true, Times: 1}, whatsmeow.ErrMessageTimedOut, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, whatsapptest.PhoneConfig{})
			to := types.NewJID(w.alice.Number(), types.DefaultUserServer)
			w.srv.Acks(tt.rule)
			var extra whatsmeow.SendRequestExtra
			if errors.Is(tt.err, whatsmeow.ErrMessageTimedOut) {
				extra.Timeout = 200 * time.Millisecond
			}
			_, err := w.client.SendMessage(within(t), to, whatsapptest.TextMessage("first"), extra)
			require.ErrorIs(t, err, tt.err)
			require.NoError(t, w.srv.Ledger().WaitStanzas(within(t), 1))
			w.srv.Acks(whatsapptest.AckRule{})
			w.client.send(t, to, "second")
			got, err := w.alice.Next(within(t))
			require.NoError(t, err)
			assert.Equal(t, tt.delivered, got.Text == "first")
		})
	}
}

func TestRuleForOneClientGoesBeforeTheServers(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	to := types.NewJID(w.alice.Number(), types.DefaultUserServer)
	w.srv.Acks(whatsapptest.AckRule{Error: 479})
	w.device.Acks(whatsapptest.AckRule{Error: 463, Times: 1})
	_, err := w.client.SendMessage(within(t), to, whatsapptest.TextMessage("one"))
	require.ErrorContains(t, err, "463")
	_, err = w.client.SendMessage(within(t), to, whatsapptest.TextMessage("two"))
	require.ErrorContains(t, err, "479")
	stanzas := w.srv.Ledger().Stanzas()
	require.Len(t, stanzas, 2)
	assert.Equal(t, 463, stanzas[0].Error)
}

// A message sent again with the same id, because its acknowledgement was lost,
// is one message to the person who reads it.
func TestSameIDShowsOnce(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	to := types.NewJID(w.alice.Number(), types.DefaultUserServer)
	extra := whatsmeow.SendRequestExtra{ID: "3EB0SAME", Timeout: 100 * time.Millisecond}
	w.device.Acks(whatsapptest.AckRule{Lose: true, Times: 1})
	_, err := w.client.SendMessage(within(t), to, whatsapptest.TextMessage("once"), extra)
	require.ErrorIs(t, err, whatsmeow.ErrMessageTimedOut)
	_, err = w.client.SendMessage(within(t), to, whatsapptest.TextMessage("once"),
		whatsmeow.SendRequestExtra{ID: "3EB0SAME"})
	require.NoError(t, err)
	require.NoError(t, w.srv.Ledger().WaitUntil(within(t), func(l *whatsapptest.Ledger) bool {
		r := l.Replies()
		return len(r) == 1 && r[0].Shown == 2
	}))
	assert.Len(t, w.alice.Messages(), 1)
	assert.Len(t, w.srv.Ledger().Stanzas(), 2)
}

func TestMessageToNobodyIsRefused(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	_, err := w.client.SendMessage(within(t), types.NewJID("999999999999999", types.HiddenUserServer),
		whatsapptest.TextMessage("hi"))
	require.Error(t, err)
}

func TestRefusedUpgrade(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	w.client.Disconnect()
	require.NoError(t, w.device.WaitOffline(within(t)))
	w.srv.RefuseUpgrades(http.StatusServiceUnavailable, 1)
	require.ErrorContains(t, w.client.Connect(), "503")
	require.NoError(t, w.client.Connect())
	require.NoError(t, w.device.WaitOnline(within(t)))
}

func TestPreKeysAreRefilled(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	ctx, cancel := context.WithTimeout(t.Context(), 2*limit)
	defer cancel()
	const strangers = 900 // more than the 812 keys of the first upload
	for range strangers {
		p := w.srv.NewPhone(whatsapptest.PhoneConfig{})
		_, err := p.Send(ctx, w.shop.Number(), "hi")
		require.NoError(t, err)
	}
	require.NoError(t, w.srv.Ledger().WaitAcknowledged(ctx, strangers))
	for _, m := range w.srv.Ledger().Sent() {
		assert.Zero(t, m.Retries)
	}
}

// A rule for one destination leaves all others as they were, and goes before those of the client.
func TestAcksByDestination(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{Number: "919876543210"})
	bob := w.srv.NewPhone(whatsapptest.PhoneConfig{Number: "919876543211"})
	group := w.srv.NewGroup(whatsapptest.GroupConfig{Members: []*whatsapptest.Phone{w.shop, bob}})
	refused := func(to types.JID) bool {
		_, err := w.client.SendMessage(within(t), to, whatsapptest.TextMessage("hello"))
		return err != nil
	}
	alice := types.NewJID(w.alice.Number(), types.DefaultUserServer)
	other := types.NewJID(bob.Number(), types.DefaultUserServer)
	party, err := types.ParseJID(group.ID())
	require.NoError(t, err)
	assert.Equal(t, []bool{false, false, false}, []bool{refused(alice), refused(other), refused(party)})
	w.alice.Acks(whatsapptest.AckRule{Error: 463, Times: 1})
	group.Acks(whatsapptest.AckRule{Error: 403})
	assert.Equal(t, []bool{true, false, true}, []bool{refused(alice), refused(other), refused(party)})
	assert.False(t, refused(alice), "for one message only")
	group.Acks(whatsapptest.AckRule{})
	assert.False(t, refused(party))
}
