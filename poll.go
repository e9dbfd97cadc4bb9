package pingr

import (
	"context"
	"fmt"
	"time"
)

const (
	// claimMax is how many rows are taken up in one go.
	claimMax = 32
	// pollGap is the least time between two looks.
	pollGap = 10 * time.Millisecond
	// Message keys outlive WhatsApp's own queue of 14 days.
	keepKeys       = 15 * 24 * time.Hour
	keepDeliveries = 90 * 24 * time.Hour
)

// poll takes up, until ctx ends, what nobody works on: firings that a crash or
// a full gate left, replies to send again, events to deliver again.
func (e *Engine) poll(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if err := e.takeUp(ctx); err != nil && ctx.Err() == nil {
			e.cfg.Log.Error("cannot read the queue; trying again in a second", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-e.wake:
			// Every firing that ends while others wait says so: once in a while
			// is enough.
			select {
			case <-ctx.Done():
				return
			case <-time.After(pollGap):
			}
		}
	}
}

func (e *Engine) takeUp(ctx context.Context) (err error) {
	defer e.survive(&err)
	for ctx.Err() == nil {
		now := e.cfg.Now()
		firings, err := e.cfg.Store.Claim(ctx, e.lease(now), now, e.first.full(), claimMax)
		if err != nil {
			return fmt.Errorf("claim firings: %w", err)
		}
		for _, f := range firings {
			if e.hasAtWork(f.ID) {
				continue // the clock jumped: its lease ended under us, and is renewed now
			}
			if !e.first.enter(f.Account) {
				if _, err := e.cfg.Store.Keep(ctx, f.ID, e.holder, "", Lease{Until: now}); err != nil {
					return fmt.Errorf("give back firing: %w", err)
				}
			} else if !e.spawn(func(work context.Context) { e.finish(work, f) }) {
				e.leave(e.first, f.Account)
			}
		}
		events, err := e.cfg.Store.Due(ctx, e.lease(now), now, e.retries.full(), claimMax)
		if err != nil {
			return fmt.Errorf("claim events: %w", err)
		}
		for _, p := range events {
			if !e.retries.enter(p.Account) {
				if err := e.cfg.Store.Attempted(ctx, p.Event.ID, p.Attempt, now); err != nil {
					return fmt.Errorf("give back event: %w", err)
				}
			} else if !e.spawn(func(work context.Context) { e.retry(work, p) }) {
				e.leave(e.retries, p.Account)
			}
		}
		if len(firings) < claimMax && len(events) < claimMax {
			return nil
		}
	}
	return nil
}

// purge forgets what is old, each hour until ctx ends.
func (e *Engine) purge(ctx context.Context) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if err := e.purgeOnce(ctx, e.cfg.Now()); err != nil && ctx.Err() == nil {
			e.cfg.Log.Warn("old rows not purged", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (e *Engine) purgeOnce(ctx context.Context, now time.Time) (err error) {
	defer e.survive(&err)
	_, err = e.cfg.Store.Purge(ctx, now, now.Add(-keepKeys), now.Add(-keepDeliveries))
	return err
}

// lease is longer than asking and sending take together; a step that may
// outlast it renews it.
func (e *Engine) lease(now time.Time) Lease {
	return Lease{Holder: e.holder, Until: now.Add(e.cfg.DispatchTimeout + sendTime + 10*time.Second)}
}

// leave gives a place back, and wakes poll for what was passed over.
func (e *Engine) leave(g *gate, account string) {
	if g.leave(account) {
		e.poke()
	}
}

// poke makes poll look now.
func (e *Engine) poke() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

func (e *Engine) hasAtWork(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.atWork[id]
}

// setAtWork notes whether a goroutine has the firing.
func (e *Engine) setAtWork(id string, has bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if has {
		e.atWork[id] = true
	} else {
		delete(e.atWork, id)
	}
}
