//go:build !race

package whatsapp

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/whatsapptest"
)

// dialsWithin counts the dials of a session in a time.
func dialsWithin(s *Session, d time.Duration) int {
	before := s.line.dials.Load()
	time.Sleep(d)
	return int(s.line.dials.Load() - before)
}

// While WhatsApp turns everybody away the pauses between two dials grow; they
// begin anew once it lets us in.
func TestPausesBetweenDialsGrow(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.pool.Close())
	w.config.timing.backoff, w.config.timing.backoffMax = 20*time.Millisecond, time.Minute
	w.open()
	s, device := w.link("sess_dials")
	w.server.RefuseUpgrades(500, -1)
	device.Drop()
	w.untilState(s, pingr.SessionDisconnected)
	// 0, 0, 20, 40, 80, 160, 320, 640, 1280 ms, each a little more or less.
	n := dialsWithin(s, 1500*time.Millisecond)
	assert.LessOrEqual(t, n, 10)
	assert.GreaterOrEqual(t, n, 4, "it goes on trying")
	s.mu.Lock()
	grown := s.pause(0)
	s.mu.Unlock()

	w.server.RefuseUpgrades(0, 0)
	w.untilState(s, pingr.SessionConnected)
	s.mu.Lock()
	fresh := s.pause(0)
	s.mu.Unlock()
	assert.Greater(t, grown, 500*time.Millisecond)
	assert.Less(t, fresh, 10*time.Millisecond, "it begins anew")
}

// A message that the handler keeps refusing costs a connection each time it is
// asked for: less and less often.
func TestPausesBeforeARefusedMessageGrow(t *testing.T) {
	w := newWorld(t)
	s, _ := w.link("sess_refuses")
	refused := make(chan struct{}, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- s.Listen(ctx, func(context.Context, pingr.Message) error { refused <- struct{}{}; return errNobodyListens })
	}()
	alice := w.server.NewPhone(whatsapptest.PhoneConfig{})
	_, err := alice.Send(t.Context(), w.shop.Number(), "login")
	require.NoError(t, err)
	receive(t, refused)
	// 20, 40, 80, 160, 320, 640, 1280 ms and the connections themselves.
	n := dialsWithin(s, 2*time.Second)
	assert.LessOrEqual(t, n, 8)
	assert.GreaterOrEqual(t, n, 3, "it is asked for again")
	cancel()
	<-done
}
