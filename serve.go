package pingr

import (
	"context"
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
)

// served is a session that the engine answers for.
type served struct {
	account string
	session Session
	backlog *rate.Limiter
}

// Serve answers the messages of a session of an account until ctx ends or the
// session can never receive again; it returns why in the latter case. Replies
// need Run to be running; messages that come before are kept for it.
func (e *Engine) Serve(ctx context.Context, account, id string, s Session) error {
	e.mu.Lock()
	e.sessions[id] = &served{account: account, session: s, backlog: rate.NewLimiter(backlogRate, 1)}
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

// pace holds back replies to an outage's backlog, and reports for how long.
func (e *Engine) pace(ctx context.Context, f Firing) time.Duration {
	s := e.served(f.Account, f.Session)
	if s == nil || f.Message.Arrived.Sub(f.Message.Time) < backlogAge {
		return 0
	}
	began := e.cfg.Now()
	_ = s.backlog.Wait(ctx) // only ctx ends it, and the send sees that
	return e.cfg.Now().Sub(began)
}
