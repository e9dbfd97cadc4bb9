package pingr

import "sync"

// atLeast is the number of places that every account has, however many others
// are at work.
const atLeast = 8

// gate bounds the work in flight. An account may hold each places; when many
// accounts are at work, total is divided among them, but each may hold atLeast.
// Two hundred accounts whose endpoints hang thus leave room for the next one,
// which a plain bound for the process would not.
type gate struct {
	each, total int

	mu     sync.Mutex
	counts map[string]int // accounts at work
}

func newGate(each, total int) *gate {
	return &gate{each: each, total: total, counts: map[string]int{}}
}

// share is what one of n accounts at work may hold.
func (g *gate) share(n int) int { return min(g.each, max(atLeast, g.total/n)) }

// enter takes a place, if there is one.
func (g *gate) enter(account string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	held := g.counts[account]
	n := len(g.counts)
	if held == 0 {
		n++
	}
	if held >= g.share(n) {
		return false
	}
	g.counts[account] = held + 1
	return true
}

func (g *gate) leave(account string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.counts[account]--; g.counts[account] == 0 {
		delete(g.counts, account)
	}
}

// full names the accounts that have no room now.
func (g *gate) full() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var names []string
	for account, held := range g.counts {
		if held >= g.share(len(g.counts)) {
			names = append(names, account)
		}
	}
	return names
}
