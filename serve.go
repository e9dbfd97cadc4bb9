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
	// outage's backlog; see [Config.BacklogRate].
	backlogAge = 10 * time.Second
	// sendsAtOnce is how many replies a session is given at a time. So many take
	// less than sendTime, even one after another. Others wait for their turn.
	sendsAtOnce = 64
	// renewAfter is how long a reply waits for its turn before its lease is
	// renewed.
	renewAfter = 10 * time.Second
)

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

// sendPaced is send within the session's rate. If the wait would be longer than
// sendTime, it returns [ErrSessionUnavailable].
func (e *Engine) sendPaced(ctx context.Context, account, session string, m Outgoing) error {
	if s := e.session(account, session); s != nil {
		waiting, cancel := context.WithTimeout(ctx, sendTime)
		defer cancel()
		if err := s.all.Wait(waiting); err != nil {
			return fmt.Errorf("%w: the session sends as fast as it may", ErrSessionUnavailable)
		}
	}
	return e.send(ctx, account, session, m)
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

// turn waits until the session takes one more reply and its rate allows it. It
// returns done, which ends the turn, and reports whether it waited.
func (e *Engine) turn(ctx context.Context, f Firing) (done func(), waited bool, err error) {
	s := e.session(f.Account, f.Session)
	if s == nil {
		return func() {}, false, nil
	}
	select {
	case <-s.turns:
	default:
		waited = true
		if err := await(ctx, e, f, s.turns); err != nil {
			return nil, true, err
		}
	}
	done = func() { s.turns <- struct{}{} }
	if pause := s.pause(f); pause > 0 {
		waited = true
		if err := await(ctx, e, f, time.After(pause)); err != nil {
			done()
			return nil, true, err
		}
	}
	return done, waited, nil
}

// pause returns how long the reply of f must wait for the session's rates.
func (s *attachedSession) pause(f Firing) time.Duration {
	now := time.Now()
	pause := s.all.ReserveN(now, 1).DelayFrom(now)
	if f.transit() >= backlogAge {
		pause = max(pause, s.backlog.ReserveN(now, 1).DelayFrom(now))
	}
	return pause
}

// await waits until ready can be received from, and renews the firing's lease
// meanwhile.
func await[T any](ctx context.Context, e *Engine, f Firing, ready <-chan T) error {
	for {
		renew := time.NewTimer(renewAfter)
		var err error
		select {
		case <-ready:
			renew.Stop()
			return nil
		case <-ctx.Done():
			err = ctx.Err()
		case <-renew.C:
			_, err = e.keep(ctx, f.ID, "", e.lease(e.cfg.Now()))
		}
		renew.Stop()
		if err != nil {
			return fmt.Errorf("wait for a turn to send: %w", err)
		}
	}
}
