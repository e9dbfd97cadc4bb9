//go:build !race

package whatsapp

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

// One call links a number at the first start, and waits for it at the next ones.
func TestWaitConnected(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := w.pool.Add(ctx, pingr.SessionRecord{ID: "sess_wait"})
	require.NoError(t, err)
	codes := 0
	require.NoError(t, s.WaitConnected(ctx, func(qr QR) {
		if codes++; codes == 1 {
			_, err := w.shop.Scan(ctx, qr.Code)
			assert.NoError(t, err)
		}
	}))
	assert.Equal(t, pingr.SessionConnected, s.Record().State)
	assert.Positive(t, codes)
	require.NoError(t, s.WaitConnected(ctx, func(QR) { t.Error("it is linked") }))

	require.NoError(t, w.pool.Close())
	w.open()
	again, ok := w.pool.Get("sess_wait")
	require.True(t, ok)
	require.NoError(t, again.WaitConnected(ctx, nil))
	assert.Len(t, w.shop.Devices(), 1, "it was linked once")
}

func TestWaitConnectedInVain(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(*world, *Session)
		show func(QR)
		is   error
		says string
	}{
		{"nobody scans", nil, func(QR) {}, ErrNotLinked, "Nobody scanned the QR code in time"},
		{"nobody is shown a code", nil, nil, ErrNotLinked, "not linked"},
		{"the session is removed", func(w *world, s *Session) {
			assert.NoError(w.t, w.pool.Remove(w.t.Context(), s.ID()))
		}, func(QR) {}, ErrClosed, "closed"},
		{"the phone has unlinked it", func(w *world, s *Session) {
			w.scan(s)
			w.shop.Devices()[0].Remove()
			w.untilState(s, pingr.SessionLoggedOut)
		}, nil, ErrNotLinked, "Link it again"},
		{"another program uses the keys", func(w *world, s *Session) {
			w.scan(s)
			s.apply(input{kind: inputEnded, code: codeReplaced})
		}, func(QR) {}, nil, "Another program"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if tt.name == "nobody scans" {
				w.pool.timing.firstQR, w.pool.timing.otherQR = 30*time.Millisecond, time.Millisecond
			}
			s, err := w.pool.Add(ctx, pingr.SessionRecord{ID: "sess_wait"})
			require.NoError(t, err)
			if tt.do != nil {
				tt.do(w, s)
			}
			err = s.WaitConnected(ctx, tt.show)
			require.ErrorContains(t, err, tt.says)
			if tt.is != nil {
				require.ErrorIs(t, err, tt.is)
			}
		})
	}
	t.Run("the context ends", func(t *testing.T) {
		w := newWorld(t)
		s, err := w.pool.Add(t.Context(), pingr.SessionRecord{ID: "sess_wait"})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		require.ErrorIs(t, s.WaitConnected(ctx, func(QR) { cancel() }), context.Canceled)
	})
}
