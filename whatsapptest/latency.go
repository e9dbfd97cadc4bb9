package whatsapptest

import (
	"context"
	"sync"
	"time"
)

// SetLatency changes [Config].Latency while the server runs. Frames that are
// under way keep the delay with which they left.
func (s *Server) SetLatency(oneWay time.Duration) { s.latency.Store(int64(oneWay)) }

// SetLatency puts this client so much further away than Config.Latency puts the server, from its next frame
// on.
func (d *Device) SetLatency(oneWay time.Duration) { d.latency.Store(int64(oneWay)) }

// pause waits for as long as a frame of the handshake takes.
func (s *Server) pause(ctx context.Context) error {
	latency := time.Duration(s.latency.Load())
	if latency <= 0 {
		return nil
	}
	select {
	case <-time.After(latency):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A lag delays the frames of one direction of a connection, and keeps their
// order even when the latency changes.
type lag struct {
	srv *Server
	ctx context.Context // of the connection; frames under way are lost when it ends

	mu       sync.Mutex
	device   *Device // that has logged in, or nil
	underWay []delayed
	draining bool
}

// latency returns the delay of the next frame. The caller holds g.mu.
func (g *lag) latency() time.Duration {
	latency := time.Duration(g.srv.latency.Load())
	if g.device != nil {
		latency += time.Duration(g.device.latency.Load())
	}
	return latency
}

// now is latency for a caller that does not hold g.mu.
func (g *lag) now() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.latency()
}

// of makes the latency that of a device's connection.
func (g *lag) of(d *Device) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.device = d
}

type delayed struct {
	due  time.Time
	pass func()
}

// delayed reports whether the next frame is delayed: there is a latency, or an
// earlier frame is still under way.
func (g *lag) delayed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.draining || g.latency() > 0
}

// pass calls pass when the frame has arrived, from one goroutine at a time. It does not call it if the
// connection or the server ends first.
func (g *lag) pass(pass func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.underWay = append(g.underWay, delayed{time.Now().Add(g.latency()), pass})
	if !g.draining {
		g.draining = g.srv.spawn(g.drain)
	}
}

func (g *lag) drain() {
	for {
		g.mu.Lock()
		if len(g.underWay) == 0 {
			g.draining = false
			g.mu.Unlock()
			return
		}
		next := g.underWay[0]
		g.underWay = g.underWay[1:]
		g.mu.Unlock()
		if wait := time.Until(next.due); wait > 0 {
			select {
			case <-time.After(wait):
			case <-g.ctx.Done():
			}
		}
		if g.ctx.Err() != nil {
			return
		}
		next.pass()
	}
}
