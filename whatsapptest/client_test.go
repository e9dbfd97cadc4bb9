//go:build !race

package whatsapptest_test

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
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
	tap       *tap
}

// A tap is a client's logger that keeps the stanzas that it received.
type tap struct {
	waLog.Logger
	all *stanzas // shared by all parts of the client
	on  bool     // it is the part that logs what was received
}

type stanzas struct {
	mu      sync.Mutex
	got     []waBinary.Node
	changed chan struct{}
}

func newTap(to waLog.Logger) *tap {
	return &tap{Logger: to, all: &stanzas{changed: make(chan struct{})}}
}

func (t *tap) Sub(module string) waLog.Logger {
	return &tap{Logger: t.Logger.Sub(module), all: t.all, on: module == "Recv"}
}

func (t *tap) Debugf(format string, args ...any) {
	t.Logger.Debugf(format, args...)
	if !t.on || len(args) != 1 {
		return
	}
	if n, ok := args[0].(*waBinary.Node); ok {
		t.all.mu.Lock()
		defer t.all.mu.Unlock()
		t.all.got = append(t.all.got, *n)
		close(t.all.changed)
		t.all.changed = make(chan struct{})
	}
}

// stanza waits for a stanza that matches and returns it.
func (c *client) stanza(tb testing.TB, match func(waBinary.Node) bool) waBinary.Node {
	tb.Helper()
	ctx := within(tb)
	for {
		c.tap.all.mu.Lock()
		at, changed := slices.IndexFunc(c.tap.all.got, match), c.tap.all.changed
		var n waBinary.Node
		if at >= 0 {
			n = c.tap.all.got[at]
		}
		c.tap.all.mu.Unlock()
		if at >= 0 {
			return n
		}
		select {
		case <-changed:
		case <-ctx.Done():
			require.FailNow(tb, "stanza did not come")
		}
	}
}

// tagged matches stanzas with a tag, and an id if that is not empty.
func tagged(tag, id string) func(waBinary.Node) bool {
	return func(n waBinary.Node) bool { return n.Tag == tag && (id == "" || n.Attrs["id"] == id) }
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
	log := waLog.Noop
	if testing.Verbose() {
		log = waLog.Stdout("client", cmp.Or(os.Getenv("WHATSAPPTEST_LOG"), "WARN"), false)
	}
	tap := newTap(log)
	c := &client{Client: whatsmeow.NewClient(device, tap), container: container, events: make(chan any, 4096), tap: tap}
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
