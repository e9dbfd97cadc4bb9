package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.mau.fi/whatsmeow/types"

	"github.com/heypingr/pingr"
)

// A Session is one number that is linked or waits for its phone. It belongs to
// a [Pool]. Its methods are safe for concurrent use.
type Session struct {
	pool  *Pool
	id    string
	claim claim

	listening atomic.Pointer[listener]
	chats     *persons      // by chat, held during a send
	flights   chan struct{} // holds a token for each message that waits for its acknowledgement

	undecryptable atomic.Uint64
	retries       atomic.Uint64
	wanted        atomic.Bool // a Send found no connection since the last one

	mu        sync.Mutex
	record    pingr.SessionRecord
	line      *line // nil without keys
	damaged   bool  // the keys exist but cannot be read
	closed    bool
	done      chan struct{}
	qr        QR
	codes     []string // the rest of the round
	round     *time.Timer
	roundEnds time.Time // the earliest end of the round
	attempt   int       // number of the latest dial
	failures  int       // failed dials since the last connection
	redial    *time.Timer
	overdue   *overdue  // reports the disconnect; nil if none is due
	banEnds   time.Time // end of the last temporary ban
	// replacements counts the replaced connections since replacedSince.
	replacements  int
	replacedSince time.Time
	refusals      refusals
	timers        map[string]chatTimer // by chat
	habits        *habits
	pairs         *pairs

	effects  []effect
	draining bool
	saving   sync.Mutex // held while the registry is told about the session
	removed  bool       // guarded by saving
	watchers map[chan Snapshot]struct{}
}

var _ pingr.Session = (*Session)(nil)

// A QR is the code that a phone scans to link the session.
type QR struct {
	Code      string
	ExpiresAt time.Time
}

// A Snapshot is a session's state at one moment.
type Snapshot struct {
	Record pingr.SessionRecord
	// QR is zero unless the session is pairing and has a code.
	QR QR
}

// newSession makes a session from a record and loads its keys, if it has any.
// It also makes a session whose keys cannot be read, so that no other session
// suffers.
func newSession(ctx context.Context, p *Pool, record pingr.SessionRecord, c claim) (*Session, error) {
	s := &Session{
		pool: p, id: record.ID, claim: c, record: record,
		chats:    newPersons(),
		flights:  make(chan struct{}, sendsInFlight),
		habits:   newHabits(),
		pairs:    newPairs(),
		done:     make(chan struct{}),
		watchers: make(map[chan Snapshot]struct{}),
	}
	var err error
	if s.timers, err = p.database.timers(ctx, s.id); err != nil {
		p.log.Error("the disappearing timers of a session cannot be read; its chats tell them again", "session", s.id,
			"error", err)
	}
	if err := s.loadKeys(ctx); err != nil {
		if !isDamage(err) {
			return nil, fmt.Errorf("session %s: load keys: %w", s.id, err)
		}
		s.damaged = true
		p.log.Error("the keys of a session cannot be read; link it again", "session", s.id, "error", err)
	}
	return s, nil
}

// loadKeys makes the line of the record's device. Without keys there is no
// line.
func (s *Session) loadKeys(ctx context.Context) error {
	if s.record.Device == "" {
		return nil
	}
	jid, err := deviceJID(s.record.Device)
	if err != nil {
		return err
	}
	device, keys, err := s.pool.database.loadKeys(ctx, s.claim, jid, s.databaseFailed)
	if err == nil && device != nil {
		s.line = newLine(s, device, keys)
		s.pool.run(func() {
			if err := s.pool.database.where.reseal(s.pool.ctx, s.claim, jid); err != nil && s.pool.ctx.Err() == nil {
				s.pool.log.Error("keys could not be sealed with the current key", "session", s.id, "error", err)
			}
		})
	}
	return err
}

// deviceJID parses the JID of a linked device.
func deviceJID(name string) (types.JID, error) {
	jid, err := types.ParseJID(name)
	if err != nil || jid.User == "" || jid.Server != types.DefaultUserServer {
		return types.JID{}, errors.New("the device is not a JID") // its text may be a number
	}
	return jid, nil
}

// start begins what the record of an earlier process leaves to do.
func (s *Session) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.line != nil:
		// It crashed right after linking, or its keys were repaired.
		if s.record.State == pingr.SessionPairing || s.record.Reason == codeDamaged {
			s.record.State = pingr.SessionConnecting
		}
		s.applyLocked(input{kind: inputDial})
		s.dialAfter(0)
	case s.damaged:
		s.record.State = pingr.SessionConnecting
		s.applyLocked(input{kind: inputEnded, code: codeDamaged})
	case s.record.State == pingr.SessionPairing:
		s.applyLocked(input{kind: inputLinkOver, code: pingr.ReasonLinkInterrupted})
	case s.record.Device != "":
		// The record outlived its keys.
		s.record.State = pingr.SessionConnecting
		s.applyLocked(input{kind: inputEnded, code: codeLoggedOut})
	}
}

// ID returns the session's id, which survives every logout.
func (s *Session) ID() string { return s.id }

// Record returns the session's record.
func (s *Session) Record() pingr.SessionRecord {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.record
}

// Snapshot returns the session's record and the QR code to show, if any.
func (s *Session) Snapshot() Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Snapshot{Record: s.record, QR: s.qr}
}

// Rename changes the session's name.
func (s *Session) Rename(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record.Name = name
	s.changed(true)
}

// Changes returns a channel of snapshots: the current one, and one after each
// change. The channel is closed when ctx ends or the session is closed. A slow
// reader misses outdated snapshots, but never the latest.
func (s *Session) Changes(ctx context.Context) <-chan Snapshot {
	out := make(chan Snapshot, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	out <- Snapshot{Record: s.record, QR: s.qr}
	if s.closed {
		close(out)
		return out
	}
	s.watchers[out] = struct{}{}
	context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.unwatch(out)
	})
	return out
}

func (s *Session) unwatch(w chan Snapshot) {
	if _, ok := s.watchers[w]; ok {
		delete(s.watchers, w)
		close(w)
	}
}

// Undecryptable returns how many messages to the session could not be read when
// they first arrived. Each was asked for again.
func (s *Session) Undecryptable() uint64 { return s.undecryptable.Load() }

// Retries returns how many times somebody could not read a message of ours and
// asked for it again.
func (s *Session) Retries() uint64 { return s.retries.Load() }

// apply passes an input to the state machine and does what follows. It reports
// whether the input had any meaning.
func (s *Session) apply(in input) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.applyLocked(in)
}

func (s *Session) applyLocked(in input) bool {
	if s.closed {
		return false
	}
	before := status{s.record.State, s.record.Reason, s.record.Detail}
	after, out, ok := before.next(in)
	if !ok {
		return false
	}
	s.record.State, s.record.Reason, s.record.Detail = after.state, after.reason, after.detail
	if after.state == pingr.SessionConnected {
		s.record.ConnectedAt = s.pool.now()
	}
	if after.state != pingr.SessionPairing {
		s.endRound()
	}
	l := s.line
	if out.unlinked || after.state == pingr.SessionLinkExpired {
		s.record.Device = ""
	}
	if out.hangUp && l != nil {
		s.giveUp(l, s.record.Device == "")
	}
	if out.retry {
		s.failures++
		s.dialAfter(s.pause(in.code))
	}
	s.changed(true)
	s.report(out.report, before, in)
	if before.state != after.state {
		s.logState(after)
	}
	return true
}

// logState logs a new state. It is a warning if a person must act; nobody is
// there who sees the page or hears of the event.
func (s *Session) logState(now status) {
	attrs := []any{"session", s.id, "state", string(now.state), "reason", now.reason}
	if !now.terminal() || now.state == pingr.SessionLinkExpired { // who linked it was there
		s.pool.log.Info("session", attrs...)
		return
	}
	s.pool.log.Warn("the session needs somebody to act", append(attrs, "detail", now.detail,
		"do", s.pool.advice(s.record))...)
}

// giveUp hangs up. If forGood is set, the line ends and its keys are erased.
func (s *Session) giveUp(l *line, forGood bool) {
	if forGood {
		s.line = nil
	}
	dials := l.dials.Load()
	s.pool.run(func() {
		if !forGood {
			l.hangUpOld(dials)
			return
		}
		l.end()
		if jid := l.jid.Load(); jid != nil {
			if err := s.pool.database.where.eraseDevice(context.Background(), s.claim, *jid); err != nil {
				s.pool.log.Error("keys of an unlinked device remain", "session", s.id, "error", err)
			}
		}
	})
}

// changed notifies the watchers and, if save is set, the registry.
func (s *Session) changed(save bool) {
	now := Snapshot{Record: s.record, QR: s.qr}
	for w := range s.watchers {
		select {
		case <-w: // outdated
		default:
		}
		w <- now
	}
	if save {
		record := s.record
		s.enqueue(effect{record: &record})
	}
}

// close ends the session without unlinking it.
func (s *Session) close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.shut()
	l := s.line
	s.line = nil
	s.mu.Unlock()
	if l != nil {
		l.end()
	}
}

// shut ends everything but the line. The caller holds s.mu.
func (s *Session) shut() {
	s.closed = true
	close(s.done)
	s.endRound()
	stop(s.redial)
	s.overdue.stop()
	stop(s.refusals.timer)
	for w := range s.watchers {
		s.unwatch(w)
	}
}

func stop(t *time.Timer) {
	if t != nil {
		t.Stop()
	}
}

// forget deletes the record of a closed session for good. Pending saves of the
// record are dropped.
func (s *Session) forget(ctx context.Context) error {
	s.saving.Lock()
	defer s.saving.Unlock()
	s.removed = true
	return s.pool.registry.DeleteSession(ctx, s.id)
}

// eraseKeys deletes the keys of a closed session.
func (s *Session) eraseKeys(ctx context.Context) error {
	device := s.Record().Device
	if device == "" {
		return nil
	}
	if jid, err := deviceJID(device); err == nil { // otherwise no keys are filed under it
		return s.pool.database.where.eraseDevice(ctx, s.claim, jid)
	}
	return nil
}
