package pingr

import (
	"context"
	"errors"
	"math/bits"
	"sync"
)

const (
	// hangingAsks is how many firings at once still ask a backend that hangs for
	// most. The others get the static reply at once, and their events are told
	// later. A library's breaker asks nobody while it is open, and so would keep
	// the link from the one person whom the backend could have answered.
	hangingAsks = 8
	// hangingSeen is how many attempts say something of a backend.
	hangingSeen = 16
	// catchUpMax is how many waiting events an attempt that was taken brings
	// forward. They pass the gate of retries; the next one that is taken brings
	// more.
	catchUpMax = 64
)

// endpoints is what this engine knows of the accounts' backends. It holds some
// bytes for each account that it told something.
type endpoints struct {
	mu sync.Mutex
	of map[string]*endpoint
}

type endpoint struct {
	asking int    // firings that wait for an answer
	recent uint32 // the last 32 attempts: a bit is set where the backend hung
	seen   int    // how many there were, 32 at most
	// caughtUp is whether no event of the account waits, as far as this engine
	// knows. It begins as false: an earlier one may have left some.
	caughtUp bool
}

func newEndpoints() *endpoints { return &endpoints{of: map[string]*endpoint{}} }

// get is called with mu held.
func (s *endpoints) get(account string) *endpoint {
	p := s.of[account]
	if p == nil {
		p = &endpoint{}
		s.of[account] = p
	}
	return p
}

// hangs reports whether the backend let at least half of the last attempts wait
// for nothing.
func (p *endpoint) hangs() bool {
	return p.seen >= hangingSeen && 2*bits.OnesCount32(p.recent) >= p.seen
}

// ask reports whether one more firing should wait for the backend; then
// asked must follow.
func (s *endpoints) ask(account string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.get(account)
	if p.hangs() && p.asking >= hangingAsks {
		return false
	}
	p.asking++
	return true
}

func (s *endpoints) asked(account string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.get(account).asking--
}

// tried notes how an attempt ended. It reports whether events of the account may
// wait that the backend, which took this one, should be told now.
func (s *endpoints) tried(account string, err error) (catchUp bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.get(account)
	p.recent <<= 1
	if errors.Is(err, context.DeadlineExceeded) {
		p.recent |= 1
	}
	p.seen = min(p.seen+1, 32)
	if err != nil || p.caughtUp {
		return false
	}
	p.caughtUp = true // unless behind is called meanwhile
	return true
}

// behind notes that an event of the account waits.
func (s *endpoints) behind(account string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.get(account).caughtUp = false
}

// tried notes how an attempt ended, and makes what waits for a backend that
// answers due now.
func (e *Engine) tried(ctx context.Context, account string, cause error) {
	if !e.endpoints.tried(account, cause) {
		return
	}
	var panicked error // which must not keep the reply from being sent
	defer e.survive(&panicked)
	n, err := e.cfg.Store.MakeAllDue(context.WithoutCancel(ctx), account, e.cfg.Now(), catchUpMax)
	if err != nil {
		e.cfg.Log.Warn("waiting events not brought forward", "account", account, "error", err)
	}
	if err != nil || n > 0 {
		e.endpoints.behind(account)
		e.poke()
	}
}
