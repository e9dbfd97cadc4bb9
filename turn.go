package pingr

import (
	"context"
	"fmt"
	"time"
)

const (
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
