package whatsapptest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/whatsapptest"
)

func TestClientLinkedByQRReceivesAndAnswers(t *testing.T) {
	srv := start(t, whatsapptest.Config{})
	shop := srv.NewPhone(whatsapptest.PhoneConfig{Number: "15550100001", Name: "Shop"})
	alice := srv.NewPhone(whatsapptest.PhoneConfig{Number: "919876543210", Name: "Alice"})
	c, d := linked(t, srv, shop)

	id, err := alice.Send(within(t), shop.Number(), "login X4K9MQ")
	require.NoError(t, err)
	m, text := c.text(t)
	assert.Equal(t, "login X4K9MQ", text)
	assert.Equal(t, id, m.Info.ID)
	assert.Equal(t, "Alice", m.Info.PushName)
	assert.Equal(t, alice.Number(), m.Info.Sender.User)
	assert.Equal(t, alice.LID(), m.Info.SenderAlt.User)

	sent := c.send(t, m.Info.Chat, "hello Alice")
	reply, err := alice.Next(within(t))
	require.NoError(t, err)
	assert.Equal(t, "hello Alice", reply.Text)
	assert.Equal(t, sent.ID, reply.ID)
	assert.Equal(t, shop.Number(), reply.From)

	require.NoError(t, d.WaitQueueEmpty(within(t)))
	assert.Equal(t, "Shop", c.Store.PushName, "the phone tells its push name to a new client")
	assert.Zero(t, srv.Ledger().Undecryptable())
	assert.Empty(t, srv.UnknownRequests())
}
