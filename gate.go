package pingr

import (
	"sync"
	"sync/atomic"
)

const (
	// leastFirst is the number of places for first tries that every account always
	// has, however many others are at work.
	leastFirst = 8
	// Retries have places of their own, so that events of an endpoint that hangs
	// keep no login waiting. mostRetries also paces deliveries to an endpoint that
	// is back.
	leastRetries, mostRetries, totalRetries = 1, 8, 256
)

// A gate bounds the work in flight. An account always has least places. Beyond
// them it may hold as many as are free, up to most. An account that takes all
// it can leaves half to the next; two accounts leave a third, and so on. No
// more than total places are held, except for the least places of each account.
type gate struct {
	least, most, total int
	// waiting is set if rows were left for lack of room.
	waiting atomic.Bool

	mu     sync.Mutex
	counts map[string]int // by account at work
	held   int            // sum of counts
}

func newGate(least, most, total int) *gate {
	return &gate{least: least, most: most, total: total, counts: map[string]int{}}
}

// room reports whether an account that holds n places may have one more.
func (g *gate) room(n int) bool {
	return n < g.least || n < g.most && n < g.total-g.held
}

// enter takes a place and returns true, or records that somebody waits for one.
func (g *gate) enter(account string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.room(g.counts[account]) {
		g.waiting.Store(true)
		return false
	}
	g.counts[account]++
	g.held++
	return true
}

// leave gives a place back, and reports whether somebody waits for one.
func (g *gate) leave(account string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held--
	if g.counts[account]--; g.counts[account] == 0 {
		delete(g.counts, account)
	}
	return g.waiting.Load()
}

// full returns the accounts that have no room now, whose rows are passed over,
// and records whether there are any.
func (g *gate) full() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var names []string
	for account, n := range g.counts {
		if !g.room(n) {
			names = append(names, account)
		}
	}
	g.waiting.Store(len(names) > 0)
	return names
}
