package pingr

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// An attempt is one try to deliver an event to the backend, before it is
// logged.
type attempt struct {
	Delivery
	reply Reply
	err   error
	retry *PendingEvent // for later, or kept as given up; nil if the event was taken
}

// unused records why the answer's reply, if it had one, was not used.
func (a *attempt) unused(why NoReply) {
	if a.err == nil && a.reply.Text != "" {
		a.NoReply = why
	}
}

// dispatch makes one delivery attempt. The caller records what came of the
// answer, and logs the attempt.
func (e *Engine) dispatch(ctx context.Context, to Dispatcher, p PendingEvent) attempt {
	began := e.cfg.Now()
	event := p.Event
	event.Account, event.Attempt, event.Timestamp = p.Account, p.Attempt, began.UnixMilli()
	reply, err := e.callDispatcher(ctx, to, event)
	d := p.row(to, began)
	d.Attempt, d.Duration = p.Attempt, e.cfg.Now().Sub(began)
	if ctx.Err() == nil { // otherwise we stopped, which says nothing about the backend
		e.tried(ctx, p.Account, err)
		e.observeDispatched(event, reply, d.Duration, err)
		e.logFailure(to, event, err)
	}
	setDefault(&reply.URL, d.URL)
	d.URL, d.HTTPStatus, d.NoReply = reply.URL, reply.Status, reply.NoReply
	if err != nil {
		d.Status, d.Error, d.NoReply = "failed", failure(to, event, err), ""
	}
	return attempt{Delivery: d, reply: reply, err: err}
}

// notAsked takes the place of a first attempt. Its row in the delivery log says
// why no attempt was made.
func (e *Engine) notAsked(to Dispatcher, p PendingEvent) attempt {
	now := e.cfg.Now()
	d := p.row(to, now)
	d.Status, d.Error = "failed", "not asked, because most requests to the endpoint hang; the event is delivered later"
	p.Next = now.Add(e.wait(1))
	return attempt{Delivery: d, retry: &p}
}

// row is a row of the delivery log for the event, before its attempt at to.
func (p PendingEvent) row(to Dispatcher, at time.Time) Delivery {
	d := Delivery{
		ID: NewID("dlv_"), Account: p.Account, Session: p.Event.Session, EventID: p.Event.ID, Event: p.Event.Type,
		Status: "delivered", At: at,
	}
	if to, ok := to.(remote); ok {
		d.URL = to.Endpoint()
	}
	return d
}

// logged adds an attempt to the delivery log, and tells the observer.
func (e *Engine) logged(ctx context.Context, d *Delivery) {
	var panicked error // a panic must not keep the reply from being sent
	defer e.survive(&panicked)
	if err := e.cfg.Store.LogDelivery(context.WithoutCancel(ctx), *d); err != nil {
		e.cfg.Log.Warn("could not log a delivery", "event_id", d.EventID, "error", err)
		return
	}
	e.observeDelivery(*d)
}

// leaveTime is how long a dispatcher may take to return after its context ended.
const leaveTime = 100 * time.Millisecond

// callDispatcher bounds the dispatcher's time even if it ignores its context,
// and turns its panic into an error.
func (e *Engine) callDispatcher(ctx context.Context, to Dispatcher, event Event) (Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, e.cfg.DispatchTimeout)
	type answer struct {
		reply Reply
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		defer cancel()
		a := answer{err: &PanicError{}} // of runtime.Goexit
		defer func() { answers <- a }()
		a.err = e.guard(event, func() (err error) {
			a.reply, err = to.Dispatch(ctx, event)
			return err
		})
	}()
	select {
	case a := <-answers:
		return a.reply, a.err
	case <-ctx.Done():
	}
	leave := time.NewTimer(leaveTime)
	defer leave.Stop()
	select { // the delivery log needs to know where the event went
	case a := <-answers:
		return a.reply, a.err
	case <-leave.C:
		return Reply{}, fmt.Errorf("no answer within %s: %w", e.cfg.DispatchTimeout, ctx.Err())
	}
}

// deliverEvent makes an attempt of a queued event, the first or a later one. Then
// it requeues the event, gives it up or deletes it.
func (e *Engine) deliverEvent(ctx context.Context, p PendingEvent) {
	defer e.leave(e.retries, p.Account)
	account, err := e.account(ctx, p.Account)
	a := attempt{err: err} // as if the backend had failed: nobody knows where it is
	switch {
	case err != nil:
		e.cfg.Log.Error("could not read where an event goes", "event_id", p.Event.ID, "account", p.Account, "error", err)
	case account.wants(p.Event.Type):
		p.Event = p.Event.later(e.cfg.Now())
		a = e.dispatch(ctx, account.Dispatcher, p)
		if p.Event.AutoReply != nil {
			a.unused(NoReply(p.Event.AutoReply.Reason))
		}
		e.logged(ctx, &a.Delivery)
	default: // it goes nowhere
	}
	if a.err != nil && ctx.Err() != nil {
		return // stopped: the lease ends, and the event is tried again
	}
	left, failed := e.attempted(context.WithoutCancel(ctx), p, a.err)
	if failed != nil {
		e.cfg.Log.Error("could not record an event's attempt", "event_id", p.Event.ID, "error", failed)
	}
	if left {
		e.endpoints.behind(p.Account)
	}
	e.cfg.Log.Info("event", "event_id", p.Event.ID, "event", p.Event.Type, "account", p.Account,
		"attempt", p.Attempt, "delivered", a.err == nil, "no_reply", a.NoReply, "given_up", a.err != nil && !left)
}

// attempted records what becomes of an event after an attempt that ended with
// cause, and reports whether another attempt follows.
func (e *Engine) attempted(ctx context.Context, p PendingEvent, cause error) (again bool, err error) {
	next := e.again(p, cause)
	switch {
	case cause == nil:
		return false, e.cfg.Store.Delivered(ctx, p.Event.ID)
	case !errors.Is(cause, ErrGone) && p.Scheduled.After(e.cfg.Now()):
		// An attempt that was brought forward uses no step of the schedule.
		return true, e.cfg.Store.PutBack(ctx, p.Event.ID, p.Scheduled)
	case next != nil:
		return true, e.cfg.Store.Retry(ctx, p.Event.ID, next.Attempt, next.Next)
	default:
		return false, e.cfg.Store.GiveUp(ctx, p.Event.ID, p.Attempt+1, e.cfg.Now())
	}
}

// again returns the event for the next attempt after one that ended with cause,
// or nil if there is none.
func (e *Engine) again(p PendingEvent, cause error) *PendingEvent {
	if cause == nil || errors.Is(cause, ErrGone) || p.Attempt > len(e.cfg.RetrySchedule) {
		return nil
	}
	p.Next = e.cfg.Now().Add(e.wait(p.Attempt))
	p.Attempt++
	return &p
}

// wait returns how long after the given attempt, counted from 1, the next one
// comes.
func (e *Engine) wait(attempt int) time.Duration {
	wait := time.Second // for an event not tried yet under a schedule without retries
	if attempt <= len(e.cfg.RetrySchedule) {
		wait = e.cfg.RetrySchedule[attempt-1]
	}
	return wait + time.Duration((rand.Float64()-0.5)*0.2*float64(wait)) //nolint:gosec // jitter is no secret
}
