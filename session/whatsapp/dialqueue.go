package whatsapp

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

const (
	usualDialRate = 40
	dialsAtOnce   = 8
)

// A dialQueue lets sessions dial at a limited rate, those that have something
// to send first.
type dialQueue struct {
	limit *rate.Limiter

	mu      sync.Mutex
	waiting []*dialTurn // in the order in which they came
}

type dialTurn struct {
	wanted *atomic.Bool
	comes  chan struct{}
}

func newDialQueue(perSecond float64) *dialQueue {
	if !(perSecond > 0) { // NaN too
		perSecond = usualDialRate
	}
	return &dialQueue{limit: rate.NewLimiter(rate.Limit(perSecond), dialsAtOnce)}
}

// wait returns when it is the caller's turn, or with an error when ctx ends,
// which must be the same for all callers. Those whose wanted is true when the
// next turn is given go first.
func (q *dialQueue) wait(ctx context.Context, wanted *atomic.Bool) error {
	me := &dialTurn{wanted, make(chan struct{})}
	q.mu.Lock()
	q.waiting = append(q.waiting, me)
	q.mu.Unlock()
	// The token may become the turn of another, who then leaves this caller his.
	turn := time.AfterFunc(q.limit.Reserve().Delay(), q.next)
	select {
	case <-me.comes:
		return nil
	case <-ctx.Done():
		turn.Stop()
		return ctx.Err()
	}
}

func (q *dialQueue) next() {
	q.mu.Lock()
	defer q.mu.Unlock()
	first := max(0, slices.IndexFunc(q.waiting, func(t *dialTurn) bool { return t.wanted.Load() }))
	close(q.waiting[first].comes)
	q.waiting = slices.Delete(q.waiting, first, first+1)
}
