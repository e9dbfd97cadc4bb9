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

// limit bounds every wait of a test; it is reached only by a failure.
const limit = 20 * time.Second

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

func start(t testing.TB, c whatsapptest.Config) *whatsapptest.Server {
	t.Helper()
	srv, err := whatsapptest.Start(c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, srv.Close()) })
	return srv
}

// openStore opens whatsmeow's own SQL store the way a program would.
func openStore(t testing.TB, path string) *sqlstore.Container {
	t.Helper()
	dsn := "file:" + path + "?_pragma=foreign_keys(1)&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)"
	container, err := sqlstore.New(within(t), "sqlite", dsn, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, container.Close()) })
	return container
}

// newClient makes a client that is not linked yet.
func newClient(t testing.TB, srv *whatsapptest.Server) *client {
	t.Helper()
	container := openStore(t, filepath.Join(t.TempDir(), "client.db"))
	return clientOf(t, srv, container, container.NewDevice())
}

func clientOf(t testing.TB, srv *whatsapptest.Server, container *sqlstore.Container, device *store.Device) *client {
	t.Helper()
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
	t.Cleanup(c.Disconnect)
	return c
}

// qr connects an unlinked client and returns the first QR text.
func (c *client) qr(t testing.TB) string {
	t.Helper()
	require.NoError(t, c.Connect())
	return await[*events.QR](t, c).Codes[0]
}

// linked returns a client that is linked to phone and online.
func linked(t testing.TB, srv *whatsapptest.Server, phone *whatsapptest.Phone) (*client, *whatsapptest.Device) {
	t.Helper()
	c := newClient(t, srv)
	d, err := phone.Scan(within(t), c.qr(t))
	require.NoError(t, err)
	require.NoError(t, d.WaitOnline(within(t)))
	return c, d
}

// await returns the next event of type E and skips others.
func await[E any](t testing.TB, c *client) E {
	t.Helper()
	ctx := within(t)
	for {
		select {
		case e := <-c.events:
			if found, ok := e.(E); ok {
				return found
			}
		case <-ctx.Done():
			require.FailNow(t, "event did not come", "%T", *new(E))
		}
	}
}

// text waits for the next message that a person wrote and returns it with its text.
func (c *client) text(t testing.TB) (*events.Message, string) {
	t.Helper()
	for {
		m := await[*events.Message](t, c)
		switch s := m.Message.GetConversation() + m.Message.GetExtendedTextMessage().GetText(); {
		case s != "":
			return m, s
		case m.Message.GetProtocolMessage() != nil: // what the own phone says to a new client
		case m.Message.GetSenderKeyDistributionMessage() != nil: // a group member's key
		default:
			require.FailNow(t, "message without text")
		}
	}
}

// send sends a text to a chat and requires it to be acknowledged.
func (c *client) send(t testing.TB, to types.JID, text string) whatsmeow.SendResponse {
	t.Helper()
	r, err := c.SendMessage(within(t), to.ToNonAD(), whatsapptest.TextMessage(text))
	require.NoError(t, err)
	return r
}
