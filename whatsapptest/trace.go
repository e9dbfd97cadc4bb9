package whatsapptest

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// Direction is the way of a stanza.
type Direction int

const (
	// FromClient is a stanza that a client sent.
	FromClient Direction = iota
	// ToClient is a stanza that the server sent.
	ToClient
)

// Traced is one stanza on its way.
type Traced struct {
	// At is when the server read or wrote it.
	At time.Time
	// Device is the client's JID, empty before it is linked.
	Device string
	// Direction is the way of the stanza.
	Direction Direction
	// Node is the stanza, which must not be changed. Messages in it are encrypted.
	Node *waBinary.Node
}

// tracer shows stanzas to whoever listens.
type tracer struct {
	listening atomic.Int32
	mu        sync.Mutex
	listeners map[int]func(Traced)
	last      int
}

func (t *tracer) on() bool { return t.listening.Load() > 0 }

func (t *tracer) add(listen func(Traced)) (remove func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.listeners == nil {
		t.listeners = make(map[int]func(Traced))
	}
	t.last++
	id := t.last
	t.listeners[id] = listen
	t.listening.Add(1)
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.listeners, id)
		t.listening.Add(-1)
	}
}

func (t *tracer) show(c *conn, way Direction, n *waBinary.Node) {
	if !t.on() {
		return
	}
	traced := Traced{At: c.srv.now(), Direction: way, Node: n}
	if c.dev != nil {
		traced.Device = c.dev.jid.String()
	}
	t.mu.Lock()
	listeners := make([]func(Traced), 0, len(t.listeners))
	for _, listen := range t.listeners {
		listeners = append(listeners, listen)
	}
	t.mu.Unlock()
	for _, listen := range listeners {
		listen(traced)
	}
}

// tracedAhead is how many stanzas a reader of Traces may lag behind.
const tracedAhead = 4096

// Traces yields every stanza from now on, until ctx or the server ends, or the reader is so slow that
// 4096 stanzas wait for it.
func (s *Server) Traces(ctx context.Context) iter.Seq[Traced] {
	ctx, cancel := context.WithCancel(ctx)
	stanzas := make(chan Traced, tracedAhead)
	remove := s.trace.add(func(t Traced) {
		select {
		case stanzas <- t:
		default:
			cancel()
		}
	})
	stop := context.AfterFunc(s.ctx, cancel)
	context.AfterFunc(ctx, remove)
	return func(yield func(Traced) bool) {
		defer stop()
		defer cancel()
		for {
			select {
			case t := <-stanzas:
				if !yield(t) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

var errAway = errors.New("client is not connected")

// Send sends a stanza to the client as it is, for whatever the server does not do by itself. An
// address in an attribute must be a types.JID. The stanza is not queued, and Send fails if the client
// is away. What the client answers is traced.
func (d *Device) Send(n waBinary.Node) error {
	c := d.connection()
	if c == nil {
		return errAway
	}
	return c.send(n)
}
