package pingr_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A slow number: what waits for its turn longer than a lease stays with its engine. A second engine of
// the same store sends none of it.
func TestNobodyTakesWhatWaitsForItsTurn(t *testing.T) {
	inWorld(t, func(w *world) {
		const people = 4 * 64 // a turn is one of 64 sends at a time, for at most 30 s
		slow := &sender{Session: w.session, before: func(context.Context) error {
			time.Sleep(29 * time.Second)
			return nil
		}}
		stopA := w.another(session, listening{slow, w.session})
		// Engines look at the store each second since their start: the second one is
		// the first to see a lease that ended.
		pass(600 * time.Millisecond)
		all := crowd(w.session, people)
		pass(100 * time.Millisecond)
		other := &sender{Session: w.session}
		stopB := w.another(session, other)
		pass(3 * time.Minute)
		sends, _ := other.counted()
		assert.Zero(t, sends, "the second engine's")
		sends, most := slow.counted()
		assert.Equal(t, people, sends)
		assert.Equal(t, 64, most)
		for _, p := range all {
			assert.Len(t, texts(p), 1)
		}
		stopA()
		stopB()
	})
}
