package pingr

import (
	"context"
	"errors"
	"time"
)

// CooldownLimit returns the limit that lets an account send one message to a
// number until cooldown has passed.
func CooldownLimit(account, phone string, cooldown time.Duration, at time.Time) Limit {
	return Limit{Kind: Cooldown, Key: "cooldown/" + account + "/" + phone, Max: 1, Until: at.Add(cooldown)}
}

// holdTime is how long a decision may take after the backend's answer while the
// hold on the person still stands.
const holdTime = 5 * time.Second

// lookAhead returns the limit that keeps the firing from being answered, or
// nil. If nil, it also holds the person's cooldown until drop is called, or for
// as long as asking may take. Whoever looks meanwhile is refused as if the
// answer had been sent now.
func (e *Engine) lookAhead(ctx context.Context, f Firing, s Settings) (refused *LimitError, drop func()) {
	now := e.cfg.Now()
	limits := s.limits(f, now)
	var held []string // the person's names, always in the same order, so that no two firings refuse each other
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
		case err != nil: // the decision still lets only one of two through
			e.cfg.Log.Warn("could not hold the cooldown while the webhook is asked", "event_id", f.ID, "error", err)
		case !free:
			drop()
			return &LimitError{Kind: Cooldown, Until: l.Until}, func() {}
		default:
			held = append(held, l.Key)
		}
	}
	// Look only after taking the hold: whatever was decided before the hold has
	// taken its limits by now.
	if errors.As(e.cfg.Store.Peek(ctx, now, limits...), &refused) {
		drop()
		return refused, func() {}
	}
	return nil, drop
}

// drop ends a hold. A hold that cannot be ended expires by itself.
func (e *Engine) drop(ctx context.Context, key, firing string) {
	var panicked error
	defer e.survive(&panicked)
	if err := e.cfg.Store.Drop(context.WithoutCancel(ctx), key, firing); err != nil {
		e.cfg.Log.Warn("could not release a held cooldown; it ends by itself within seconds",
			"event_id", firing, "error", err)
	}
}
