package whatsapptest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"
)

// A Device is one client linked to a phone, connected or away. Stanzas for it stay queued until the
// client acknowledges them.
type Device struct {
	srv      *Server
	phone    *Phone
	jid, lid types.JID // with the device number
	noiseKey [32]byte  // what the client logs in with
	removed  atomic.Bool
	acks     atomic.Pointer[AckRule]
	latency  atomic.Int64 // beyond the server's, in nanoseconds
	garble   atomic.Int64 // how many messages of other clients to spoil

	mu           sync.Mutex
	registration uint32
	identity     [32]byte
	signed       *keys.PreKey
	oneTime      []*keys.PreKey
	conn         *conn // nil while away
	active       bool  // the client has asked for its queue
	changed      chan struct{}
	queue        map[parcelKey]*parcel
	queued       uint64
	calls        map[string]types.JID // how other clients addressed this one, by message id
	named        map[string][]*parcel // by class and id: how clients must name what they got
	offered      uint64               // the position up to which the connection got the waiting stanzas
	given        int                  // … and how many those were
	failure      *LoginFailure
	unlearned    map[string]bool      // ids of the messages with which the phone introduces itself
	lowKeys      parcelKey            // the last notification about one-time keys running out
	introducing  bool                 // more of those messages are to come
	knowsKeys    bool                 // the client has taken all of those messages
	askedName    bool                 // the client has asked for the push name
	knowsName    bool                 // … and shown that it received it
	name         string               // the push name that the client announces, if any
	proof        []byte               // the account's signature on the client's identity, with the client's own
	dirty        map[string]time.Time // what changed while the client was away, by kind
	silent       bool
	logins       int
	lookups      refusals
}

// parcelKey is how a client's receipt or ack names its subject.
type parcelKey struct {
	class, id         string
	from, participant types.JID
}

type parcel struct {
	key      parcelKey
	position uint64
	node     waBinary.Node
	refused  bool // see Config.HoldRefused
}

// JID returns the device's address, such as 15550100001:3@s.whatsapp.net.
func (d *Device) JID() string { return d.jid.String() }

// Number returns the device number, 1 or more, which Phone.Device takes.
func (d *Device) Number() int { return int(d.jid.Device) }

// Phone returns the phone that the client is linked to.
func (d *Device) Phone() *Phone { return d.phone }

// Online reports whether the client is connected and logged in, has asked for its queue, and has once
// taken what its phone tells a new client: the keys to its app state and, in any order, the push name
// that the client fetches with them. Messages before that are delivered too.
func (d *Device) Online() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ready()
}

func (d *Device) ready() bool { return d.active && d.knowsKeys && d.knowsName }

// Logins returns the number of successful logins since the device was linked or
// the state was loaded.
func (d *Device) Logins() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.logins
}

// Queued returns the number of messages and notifications that the client has not acknowledged yet.
func (d *Device) Queued() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for key := range d.queue {
		if key.class != "receipt" {
			n++
		}
	}
	return n
}

// WaitOnline waits until Online is true.
func (d *Device) WaitOnline(ctx context.Context) error {
	return d.wait(ctx, "go online", d.ready)
}

// WaitOffline waits until the client is not connected.
func (d *Device) WaitOffline(ctx context.Context) error {
	return d.wait(ctx, "go offline", func() bool { return d.conn == nil })
}

// WaitLogins waits until the client has logged in n times in all and is online.
func (d *Device) WaitLogins(ctx context.Context, n int) error {
	return d.wait(ctx, "log in again", func() bool { return d.ready() && d.logins >= n })
}

// WaitQueueEmpty waits until the client has acknowledged everything sent to it.
// The ledger knows of that before.
func (d *Device) WaitQueueEmpty(ctx context.Context) error {
	return d.wait(ctx, "acknowledge its queue", func() bool { return len(d.queue) == 0 })
}

func (d *Device) wait(ctx context.Context, what string, done func() bool) error {
	for {
		d.mu.Lock()
		ok := done()
		if d.changed == nil {
			d.changed = make(chan struct{})
		}
		changed := d.changed
		d.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for client to %s: %w", what, ctx.Err())
		}
	}
}

// announce wakes all waiters. The caller holds d.mu.
func (d *Device) announce() {
	if d.changed != nil {
		close(d.changed)
		d.changed = nil
	}
}

// pushName returns the name that goes with the client's messages. This is the name that the client
// announced at login or with its presence, or else its phone's.
func (d *Device) pushName() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return cmp.Or(d.name, d.phone.Name())
}

func (d *Device) announceName(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.name = name
}

// deliver queues a stanza until the client acknowledges it, and sends it if the
// client is connected.
func (d *Device) deliver(key parcelKey, n waBinary.Node) {
	if d.removed.Load() {
		return
	}
	d.mu.Lock()
	d.queued++
	if d.queue == nil {
		d.queue = make(map[parcelKey]*parcel)
	}
	p := &parcel{key: key, position: d.queued, node: n}
	d.queue[key] = p
	d.expectNames(p)
	var c *conn
	if d.active {
		c = d.conn
	}
	d.mu.Unlock()
	if c != nil {
		_ = c.send(n) // the queue covers a failed send
		d.expectAck(c, p)
	}
}

// tell sends a stanza if the client is connected, and otherwise drops it.
func (d *Device) tell(n waBinary.Node) {
	d.mu.Lock()
	c := d.conn
	if !d.active {
		c = nil
	}
	d.mu.Unlock()
	if c != nil {
		_ = c.send(n) // lost with the connection, as meant
	}
}

// settle removes an acknowledged stanza from the queue.
func (d *Device) settle(key parcelKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p, ok := d.queue[key]; ok {
		delete(d.queue, key)
		if d.unlearned[key.id] {
			delete(d.unlearned, key.id)
			d.knowsKeys = !d.introducing && len(d.unlearned) == 0
		}
		if p.refused && d.given > 0 && !d.active && d.conn != nil {
			d.offer(d.conn, d.srv.primerOf(len(d.queue))) // what was withheld behind it
		}
		d.announce()
	}
}

// introduces marks the beginning or end of the messages by which the phone introduces itself.
func (d *Device) introduces(more bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.introducing = more
	if !more && len(d.unlearned) == 0 {
		d.knowsKeys = true
		d.announce()
	}
}

// mustLearn marks the message with that id as one that a new client must take.
func (d *Device) mustLearn(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.unlearned == nil {
		d.unlearned = make(map[string]bool)
	}
	d.unlearned[id] = true
}

// connected makes c the device's connection and replaces an earlier one.
func (d *Device) connected(c *conn) {
	d.mu.Lock()
	old := d.conn
	d.conn, d.active = c, false
	d.logins++
	d.announce()
	d.mu.Unlock()
	if old != nil {
		_ = old.send(conflict("replaced", ""))
		old.end()
	}
}

func (d *Device) disconnected(c *conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn == c {
		d.conn, d.active = nil, false
		d.announce()
	}
}

func (d *Device) connection() *conn {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.conn
}

// bundle takes the keys that begin a session with the client. It asks the client for more one-time
// keys before they run out.
func (d *Device) bundle() publicBundle {
	d.mu.Lock()
	b := publicBundle{registration: d.registration, identity: d.identity, signed: d.signed}
	if len(d.oneTime) > 0 {
		b.once, d.oneTime = d.oneTime[0], d.oneTime[1:]
	}
	left := len(d.oneTime)
	if left < lowPreKeys {
		delete(d.queue, d.lowKeys) // the new notification is more accurate
	}
	d.mu.Unlock()
	if left < lowPreKeys {
		key := d.notifyOfKeys(types.ServerJID, waBinary.Node{Tag: "count", Attrs: waBinary.Attrs{"value": left}})
		d.mu.Lock()
		d.lowKeys = key
		d.mu.Unlock()
	}
	return b
}

// lowPreKeys is the number of one-time keys below which the server asks for more, whenever it gives
// one away. The first known capture says 9 (yowsup, issue 836). Clients differ in when they comply:
// whatsmeow and Baileys below 5.
const lowPreKeys = 10

// notifyOfKeys queues a notification about somebody's keys.
func (d *Device) notifyOfKeys(from types.JID, content waBinary.Node) parcelKey {
	return d.queueNotification(waBinary.Node{
		Tag: "notification", Attrs: waBinary.Attrs{"from": from, "type": "encrypt"}, Content: []waBinary.Node{content},
	})
}

// queueNotification queues a notification that lacks only id and time.
func (d *Device) queueNotification(n waBinary.Node) parcelKey {
	n.Attrs = cloneAttrs(n.Attrs)
	n.Attrs["id"], n.Attrs["t"] = d.srv.nextID(), d.srv.now().Unix()
	key := messageKey(n)
	key.class = "notification"
	d.deliver(key, n)
	return key
}

// soil records that something changed while the client was away. WhatsApp says so at every login until
// the client has said that it knows (Baileys, lib/Socket/chats.js; whatsapp-rust wacore/src/iq/dirty.rs).
func (d *Device) soil(kind string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.active {
		return
	}
	if d.dirty == nil {
		d.dirty = make(map[string]time.Time)
	}
	d.dirty[kind] = d.srv.now()
}

// clean forgets what the client knows now.
func (d *Device) clean(request *waBinary.Node) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range request.GetChildrenByTag("clean") {
		delete(d.dirty, n.AttrGetter().OptionalString("type"))
	}
}

// tellDirty tells a client that logs in what changed.
func (d *Device) tellDirty(c *conn) error {
	d.mu.Lock()
	dirty := maps.Clone(d.dirty)
	d.mu.Unlock()
	for kind, at := range dirty {
		n := waBinary.Node{Tag: "dirty", Attrs: waBinary.Attrs{"type": kind, "timestamp": at.Unix()}}
		if err := c.send(ib(n)); err != nil {
			return err
		}
	}
	return nil
}

func ib(child waBinary.Node) waBinary.Node {
	return waBinary.Node{Tag: "ib", Attrs: waBinary.Attrs{"from": types.ServerJID}, Content: []waBinary.Node{child}}
}

func cloneAttrs(a waBinary.Attrs) waBinary.Attrs {
	b := make(waBinary.Attrs, len(a)+1)
	for k, v := range a {
		b[k] = v
	}
	return b
}
