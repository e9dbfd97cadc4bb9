package whatsapptest

import (
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// AckRule sets how the server answers messages from a client. The zero value
// answers at once and delivers.
type AckRule struct {
	// Delay delays the answer.
	Delay time.Duration
	// Error is the code that refuses the message, which then reaches nobody
	// (463 and 479 are seen in the wild). Zero accepts.
	Error int
	// Lose withholds the answer. The message is delivered all the same.
	Lose bool
	// Vanish withholds answer and message.
	Vanish bool
	// Times is how many messages the rule applies to. Zero means all.
	Times int
}

// Acks sets the rule for messages from every client that has no rule of its
// own. AckRule{} restores the default.
func (s *Server) Acks(r AckRule) { s.acks.Store(&r) }

// Acks sets the rule for messages from this client. AckRule{} restores the
// server's rule.
func (d *Device) Acks(r AckRule) { d.acks.Store(&r) }

// Acks sets the rule for messages from linked clients to this phone. It goes before the rules of the
// client and of the server. AckRule{} ends it. Refuse is for one form of address only.
func (p *Phone) Acks(r AckRule) { p.acks.Store(&r) }

// Acks sets the rule for messages from linked clients to this group. It goes before the rules of the
// client and of the server. AckRule{} ends it.
func (g *Group) Acks(r AckRule) { g.acks.Store(&r) }

// ackRule returns the rule for the next message, which is to that address, and counts it.
func (d *Device) ackRule(to types.JID) AckRule {
	holders := []*atomic.Pointer[AckRule]{&d.acks, &d.srv.acks}
	if p := d.srv.phone(to); p != nil && p != d.phone {
		holders = slices.Insert(holders, 0, &p.acks)
	} else if g := d.srv.group(to); g != nil {
		holders = slices.Insert(holders, 0, &g.acks)
	}
	for _, holder := range holders {
		for {
			r := holder.Load()
			if r == nil || *r == (AckRule{}) {
				break
			}
			if r.Times == 0 {
				return *r
			}
			left := *r
			if left.Times--; left.Times == 0 {
				left = AckRule{}
			}
			if holder.CompareAndSwap(r, &left) {
				return *r
			}
		}
	}
	return AckRule{}
}

// Garble makes the next messages from other clients to this client unreadable. They get through when
// the client asks for them again.
func (d *Device) Garble(times int) { d.garble.Store(int64(times)) }

// garbles reports whether to spoil a message, and counts it.
func (d *Device) garbles() bool {
	for {
		left := d.garble.Load()
		if left <= 0 {
			return false
		}
		if d.garble.CompareAndSwap(left, left-1) {
			return true
		}
	}
}

// LoginFailure is the answer to a login that fails.
type LoginFailure struct {
	// Reason is the code: 401 logged out, 402 temporarily banned, 403 locked,
	// 405 client outdated, 406 banned, 409 and others unknown to whatsmeow, 500 and 503 try again.
	Reason int
	// Code and Expire describe a temporary ban (402): why, and for how long.
	Code   int
	Expire time.Duration
	// Times is how many logins fail. Zero means all.
	Times int
}

// FailLogins makes the next logins fail. It does not affect a connection that
// is up (Drop does). LoginFailure{} ends the failures.
func (d *Device) FailLogins(f LoginFailure) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failure = &f
}

// loginFailure takes the failure for the next login; the caller holds d.mu.
func (d *Device) loginFailure() LoginFailure {
	if d.failure == nil || d.failure.Reason == 0 {
		return LoginFailure{}
	}
	f := *d.failure
	if d.failure.Times > 0 {
		if d.failure.Times--; d.failure.Times == 0 {
			d.failure = nil
		}
	}
	return f
}

func (f LoginFailure) node() waBinary.Node {
	attrs := waBinary.Attrs{"reason": strconv.Itoa(f.Reason), "location": site}
	if f.Reason == 402 {
		attrs["code"] = strconv.Itoa(f.Code)
		attrs["expire"] = strconv.Itoa(int(f.Expire.Seconds()))
	}
	return waBinary.Node{Tag: "failure", Attrs: attrs}
}

// Drop cuts the client's connection without notice, as a network does.
func (d *Device) Drop() {
	if c := d.connection(); c != nil {
		c.close()
	}
}

// StreamError ends the client's connection with <stream:error code=…>. After
// 503 the client comes back; other codes have other effects. It does nothing
// while the client is away.
func (d *Device) StreamError(code int) {
	if c := d.connection(); c != nil {
		_ = c.send(streamError(code))
		c.end()
	}
}

// Replace tells the client that another one has replaced it (conflict
// "replaced"), after which whatsmeow stays away.
func (d *Device) Replace() {
	if c := d.connection(); c != nil {
		_ = c.send(conflict("replaced", ""))
		c.end()
	}
}

// Remove unlinks the client, as from the phone's list of linked devices. A connected client is
// notified (401, device_removed). A client that is away learns it at its next login (401). Its queue
// is deleted.
func (d *Device) Remove() {
	d.unlink()
	if c := d.connection(); c != nil {
		_ = c.send(conflict("device_removed", "401"))
		c.end()
	}
}

func (d *Device) unlink() {
	if d.removed.Swap(true) {
		return
	}
	d.mu.Lock()
	clear(d.queue)
	d.announce()
	d.mu.Unlock()
	d.phone.devicesChanged("remove", d.jid.Device)
}

// Silence makes the client's connection, and every later one, dead without closing it: the server
// reads, but neither answers nor sends. Silence(false) ends this. Stanzas queued in the meantime come
// with the next login.
func (d *Device) Silence(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.silent = on
	if d.conn != nil {
		d.conn.silent.Store(on)
	}
}

// RefuseUpgrades answers the next WebSocket requests with an HTTP status, such
// as 503. times is how many requests, or negative for all. Zero ends this.
func (s *Server) RefuseUpgrades(status, times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusals.status, s.refusals.times = status, times
}

// refusal takes the HTTP status for the next WebSocket request, 0 to accept.
func (s *Server) refusal() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return http.StatusServiceUnavailable
	}
	if s.refusals.times == 0 {
		return 0
	}
	if s.refusals.times > 0 {
		s.refusals.times--
	}
	return s.refusals.status
}

func streamError(code int) waBinary.Node {
	return waBinary.Node{Tag: "stream:error", Attrs: waBinary.Attrs{"code": strconv.Itoa(code)}}
}

func conflict(kind, code string) waBinary.Node {
	n := waBinary.Node{
		Tag:     "stream:error",
		Content: []waBinary.Node{{Tag: "conflict", Attrs: waBinary.Attrs{"type": kind}}},
	}
	if code != "" {
		n.Attrs = waBinary.Attrs{"code": code}
	}
	return n
}

// PairingStep is what the server asks of a client after the scan.
type PairingStep int

const (
	// PairNormally links at once.
	PairNormally PairingStep = iota
	// PairWithPasskey asks the client for a passkey, which no program has. Scan
	// and EnterCode return ErrPairingStep, and the client stays in that step.
	PairWithPasskey
	// PairUnknown sends a step that whatsmeow does not know, with the same result.
	PairUnknown
)

// SetPairing chooses what the server asks of clients to be linked from now on.
func (s *Server) SetPairing(step PairingStep) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.step = step
}

func (s *Server) pairingStep() PairingStep {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.step
}

// EndPairing closes the connection of every client that waits to be linked, as
// WhatsApp does when the QR references have run out.
func (s *Server) EndPairing() {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, r := range s.pairing {
		r.conn.close()
	}
}
