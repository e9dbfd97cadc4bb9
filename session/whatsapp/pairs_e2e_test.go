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

// A number came to somebody else since WhatsApp named it with a LID. Whichever
// form of address is refused, nobody gets what was meant for another person.
func TestOtherFormOfAnAddressThatChangedHands(t *testing.T) {
	const old = "919876543210"
	for _, c := range []struct {
		name    string
		refuse  func(before, now *whatsapptest.Phone)
		to      func(before, now *whatsapptest.Phone) string
		reaches string // who sees the message
	}{
		{
			"by LID, and the number is another person's",
			func(before, _ *whatsapptest.Phone) { before.Refuse(whatsapptest.ByLID, 400) },
			func(before, _ *whatsapptest.Phone) string { return before.LID() + "@lid" },
			"",
		},
		{
			"by number, and the LID is another person's",
			func(_, now *whatsapptest.Phone) { now.Refuse(whatsapptest.ByNumber, 421) },
			func(*whatsapptest.Phone, *whatsapptest.Phone) string { return old + "@s.whatsapp.net" },
			"now",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			s, _ := w.link("sess_hands")
			in := w.listen(s)
			before := w.server.NewPhone(whatsapptest.PhoneConfig{Number: old})
			_, err := before.Send(t.Context(), w.shop.Number(), "login")
			require.NoError(t, err)
			receive(t, in)
			require.NoError(t, before.ChangeNumber("919876543211"))
			now := w.server.NewPhone(whatsapptest.PhoneConfig{Number: old})
			c.refuse(before, now)
			s.pairs.now = func() time.Time { return time.Now().Add(pairAge) }

			err = s.Send(t.Context(), pingr.Outgoing{ID: "3EB0A", To: c.to(before, now), Text: "your link"})
			phones := map[string]*whatsapptest.Phone{"before": before, "now": now}
			if c.reaches == "" {
				require.ErrorIs(t, err, pingr.ErrRefused)
				assert.Zero(t, w.server.Ledger().Visible())
				return
			}
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			seen, err := phones[c.reaches].Next(ctx)
			require.NoError(t, err)
			assert.Equal(t, "your link", seen.Text)
			assert.Equal(t, 1, w.server.Ledger().Visible())
		})
	}
}
