package pingr

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

// sendTime bounds one send; a lease is longer.
const sendTime = 30 * time.Second

// attachedSession is a session that the engine answers for.
type attachedSession struct {
	account string
	session Session
	all     *rate.Limiter // Config.SendRate
	backlog *rate.Limiter // Config.BacklogRate
	turns   chan struct{} // holds one token for each send that may begin
	// attached ends by detach. Both are nil for a session of Serve or Run.
	attached context.Context
	detach   context.CancelFunc
}

func (e *Engine) newAttachedSession(account string, s Session) *attachedSession {
	all := rate.Inf
	if e.cfg.SendRate > 0 {
		all = rate.Limit(e.cfg.SendRate)
	}
	n := &attachedSession{
		account: account, session: s, turns: make(chan struct{}, sendsAtOnce),
		all: rate.NewLimiter(all, 1), backlog: rate.NewLimiter(rate.Limit(e.cfg.BacklogRate), 1),
	}
	for range sendsAtOnce {
		n.turns <- struct{}{}
	}
	return n
}

// Attach gives the engine a session of an account. From then on Send works
// through it, and the engine answers its messages while Run runs, until detach is
// called or another session is attached under the same id. If the session can
// never receive again, the engine logs the reason and still sends through it.
//
// detach returns at once. A message that is just being received may still be
// stored. Replies that wait for the session fail when their deadline has passed,
// unless another session is attached under the id.
func (e *Engine) Attach(account, id string, s Session) (detach func()) {
	a := e.newAttachedSession(account, s)
	a.attached, a.detach = context.WithCancel(context.Background())
	e.mu.Lock()
	defer e.mu.Unlock()
	e.attach(id, a)
	e.receiveFrom(id, a)
	return func() {
		a.detach()
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.sessions[id] == a {
			delete(e.sessions, id)
		}
	}
}

// attach must be called with mu held.
func (e *Engine) attach(id string, a *attachedSession) {
	if old := e.sessions[id]; old != nil && old.detach != nil {
		old.detach()
	}
	e.sessions[id] = a
}

// receiveFrom receives what a session of Attach gets, until it is detached or
// Run ends. It does nothing if Run is not running. It must be called with mu
// held.
func (e *Engine) receiveFrom(id string, a *attachedSession) {
	if e.receiving == nil || a.attached == nil {
		return
	}
	ctx, cancel := context.WithCancel(e.receiving)
	e.receivers.Go(func() {
		defer cancel()
		defer context.AfterFunc(a.attached, cancel)()
		if err := e.listen(ctx, a.account, id, a.session); err != nil {
			e.cfg.Log.Info("session receives no more", "session", id, "error", err)
		}
	})
}

// Serve answers the messages of a session of an account until ctx ends or the
// session can never receive again. It returns nil in the first case, and the
// reason in the second. Messages that arrive while Run is not running are kept
// for it. Serve suits a session that stays as long as the program: the engine
// goes on sending through it after Serve has returned. Calling Serve again with
// the same id replaces the session.
func (e *Engine) Serve(ctx context.Context, account, id string, s Session) error {
	e.mu.Lock()
	e.attach(id, e.newAttachedSession(account, s))
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

// session returns an account's session, or nil. If the id now belongs to another
// account, it returns nil: nothing of one account leaves through the number of
// another.
func (e *Engine) session(account, id string) *attachedSession {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := e.sessions[id]; s != nil && s.account == account {
		return s
	}
	return nil
}

// send sends through the session, for at most sendTime.
func (e *Engine) send(ctx context.Context, account, session string, m Outgoing) (err error) {
	s := e.session(account, session)
	if s == nil {
		return ErrSessionUnavailable
	}
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	defer e.survive(&err)
	return s.session.Send(ctx, m)
}
