package whatsapptest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// A way is one direction of a connection to a distant server.
type way struct {
	*lag
	hangUp context.CancelFunc
	mu     sync.Mutex
	came   []string
}

const far = 100 * time.Millisecond

func inFarWorld(t *testing.T, test func(*testing.T, *way)) {
	synctest.Test(t, func(t *testing.T) {
		w := &way{lag: &lag{srv: &Server{}}}
		w.ctx, w.hangUp = context.WithCancel(t.Context())
		w.srv.SetLatency(far)
		test(t, w)
		w.hangUp()
		w.srv.work.Wait()
	})
}

func (w *way) send(frame string) {
	arrive := func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.came = append(w.came, frame)
	}
	if w.delayed() {
		w.pass(arrive)
	} else {
		arrive()
	}
}

func (w *way) arrived() []string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.came)
}

func TestFramesTravelSideBySide(t *testing.T) {
	inFarWorld(t, func(t *testing.T, w *way) {
		w.send("a")
		time.Sleep(far / 2)
		w.send("b")
		time.Sleep(far/2 - time.Millisecond)
		assert.Empty(t, w.arrived())
		time.Sleep(time.Millisecond)
		assert.Equal(t, []string{"a"}, w.arrived())
		time.Sleep(far / 2)
		assert.Equal(t, []string{"a", "b"}, w.arrived())
	})
}

func TestShorterWayOvertakesNothing(t *testing.T) {
	inFarWorld(t, func(t *testing.T, w *way) {
		w.send("a")
		w.srv.SetLatency(0)
		w.send("b")
		assert.Empty(t, w.arrived())
		time.Sleep(far)
		assert.Equal(t, []string{"a", "b"}, w.arrived())
		w.send("c")
		assert.Equal(t, []string{"a", "b", "c"}, w.arrived(), "at once again")
	})
}

func TestHangingUpLosesWhatIsUnderWay(t *testing.T) {
	inFarWorld(t, func(t *testing.T, w *way) {
		w.send("a")
		w.hangUp()
		time.Sleep(2 * far)
		assert.Empty(t, w.arrived())
	})
}
