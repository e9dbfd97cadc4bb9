package whatsapp

import (
	"context"
	"errors"
	"time"

	"github.com/heypingr/pingr"
)

// Where several processes share a database, a session is this process's until
// another one claims it, which may happen at any moment: while we were paused,
// or cut off. The fence keeps us from writing then. What follows is about the
// rest: who does not have the session does not connect, records or report it.

// leaseTimeout bounds a question about a lease.
const leaseTimeout = 5 * time.Second

// ours returns nil if the session is still this process's. It lets go of the
// session if not. Any other error than errLost means that nobody knows.
func (s *Session) ours() error {
	ctx, cancel := context.WithTimeout(s.pool.ctx, leaseTimeout)
	defer cancel()
	err := s.pool.database.where.holds(ctx, s.claim)
	if errors.Is(err, errLost) {
		s.letGo()
	}
	return err
}

// letGo ends a session that another process has. It records and reports
// nothing: that is up to the other one. It hangs up before anything that may
// have to wait for the database.
func (s *Session) letGo() {
	s.pool.mu.Lock()
	if s.pool.sessions[s.id] == s {
		delete(s.pool.sessions, s.id)
	}
	s.pool.mu.Unlock()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.shut()
	s.effects = nil
	l := s.line
	s.line = nil
	s.mu.Unlock()
	s.pool.log.Warn("this process no longer serves the session", "session", s.id)
	if l != nil {
		l.leave()
	}
	s.saving.Lock()
	s.removed = true
	s.saving.Unlock()
	if s.pool.config.OnLost != nil {
		s.pool.config.OnLost(s.id)
	}
}

// save stores the session's record, if the session is still this process's.
func (s *Session) save(ctx context.Context, record pingr.SessionRecord) error {
	own, ok := s.pool.registry.(ownedRegistry)
	if !ok || !s.pool.database.where.shared() {
		return s.pool.registry.SaveSession(ctx, record)
	}
	err := tableError(own.SaveOwnSession(ctx, record, s.claim.epoch))
	if errors.Is(err, errLost) {
		s.pool.run(s.letGo)
	}
	return err
}

// leave hangs up for good, and writes nothing.
func (l *line) leave() {
	l.hangUp()
	l.cancel()
	l.hangUp() // a dial may have started in between
	if dev := l.keys.device.Load(); dev != nil {
		dev.discard()
	}
}

// readAgain replaces a line after its database was away. What the line has in
// memory may be newer than what the database still knows, or older than what
// another process has written in the meantime.
func (s *Session) readAgain(ctx context.Context, l *line) error {
	if err := s.ours(); err != nil {
		return err
	}
	device, keys, err := s.pool.database.loadKeys(ctx, s.claim, *l.jid.Load(), s.databaseFailed)
	if err != nil {
		return err
	}
	s.pool.database.readNames(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.line != l || s.closed {
		return nil
	}
	s.pool.run(l.leave)
	s.line = nil
	if device == nil {
		s.applyLocked(input{kind: inputEnded, code: codeLoggedOut})
		return nil
	}
	s.line = newLine(s, device, keys)
	s.failures = 0
	s.dialAfter(0)
	return nil
}

// endedUnlessLost ends a session as WhatsApp says, if it is still this
// process's. If nobody knows, the session connects again, and WhatsApp says it
// again.
func (s *Session) endedUnlessLost(l *line, code int, detail string) {
	if !s.pool.database.where.shared() {
		s.ended(l, code, detail)
		return
	}
	s.pool.run(func() {
		switch err := s.ours(); {
		case errors.Is(err, errLost):
		case err != nil:
			s.lost(l, 0, 0, "The database cannot be reached. Pingr keeps trying.")
		case code == codeReplaced && s.replacedAgain():
			s.lost(l, 0, 0, "Another process was connected for a moment. Pingr is reconnecting.")
		default:
			s.ended(l, code, detail)
		}
	})
}

// A process that was paused between asking for its lease and connecting
// replaces the connection of the process that has the lease now, once. Somebody
// who does so again and again is another program.
const (
	replacementsAllowed = 3
	replacementsWithin  = time.Minute
)

// replacedAgain counts a replaced connection and reports whether the session may
// connect again by itself.
func (s *Session) replacedAgain() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if now.Sub(s.replacedSince) > replacementsWithin {
		s.replacedSince, s.replacements = now, 0
	}
	s.replacements++
	return s.replacements <= replacementsAllowed
}
