package pingr

import (
	"context"
	"fmt"
	"time"
)

const (
	// claimMax is how many rows are taken up at once.
	claimMax = 32
	// pollGap is the least time between two polls.
	pollGap = 10 * time.Millisecond
	// Message keys must outlive WhatsApp's own queue of 14 days.
	keepKeys       = 15 * 24 * time.Hour
	keepDeliveries = 90 * 24 * time.Hour
)

// poll takes up, until ctx ends, what nobody is working on: firings left by a
// crash or a full gate, replies to send again, events to deliver again.
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
			// Every firing that ends while others wait wakes this loop. Once in a while
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
			return e.storeFailed("claiming messages", err)
		}
		for _, f := range firings {
			f = f.identified(e.cfg.PairAge)
			if e.hasAtWork(f.ID) {
				continue // the clock jumped: its lease ended under us, and has just been renewed
			}
			e.observeFiring(f)
			if !e.first.enter(f.Account) {
				if _, err := e.keep(ctx, f.ID, "", Lease{Until: now}); err != nil {
					return err
				}
			} else if !e.start(f, nil) {
				e.leave(e.first, f.Account)
			}
		}
		events, err := e.cfg.Store.Due(ctx, e.lease(now), now, e.retries.full(), claimMax)
		if err != nil {
			return e.storeFailed("claiming events", err)
		}
		for _, p := range events {
			if !e.retries.enter(p.Account) {
				if err := e.cfg.Store.PutBack(ctx, p.Event.ID, now); err != nil {
					return fmt.Errorf("give back event: %w", err)
				}
			} else if !e.spawn(func(work context.Context) { e.deliverEvent(work, p) }) {
				e.leave(e.retries, p.Account)
			}
		}
		if len(firings) < claimMax && len(events) < claimMax {
			return nil
		}
	}
	return nil
}

// purge deletes what is old, every hour until ctx ends.
func (e *Engine) purge(ctx context.Context) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if err := e.purgeOnce(ctx, e.cfg.Now()); err != nil && ctx.Err() == nil {
			e.cfg.Log.Warn("could not purge old rows", "error", err)
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

// lease returns a lease that is longer than asking and sending take together. A
// step that may outlast it renews it.
func (e *Engine) lease(now time.Time) Lease {
	return Lease{Holder: e.holder, Until: now.Add(e.cfg.DispatchTimeout + sendTime + 10*time.Second)}
}

// keep replaces the lease of a firing that this engine holds, and its state
// unless state is empty. It reports whether the engine still held it.
func (e *Engine) keep(ctx context.Context, id string, state State, l Lease) (held bool, err error) {
	held, err = e.cfg.Store.Keep(ctx, id, e.holder, state, l)
	return held, e.storeFailed("renewing a message's lease", err)
}

// leave gives a place back, and wakes poll if something was passed over.
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
	return e.atWork[id] > 0
}

// setAtWork records that a goroutine takes up the firing, or leaves it. One that
// waited for an answer may be taken up before the last goroutine has left.
func (e *Engine) setAtWork(id string, has bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if has {
		e.atWork[id]++
	} else if e.atWork[id]--; e.atWork[id] == 0 {
		delete(e.atWork, id)
	}
}
