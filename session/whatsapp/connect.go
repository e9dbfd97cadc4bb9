package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"go.mau.fi/whatsmeow/socket"

	"github.com/heypingr/pingr"
)

// Reconnect connects again, whatever broke the link, unless a connection is
// already being made: whatsmeow cannot give up a handshake before its 20 s are
// over (handshake.go). It returns [ErrNotLinked] if the session has no keys and
// must be linked first.
func (s *Session) Reconnect() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if s.line == nil || s.line.jid.Load() == nil || !s.applyLocked(input{kind: inputDial}) {
		return fmt.Errorf("reconnect session: %w", ErrNotLinked)
	}
	s.failures = 0
	if !s.line.inDial.Load() {
		s.dialAfter(0)
	}
	return nil
}

// dialAfter schedules the next dial. The caller holds s.mu.
func (s *Session) dialAfter(pause time.Duration) {
	stop(s.redial)
	s.attempt++
	attempt := s.attempt
	s.redial = time.AfterFunc(pause, func() { s.pool.run(func() { s.dial(attempt) }) })
}

// pause returns how long to wait before the next dial: nothing the first time,
// then twice as long each time, with jitter so that many sessions do not dial
// at once. A refused connection is not repeated at once.
func (s *Session) pause(code int) time.Duration {
	failures := s.failures
	if code >= 400 && code < 500 {
		failures = max(failures, 4)
	}
	if failures <= 1 {
		return time.Duration(rand.Int64N(int64(s.pool.timing.backoff/5 + 1))) //nolint:gosec // jitter is no secret
	}
	pause := s.pool.timing.backoff << min(failures-2, 16)
	pause = min(pause, s.pool.timing.backoffMax)
	return pause*4/5 + time.Duration(rand.Int64N(int64(pause*2/5+1))) //nolint:gosec // jitter is no secret
}

// dial is one attempt to connect.
func (s *Session) dial(attempt int) {
	if s.pool.dials.wait(s.pool.ctx, &s.wanted) != nil {
		return
	}
	asked := s.ours() // whoever has lost the session would replace the connection of who has it
	s.mu.Lock()
	l := s.line
	if l == nil || s.closed || s.attempt != attempt || l.broken.Load() {
		s.mu.Unlock()
		return
	}
	stop(s.refusals.timer)
	s.refusals.timer = nil
	s.refusals.since = false
	s.expectLogin(l)
	s.mu.Unlock()
	if asked != nil {
		s.lost(l, attempt, 0, "The database cannot be reached. Pingr keeps trying.")
		return
	}
	if err := l.dial(); err != nil {
		s.lost(l, attempt, dialCode(err), "WhatsApp could not be reached. Pingr keeps trying.")
	}
}

// expectLogin limits the time of a login, which may never get an answer. The
// caller holds s.mu.
func (s *Session) expectLogin(l *line) {
	attempt := s.attempt
	stop(s.redial)
	s.redial = time.AfterFunc(s.pool.timing.login, func() {
		s.lost(l, attempt, 0, "WhatsApp did not answer the login. Pingr keeps trying.")
	})
}

// dialCode returns the HTTP status of a refused connection, or 0 for any other
// error.
func dialCode(err error) int {
	var refused socket.ErrWithStatusCode
	if errors.As(err, &refused) {
		return refused.StatusCode
	}
	return 0
}

// lost records that the link of an attempt broke. attempt 0 means the current
// one.
func (s *Session) lost(l *line, attempt, code int, detail string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.line != l || attempt != 0 && s.attempt != attempt {
		return
	}
	s.applyLocked(input{kind: inputLost, code: code, detail: detail})
}

// verify makes the round trip that a session needs to count as connected.
func (s *Session) verify(l *line) {
	s.mu.Lock()
	attempt := s.attempt
	s.mu.Unlock()
	if !l.ping(s.pool.timing.ping) {
		s.lost(l, attempt, 0, "WhatsApp did not answer. Pingr is reconnecting.")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.line != l || s.attempt != attempt || !s.applyLocked(input{kind: inputUp}) {
		return
	}
	stop(s.redial)
	s.failures = 0
	if s.refusals.since {
		s.askLater() // this was not possible while we were connecting
	}
}

// checkHealth finds a socket that went silent, and repeats what failed.
func (s *Session) checkHealth() {
	s.mu.Lock()
	s.drain()
	l, attempt := s.line, s.attempt
	silent := l != nil && s.record.State == pingr.SessionConnected &&
		(l.age() >= s.pool.timing.silence || !l.client.IsConnected())
	s.mu.Unlock()
	if !silent {
		return
	}
	s.pool.run(func() {
		if !l.ping(s.pool.timing.ping) {
			s.lost(l, attempt, 0, "WhatsApp went silent. Pingr is reconnecting.")
		}
	})
}

// databaseFailed stops a session whose keys cannot be written. It could neither
// remember nor honestly acknowledge what arrives now.
func (s *Session) databaseFailed(err error) {
	if errors.Is(err, errLost) {
		s.pool.run(s.letGo)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.line
	if l == nil || l.broken.Swap(true) {
		return
	}
	s.pool.log.Error("keys cannot be written; the session is stopped until they can be", "session", s.id, "error", err)
	s.applyLocked(input{kind: inputLost, code: pingr.ReasonKeysNotSaved})
}

// checkDatabase resumes a stopped session once writing works.
func (s *Session) checkDatabase() {
	s.mu.Lock()
	l := s.line
	s.mu.Unlock()
	if l == nil || !l.broken.Load() {
		return
	}
	s.pool.run(func() {
		ctx, cancel := context.WithTimeout(s.pool.ctx, effectTimeout)
		defer cancel()
		if s.pool.database.probe(ctx, s.pool.now()) != nil {
			return
		}
		if s.pool.database.where.shared() && l.jid.Load() != nil {
			if err := s.readAgain(ctx, l); err != nil {
				s.pool.log.Error("keys cannot be read again", "session", s.id, "error", err)
			}
			return
		}
		if dev := l.keys.device.Load(); dev != nil && !dev.recovered(ctx) {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.line == l && l.broken.CompareAndSwap(true, false) {
			s.pool.log.Info("keys can be written again", "session", s.id)
			s.failures = 0
			s.dialAfter(0)
		}
	})
}
