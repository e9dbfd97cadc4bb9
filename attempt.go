package pingr

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// dispatch makes one delivery attempt and logs it.
func (e *Engine) dispatch(ctx context.Context, p PendingEvent) (Reply, error) {
	began := e.cfg.Now()
	event := p.Event
	event.Account, event.Attempt, event.Timestamp = p.Account, p.Attempt, began.UnixMilli()
	reply, err := e.callDispatcher(ctx, event)
	d := Delivery{
		ID: newID("dlv_"), Account: p.Account, Session: event.Session, EventID: event.ID, Event: event.Type,
		URL: reply.URL, Status: "delivered", HTTPStatus: reply.Status, DynamicReply: err == nil && reply.Text != "",
		Attempt: p.Attempt, Duration: e.cfg.Now().Sub(began), At: began,
	}
	if err != nil {
		d.Status, d.Error = "failed", err.Error()
	}
	if err := e.cfg.Store.LogDelivery(context.WithoutCancel(ctx), d); err != nil {
		e.cfg.Log.Warn("delivery not logged", "event_id", event.ID, "error", err)
	}
	return reply, err
}

// callDispatcher bounds the dispatcher's time, even against its will, and turns
// its panic into an error.
func (e *Engine) callDispatcher(ctx context.Context, event Event) (Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, e.cfg.DispatchTimeout)
	type answer struct {
		reply Reply
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		defer cancel()
		a := answer{err: errors.New("dispatcher panicked")}
		defer func() {
			_ = recover() // the value may hold what must not be logged
			answers <- a
		}()
		a.reply, a.err = e.cfg.Dispatcher.Dispatch(ctx, event)
	}()
	select {
	case a := <-answers:
		return a.reply, a.err
	case <-ctx.Done():
	}
	select { // both were ready: the answer counts
	case a := <-answers:
		return a.reply, a.err
	default:
		return Reply{}, fmt.Errorf("no answer within %s: %w", e.cfg.DispatchTimeout, ctx.Err())
	}
}

// lookAhead says what the limits would answer now; the decision is taken later.
func (e *Engine) lookAhead(ctx context.Context, f Firing, s Settings, now time.Time) AutoReply {
	return autoReply(e.cfg.Store.Peek(ctx, now, s.limits(f, now)...), now)
}

// retry delivers an event again and puts it back, or away.
func (e *Engine) retry(ctx context.Context, p PendingEvent) {
	defer e.leave(p.Account)
	_, err := e.dispatch(ctx, p)
	if err != nil && ctx.Err() != nil {
		return // stopped: the lease ends, and it is tried again
	}
	again := e.again(p, err)
	if failed := e.attempted(context.WithoutCancel(ctx), p, again, err != nil); failed != nil {
		e.cfg.Log.Error("event attempt not recorded", "event_id", p.Event.ID, "error", failed)
	}
	e.cfg.Log.Info("event", "event_id", p.Event.ID, "event", p.Event.Type, "account", p.Account,
		"attempt", p.Attempt, "delivered", err == nil, "given_up", err != nil && again == nil)
}

// attempted records what becomes of an event that was tried.
func (e *Engine) attempted(ctx context.Context, p PendingEvent, again *PendingEvent, failed bool) error {
	switch {
	case again != nil:
		return e.cfg.Store.Attempted(ctx, p.Event.ID, again.Attempt, again.Next)
	case failed:
		return e.cfg.Store.GiveUp(ctx, p.Event.ID, p.Attempt+1, e.cfg.Now())
	default:
		return e.cfg.Store.Attempted(ctx, p.Event.ID, p.Attempt, time.Time{})
	}
}

// again is the next attempt after one with that error, or nil when there is
// none.
func (e *Engine) again(p PendingEvent, cause error) *PendingEvent {
	if cause == nil || errors.Is(cause, ErrGone) || p.Attempt > len(e.cfg.RetrySchedule) {
		return nil
	}
	wait := e.cfg.RetrySchedule[p.Attempt-1]
	wait += time.Duration((rand.Float64() - 0.5) * 0.2 * float64(wait)) //nolint:gosec // jitter is no secret
	p.Attempt++
	p.Next = e.cfg.Now().Add(wait)
	return &p
}
