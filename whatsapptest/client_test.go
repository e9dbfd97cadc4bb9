//go:build !race

package whatsapptest_test

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	waLog "go.mau.fi/whatsmeow/util/log"
	_ "modernc.org/sqlite"

	"github.com/heypingr/pingr/whatsapptest"
)

// client is a real whatsmeow client whose events a test can wait for.
type client struct {
	*whatsmeow.Client
	container *sqlstore.Container
	events    chan any
}

// limit bounds every wait of a test. Only a failure reaches it.
const limit = 20 * time.Second

func within(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), limit)
	tb.Cleanup(cancel)
	return ctx
}

func start(tb testing.TB, c whatsapptest.Config) *whatsapptest.Server {
	tb.Helper()
	srv, err := whatsapptest.Start(c)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, srv.Close()) })
	return srv
}

// openStore opens whatsmeow's own SQL store the way a program would.
func openStore(tb testing.TB, path string) *sqlstore.Container {
	tb.Helper()
	dsn := "file:" + path +
		"?_pragma=foreign_keys(1)&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)"
	container, err := sqlstore.New(within(tb), "sqlite", dsn, nil)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, container.Close()) })
	return container
}

// newClient creates a client that is not linked yet.
func newClient(tb testing.TB, srv *whatsapptest.Server) *client {
	tb.Helper()
	container := openStore(tb, filepath.Join(tb.TempDir(), "client.db"))
	return clientOf(tb, srv, container, container.NewDevice())
}

func clientOf(tb testing.TB, srv *whatsapptest.Server, container *sqlstore.Container, device *store.Device) *client {
	tb.Helper()
	var log waLog.Logger
	if testing.Verbose() {
		log = waLog.Stdout("client", cmp.Or(os.Getenv("WHATSAPPTEST_LOG"), "WARN"), false)
	}
	c := &client{Client: whatsmeow.NewClient(device, log), container: container, events: make(chan any, 4096)}
	c.AddEventHandler(func(e any) {
		select {
		case c.events <- e:
		default: // a test that looks at no events
		}
	})
	srv.Point(c.Client)
	tb.Cleanup(c.Disconnect)
	return c
}

// qr connects an unlinked client and returns the first QR text.
func (c *client) qr(tb testing.TB) string {
	tb.Helper()
	require.NoError(tb, c.Connect())
	return await[*events.QR](tb, c).Codes[0]
}

// linked returns a client that is linked to phone and online.
func linked(tb testing.TB, srv *whatsapptest.Server, phone *whatsapptest.Phone) (*client, *whatsapptest.Device) {
	tb.Helper()
	c := newClient(tb, srv)
	d, err := phone.Scan(within(tb), c.qr(tb))
	require.NoError(tb, err)
	require.NoError(tb, d.WaitOnline(within(tb)))
	return c, d
}

// await returns the next event of type E and skips others.
func await[E any](tb testing.TB, c *client) E {
	tb.Helper()
	ctx := within(tb)
	for {
		select {
		case e := <-c.events:
			if found, ok := e.(E); ok {
				return found
			}
		case <-ctx.Done():
			require.FailNow(tb, "event did not come", "%T", *new(E))
		}
	}
}

// text waits for the next message that a person wrote and returns it with its text.
func (c *client) text(tb testing.TB) (*events.Message, string) {
	tb.Helper()
	for {
		m := await[*events.Message](tb, c)
		switch s := m.Message.GetConversation() + m.Message.GetExtendedTextMessage().GetText(); {
		case s != "":
			return m, s
		case m.Message.GetProtocolMessage() != nil: // what the client's own phone tells a new client
		case m.Message.GetSenderKeyDistributionMessage() != nil: // a group member's key
		default:
			require.FailNow(tb, "message without text")
		}
	}
}

// send sends a text to a chat and requires it to be acknowledged.
func (c *client) send(tb testing.TB, to types.JID, text string) whatsmeow.SendResponse {
	tb.Helper()
	r, err := c.SendMessage(within(tb), to.ToNonAD(), whatsapptest.TextMessage(text))
	require.NoError(tb, err)
	return r
}
