package whatsapp

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
)

// A line is one set of keys and the whatsmeow client that uses them. It lives
// through many connections, and ends with the keys.
type line struct {
	session *Session
	keys    *container
	client  *whatsmeow.Client
	conn    atomic.Pointer[meter] // the latest connection
	met     *acquaintances
	numbers *numbers
	broken  atomic.Bool               // the database failed
	jid     atomic.Pointer[types.JID] // nil until linked

	caughtUp atomic.Bool // the connection got all that had waited at WhatsApp

	words int // events of linking, see paired; guarded by session.mu

	ctx    context.Context
	cancel context.CancelFunc

	// hanging serializes hanging up, and dialing serializes connecting and
	// disconnecting. connection ends the current connection and is guarded by mu.
	hanging    sync.Mutex
	dialing    sync.Mutex
	inDial     atomic.Bool
	dials      atomic.Int64 // how many were started
	mu         sync.Mutex
	connection context.CancelFunc
}

// newLine makes the client for a set of keys. It does not connect.
func newLine(s *Session, device *store.Device, keys *container) *line {
	l := &line{session: s, keys: keys}
	l.ctx, l.cancel = context.WithCancel(s.pool.ctx)
	if device.ID != nil {
		jid := *device.ID
		l.jid.Store(&jid)
	}
	c := whatsmeow.NewClient(device, nil)
	// The session reconnects by itself: whatsmeow would retry forever, and does
	// not notice a login that gets no answer.
	c.EnableAutoReconnect = false
	c.DisableLoginAutoReconnect = true
	// Send receipts only after the handler; what it refused is decrypted again.
	c.SynchronousAck = true
	c.EnableDecryptedEventBuffer = true
	// A message that cannot be read is requested from our own phone too. A reply
	// that cannot be read can be sent again even after a restart.
	c.AutomaticMessageRerequestFromPhone = true
	c.UseRetryMessageStore = true
	c.SetMaxParallelRetryReceiptHandling(1)
	c.ManualHistorySyncDownload = true
	c.BackgroundEventCtx = l.ctx
	web := s.pool.target.client(l.conn.Store)
	c.SetPreLoginHTTPClient(web)
	c.SetWebsocketHTTPClient(web)
	c.SetMediaHTTPClient(web)
	c.PrePairCallback = l.onPair
	c.AddEventHandlerWithSuccessStatus(l.onEvent)
	l.client = c
	l.met = newAcquaintances(l)
	l.numbers = newNumbers(l)
	return l
}

// dial connects, after hanging up if necessary. It returns when the handshake
// is done; what follows arrives as events.
func (l *line) dial() error {
	l.dials.Add(1)
	l.hangUp()
	l.caughtUp.Store(false)
	l.dialing.Lock()
	defer l.dialing.Unlock()
	ctx, cancel := context.WithCancel(l.ctx)
	l.inDial.Store(true)
	defer l.inDial.Store(false)
	l.mu.Lock()
	l.connection = cancel
	l.mu.Unlock()
	return l.client.ConnectContext(ctx)
}

// hangUp disconnects and gives up a dial in progress. Messages being handled
// are not acknowledged.
func (l *line) hangUp() {
	l.hanging.Lock()
	defer l.hanging.Unlock()
	l.hangUpLocked()
}

// hangUpOld hangs up what the first n dials made, and leaves later connections
// alone.
func (l *line) hangUpOld(n int64) {
	l.hanging.Lock()
	defer l.hanging.Unlock()
	if l.dials.Load() == n {
		l.hangUpLocked()
	}
}

func (l *line) hangUpLocked() {
	if !l.inDial.Load() {
		// whatsmeow's reader blocks forever on a frame that arrives after its
		// consumer has stopped. So the reader must stop first, and unnoticed: nothing
		// was lost.
		l.client.DangerousInternals().ExpectDisconnect()
		if conn := l.conn.Load(); conn != nil && l.client.IsConnected() {
			conn.endReading()
		}
	}
	l.mu.Lock()
	if l.connection != nil {
		l.connection()
		l.connection = nil
	}
	l.mu.Unlock()
	l.dialing.Lock()
	defer l.dialing.Unlock()
	l.client.Disconnect()
}

// end hangs up for good.
func (l *line) end() {
	l.hangUp()
	l.cancel()
	l.hangUp() // a dial may have started in between
	if dev := l.keys.device.Load(); dev != nil {
		dev.close()
	}
}

// ping makes one round trip.
func (l *line) ping(timeout time.Duration) bool {
	ctx, cancel := context.WithTimeout(l.ctx, timeout)
	defer cancel()
	answered, _ := l.client.DangerousInternals().SendKeepAlive(ctx)
	// A connection that ends "answers" all that wait.
	return answered && l.client.IsConnected() && l.client.IsLoggedIn()
}

// removeDevice removes us from the phone's list of linked devices. It sends
// what whatsmeow's Logout sends, without its way of hanging up.
func (l *line) removeDevice(ctx context.Context) error {
	jid := l.jid.Load()
	if jid == nil {
		return ErrNotLinked
	}
	_, err := l.client.DangerousInternals().SendIQ(ctx, whatsmeow.DangerousInfoQuery{
		Namespace: "md", Type: "set", To: types.ServerJID,
		Content: []waBinary.Node{{
			Tag:   "remove-companion-device",
			Attrs: waBinary.Attrs{"jid": *jid, "reason": "user_initiated"},
		}},
	})
	return err
}

// age returns how long ago the last bytes arrived.
func (l *line) age() time.Duration {
	if conn := l.conn.Load(); conn != nil {
		return conn.age()
	}
	return 0
}

// clockOffset returns how far WhatsApp's clock is ahead of ours. whatsmeow
// records this at login and shows it only in the id of a unified session, which
// is WhatsApp's time plus three days within the week, in milliseconds.
func (l *line) clockOffset() time.Duration {
	return offsetFrom(l.client.DangerousInternals().GetUnifiedSessionID(), time.Now())
}
