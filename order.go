package pingr

import (
	"context"
	"slices"
	"sync"
	"time"
)

// orderTime is how long a reply that is ready waits for the replies to earlier
// messages of the same person. An endpoint that hangs on one message does not
// keep the answer to the next from him for longer.
const orderTime = 2 * time.Second

// An order holds, for each person, the firings that are at work, in the order
// in which their messages were accepted. Replies then go out in that order,
// although every firing has a goroutine and a webhook of its own.
type order struct {
	mu    sync.Mutex
	lines map[string][]place
}

type place struct {
	firing string
	left   chan struct{} // closed when the firing is at work no longer
}

func newOrder() *order { return &order{lines: map[string][]place{}} }

func lineOf(f Firing) string {
	person := f.Person.ID
	if person == "" { // accepted by an earlier version
		person = f.Message.person()[0]
	}
	return f.Session + "\x00" + person
}

// enter puts a firing at the end of its person's line.
func (o *order) enter(f Firing) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines[lineOf(f)] = append(o.lines[lineOf(f)], place{f.ID, make(chan struct{})})
}

// leave takes a firing out of the line.
func (o *order) leave(f Firing) {
	o.mu.Lock()
	defer o.mu.Unlock()
	line := o.lines[lineOf(f)]
	i := o.find(f)
	if i < 0 {
		return
	}
	close(line[i].left)
	if line = slices.Delete(line, i, i+1); len(line) == 0 {
		delete(o.lines, lineOf(f))
		return
	}
	o.lines[lineOf(f)] = line
}

// find returns a firing's index in its line. The caller holds o.mu.
func (o *order) find(f Firing) int {
	return slices.IndexFunc(o.lines[lineOf(f)], func(p place) bool { return p.firing == f.ID })
}

// wait returns when no earlier firing of the person is at work, or orderTime
// has passed, or ctx ends.
func (o *order) wait(ctx context.Context, f Firing) {
	ctx, cancel := context.WithTimeout(ctx, orderTime)
	defer cancel()
	for {
		o.mu.Lock()
		i := o.find(f)
		if i <= 0 {
			o.mu.Unlock()
			return
		}
		before := o.lines[lineOf(f)][i-1]
		o.mu.Unlock()
		select {
		case <-before.left:
		case <-ctx.Done():
			return
		}
	}
}
