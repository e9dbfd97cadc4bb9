//go:build !race

package whatsapptest_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/heypingr/pingr/whatsapptest"
)

func TestClientLinkedByQRReceivesAndAnswers(t *testing.T) {
	srv := start(t, whatsapptest.Config{})
	shop := srv.NewPhone(whatsapptest.PhoneConfig{Number: "15550100001", Name: "Shop"})
	alice := srv.NewPhone(whatsapptest.PhoneConfig{Number: "919876543210", Name: "Alice"})
	c, d := linked(t, srv, shop)

	id, err := alice.Send(within(t), shop.Number(), "login X4K9MQ")
	require.NoError(t, err)
	m, text := c.text(t)
	assert.Equal(t, "login X4K9MQ", text)
	assert.Equal(t, id, m.Info.ID)
	assert.Equal(t, "Alice", m.Info.PushName)
	assert.Equal(t, alice.LID(), m.Info.Sender.User)
	assert.Equal(t, alice.Number(), m.Info.SenderAlt.User)

	sent := c.send(t, m.Info.Chat, "hello Alice")
	reply, err := alice.Next(within(t))
	require.NoError(t, err)
	assert.Equal(t, "hello Alice", reply.Text)
	assert.Equal(t, sent.ID, reply.ID)
	assert.Equal(t, shop.Number(), reply.From)

	require.NoError(t, d.WaitQueueEmpty(within(t)))
	require.Eventually(t, func() bool { return c.Store.PushName == "Shop" }, limit, 10*time.Millisecond,
		"the phone tells its push name to a new client")
	assert.Zero(t, srv.Ledger().Undecryptable())
	assert.Empty(t, srv.UnknownRequests())
}

func TestClientLinkedByPairingCode(t *testing.T) {
	srv := start(t, whatsapptest.Config{})
	shop := srv.NewPhone(whatsapptest.PhoneConfig{Number: "15550100001", Name: "Shop"})
	alice := srv.NewPhone(whatsapptest.PhoneConfig{})
	c := newClient(t, srv)
	c.qr(t)
	code, err := c.PairPhone(within(t), "+1 555 010 0001", true, whatsmeow.PairClientChrome, "Chrome (Linux)")
	require.NoError(t, err)

	_, err = alice.EnterCode(within(t), code)
	require.ErrorIs(t, err, whatsapptest.ErrNoSuchCode, "the code is for another number")

	d, err := shop.EnterCode(within(t), code)
	require.NoError(t, err)
	require.NoError(t, d.WaitOnline(within(t)))
	_, err = alice.Send(within(t), shop.Number(), "hi")
	require.NoError(t, err)
	_, text := c.text(t)
	assert.Equal(t, "hi", text)
}

func TestWrongPairingCodeLinksNothing(t *testing.T) {
	srv := start(t, whatsapptest.Config{})
	shop := srv.NewPhone(whatsapptest.PhoneConfig{Number: "15550100001"})
	c := newClient(t, srv)
	c.qr(t)
	_, err := c.PairPhone(within(t), shop.Number(), true, whatsmeow.PairClientChrome, "Chrome (Linux)")
	require.NoError(t, err)
	_, err = shop.EnterCode(within(t), "1111-1111")
	require.ErrorIs(t, err, whatsapptest.ErrPairingRefused)
	assert.Empty(t, shop.Devices())
}

func TestQRTextThatNobodyShows(t *testing.T) {
	srv := start(t, whatsapptest.Config{})
	shop := srv.NewPhone(whatsapptest.PhoneConfig{})
	for name, text := range map[string]string{
		"empty": "", "a link": "https://wa.me/settings/linked_devices#", "made up": "2@abc,AA==,AA==,AA==,1",
		"not base64": "2@abc,?,?,?,1",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := shop.Scan(within(t), text)
			require.ErrorIs(t, err, whatsapptest.ErrNoSuchCode)
		})
	}
	t.Run("used", func(t *testing.T) {
		c := newClient(t, srv)
		qr := c.qr(t)
		d, err := shop.Scan(within(t), qr)
		require.NoError(t, err)
		require.NoError(t, d.WaitOnline(within(t)))
		_, err = shop.Scan(within(t), qr)
		require.ErrorIs(t, err, whatsapptest.ErrNoSuchCode)
	})
	t.Run("of another client", func(t *testing.T) {
		a, b := newClient(t, srv), newClient(t, srv)
		refA, _, _ := strings.Cut(a.qr(t), ",")
		_, keysB, _ := strings.Cut(b.qr(t), ",")
		_, err := shop.Scan(within(t), refA+","+keysB)
		require.ErrorContains(t, err, "different keys")
	})
}

func TestLinkingStopsAtAnotherStep(t *testing.T) {
	for name, step := range map[string]whatsapptest.PairingStep{
		"passkey": whatsapptest.PairWithPasskey, "unknown": whatsapptest.PairUnknown,
	} {
		t.Run(name, func(t *testing.T) {
			srv := start(t, whatsapptest.Config{})
			shop := srv.NewPhone(whatsapptest.PhoneConfig{})
			srv.SetPairing(step)
			c := newClient(t, srv)
			_, err := shop.Scan(within(t), c.qr(t))
			require.ErrorIs(t, err, whatsapptest.ErrPairingStep)
			if step == whatsapptest.PairWithPasskey {
				assert.NotNil(t, await[*events.PairPasskeyRequest](t, c).PublicKey)
			}
			assert.Empty(t, shop.Devices())
		})
	}
}

func TestEndOfQRCodesDisconnectsTheClient(t *testing.T) {
	srv := start(t, whatsapptest.Config{})
	c := newClient(t, srv)
	codes, err := c.GetQRChannel(within(t))
	require.NoError(t, err)
	require.NoError(t, c.Connect())
	assert.Equal(t, whatsmeow.QRChannelEventCode, (<-codes).Event)
	srv.EndPairing()
	assert.Equal(t, whatsmeow.QRChannelTimeout, <-codes)
}

func TestServerListensOnLoopbackOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "localhost:0", "nonsense"} {
		_, err := whatsapptest.Start(whatsapptest.Config{Listen: addr})
		require.Error(t, err, addr)
	}
	srv := start(t, whatsapptest.Config{Listen: "[::1]:0"})
	assert.Contains(t, srv.URL(), "wss://[::1]:")
}

func TestHTTPClientReachesNothingElse(t *testing.T) {
	srv := start(t, whatsapptest.Config{})
	_, err := srv.HTTPClient().Get("https://example.com/")
	require.ErrorContains(t, err, "only web.whatsapp.com is reachable")
}

func TestPhonesAreToldApart(t *testing.T) {
	srv := start(t, whatsapptest.Config{})
	alice := srv.NewPhone(whatsapptest.PhoneConfig{Number: "919876543210", LID: "5"})
	for name, c := range map[string]whatsapptest.PhoneConfig{
		"number taken": {Number: "919876543210"}, "LID taken": {LID: "5"}, "not digits": {Number: "+919876543211"},
	} {
		_, err := srv.AddPhone(c)
		require.Error(t, err, name)
	}
	for _, name := range []string{"919876543210", "5@lid", "5", "919876543210@s.whatsapp.net"} {
		p, ok := srv.Phone(name)
		assert.True(t, ok, name)
		assert.Same(t, alice, p, name)
	}
	_, err := alice.Send(within(t), "000", "hi")
	require.Error(t, err)
}

// A program of its own needs three things: the address, whom to trust for TLS, and whose Noise
// certificate to accept.
func TestProgramIsPointedHereByURLAndKeys(t *testing.T) {
	srv := start(t, whatsapptest.Config{})
	shop := srv.NewPhone(whatsapptest.PhoneConfig{})
	c := newClient(t, srv)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(srv.CAPEM()))
	target, err := url.Parse(srv.URL())
	require.NoError(t, err)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}}
	c.SetPreLoginHTTPClient(&http.Client{Transport: redirect{transport, target}})
	c.SetWebsocketHTTPClient(&http.Client{Transport: redirect{transport, target}})
	assert.Equal(t, hex.EncodeToString(whatsmeow.WACertPubKey[:]), srv.CertKey())

	d, err := shop.Scan(within(t), c.qr(t))
	require.NoError(t, err)
	require.NoError(t, d.WaitOnline(within(t)))
}

// redirect sends every request to another host.
type redirect struct {
	transport http.RoundTripper
	target    *url.URL
}

func (r redirect) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.URL.Host, req.Host = r.target.Host, ""
	return r.transport.RoundTrip(req)
}

func TestWebPageElsewhereCannotConnect(t *testing.T) {
	srv := start(t, whatsapptest.Config{})
	_, resp, err := websocket.Dial(within(t), srv.URL(), &websocket.DialOptions{
		HTTPClient: srv.HTTPClient(), HTTPHeader: http.Header{"Origin": {"https://evil.example"}},
	})
	require.Error(t, err)
	assert.Equal(t, http.StatusForbidden, resp.StatusCode)
}
