package whatsapptest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/socket"
)

// handshakeTimeout bounds how long a connection may take to introduce itself.
const handshakeTimeout = 20 * time.Second

// conn is one client's connection after the Noise handshake. The client waits
// to be linked (reg set) or is linked and has logged in (dev set).
type conn struct {
	srv    *Server
	ws     *websocket.Conn
	ctx    context.Context
	cancel context.CancelFunc
	hands  *shakenHands
	reg    *registration
	dev    *Device

	silent    atomic.Bool // swallows everything, both ways
	writeLock sync.Mutex
	written   uint32
	buffer    []byte
	received  uint32
	pendingIn []byte
	in, out   lag
}

func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	if status := s.refusal(); status != 0 {
		http.Error(w, http.StatusText(status), status)
		return
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{OriginPatterns: []string{whatsAppHost}})
	if err != nil {
		return // Accept has answered
	}
	ws.SetReadLimit(socket.FrameMaxSize)
	c := &conn{srv: s, ws: ws}
	c.ctx, c.cancel = context.WithCancel(s.ctx)
	c.in, c.out = lag{srv: s, ctx: c.ctx}, lag{srv: s, ctx: c.ctx}
	if !s.adopt(c) {
		c.close()
		return
	}
	defer s.work.Done()
	defer s.forget(c)
	if err := c.run(); err != nil && c.ctx.Err() == nil {
		s.log.Debug("connection ended", "error", err)
	}
}

func (s *Server) adopt(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.conns[c] = struct{}{}
	s.work.Add(1)
	return true
}

func (s *Server) forget(c *conn) {
	c.close()
	if c.dev != nil {
		c.dev.disconnected(c)
	}
	if c.reg != nil {
		c.reg.end()
	}
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
}

// close cuts the connection without a WebSocket goodbye.
func (c *conn) close() {
	c.cancel()
	_ = c.ws.CloseNow() // the client is gone
}

// lingering is how long a connection stays after its last stanza. whatsmeow
// forgets stanzas that it has read and not handled when the socket closes
// (client.go, handlerQueueLoop), so the server waits for the client to leave first.
const lingering = 500 * time.Millisecond

// end closes the connection after what was sent last. It does not wait.
func (c *conn) end() {
	_ = c.send(waBinary.Node{Tag: "xmlstreamend"})
	c.silent.Store(true)
	if c.dev != nil {
		c.dev.disconnected(c)
	}
	c.srv.spawn(func() {
		defer c.close()
		// In steps: a machine that stands still for that long costs one of them,
		// not the client's whole time.
		const step = 10 * time.Millisecond
		for range (lingering + 2*c.out.now()) / step {
			select {
			case <-time.After(step):
			case <-c.ctx.Done():
				return
			}
		}
	})
}

// run shakes hands, then serves stanzas until the connection ends.
func (c *conn) run() error {
	ctx, cancel := context.WithTimeout(c.ctx, handshakeTimeout)
	defer cancel()
	var early [][]byte
	header := false
	read := func() ([]byte, error) {
		for len(early) == 0 {
			_, data, err := c.ws.Read(ctx)
			if err == nil {
				err = c.srv.pause(ctx)
			}
			if err != nil {
				return nil, err
			}
			if !header {
				if data, err = cutHeader(data); err != nil {
					return nil, err
				}
				header = true
			}
			early, c.pendingIn = splitFrames(append(c.pendingIn, data...))
		}
		frame := early[0]
		early = early[1:]
		return frame, nil
	}
	write := func(data []byte) error {
		if err := c.srv.pause(ctx); err != nil {
			return err
		}
		return c.writeRaw(data)
	}
	hands, err := c.srv.keys.noise.accept(read, write)
	if err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	c.hands = hands
	if err := c.greet(); err != nil {
		return err
	}
	for _, frame := range early {
		if err := c.receive(frame); err != nil {
			return err
		}
	}
	for {
		_, data, err := c.ws.Read(c.ctx)
		if err != nil {
			return err
		}
		if len(c.pendingIn) > 0 {
			data = append(c.pendingIn, data...)
		}
		var frames [][]byte
		frames, c.pendingIn = splitFrames(data)
		for _, frame := range frames {
			if err := c.receive(frame); err != nil {
				return err
			}
		}
	}
}

// greet begins the conversation: registration or login, as the payload asks.
func (c *conn) greet() error {
	if data := c.hands.payload.GetDevicePairingData(); data != nil {
		return c.startRegistration(data)
	}
	return c.login()
}

func (c *conn) receive(frame []byte) error {
	plain, err := c.hands.read.Open(frame[:0], nonce(c.received), frame, nil)
	if err != nil {
		return errors.New("frame does not decrypt")
	}
	c.received++
	if c.in.delayed() {
		frame := bytes.Clone(plain)
		c.in.pass(func() {
			if err := c.arrived(frame); err != nil {
				c.srv.log.Debug("connection ended", "error", err)
				c.close()
			}
		})
		return nil
	}
	return c.arrived(plain)
}

// arrived handles one decrypted frame.
func (c *conn) arrived(plain []byte) error {
	if c.silent.Load() {
		return nil
	}
	plain, err := waBinary.Unpack(plain)
	if err != nil {
		return fmt.Errorf("unpack frame: %w", err)
	}
	node, err := waBinary.Unmarshal(plain)
	if err != nil {
		return fmt.Errorf("decode stanza: %w", err)
	}
	c.srv.trace.show(c, FromClient, node)
	c.handle(node)
	return nil
}

// handle answers one stanza, one at a time for each connection. It holds up the
// next one, so work that takes long goes to a phone's mailbox.
func (c *conn) handle(n *waBinary.Node) {
	switch n.Tag {
	case "iq":
		c.handleIQ(n)
	case "message":
		if c.dev != nil {
			c.dev.handleMessage(c, n)
		}
	case "receipt":
		if c.dev != nil {
			c.dev.handleReceipt(c, n)
		}
	case "ack":
		if c.dev != nil {
			c.dev.handleAck(c, n)
		}
	case "ib":
		if c.dev != nil {
			c.dev.handleIB(c, n)
		}
	case "presence", "chatstate", "call": // these need no answer
		if c.dev != nil {
			c.dev.handleActivity(n)
		}
	default:
		c.malformed()
	}
}

// send encrypts and writes one stanza. An error means that the connection is
// over, which its reader notices by itself.
func (c *conn) send(n waBinary.Node) error {
	if c.silent.Load() {
		return nil
	}
	data, err := waBinary.Marshal(n)
	if err != nil {
		return fmt.Errorf("encode stanza: %w", err)
	}
	c.writeLock.Lock()
	defer c.writeLock.Unlock()
	if c.srv.trace.on() {
		traced := n // only a traced stanza costs an allocation
		c.srv.trace.show(c, ToClient, &traced)
	}
	c.buffer = append(c.buffer[:0], 0, 0, 0)
	c.buffer = c.hands.write.Seal(c.buffer, nonce(c.written), data, nil)
	c.written++
	if c.out.delayed() {
		frame := bytes.Clone(c.buffer)
		c.out.pass(func() { _ = c.writeFrame(frame) }) // the reader notices a connection that is over
		return nil
	}
	return c.writeFrame(c.buffer)
}

// writeRaw writes a frame that is not encrypted, as only the handshake does.
func (c *conn) writeRaw(data []byte) error {
	return c.writeFrame(append([]byte{0, 0, 0}, data...))
}

// writeFrame fills in the length in front of buf's data and writes it as one
// WebSocket message, because whatsmeow damages a frame that arrives in two.
func (c *conn) writeFrame(buf []byte) error {
	n := len(buf) - socket.FrameLengthSize
	buf[0], buf[1], buf[2] = byte(n>>16), byte(n>>8), byte(n)
	return c.ws.Write(c.ctx, websocket.MessageBinary, buf)
}
