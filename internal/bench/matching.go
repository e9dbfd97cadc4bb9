package main

import (
	"context"
	"fmt"
	"time"

	"github.com/heypingr/pingr"
)

// matching compares looking up a trigger among 10 and among 10,000.
func matching(ctx context.Context) error {
	store, remove, err := newStore(ctx)
	if err != nil {
		return err
	}
	defer remove()
	sizes := map[string]int{"few": 10, "many": 10_000}
	for session, n := range sizes {
		for i := range n {
			t := pingr.Trigger{
				ID: fmt.Sprint("trg_", session, i), Session: session, Phrase: fmt.Sprintf("login %d", i), Reply: "static",
				Active: true,
			}
			if err := store.SaveTrigger(ctx, t); err != nil {
				return err
			}
		}
	}
	const rounds, calls = 9, 2000
	took := map[string][]time.Duration{}
	for range rounds {
		for session := range sizes {
			began := time.Now()
			for range calls {
				if _, ok, err := store.FindTrigger(ctx, session, pingr.Phrases("Login 7 X4K9MQ please")); err != nil || !ok {
					return fmt.Errorf("no trigger found: %w", err)
				}
			}
			took[session] = append(took[session], time.Since(began)/calls)
		}
	}
	few, many := median(took["few"]), median(took["many"])
	fmt.Printf("matching a text: %.1f µs among 10 triggers, %.1f µs among 10,000, ratio %.2f\n\n",
		float64(few.Nanoseconds())/1000, float64(many.Nanoseconds())/1000, float64(many)/float64(few))
	return nil
}
