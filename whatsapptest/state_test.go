//go:build !race

package whatsapptest_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/whatsapptest"
)

// Server and client stop and start together. The client need not be linked again, its Signal sessions
// go on, and the queued messages arrive.
func TestLinkedClientOutlivesTheServer(t *testing.T) {
	dir := t.TempDir()
	config := whatsapptest.Config{StateFile: filepath.Join(dir, "whatsapp.json")}
	container := openStore(t, filepath.Join(dir, "client.db"))

	first, err := whatsapptest.Start(config)
	require.NoError(t, err)
	shop := first.NewPhone(whatsapptest.PhoneConfig{Number: "15550100001", Name: "Shop"})
	alice := first.NewPhone(whatsapptest.PhoneConfig{Name: "Alice"})
	group := first.NewGroup(whatsapptest.GroupConfig{
		Subject: "Party", ByLID: true, Members: []*whatsapptest.Phone{shop, alice},
	})
	c := clientOf(t, first, container, container.NewDevice())
	d, err := shop.Scan(within(t), c.qr(t))
	require.NoError(t, err)
	require.NoError(t, d.WaitOnline(within(t)))
	_, err = alice.Send(within(t), shop.Number(), "before")
	require.NoError(t, err)
	m, _ := c.text(t)
	c.send(t, m.Info.Chat, "answer before")
	_, err = alice.Next(within(t))
	require.NoError(t, err)
	require.NoError(t, d.WaitQueueEmpty(within(t)))
	c.Disconnect()
	require.NoError(t, d.WaitOffline(within(t)))
	_, err = alice.Send(within(t), shop.Number(), "queued")
	require.NoError(t, err)
	require.NoError(t, first.Close())
	info, err := os.Stat(config.StateFile)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	second := start(t, config)
	device, err := container.GetFirstDevice(within(t))
	require.NoError(t, err)
	c = clientOf(t, second, container, device)
	require.NoError(t, c.Connect())
	_, text := c.text(t)
	assert.Equal(t, "queued", text)
	again, ok := second.Phone(alice.Number())
	require.True(t, ok)
	assert.Equal(t, "answer before", again.Messages()[0].Text)
	_, err = again.Send(within(t), group.ID(), "after, to all")
	require.NoError(t, err)
	_, text = c.text(t)
	assert.Equal(t, "after, to all", text)
	_, err = again.Send(within(t), shop.Number(), "after")
	require.NoError(t, err)
	m, text = c.text(t)
	assert.Equal(t, "after", text)
	c.send(t, m.Info.Chat, "answer after")
	reply, err := again.Next(within(t))
	require.NoError(t, err)
	assert.Equal(t, "answer after", reply.Text)
	assert.Zero(t, second.Ledger().Undecryptable())
}

func TestDamagedStateIsRefused(t *testing.T) {
	const key = `"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="`
	for name, tt := range map[string]struct{ content, says string }{
		"not JSON":        {"{", "JSON"},
		"another version": {`{"version":99}`, "remove it to start over"},
		"no handset":      {`{"version":3,"phones":[{"number":"1","lid":"2","handsets":[]}]}`, "damaged"},
		"short key": {
			`{"version":3,"phones":[{"number":"1","lid":"2","handsets":[{"number":0,"identity":"AA=="}]}]}`, "damaged",
		},
		"short root key":       {`{"version":3,"keys":{"root":"AA==","noise":` + key + `}}`, "damaged"},
		"key of the authority": {`{"version":3,"keys":{"root":` + key + `,"noise":` + key + `}}`, "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.json")
			require.NoError(t, os.WriteFile(path, []byte(tt.content), 0o600))
			_, err := whatsapptest.Start(whatsapptest.Config{StateFile: path})
			require.ErrorContains(t, err, "read state")
			require.ErrorContains(t, err, tt.says)
		})
	}
}

// A foreign client is told once what to trust. Start writes the keys, so that a server which is killed leaves them too.
func TestServerKeepsItsKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "whatsapp.json")
	first, err := whatsapptest.Start(whatsapptest.Config{StateFile: path})
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err, "written before Close")
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.NoError(t, first.Close())

	second := start(t, whatsapptest.Config{StateFile: path})
	assert.Equal(t, first.CertKey(), second.CertKey())
	assert.Equal(t, string(first.CAPEM()), string(second.CAPEM()))
	c := newClient(t, second)
	old := first.HTTPClient() // trusts the first server's authority
	c.SetWebsocketHTTPClient(second.HTTPClient())
	assert.True(t, old.Transport.(*http.Transport).TLSClientConfig.RootCAs.Equal(
		second.HTTPClient().Transport.(*http.Transport).TLSClientConfig.RootCAs))
	assert.NotEmpty(t, c.qr(t), "the handshake holds")

	other := start(t, whatsapptest.Config{})
	assert.NotEqual(t, string(first.CAPEM()), string(other.CAPEM()), "without a file the authority is new")
}

func TestSaveWhileMessagesFly(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	w.client.echo(within(t))
	path := filepath.Join(t.TempDir(), "state.json")
	const burst = 50
	for range burst {
		_, err := w.alice.Send(within(t), w.shop.Number(), "hi")
		require.NoError(t, err)
		require.NoError(t, w.srv.Save(path))
	}
	require.NoError(t, w.srv.Ledger().WaitReplies(within(t), burst))
}
