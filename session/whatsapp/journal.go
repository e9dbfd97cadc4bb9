package whatsapp

import (
	"context"
	"maps"
	"sync"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
)

// changes holds what must be written to the database.
type changes struct {
	sessions   map[string][]byte    // by address; nil deletes
	identities map[string]*[32]byte // by address; nil deletes
	senderKeys map[senderKey][]byte
	preKeys    map[uint32]struct{} // used up
	events     map[[32]byte]event  // decrypted, but their handler has not succeeded
	handled    map[[32]byte]struct{}
	outgoing   []outgoing
}

type senderKey struct{ group, user string }

type event struct {
	plaintext []byte
	sent      time.Time // by the server's clock
}

// outgoing is a message that may have to be encrypted again if its recipient
// cannot read it.
type outgoing struct {
	chat      types.JID
	id        types.MessageID
	format    string
	plaintext []byte
}

func newChanges() *changes {
	return &changes{
		sessions:   make(map[string][]byte),
		identities: make(map[string]*[32]byte),
		senderKeys: make(map[senderKey][]byte),
		preKeys:    make(map[uint32]struct{}),
		events:     make(map[[32]byte]event),
		handled:    make(map[[32]byte]struct{}),
	}
}

func (c *changes) empty() bool {
	return len(c.sessions)+len(c.identities)+len(c.senderKeys)+len(c.preKeys)+
		len(c.events)+len(c.handled)+len(c.outgoing) == 0
}

// add puts later's changes on top of c's.
func (c *changes) add(later *changes) {
	maps.Copy(c.sessions, later.sessions)
	maps.Copy(c.identities, later.identities)
	maps.Copy(c.senderKeys, later.senderKeys)
	maps.Copy(c.preKeys, later.preKeys)
	maps.Copy(c.events, later.events)
	maps.Copy(c.handled, later.handled)
	for hash := range later.handled {
		delete(c.events, hash)
	}
	c.outgoing = append(c.outgoing, later.outgoing...)
}

// touches reports whether there is a new session, or none any more, of an address.
func (c *changes) touches(address string) bool {
	_, ok := c.sessions[address]
	return ok
}

// write stores the changes inside the transaction of ctx.
func (c *changes) write(ctx context.Context, to store.AllSessionSpecificStores) error {
	for address, session := range c.sessions {
		var err error
		if session == nil {
			err = to.DeleteSession(ctx, address)
		} else {
			err = to.PutSession(ctx, address, session)
		}
		if err != nil {
			return err
		}
	}
	for address, key := range c.identities {
		var err error
		if key == nil {
			err = to.DeleteIdentity(ctx, address)
		} else {
			err = to.PutIdentity(ctx, address, *key)
		}
		if err != nil {
			return err
		}
	}
	for key, session := range c.senderKeys {
		if err := to.PutSenderKey(ctx, key.group, key.user, session); err != nil {
			return err
		}
	}
	for id := range c.preKeys {
		if err := to.RemovePreKey(ctx, id); err != nil {
			return err
		}
	}
	for hash, e := range c.events {
		if err := to.PutBufferedEvent(ctx, hash, e.plaintext, e.sent); err != nil {
			return err
		}
	}
	for hash := range c.handled {
		if err := to.ClearBufferedEventPlaintext(ctx, hash); err != nil {
			return err
		}
	}
	for _, o := range c.outgoing {
		if err := to.AddOutgoingEvent(ctx, o.chat, o.id, o.format, o.plaintext); err != nil {
			return err
		}
	}
	return nil
}

// flushAfter is how long a decryption's changes may stay in memory.
const flushAfter = 200 * time.Millisecond

// A journal gathers the changes of one device and writes them in one
// transaction: before anything that was encrypted with them leaves, and soon
// after a decryption.
//
// A crash loses only steps of the receiving ratchet. The sender's next message
// makes them again from the older state. A message that was not acknowledged
// comes again and is decrypted from that state. A sending step is always on
// disk before its ciphertext is on the wire; otherwise a key would be used
// twice.
type journal struct {
	inner   deviceStore
	onError func(error)

	mu      sync.Mutex
	held    *changes // of the decryption whose handler runs, see decrypted; nil if there is none
	waiting *changes // not being written yet
	writing *changes // being written; nil if nothing is
	timer   *time.Timer
	closed  bool

	flushing sync.Mutex // one transaction at a time
	// stored holds the hashes of events in the database whose handler has not
	// succeeded; guarded by mu.
	stored map[[32]byte]struct{}
}

func newJournal(inner deviceStore, onError func(error)) *journal {
	return &journal{inner: inner, onError: onError, waiting: newChanges(), stored: make(map[[32]byte]struct{})}
}

// change applies f to the changes that wait to be written.
func (j *journal) change(f func(*changes)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.settle()
	f(j.waiting)
	j.setTimer()
}

// decrypted takes the changes of a decryption. While its handler runs, sends to
// others leave them in memory (sent): usually it succeeds a moment later, and its
// message need not be kept for another try. Whoever crashes meanwhile has not
// acknowledged the message, and decrypts it again from the older state.
func (j *journal) decrypted(c *changes) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.settle()
	if len(c.events) > 0 {
		j.held = c
	} else {
		j.waiting.add(c)
	}
	j.setTimer()
}

// handled records that the handler of a message has succeeded.
func (j *journal) handled(hash [32]byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.held != nil {
		delete(j.held.events, hash)
	}
	j.settle()
	delete(j.waiting.events, hash)
	j.waiting.handled[hash] = struct{}{}
	j.setTimer()
}

// sent writes the sessions with which a message was encrypted, and whatever waits.
// It calls unlock before it writes.
func (j *journal) sent(ctx context.Context, sessions map[string][]byte, unlock func()) error {
	j.mu.Lock()
	for a := range sessions {
		if j.held != nil && j.held.touches(a) {
			j.settle() // these sessions go on from the held ones
		}
	}
	maps.Copy(j.waiting.sessions, sessions)
	j.setTimer()
	j.mu.Unlock()
	unlock()
	return j.write(ctx)
}

// settle lets what is held wait to be written like everything else. The caller
// holds j.mu.
func (j *journal) settle() {
	if j.held != nil {
		j.waiting.add(j.held)
		j.held = nil
	}
}

// setTimer lets no change wait for longer than flushAfter. The caller holds j.mu.
func (j *journal) setTimer() {
	if j.timer == nil && !j.closed {
		j.timer = time.AfterFunc(flushAfter, func() { _ = j.flush(context.Background()) })
	}
}

// look calls f with the changes that are not in the database yet, newest first,
// until f returns true.
func (j *journal) look(f func(*changes) bool) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.held != nil && f(j.held) || f(j.waiting) || j.writing != nil && f(j.writing)
}

// has reports whether the database holds an event whose handler has not
// succeeded.
func (j *journal) has(hash [32]byte) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, ok := j.stored[hash]
	return ok
}

// flush writes everything. If the database fails, the changes stay. When the
// journal is closed, flush returns [ErrClosed].
func (j *journal) flush(ctx context.Context) error {
	j.mu.Lock()
	j.settle()
	j.mu.Unlock()
	return j.write(ctx)
}

// write writes what waits.
func (j *journal) write(ctx context.Context) error {
	j.flushing.Lock()
	defer j.flushing.Unlock()
	j.mu.Lock()
	if j.timer != nil {
		j.timer.Stop()
		j.timer = nil
	}
	if j.held != nil {
		j.setTimer()
	}
	if j.closed || j.waiting.empty() {
		closed := j.closed
		j.mu.Unlock()
		if closed {
			return ErrClosed // or what was not written could leave
		}
		return nil
	}
	w := j.waiting
	// An event that the handler took before it was written need not be remembered:
	// the ratchet itself recognizes the same ciphertext when it comes again.
	for hash := range w.handled {
		if _, ok := j.stored[hash]; !ok {
			delete(w.handled, hash)
		}
	}
	j.writing, j.waiting = w, newChanges()
	j.mu.Unlock()

	// A half-written journal helps nobody, so the transaction is finished even if
	// the work that asked for it ends.
	ctx = context.WithoutCancel(ctx)
	err := j.inner.apply(ctx, w)

	j.mu.Lock()
	defer j.mu.Unlock()
	j.writing = nil
	if err != nil {
		w.add(j.waiting)
		j.waiting = w
		if !j.closed {
			j.onError(err)
		}
		return err
	}
	for hash := range w.events {
		j.stored[hash] = struct{}{}
	}
	for hash := range w.handled {
		delete(j.stored, hash)
	}
	return nil
}

// discard drops everything, because the device is gone.
func (j *journal) discard() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	j.held, j.waiting = nil, newChanges()
	if j.timer != nil {
		j.timer.Stop()
		j.timer = nil
	}
}
