//go:build !race

package whatsapptest_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/heypingr/pingr/whatsapptest"
)

// With a primer, a client gets only as much of its queue as it asks for.
func TestQueueThatIsPulled(t *testing.T) {
	srv := start(t, whatsapptest.Config{Primer: 5})
	shop, alice := srv.NewPhone(whatsapptest.PhoneConfig{}), srv.NewPhone(whatsapptest.PhoneConfig{KeepsTokens: true})
	client, device := linked(t, srv, shop)
	client.Disconnect()
	require.NoError(t, device.WaitOffline(within(t)))
	for i := range 12 {
		_, err := alice.Send(t.Context(), shop.Number(), strconv.Itoa(i))
		require.NoError(t, err)
	}
	require.NoError(t, client.Connect())
	next := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			_, text := client.text(t)
			require.Equal(t, strconv.Itoa(i), text)
		}
	}
	ask := func(count int) {
		t.Helper()
		require.NoError(t, client.DangerousInternals().SendNode(t.Context(), waBinary.Node{
			Tag: "ib", Content: []waBinary.Node{{Tag: "offline_batch", Attrs: waBinary.Attrs{"count": strconv.Itoa(count)}}},
		}))
	}
	await[*events.OfflineSyncPreview](t, client) // of the first login
	assert.Equal(t, 12, await[*events.OfflineSyncPreview](t, client).Messages)
	next(0, 5)
	_, err := alice.Send(t.Context(), shop.Number(), "12")
	require.NoError(t, err)
	assert.False(t, device.Online(), "nothing new before what is old")
	ask(3)
	next(5, 8)
	ask(200)
	next(8, 13)
	require.NoError(t, device.WaitOnline(within(t)))
	require.NoError(t, device.WaitQueueEmpty(within(t)))
}
