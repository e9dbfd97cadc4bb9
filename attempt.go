package pingr

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// An attempt is one try to tell the backend, before it is logged.
type attempt struct {
	Delivery
	reply Reply
	err   error
	retry *PendingEvent // for later, or for who asks for it; nil: it was taken
}

// unused says why the answer's reply, if it had one, was not used.
func (a *attempt) unused(why NoReply) {
	if a.err == nil && a.reply.Text != "" {
		a.NoReply = why
	}
}

// dispatch makes one delivery attempt. The caller says what its answer came to,
// and logs it.
func (e *Engine) dispatch(ctx context.Context, p PendingEvent) attempt {
	began := e.cfg.Now()
	event := p.Event
	event.Account, event.Attempt, event.Timestamp = p.Account, p.Attempt, began.UnixMilli()
	reply, err := e.callDispatcher(ctx, event)
	if ctx.Err() == nil { // else we stopped, which says nothing of the backend
		e.tried(ctx, p.Account, err)
	}
	d := Delivery{
		ID: newID("dlv_"), Account: p.Account, Session: event.Session, EventID: event.ID, Event: event.Type,
		URL: reply.URL, Status: "delivered", HTTPStatus: reply.Status, NoReply: reply.NoReply,
		Attempt: p.Attempt, Duration: e.cfg.Now().Sub(began), At: began,
	}
	if err != nil {
		d.Status, d.Error, d.NoReply = "failed", err.Error(), ""
	}
	return attempt{Delivery: d, reply: reply, err: err}
}

// logged adds an attempt to the delivery log.
func (e *Engine) logged(ctx context.Context, d *Delivery) {
	var panicked error // which must not keep the reply from being sent
	defer e.survive(&panicked)
	if err := e.cfg.Store.LogDelivery(context.WithoutCancel(ctx), *d); err != nil {
		e.cfg.Log.Warn("delivery not logged", "event_id", d.EventID, "error", err)
	}
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

// holdTime is how long a decision may take after the backend's answer, so that
// the hold on the person still stands.
const holdTime = 5 * time.Second

// lookAhead says which limit keeps the firing from being answered; nil is none.
// Then the person's cooldown is held until drop, or for as long as asking may
// take: whoever looks meanwhile is refused as if the answer had been sent now.
func (e *Engine) lookAhead(ctx context.Context, f Firing, s Settings) (refused *LimitError, drop func()) {
	now := e.cfg.Now()
	limits := s.limits(f, now)
	var held []string // the person's names, in one order, so that no two refuse each other
	drop = func() {
		for _, key := range held {
			e.drop(ctx, key, f.ID)
		}
	}
	for _, l := range limits {
		if l.Kind != Cooldown {
			continue
		}
		until := now.Add(e.cfg.DispatchTimeout + holdTime)
		switch free, err := e.cfg.Store.Hold(ctx, l.Key, f.ID, now, until); {
		case err != nil: // the decision will still let one of two through
			e.cfg.Log.Warn("nobody is held while the webhook is asked", "event_id", f.ID, "error", err)
		case !free:
			drop()
			return &LimitError{Kind: Cooldown, Until: l.Until}, func() {}
		default:
			held = append(held, l.Key)
		}
	}
	// After the hold: what was decided before it has taken its limits.
	if errors.As(e.cfg.Store.Peek(ctx, now, limits...), &refused) {
		drop()
		return refused, func() {}
	}
	return nil, drop
}

// drop ends a hold. One that cannot be ended ends by itself.
func (e *Engine) drop(ctx context.Context, key, firing string) {
	var panicked error
	defer e.survive(&panicked)
	if err := e.cfg.Store.Drop(context.WithoutCancel(ctx), key, firing); err != nil {
		e.cfg.Log.Warn("somebody is held for some seconds more", "event_id", firing, "error", err)
	}
}

// retry delivers an event again and puts it back, or away.
func (e *Engine) retry(ctx context.Context, p PendingEvent) {
	defer e.leave(e.retries, p.Account)
	p.Event = p.Event.later(e.cfg.Now())
	a := e.dispatch(ctx, p)
	if p.Event.AutoReply != nil {
		a.unused(NoReply(p.Event.AutoReply.Reason))
	}
	e.logged(ctx, &a.Delivery)
	if a.err != nil && ctx.Err() != nil {
		return // stopped: the lease ends, and it is tried again
	}
	again := e.again(p, a.err)
	if a.err != nil && !errors.Is(a.err, ErrGone) && p.Scheduled.After(e.cfg.Now()) {
		back := p // an attempt that was brought forward takes no step of the schedule
		back.Next, again = p.Scheduled, &back
	}
	if failed := e.attempted(context.WithoutCancel(ctx), p, again, a.err != nil); failed != nil {
		e.cfg.Log.Error("event attempt not recorded", "event_id", p.Event.ID, "error", failed)
	}
	if again != nil {
		e.endpoints.behind(p.Account)
	}
	e.cfg.Log.Info("event", "event_id", p.Event.ID, "event", p.Event.Type, "account", p.Account,
		"attempt", p.Attempt, "delivered", a.err == nil, "no_reply", a.NoReply, "given_up", a.err != nil && again == nil)
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
	p.Next = e.cfg.Now().Add(e.wait(p.Attempt))
	p.Attempt++
	return &p
}

// wait is how long after an attempt, counted from 1, the next one comes.
func (e *Engine) wait(attempt int) time.Duration {
	wait := time.Second // where nothing is tried twice, and something was not tried yet
	if attempt <= len(e.cfg.RetrySchedule) {
		wait = e.cfg.RetrySchedule[attempt-1]
	}
	return wait + time.Duration((rand.Float64()-0.5)*0.2*float64(wait)) //nolint:gosec // jitter is no secret
}
