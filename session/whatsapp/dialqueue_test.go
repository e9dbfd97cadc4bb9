package whatsapp

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// 200 numbers dial at once, as when a process starts: all have their turn within
// 6 seconds, never more than the rate allows, and those with replies to send do not
// wait for the others.
func TestDialQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const numbers, busy = 200, 20
		q := newDialQueue(0)
		began := time.Now()
		wanted := make([]atomic.Bool, numbers)
		turns := make(chan int, numbers)
		for i := range numbers {
			go func() {
				if q.wait(t.Context(), &wanted[i]) == nil {
					turns <- i
				}
			}()
			synctest.Wait()
		}
		assert.Len(t, turns, dialsAtOnce, "at once")
		for i := numbers - busy; i < numbers; i++ {
			wanted[i].Store(true) // the engine has found replies to send meanwhile
		}
		time.Sleep(busy*time.Second/usualDialRate + time.Millisecond)
		synctest.Wait()
		assert.Len(t, turns, dialsAtOnce+busy, "at the rate")
		var order []int
		for range numbers {
			order = append(order, <-turns)
		}
		assert.Less(t, time.Since(began), 6*time.Second)
		for n, i := range order {
			switch {
			case n < dialsAtOnce:
				assert.Equal(t, n, i, "who came first")
			case n < dialsAtOnce+busy:
				assert.Equal(t, numbers-busy+n-dialsAtOnce, i, "then who has replies to send")
			default:
				assert.Equal(t, n-busy, i, "then the others, in the order in which they came")
			}
		}
		assert.Zero(t, q.length())
	})
}

func TestDialQueueEndsWithItsPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newDialQueue(0.001)
		ctx, stop := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		for range dialsAtOnce {
			assert.NoError(t, q.wait(ctx, new(atomic.Bool)))
		}
		go func() { failed <- q.wait(ctx, new(atomic.Bool)) }()
		synctest.Wait()
		stop()
		assert.Error(t, <-failed)
	})
}

func (q *dialQueue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}
