package pingr

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/time/rate"
)

const (
	// sendTime bounds one send; a lease is longer.
	sendTime = 30 * time.Second
	// backlogAge is how late a message arrives that belongs to an outage's
	// backlog; replies to such are paced to backlogRate a second and session.
	backlogAge  = 10 * time.Second
	backlogRate = 10
	// sendsAtOnce is how many replies of a session are handed to it at once: so
	// many, one after another, take less than sendTime. Others wait for their turn.
	sendsAtOnce = 64
	// renewAfter is how long a reply waits for its turn before its lease is renewed.
	renewAfter = 10 * time.Second
)

// served is a session that the engine answers for.
type served struct {
	account string
	session Session
	backlog *rate.Limiter
	turns   chan struct{} // holds one for each send under way
}

// Serve answers the messages of a session of an account until ctx ends or the
// session can never receive again; it returns why in the latter case. Replies
// need Run to be running; messages that come before are kept for it.
func (e *Engine) Serve(ctx context.Context, account, id string, s Session) error {
	e.mu.Lock()
	e.sessions[id] = &served{
		account: account, session: s, backlog: rate.NewLimiter(backlogRate, 1), turns: make(chan struct{}, sendsAtOnce),
	}
	e.mu.Unlock()
	err := s.Listen(ctx, func(ctx context.Context, m Message) error {
		return e.receive(ctx, account, id, m)
	})
	if ctx.Err() == nil {
		return err
	}
	return nil // told to stop; replies in flight still need the session
}

// Forget drops a session that Serve was called for; replies that wait for it
// fail when their deadline has passed.
func (e *Engine) Forget(id string) {
	e.mu.Lock()
	delete(e.sessions, id)
	e.mu.Unlock()
}

// served finds an account's session. An id that has come to be another's since
// is none: nothing of one account leaves through the number of another.
func (e *Engine) served(account, id string) *served {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := e.sessions[id]; s != nil && s.account == account {
		return s
	}
	return nil
}

// send sends through the session, for at most sendTime.
func (e *Engine) send(ctx context.Context, account, session string, m Outgoing) (err error) {
	s := e.served(account, session)
	if s == nil {
		return ErrSessionUnavailable
	}
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	defer e.survive(&err)
	return s.session.Send(ctx, m)
}

// turn waits until the session takes one more reply, and holds back replies to an
// outage's backlog. It reports whether it waited, and what ends the turn.
func (e *Engine) turn(ctx context.Context, f Firing) (done func(), waited bool, err error) {
	s := e.served(f.Account, f.Session)
	if s == nil {
		return func() {}, false, nil
	}
	for taken := false; !taken; {
		select {
		case s.turns <- struct{}{}:
			taken = true
			continue
		default:
		}
		waited = true
		renew := time.NewTimer(renewAfter)
		select {
		case s.turns <- struct{}{}:
			taken = true
		case <-ctx.Done():
			err = ctx.Err()
		case <-renew.C:
			_, err = e.cfg.Store.Keep(ctx, f.ID, e.holder, "", e.lease(e.cfg.Now()))
		}
		renew.Stop()
		if err != nil {
			return nil, true, fmt.Errorf("wait for a turn to send: %w", err)
		}
	}
	if f.Message.Arrived.Sub(f.Message.Time) >= backlogAge {
		waited = true
		_ = s.backlog.Wait(ctx) // only ctx ends it, and the send sees that
	}
	return func() { <-s.turns }, waited, nil
}
