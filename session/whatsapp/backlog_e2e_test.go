//go:build !race

package whatsapp

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/whatsapptest"
)

// What waited over night at a WhatsApp that gives only what it is asked for is
// received in its order, once, and what is written in the meantime after it.
func TestBacklogIsAskedFor(t *testing.T) {
	for name, primer := range map[string]int{"five, then when asked": 5, "nothing is held back": 0} {
		t.Run(name, func(t *testing.T) {
			w := newWorldOn(t, whatsapptest.Config{Primer: primer})
			s, device := w.link("sess_night")
			in := w.listen(s)
			device.FailLogins(whatsapptest.LoginFailure{Reason: 503})
			device.Drop()
			require.NoError(t, device.WaitOffline(w.within()))
			const waiting = 300
			people := make([]*whatsapptest.Phone, 30)
			for i := range people {
				people[i] = w.server.NewPhone(whatsapptest.PhoneConfig{})
			}
			for i := range waiting {
				_, err := people[i%len(people)].Send(t.Context(), w.shop.Number(), strconv.Itoa(i))
				require.NoError(t, err)
			}
			device.FailLogins(whatsapptest.LoginFailure{})
			require.NoError(t, s.Reconnect())
			assert.Equal(t, "0", receive(t, in).Text)
			_, err := people[0].Send(t.Context(), w.shop.Number(), "good morning")
			require.NoError(t, err)
			for i := 1; i < waiting; i++ {
				require.Equal(t, strconv.Itoa(i), receive(t, in).Text)
			}
			assert.Equal(t, "good morning", receive(t, in).Text)
			require.NoError(t, device.WaitQueueEmpty(w.within()))
			assert.Empty(t, in)
			for _, sent := range w.server.Ledger().Sent() {
				assert.False(t, sent.Acknowledged.IsZero())
			}
		})
	}
}

// WhatsApp ends the connection of who does not acknowledge a message. We come back,
// and get it again.
func TestMessageThatWasNotTakenInTime(t *testing.T) {
	w := newWorldOn(t, whatsapptest.Config{AckWithin: time.Second})
	require.NoError(t, w.pool.Close())
	w.config.timing.redeliver = time.Hour // we do not ask ourselves
	w.open()
	s, device := w.link("sess_slow")
	taken := make(chan string, 10)
	refuse := errors.New("the disk is full")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	var refused atomic.Bool
	go func() {
		ended <- s.Listen(ctx, func(_ context.Context, m pingr.Message) error {
			if !refused.Swap(true) {
				return refuse
			}
			taken <- m.Text
			return nil
		})
	}()
	defer func() { cancel(); <-ended }()
	require.Eventually(t, func() bool { return s.listening.Load() != nil }, patience, time.Millisecond)
	_, err := w.server.NewPhone(whatsapptest.PhoneConfig{}).Send(t.Context(), w.shop.Number(), "login")
	require.NoError(t, err)
	assert.Equal(t, "login", receive(t, taken))
	require.NoError(t, device.WaitLogins(w.within(), 2))
	require.NoError(t, device.WaitQueueEmpty(w.within()))
	assert.Empty(t, taken)
}
