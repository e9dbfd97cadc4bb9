//go:build !race

package whatsapp

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/whatsapptest"
)

// A reply is shown, the connection breaks before its acknowledgement, and WhatsApp
// would refuse a second copy: what was seen is not unsent.
func TestRefusalAfterTheConnectionBroke(t *testing.T) {
	for _, code := range []int{400, 463, 500} {
		w := newWorld(t)
		s, device := w.link("sess_broke")
		in := w.listen(s)
		alice := w.server.NewPhone(whatsapptest.PhoneConfig{})
		_, err := alice.Send(t.Context(), w.shop.Number(), "login")
		require.NoError(t, err)
		m := receive(t, in)

		device.Acks(whatsapptest.AckRule{Lose: true, Times: 1})
		sent := make(chan error, 1)
		go func() {
			sent <- s.Send(context.Background(), pingr.Outgoing{ID: "3EB0B", To: m.Sender, Text: "here"})
		}()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err = alice.Next(ctx)
		require.NoError(t, err)
		device.Acks(whatsapptest.AckRule{Error: code})
		device.Drop()
		err = receive(t, sent)
		require.Error(t, err)
		if !errors.Is(err, pingr.ErrUnknown) {
			assert.NotErrorIs(t, err, pingr.ErrNotSent, "%d", code)
			assert.NotErrorIs(t, err, pingr.ErrRefused, "%d", code)
			assert.NotErrorIs(t, err, pingr.ErrSessionUnavailable, "%d", code)
		}
		require.NoError(t, w.pool.Close())
	}
}
