//go:build !race

package whatsapptest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/heypingr/pingr/whatsapptest"
)

// world is a server with a linked shop and a stranger who writes to it.
type world struct {
	srv         *whatsapptest.Server
	shop, alice *whatsapptest.Phone
	client      *client
	device      *whatsapptest.Device
}

func newWorld(t *testing.T, alice whatsapptest.PhoneConfig) world {
	t.Helper()
	return newWorldOn(t, whatsapptest.Config{}, alice)
}

func newWorldOn(t *testing.T, c whatsapptest.Config, alice whatsapptest.PhoneConfig) world {
	t.Helper()
	srv := start(t, c)
	w := world{
		srv: srv, shop: srv.NewPhone(whatsapptest.PhoneConfig{Number: "15550100001", Name: "Shop"}),
		alice: srv.NewPhone(alice),
	}
	w.client, w.device = linked(t, srv, w.shop)
	return w
}

func TestSenderIsNamedByNumberOrLID(t *testing.T) {
	const number, lid = "919876543210", "123456789012345"
	pn, hidden := types.NewJID(number, types.DefaultUserServer), types.NewJID(lid, types.HiddenUserServer)
	tests := map[string]struct {
		addressing  whatsapptest.Addressing
		sender, alt types.JID
	}{
		"number, with LID":         {whatsapptest.NumberFirst, pn, hidden},
		"LID, with number":         {whatsapptest.LIDFirst, hidden, pn},
		"LID, number withheld":     {whatsapptest.LIDOnly, hidden, types.EmptyJID},
		"number, LID never spoken": {whatsapptest.NumberOnly, pn, types.EmptyJID},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, whatsapptest.PhoneConfig{Number: number, LID: lid, Addressing: tt.addressing})
			for i := range 3 { // the first message, then the session it began
				_, err := w.alice.Send(within(t), w.shop.Number(), fmt.Sprint("hello ", i))
				require.NoError(t, err)
				m, text := w.client.text(t)
				assert.Equal(t, fmt.Sprint("hello ", i), text)
				assert.Equal(t, tt.sender, m.Info.Sender)
				if i == 0 { // whatsmeow may ask for the LID before it answers, and adds it then
					assert.Equal(t, tt.alt, m.Info.SenderAlt)
				}
				w.client.send(t, m.Info.Chat, fmt.Sprint("answer ", i))
				reply, err := w.alice.Next(within(t))
				require.NoError(t, err)
				assert.Equal(t, fmt.Sprint("answer ", i), reply.Text)
			}
			assert.Zero(t, w.srv.Ledger().Undecryptable())
			assert.Empty(t, w.srv.UnknownRequests())
		})
	}
}

func TestHiddenNumberIsLearntOnlyWhenRevealed(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{
		Number: "919876543210", LID: "123456789012345", Addressing: whatsapptest.LIDOnly,
	})
	_, err := w.alice.Send(within(t), w.shop.Number(), "who am I?")
	require.NoError(t, err)
	m, _ := w.client.text(t)
	number, err := w.client.Store.LIDs.GetPNForLID(within(t), m.Info.Sender)
	require.NoError(t, err)
	assert.True(t, number.IsEmpty())
	require.NoError(t, w.alice.RevealNumber(within(t), w.shop))
	require.Eventually(t, func() bool { // the client may acknowledge the message before it has stored it
		number, err = w.client.Store.LIDs.GetPNForLID(within(t), m.Info.Sender)
		return err == nil && number.User == "919876543210"
	}, limit, 10*time.Millisecond)
}

// A number that somebody knows leads to its owner, hidden or not. Otherwise nobody could write to a
// friend who chose a username.
func TestHiddenNumberIsLearntByAskingAboutIt(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{
		Number: "919876543210", LID: "123456789012345", Addressing: whatsapptest.LIDOnly,
	})
	found, err := w.client.IsOnWhatsApp(within(t), []string{"+919876543210", "+919876543211"})
	require.NoError(t, err)
	require.Len(t, found, 2)
	assert.True(t, found[0].IsIn)
	assert.Equal(t, w.alice.LID(), found[0].JID.User)
	assert.False(t, found[1].IsIn)
}

func TestAnyFormOfTextArrives(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	tests := map[string]struct {
		message *waE2E.Message
		text    func(*waE2E.Message) string
	}{
		"plain": {whatsapptest.TextMessage("login"), (*waE2E.Message).GetConversation},
		"extended": {
			whatsapptest.ExtendedText("login"), func(m *waE2E.Message) string { return m.GetExtendedTextMessage().GetText() },
		},
		"image caption": {
			whatsapptest.ImageCaption("login"), func(m *waE2E.Message) string { return m.GetImageMessage().GetCaption() },
		},
		"document caption": {
			whatsapptest.DocumentCaption("login"),
			func(m *waE2E.Message) string { return m.GetDocumentMessage().GetCaption() },
		},
		"ephemeral": {
			whatsapptest.Ephemeral(whatsapptest.ExtendedText("login")),
			func(m *waE2E.Message) string { return m.GetExtendedTextMessage().GetText() },
		},
		"disappearing": {
			whatsapptest.Disappearing("login", 24*time.Hour),
			func(m *waE2E.Message) string { return m.GetExtendedTextMessage().GetText() },
		},
		"reaction": {
			whatsapptest.Reaction("3EB0", "login"), func(m *waE2E.Message) string { return m.GetReactionMessage().GetText() },
		},
		"edit": {whatsapptest.Edit("3EB0", "login"), func(m *waE2E.Message) string {
			return m.GetProtocolMessage().GetEditedMessage().GetConversation() + m.GetConversation()
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			id, err := w.alice.SendMessage(within(t), whatsapptest.Outgoing{To: w.shop.Number(), Message: tt.message})
			require.NoError(t, err)
			m := await[*events.Message](t, w.client)
			for m.Info.ID != id {
				m = await[*events.Message](t, w.client)
			}
			assert.Equal(t, "login", tt.text(m.Message))
		})
	}
}

func TestReplyShowsItsDisappearingTimer(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	_, err := w.alice.Send(within(t), w.shop.Number(), "hi")
	require.NoError(t, err)
	m, _ := w.client.text(t)
	_, err = w.client.SendMessage(within(t), m.Info.Chat, whatsapptest.Disappearing("psst", 24*time.Hour))
	require.NoError(t, err)
	reply, err := w.alice.Next(within(t))
	require.NoError(t, err)
	assert.Equal(t, 24*time.Hour, reply.Expiration)
}

func TestCompanionSendsAndItsOwnerReadsTheReply(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	web := w.alice.AddCompanion()
	_, err := w.alice.SendMessage(within(t), whatsapptest.Outgoing{
		To: w.shop.Number(), Text: "from the web", Companion: web,
	})
	require.NoError(t, err)
	m, _ := w.client.text(t)
	assert.EqualValues(t, web, m.Info.Sender.Device)
	w.client.send(t, m.Info.Chat, "to all your devices")
	reply, err := w.alice.Next(within(t))
	require.NoError(t, err)
	assert.Equal(t, "to all your devices", reply.Text)
	assert.Len(t, w.alice.Messages(), 1, "two devices, one message")
	assert.Zero(t, w.srv.Ledger().Undecryptable())
}

func TestOwnPhoneAndSecondClientSeeWhatIsSent(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	second, _ := linked(t, w.srv, w.shop)

	_, err := w.shop.Send(within(t), w.alice.Number(), "typed on the phone")
	require.NoError(t, err)
	for _, c := range []*client{w.client, second} {
		m, text := c.text(t)
		assert.Equal(t, "typed on the phone", text)
		assert.True(t, m.Info.IsFromMe)
	}
	got, err := w.alice.Next(within(t))
	require.NoError(t, err)
	assert.Equal(t, "typed on the phone", got.Text)

	w.client.send(t, types.NewJID(w.alice.Number(), types.DefaultUserServer), "typed by the client")
	m, text := second.text(t)
	assert.Equal(t, "typed by the client", text)
	assert.True(t, m.Info.IsFromMe)
}

func TestClientsWriteToEachOther(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{Number: "919876543210"})
	other, _ := linked(t, w.srv, w.alice)
	w.client.send(t, types.NewJID(w.alice.Number(), types.DefaultUserServer), "ping")
	m, text := other.text(t)
	assert.Equal(t, "ping", text)
	other.send(t, m.Info.Chat, "pong")
	_, text = w.client.text(t)
	assert.Equal(t, "pong", text)
}

func TestGroupMessagesBothWays(t *testing.T) {
	for name, byLID := range map[string]bool{"members by number": false, "members by LID": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, whatsapptest.PhoneConfig{Number: "919876543210"})
			bob := w.srv.NewPhone(whatsapptest.PhoneConfig{})
			g := w.srv.NewGroup(whatsapptest.GroupConfig{
				Subject: "Party", ByLID: byLID, Members: []*whatsapptest.Phone{w.alice, bob, w.shop},
			})
			for i := range 2 { // with the sender key, then without
				_, err := w.alice.Send(within(t), g.ID(), fmt.Sprint("hello all ", i))
				require.NoError(t, err)
				m, text := w.client.text(t)
				assert.Equal(t, fmt.Sprint("hello all ", i), text)
				assert.Equal(t, g.ID(), m.Info.Chat.String())
				assert.True(t, m.Info.IsGroup)
				w.client.send(t, m.Info.Chat, fmt.Sprint("hello from the shop ", i))
				for _, p := range []*whatsapptest.Phone{w.alice, bob} {
					got, err := p.Next(within(t))
					require.NoError(t, err)
					if p == bob && got.From == w.alice.Number() {
						got, err = p.Next(within(t))
						require.NoError(t, err)
					}
					assert.Equal(t, fmt.Sprint("hello from the shop ", i), got.Text)
					assert.Equal(t, g.ID(), got.Group)
				}
			}
			assert.Zero(t, w.srv.Ledger().Undecryptable())
		})
	}
}

func TestStatusAndNewsletterAreNoise(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	_, err := w.alice.Send(within(t), "status@broadcast", "look at my holiday")
	require.NoError(t, err)
	m, text := w.client.text(t)
	assert.Equal(t, "look at my holiday", text)
	assert.Equal(t, types.StatusBroadcastJID, m.Info.Chat)

	require.NoError(t, w.device.Newsletter("news"))
	m, text = w.client.text(t)
	assert.Equal(t, "news", text)
	assert.Equal(t, types.NewsletterServer, m.Info.Chat.Server)
	require.NoError(t, w.device.WaitQueueEmpty(within(t)))
}

func TestGarbledMessageGetsThroughByRetry(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{Number: "919876543210"})
	g := w.srv.NewGroup(whatsapptest.GroupConfig{Members: []*whatsapptest.Phone{w.alice, w.shop}})
	for name, to := range map[string]string{"private": w.shop.Number(), "group": g.ID()} {
		t.Run(name, func(t *testing.T) {
			id, err := w.alice.SendMessage(within(t), whatsapptest.Outgoing{To: to, Text: "hard to read", Garbled: true})
			require.NoError(t, err)
			assert.Equal(t, id, await[*events.UndecryptableMessage](t, w.client).Info.ID)
			m, text := w.client.text(t)
			assert.Equal(t, "hard to read", text)
			assert.Equal(t, id, m.Info.ID)
		})
	}
	for _, m := range w.srv.Ledger().Sent() {
		assert.Positive(t, m.Retries)
	}
}

func TestClientAsksItsPhoneForWhatItCannotRead(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{Number: "919876543210"})
	w.client.AutomaticMessageRerequestFromPhone = true
	w.client.SynchronousAck = true // asks the phone at once instead of after 5 s
	id, err := w.alice.SendMessage(within(t), whatsapptest.Outgoing{
		To: w.shop.Number(), Text: "hard to read", Garbled: true,
	})
	require.NoError(t, err)
	for {
		m := await[*events.Message](t, w.client)
		if m.UnavailableRequestID != "" {
			assert.Equal(t, id, m.Info.ID)
			assert.Equal(t, "hard to read", m.Message.GetConversation())
			break
		}
	}
}

func TestReplyThatThePhoneCannotReadIsEncryptedAgain(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	_, err := w.alice.Send(within(t), w.shop.Number(), "hi")
	require.NoError(t, err)
	m, _ := w.client.text(t)
	w.alice.ForgetSessions()
	w.client.send(t, m.Info.Chat, "can you read this?")
	reply, err := w.alice.Next(within(t))
	require.NoError(t, err)
	assert.Equal(t, "can you read this?", reply.Text)
	replies := w.srv.Ledger().Replies()
	require.Len(t, replies, 1)
	assert.True(t, replies[0].Visible)
	assert.Positive(t, replies[0].Undecryptable)
	assert.Empty(t, w.srv.Ledger().Unread())
}

func TestGroupReplyThatThePhoneCannotReadIsEncryptedAgain(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	g := w.srv.NewGroup(whatsapptest.GroupConfig{ByLID: true, Members: []*whatsapptest.Phone{w.alice, w.shop}})
	_, err := w.alice.Send(within(t), g.ID(), "hi")
	require.NoError(t, err)
	m, _ := w.client.text(t)
	w.alice.ForgetSessions()
	w.client.send(t, m.Info.Chat, "can you read this?")
	reply, err := w.alice.Next(within(t))
	require.NoError(t, err)
	assert.Equal(t, "can you read this?", reply.Text)
	assert.Equal(t, g.ID(), reply.Group)
	assert.Positive(t, w.srv.Ledger().Undecryptable())
	assert.Empty(t, w.srv.Ledger().Unread())
}

func TestReplyToAPhoneWithANewCompanionReachesBoth(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	_, err := w.alice.Send(within(t), w.shop.Number(), "hi")
	require.NoError(t, err)
	m, _ := w.client.text(t)
	devices := func() int {
		stanzas := w.srv.Ledger().Stanzas()
		participants := stanzas[len(stanzas)-1].Node.GetChildByTag("participants")
		return len(participants.GetChildrenByTag("to"))
	}
	w.client.send(t, m.Info.Chat, "one")
	before := devices()
	w.alice.AddCompanion()
	w.client.send(t, m.Info.Chat, "two") // the acknowledgement shows that a device was missed
	w.client.send(t, m.Info.Chat, "three")
	assert.Equal(t, before+1, devices())
}

func TestHistoryIsNoise(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{Number: "919876543210"})
	require.NoError(t, w.device.History(w.alice, "login", "login again"))
	var chats []*waHistorySync.Conversation
	for len(chats) == 0 { // a phone's first history for a new client has none
		chats = await[*events.HistorySync](t, w.client).Data.GetConversations()
	}
	require.Len(t, chats, 1)
	assert.Equal(t, "919876543210@s.whatsapp.net", chats[0].GetID())
	assert.Len(t, chats[0].GetMessages(), 2)
	require.NoError(t, w.device.WaitQueueEmpty(within(t)))
}

func TestOneMessageDeliveredAgain(t *testing.T) {
	tests := map[string]struct {
		how    whatsapptest.Resending
		events int
	}{
		"same ciphertext: whatsmeow drops it":       {whatsapptest.SameCiphertext, 1},
		"encrypted again: whatsmeow shows it twice": {whatsapptest.Anew, 2},
		"sender flipped: whatsmeow shows it again":  {whatsapptest.Flipped, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, whatsapptest.PhoneConfig{Number: "919876543210"})
			id, err := w.alice.Send(within(t), w.shop.Number(), "once")
			require.NoError(t, err)
			require.NoError(t, w.device.WaitQueueEmpty(within(t)))
			require.NoError(t, w.alice.Resend(within(t), id, tt.how))
			require.NoError(t, w.device.WaitQueueEmpty(within(t)))
			_, err = w.alice.Send(within(t), w.shop.Number(), "end")
			require.NoError(t, err)
			seen := 0
			for m, text := w.client.text(t); text != "end"; m, text = w.client.text(t) {
				assert.Equal(t, id, m.Info.ID)
				seen++
			}
			assert.Equal(t, tt.events, seen)
			assert.Len(t, w.srv.Ledger().Sent(), 2)
		})
	}
}

func TestMessagesWaitForAClientThatIsAway(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{KeepsTokens: true})
	w.client.Disconnect()
	require.NoError(t, w.device.WaitOffline(within(t)))
	ages := []time.Duration{14 * 24 * time.Hour, time.Hour, 0}
	for _, age := range ages {
		_, err := w.alice.SendMessage(within(t), whatsapptest.Outgoing{
			To: w.shop.Number(), Text: age.String(), At: time.Now().Add(-age),
		})
		require.NoError(t, err)
	}
	assert.Equal(t, len(ages), w.device.Queued())
	require.NoError(t, w.client.Connect())
	for _, age := range ages {
		m, text := w.client.text(t)
		assert.Equal(t, age.String(), text)
		assert.WithinDuration(t, time.Now().Add(-age), m.Info.Timestamp, 10*time.Second)
	}
	assert.Equal(t, len(ages), await[*events.OfflineSyncCompleted](t, w.client).Count)
	require.NoError(t, w.device.WaitQueueEmpty(within(t)))
	for _, m := range w.srv.Ledger().Sent() {
		assert.NotZero(t, m.Acknowledged)
	}
}
