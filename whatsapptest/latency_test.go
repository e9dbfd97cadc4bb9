//go:build !race

package whatsapptest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/whatsapptest"
)

// A client links, logs in and talks over a long distance, and notices the delay.
func TestLatency(t *testing.T) {
	const latency = 60 * time.Millisecond
	srv := start(t, whatsapptest.Config{Latency: latency})
	shop, alice := srv.NewPhone(whatsapptest.PhoneConfig{}), srv.NewPhone(whatsapptest.PhoneConfig{})
	began := time.Now()
	client, device := linked(t, srv, shop)
	assert.GreaterOrEqual(t, time.Since(began), 8*latency, "a login of several round trips")

	for i := range 20 { // all under way at once
		_, err := alice.Send(within(t), shop.Number(), fmt.Sprint("hello ", i))
		require.NoError(t, err)
	}
	m, _ := client.text(t)
	for i := 1; i < 20; i++ {
		_, text := client.text(t)
		assert.Equal(t, fmt.Sprint("hello ", i), text)
	}
	client.send(t, m.Info.Chat, "the devices are known now")
	began = time.Now()
	client.send(t, m.Info.Chat, "far")
	assert.GreaterOrEqual(t, time.Since(began), 2*latency, "there and back")
	require.NoError(t, device.WaitQueueEmpty(within(t)))

	srv.SetLatency(0)
	client.send(t, m.Info.Chat, "near")
	device.SetLatency(latency)
	began = time.Now()
	client.send(t, m.Info.Chat, "far from one client")
	assert.GreaterOrEqual(t, time.Since(began), 2*latency, "there and back")
	for _, want := range []string{"the devices are known now", "far", "near", "far from one client"} {
		reply, err := alice.Next(within(t))
		require.NoError(t, err)
		assert.Equal(t, want, reply.Text)
	}
}
