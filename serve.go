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
	// backlogAge is the delay from which on a message counts as part of an
	// outage's backlog. Replies to such messages are paced to backlogRate a second
	// per session.
	backlogAge  = 10 * time.Second
	backlogRate = 10
	// sendsAtOnce is how many replies a session is given at a time. So many, one
	// after another, take less than sendTime. Others wait for their turn.
	sendsAtOnce = 64
	// renewAfter is how long a reply waits for its turn before its lease is
	// renewed.
	renewAfter = 10 * time.Second
)

// served is a session that the engine answers for.
type served struct {
	account string
	session Session
	backlog *rate.Limiter
	turns   chan struct{} // holds one token for each send in progress
}

func newServed(account string, s Session) *served {
	return &served{
		account: account, session: s, backlog: rate.NewLimiter(backlogRate, 1), turns: make(chan struct{}, sendsAtOnce),
	}
}

// Serve answers the messages of a session of an account until ctx ends or the
// session can never receive again. It returns nil in the first case, and the
// reason in the second. Messages that arrive while Run is not running are kept
// for it. Calling Serve again with the same id replaces the session.
func (e *Engine) Serve(ctx context.Context, account, id string, s Session) error {
	e.mu.Lock()
	e.sessions[id] = newServed(account, s)
	e.mu.Unlock()
	return e.listen(ctx, account, id, s)
}

// listen receives what the session gets, until ctx ends.
func (e *Engine) listen(ctx context.Context, account, id string, s Session) error {
	err := s.Listen(ctx, func(ctx context.Context, m Message) error {
		return e.receive(ctx, account, id, m)
	})
	if ctx.Err() == nil {
		return err
	}
	return nil // told to stop; replies in flight still need the session
}

// Forget drops a session that Serve was called for. Replies that wait for it
// fail when their deadline has passed.
func (e *Engine) Forget(id string) {
	e.mu.Lock()
	delete(e.sessions, id)
	e.mu.Unlock()
}

// served returns an account's session, or nil. If the id now belongs to another
// account, it returns nil: nothing of one account leaves through the number of
// another.
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

// turn waits until the session takes one more reply, and delays replies to an
// outage's backlog. It returns done, which ends the turn, and reports whether
// it waited.
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
