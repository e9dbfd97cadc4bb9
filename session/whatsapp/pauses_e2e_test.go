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

// dialling waits for so many more dials of a session, and returns how long they
// took: a busy machine makes it longer, never shorter than the pauses.
func dialling(t *testing.T, s *Session, n int64) time.Duration {
	t.Helper()
	began, before := time.Now(), s.line.dials.Load()
	require.Eventually(t, func() bool { return s.line.dials.Load() >= before+n }, patience, time.Millisecond,
		"it goes on trying")
	return time.Since(began)
}

// While WhatsApp turns everybody away the pauses between two dials grow; they
// start over once it lets us in.
func TestPausesBetweenDialsGrow(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.pool.Close())
	w.config.timing.backoff, w.config.timing.backoffMax = 20*time.Millisecond, time.Minute
	w.open()
	s, device := w.link("sess_dials")
	w.server.RefuseUpgrades(500, -1)
	device.Drop()
	w.untilState(s, pingr.SessionDisconnected)
	// 0, 20, 40, 80, 160, 320, 640 ms, each up to a fifth more or less.
	assert.Greater(t, dialling(t, s, 7), time.Second)
	s.mu.Lock()
	grown := s.pause(0)
	s.mu.Unlock()

	w.server.RefuseUpgrades(0, 0)
	w.untilState(s, pingr.SessionConnected)
	s.mu.Lock()
	fresh := s.pause(0)
	s.mu.Unlock()
	assert.Greater(t, grown, 500*time.Millisecond)
	assert.Less(t, fresh, 10*time.Millisecond, "it starts over")
}

// A login that WhatsApp refuses is not repeated at once, as one is that failed on
// its way.
func TestRefusedLoginIsNotRepeatedAtOnce(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.pool.Close())
	w.config.timing.backoff, w.config.timing.backoffMax = 250*time.Millisecond, time.Minute
	w.open()
	s, device := w.link("sess_refused")
	dials, began := s.line.dials.Load(), time.Now()
	device.FailLogins(whatsapptest.LoginFailure{Reason: 409})
	device.Drop()
	require.Eventually(t, func() bool { return s.line.dials.Load() >= dials+2 }, patience, time.Millisecond)
	assert.Greater(t, time.Since(began), 750*time.Millisecond)
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
	// 20, 40, 80, 160, 320, 640 ms and the connections themselves.
	assert.Greater(t, dialling(t, s, 6), 1200*time.Millisecond)
	cancel()
	<-done
}
