//go:build !race

package whatsapptest_test

import (
	"context"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/heypingr/pingr/whatsapptest"
)

// protocol waits for the next message that is not a text, and is not between devices.
func (c *client) protocol(t *testing.T, is func(*waE2E.Message) bool) *events.Message {
	t.Helper()
	for {
		if m := await[*events.Message](t, c); is(m.Message) {
			return m
		}
	}
}

// What a person does with a phone reaches the client as a real one shows it, however the person is
// addressed, in private and in groups.
func TestPeopleDoMoreThanWrite(t *testing.T) {
	for name, config := range map[string]whatsapptest.PhoneConfig{
		"by LID":               {Number: "919876543210", Name: "Alice"},
		"by number":            {Number: "919876543210", Name: "Alice", Addressing: whatsapptest.NumberFirst},
		"with a hidden number": {Number: "919876543210", Name: "Alice", Addressing: whatsapptest.LIDOnly},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, config)
			ctx := within(t)
			hello, err := w.alice.Send(ctx, w.shop.Number(), "hello")
			require.NoError(t, err)
			m, _ := w.client.text(t)
			chat := m.Info.Chat

			_, err = w.alice.Edit(ctx, hello, "hello again")
			require.NoError(t, err)
			edited := w.client.protocol(t, func(m *waE2E.Message) bool {
				return m.GetProtocolMessage().GetEditedMessage() != nil
			})
			assert.Equal(t, hello, edited.Message.GetProtocolMessage().GetKey().GetID())
			assert.Equal(t, "hello again", edited.Message.GetProtocolMessage().GetEditedMessage().GetConversation())

			answer := w.client.send(t, chat, "answer")
			shown, err := w.alice.Next(ctx)
			require.NoError(t, err)
			require.Equal(t, answer.ID, shown.ID)
			require.NoError(t, w.alice.Read(ctx, answer.ID))
			read := w.client.receipt(t, types.ReceiptTypeRead)
			assert.Equal(t, []types.MessageID{answer.ID}, read.MessageIDs)
			assert.Equal(t, chat, read.Chat)

			_, err = w.alice.React(ctx, answer.ID, "🎉")
			require.NoError(t, err)
			reaction := w.client.protocol(t, func(m *waE2E.Message) bool { return m.GetReactionMessage() != nil })
			assert.Equal(t, "🎉", reaction.Message.GetReactionMessage().GetText())
			assert.Equal(t, answer.ID, reaction.Message.GetReactionMessage().GetKey().GetID())
			assert.False(t, reaction.Message.GetReactionMessage().GetKey().GetFromMe())

			for _, tt := range []struct {
				typing whatsapptest.Typing
				state  types.ChatPresence
				media  types.ChatPresenceMedia
			}{
				{whatsapptest.Composing, types.ChatPresenceComposing, ""},
				{whatsapptest.Recording, types.ChatPresenceComposing, types.ChatPresenceMediaAudio},
				{whatsapptest.Paused, types.ChatPresencePaused, ""},
			} {
				require.NoError(t, w.alice.Type(ctx, w.shop.Number(), tt.typing))
				got := await[*events.ChatPresence](t, w.client)
				assert.Equal(t, []any{tt.state, tt.media, chat}, []any{got.State, got.Media, got.Chat})
			}

			w.alice.Rename("Alicia")
			_, err = w.alice.Send(ctx, w.shop.Number(), "what?")
			require.NoError(t, err)
			m, _ = w.client.text(t)
			assert.Equal(t, "Alicia", m.Info.PushName)

			_, err = w.alice.Revoke(ctx, hello)
			require.NoError(t, err)
			revoked := w.client.protocol(t, func(m *waE2E.Message) bool {
				return m.GetProtocolMessage().GetType() == waE2E.ProtocolMessage_REVOKE
			})
			assert.Equal(t, hello, revoked.Message.GetProtocolMessage().GetKey().GetID())
			assert.Equal(t, types.EditAttributeSenderRevoke, revoked.Info.Edit)
			assert.Zero(t, w.srv.Ledger().Undecryptable())
		})
	}
}

// receipt waits for a receipt of that type.
func (c *client) receipt(t *testing.T, kind types.ReceiptType) *events.Receipt {
	t.Helper()
	for {
		if r := await[*events.Receipt](t, c); r.Type == kind {
			return r
		}
	}
}

// The client itself opens the vote, with the secret that only poll and phone know.
func TestVotes(t *testing.T) {
	for name, addressing := range map[string]whatsapptest.Addressing{
		"by LID": whatsapptest.LIDFirst, "by number": whatsapptest.NumberFirst,
	} {
		for _, where := range []string{"in private", "in a group"} {
			t.Run(name+" "+where, func(t *testing.T) {
				w := newWorld(t, whatsapptest.PhoneConfig{Number: "919876543210", Addressing: addressing})
				ctx := within(t)
				to := w.shop.Number()
				if where == "in a group" {
					to = w.srv.NewGroup(whatsapptest.GroupConfig{
						ByLID: addressing == whatsapptest.LIDFirst, Members: []*whatsapptest.Phone{w.shop, w.alice},
					}).ID()
				}
				_, err := w.alice.Send(ctx, to, "hello")
				require.NoError(t, err)
				m, _ := w.client.text(t)
				question := w.client.BuildPollCreation("Lunch?", []string{"Rice", "Bread"}, 1)
				poll, err := w.client.SendMessage(ctx, m.Info.Chat, question)
				require.NoError(t, err)
				shown, err := w.alice.Next(ctx)
				require.NoError(t, err)
				assert.Equal(t, "Lunch?", shown.Text)
				_, err = w.alice.Vote(ctx, poll.ID, "Soup")
				require.ErrorContains(t, err, "Rice, Bread")
				_, err = w.alice.Vote(ctx, poll.ID, "Bread")
				require.NoError(t, err)
				vote, err := w.client.DecryptPollVote(ctx, w.client.protocol(t, func(m *waE2E.Message) bool {
					return m.GetPollUpdateMessage() != nil
				}))
				require.NoError(t, err)
				bread := sha256.Sum256([]byte("Bread"))
				assert.Equal(t, [][]byte{bread[:]}, vote.GetSelectedOptions())
			})
		}
	}
}

// A phone without network gives no sign of life, and shows what waited, in order, when it is back.
func TestPhoneGoesOffline(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{Number: "919876543210"})
	bob := w.srv.NewPhone(whatsapptest.PhoneConfig{})
	ctx := within(t)
	_, err := w.alice.Send(ctx, w.shop.Number(), "hello")
	require.NoError(t, err)
	m, _ := w.client.text(t)
	w.alice.GoOffline()
	assert.False(t, w.alice.Online())
	first := w.client.send(t, m.Info.Chat, "first")
	w.client.send(t, m.Info.Chat, "second")
	_, err = bob.Send(ctx, w.alice.Number(), "third")
	require.NoError(t, err)
	for name, act := range map[string]func() error{
		"send": func() error { _, err := w.alice.Send(ctx, w.shop.Number(), "hello?"); return err },
		"read": func() error { return w.alice.Read(ctx, first.ID) },
		"type": func() error { return w.alice.Type(ctx, w.shop.Number(), whatsapptest.Composing) },
	} {
		require.ErrorContains(t, act(), "offline", name)
	}
	assert.Empty(t, w.alice.Messages())
	w.alice.GoOnline()
	var got []string
	for range 3 {
		m, err := w.alice.Next(ctx)
		require.NoError(t, err)
		got = append(got, m.Text)
	}
	assert.ElementsMatch(t, []string{"first", "second", "third"}, got)
	assert.Less(t, slices.Index(got, "first"), slices.Index(got, "second"), "of one sender in order")
	assert.Equal(t, []types.MessageID{first.ID}, w.client.receipt(t, types.ReceiptTypeDelivered).MessageIDs)
}

// A message that the client deletes is marked as such on the phone, and is no other message.
func TestClientDeletesAMessage(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{Number: "919876543210"})
	ctx := within(t)
	_, err := w.alice.Send(ctx, w.shop.Number(), "hello")
	require.NoError(t, err)
	m, _ := w.client.text(t)
	sent := w.client.send(t, m.Info.Chat, "wrong")
	_, err = w.client.SendMessage(ctx, m.Info.Chat, w.client.BuildRevoke(m.Info.Chat, types.EmptyJID, sent.ID))
	require.NoError(t, err)
	w.client.send(t, m.Info.Chat, "right")
	right, err := w.alice.Next(ctx, func(m whatsapptest.Message) bool { return m.Text == "right" })
	require.NoError(t, err)
	assert.False(t, right.Revoked)
	messages := w.alice.Messages()
	require.Len(t, messages, 2)
	assert.True(t, messages[0].Revoked)
}

// A filter skips what is left over from an earlier step, and loses nothing.
func TestNextWithAFilter(t *testing.T) {
	srv := start(t, whatsapptest.Config{})
	alice, bob := srv.NewPhone(whatsapptest.PhoneConfig{}), srv.NewPhone(whatsapptest.PhoneConfig{})
	for _, text := range []string{"one", "two", "three"} {
		_, err := bob.Send(within(t), alice.Number(), text)
		require.NoError(t, err)
	}
	next := func(filters ...func(whatsapptest.Message) bool) string {
		m, err := alice.Next(within(t), filters...)
		require.NoError(t, err)
		return m.Text
	}
	fromBob := func(m whatsapptest.Message) bool { return m.From == bob.Number() }
	assert.Equal(t, "two", next(fromBob, func(m whatsapptest.Message) bool { return m.Text == "two" }))
	assert.Equal(t, "one", next())
	assert.Equal(t, "three", next())
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := alice.Next(short, fromBob)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// The ledger has what a bot does besides writing.
func TestActivities(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{Number: "919876543210"})
	ctx := within(t)
	id, err := w.alice.Send(ctx, w.shop.Number(), "hello")
	require.NoError(t, err)
	m, _ := w.client.text(t)
	require.NoError(t, w.client.SendPresence(ctx, types.PresenceAvailable))
	require.NoError(t, w.client.MarkRead(ctx, []types.MessageID{id}, time.Now(), m.Info.Chat, m.Info.Sender))
	typing := func(state types.ChatPresence, media types.ChatPresenceMedia) {
		require.NoError(t, w.client.SendChatPresence(ctx, m.Info.Chat, state, media))
	}
	typing(types.ChatPresenceComposing, "")
	typing(types.ChatPresenceComposing, types.ChatPresenceMediaAudio)
	typing(types.ChatPresencePaused, "")
	require.NoError(t, w.client.SubscribePresence(ctx, m.Info.Chat))
	require.NoError(t, w.client.RejectCall(ctx, m.Info.Chat, "call"))
	require.NoError(t, w.client.SendPresence(ctx, types.PresenceUnavailable))
	_, err = w.srv.Ledger().WaitActivity(ctx, func(a whatsapptest.Activity) bool { return a.Kind == "unavailable" })
	require.NoError(t, err)
	type seen struct{ kind, chat, id string }
	var got []seen
	for _, a := range w.srv.Ledger().Activities() {
		assert.Equal(t, w.device.JID(), a.Device)
		s := seen{a.Kind, a.Chat, ""}
		if len(a.IDs) > 0 {
			s.id = a.IDs[0]
		}
		got = append(got, s)
	}
	const alice = "919876543210"
	assert.Subset(t, got, []seen{
		{"available", "", ""},
		{"read", alice, id},
		{"typing", alice, ""},
		{"recording", alice, ""},
		{"paused", alice, ""},
		{"subscribe", alice, ""},
		{"call", alice, ""},
		{"unavailable", "", ""},
	})
}

// The tap shows both directions, and the tongue says what the server never would.
func TestTapAndTongue(t *testing.T) {
	taps := make(chan whatsapptest.Traced, 4096)
	srv := start(t, whatsapptest.Config{Trace: func(s whatsapptest.Traced) { taps <- s }})
	shop := srv.NewPhone(whatsapptest.PhoneConfig{Number: "15550100001"})
	c, d := linked(t, srv, shop)
	await[*events.Connected](t, c)
	alice := types.NewJID("919876543210", types.DefaultUserServer)
	require.NoError(t, d.Send(waBinary.Node{
		Tag: "call", Attrs: waBinary.Attrs{"from": alice, "id": "CALL", "t": "1"},
		Content: []waBinary.Node{{Tag: "offer", Attrs: waBinary.Attrs{"call-id": "C1", "call-creator": alice}}},
	}))
	assert.Equal(t, "C1", await[*events.CallOffer](t, c).CallID)
	find := func(way whatsapptest.Direction, tag, id string) whatsapptest.Traced {
		ctx := within(t)
		for {
			select {
			case s := <-taps:
				if s.Direction == way && s.Node.Tag == tag && (id == "" || s.Node.Attrs["id"] == id) {
					return s
				}
			case <-ctx.Done():
				require.FailNow(t, "not traced", "%s %s", tag, id)
			}
		}
	}
	assert.Empty(t, find(whatsapptest.ToClient, "iq", "").Device, "before it is linked")
	assert.Equal(t, d.JID(), find(whatsapptest.ToClient, "success", "").Device)
	assert.Equal(t, d.JID(), find(whatsapptest.ToClient, "call", "CALL").Device)
	assert.Equal(t, d.JID(), find(whatsapptest.FromClient, "ack", "CALL").Device)
	c.Disconnect()
	require.NoError(t, d.WaitOffline(within(t)))
	require.Error(t, d.Send(waBinary.Node{Tag: "ib"}), "there is nobody to hear it")
}
