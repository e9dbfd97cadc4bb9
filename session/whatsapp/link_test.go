package whatsapp

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/whatsapptest"
)

func TestLinkByPairingCode(t *testing.T) {
	w := newWorld(t)
	s, err := w.pool.Add(t.Context(), pingr.SessionRecord{ID: "sess_code"})
	require.NoError(t, err)
	code, err := s.PairCode(t.Context(), w.shop.Number())
	require.NoError(t, err)
	assert.Regexp(t, `^[0-9A-Z]{4}-[0-9A-Z]{4}$`, code)
	assert.Contains(t, s.Record().Detail, "Type the code")
	_, err = w.shop.EnterCode(t.Context(), code)
	require.NoError(t, err)
	r := w.untilState(s, pingr.SessionConnected)
	assert.Equal(t, w.shop.Number(), r.Phone)

	_, err = s.PairCode(t.Context(), w.shop.Number())
	require.ErrorIs(t, err, ErrLinked)
}

func TestPairingCodeForNoNumber(t *testing.T) {
	w := newWorld(t)
	s, err := w.pool.Add(t.Context(), pingr.SessionRecord{ID: "sess_code"})
	require.NoError(t, err)
	_, err = s.PairCode(t.Context(), "0123")
	require.ErrorContains(t, err, "country code")
}

func TestQRIsRefreshedUntilTheRoundEnds(t *testing.T) {
	w := newWorld(t)
	w.pool.timing.firstQR, w.pool.timing.otherQR = 30*time.Millisecond, 10*time.Millisecond
	s, err := w.pool.Add(t.Context(), pingr.SessionRecord{ID: "sess_qr"})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	round := func() (codes map[string]bool) {
		codes = make(map[string]bool)
		for now := range s.Changes(ctx) {
			if now.QR.Code != "" {
				assert.Contains(t, now.QR.Code, "https://wa.me/settings/linked_devices#")
				codes[now.QR.Code] = true
			}
			if now.Record.State == pingr.SessionLinkExpired {
				assert.NotEmpty(t, now.Record.Detail)
				break
			}
		}
		return codes
	}
	for len(round()) < 2 { // whoever looks late misses codes
		require.NoError(t, ctx.Err(), "no round has a second code")
		require.NoError(t, s.Link())
	}
	_, ok := s.QR()
	assert.False(t, ok)
	assert.Empty(t, w.events.events, "what was never linked is not disconnected")

	// On demand there is another round, which links.
	w.pool.timing.firstQR = time.Minute
	require.NoError(t, s.Link())
	w.scan(s)
}

func TestLinkingThatDoesNotWork(t *testing.T) {
	for _, c := range []struct {
		name   string
		do     func(t *testing.T, w *world, code string)
		reason int
	}{
		{
			"WhatsApp closes the connection", func(_ *testing.T, w *world, _ string) { w.server.EndPairing() },
			pingr.ReasonLinkLost,
		},
		{"linking fails", func(_ *testing.T, w *world, _ string) {
			s, _ := w.pool.Get("sess_no")
			s.line.onEvent(&events.PairError{})
		}, pingr.ReasonLinkFailed},
		{"WhatsApp asks for a passkey", func(t *testing.T, w *world, code string) {
			w.server.SetPairing(whatsapptest.PairWithPasskey)
			_, err := w.shop.Scan(t.Context(), code)
			require.Error(t, err)
		}, pingr.ReasonPasskey},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			s, err := w.pool.Add(t.Context(), pingr.SessionRecord{ID: "sess_no"})
			require.NoError(t, err)
			shot := w.until(s, func(now Snapshot) bool { return now.QR.Code != "" })
			c.do(t, w, shot.QR.Code)
			r := w.untilState(s, pingr.SessionLinkExpired)
			assert.Equal(t, c.reason, r.Reason)
			assert.Equal(t, details[c.reason], r.Detail)

			w.server.SetPairing(whatsapptest.PairNormally)
			require.NoError(t, s.Link())
			w.scan(s)
		})
	}
}

// A phone that is too old is told so; the code stays for another.
func TestPhoneThatIsTooOld(t *testing.T) {
	w := newWorld(t)
	s, err := w.pool.Add(t.Context(), pingr.SessionRecord{ID: "sess_old"})
	require.NoError(t, err)
	shot := w.until(s, func(now Snapshot) bool { return now.QR.Code != "" })
	s.line.onEvent(&events.QRScannedWithoutMultidevice{})
	assert.Equal(t, pingr.ReasonPhoneOutdated, s.Record().Reason)
	assert.Equal(t, pingr.SessionPairing, s.Record().State)
	qr, _ := s.QR()
	assert.Equal(t, shot.QR, qr)
}

// The first code of a round is shown for a minute, the others for 20 seconds, and
// each says until when. A pairing code outlasts them: the round ends only when it
// can be typed no more.
func TestHowLongARoundLasts(t *testing.T) {
	w := newCalmWorld(t)
	require.NoError(t, w.pool.Close())
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	w.config.Now = func() time.Time { return now }
	w.open()
	s, err := w.pool.Add(t.Context(), pingr.SessionRecord{ID: "sess_round"})
	require.NoError(t, err)
	shot := w.until(s, func(now Snapshot) bool { return now.QR.Code != "" })
	assert.Equal(t, now.Add(time.Minute), shot.QR.ExpiresAt)
	s.mu.Lock()
	codes := len(s.codes)
	s.mu.Unlock()
	// passes lets the time of the present code pass.
	passes := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.round.Reset(0)
	}
	seen := map[string]bool{shot.QR.Code: true}
	for range codes {
		passes()
		shot = w.until(s, func(now Snapshot) bool { return !seen[now.QR.Code] })
		seen[shot.QR.Code] = true
		assert.Equal(t, now.Add(20*time.Second), shot.QR.ExpiresAt)
	}
	before := time.Now()
	_, err = s.PairCode(t.Context(), w.shop.Number())
	require.NoError(t, err)
	passes()
	shot = w.until(s, func(now Snapshot) bool { return now.QR.Code == "" })
	assert.Equal(t, pingr.SessionPairing, shot.Record.State, "the pairing code can still be typed")
	s.mu.Lock()
	assert.WithinDuration(t, before.Add(3*time.Minute), s.roundEnds, time.Minute)
	s.roundEnds = time.Now()
	s.mu.Unlock()
	passes()
	w.untilState(s, pingr.SessionLinkExpired)

	// The next round has its codes only.
	require.NoError(t, s.Link())
	w.until(s, func(now Snapshot) bool { return now.QR.Code != "" })
	s.mu.Lock()
	assert.Zero(t, s.roundEnds)
	s.mu.Unlock()
}

func TestUnknownPairingStepEndsWithTheRound(t *testing.T) {
	w := newWorld(t)
	w.server.SetPairing(whatsapptest.PairUnknown)
	w.pool.timing.firstQR, w.pool.timing.otherQR = 200*time.Millisecond, 10*time.Millisecond
	s, err := w.pool.Add(t.Context(), pingr.SessionRecord{ID: "sess_new"})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for !errors.Is(err, whatsapptest.ErrPairingStep) && ctx.Err() == nil {
		shot := w.until(s, func(now Snapshot) bool {
			return now.QR.Code != "" ||
				now.Record.State == pingr.SessionLinkExpired
		})
		if shot.QR.Code == "" { // the round was over before somebody scanned
			require.NoError(t, s.Link())
			continue
		}
		_, err = w.shop.Scan(ctx, shot.QR.Code)
	}
	require.ErrorIs(t, err, whatsapptest.ErrPairingStep)
	r := w.untilState(s, pingr.SessionLinkExpired)
	assert.NotEmpty(t, r.Detail)
}

func TestWhatsAppOutOfReachWhileLinking(t *testing.T) {
	w := newWorld(t)
	w.server.RefuseUpgrades(503, -1)
	s, err := w.pool.Add(t.Context(), pingr.SessionRecord{ID: "sess_far"})
	require.NoError(t, err, "adding does not wait for WhatsApp")
	r := w.untilState(s, pingr.SessionLinkExpired)
	assert.NotEmpty(t, r.Detail)
}

func TestRestartWhileLinking(t *testing.T) {
	w := newWorld(t)
	s, err := w.pool.Add(t.Context(), pingr.SessionRecord{ID: "sess_half"})
	require.NoError(t, err)
	w.until(s, func(now Snapshot) bool { return now.QR.Code != "" })
	require.NoError(t, w.pool.Close())
	w.open()
	s, ok := w.pool.Get("sess_half")
	require.True(t, ok)
	assert.Equal(t, pingr.SessionLinkExpired, s.Record().State)
	assert.Equal(t, pingr.ReasonLinkInterrupted, s.Record().Reason)
	require.NoError(t, s.Link())
	w.scan(s)
}

func TestAdd(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{
		"", "ab", "Shop", "a b c", "sess/1", "sess:", ":acc", "sess:a:b", strings.Repeat("x", 65),
	} {
		_, err := w.pool.Add(t.Context(), pingr.SessionRecord{ID: id})
		require.Error(t, err, id)
	}
	_, err := w.pool.Add(t.Context(), pingr.SessionRecord{ID: "sess_a", Name: "A"})
	require.NoError(t, err)
	_, err = w.pool.Add(t.Context(), pingr.SessionRecord{ID: "sess_a"})
	require.ErrorIs(t, err, ErrExists)
	for _, id := range []string{"sess_c", "sess_b:acc"} {
		_, err = w.pool.Add(t.Context(), pingr.SessionRecord{ID: id})
		require.NoError(t, err)
	}
	var ids []string
	for _, s := range w.pool.List() {
		ids = append(ids, s.ID())
	}
	assert.Equal(t, []string{"sess_a", "sess_b:acc", "sess_c"}, ids)
	assert.Equal(t, "A", w.pool.List()[0].Record().Name)
}
