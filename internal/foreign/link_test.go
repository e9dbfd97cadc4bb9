//go:build !race

package foreign

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/whatsapptest"
)

func TestBaileysLinks(t *testing.T) {
	srv := start(t, whatsapptest.Config{})
	program := baileys(t, srv)
	t.Run("by QR text", func(t *testing.T) {
		phone := srv.NewPhone(whatsapptest.PhoneConfig{Name: "Asha"})
		c, d := program.link("qr", phone)
		require.NoError(t, d.WaitOnline(within(t)))
		c.await("caught up", nil)
		assert.Equal(t, 1, d.Logins())
	})
	t.Run("by pairing code", func(t *testing.T) {
		phone := srv.NewPhone(whatsapptest.PhoneConfig{Name: "Bo"})
		c := program.client("code")
		c.do("open", nil)
		c.await("qr", nil)
		srv.SetLatency(100 * time.Millisecond) // the request for the code is under way for so long
		var code string
		require.NoError(t, json.Unmarshal(c.do("pair", args{"number": phone.Number()}), &code))
		srv.SetLatency(0)
		d, err := phone.EnterCode(within(t), code)
		require.NoError(t, err)
		c.await("open", nil)
		require.NoError(t, d.WaitOnline(within(t)))
	})
	assert.Empty(t, srv.UnknownRequests())
}
