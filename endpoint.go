package pingr

import (
	"context"
	"errors"
	"math/bits"
	"sync"
)

const (
	// hangingAsks is how many firings at a time still ask a backend that lets most
	// attempts hang. The others get the static reply at once, and their events are
	// delivered later. A library's breaker asks nobody while it is open, and would
	// keep the link from the one person whom the backend could have answered.
	hangingAsks = 8
	// hangingSeen is how many attempts are needed to judge a backend.
	hangingSeen = 16
	// catchUpMax is how many waiting events a successful attempt brings forward.
	// They pass the gate of retries, and the next success brings more.
	catchUpMax = 64
)

// endpoints is what this engine knows about the accounts' backends. It holds
// some bytes for each account with deliveries.
type endpoints struct {
	mu sync.Mutex
	of map[string]*endpoint
}

type endpoint struct {
	asking int    // firings that wait for an answer
	recent uint32 // the last 32 attempts; a set bit means that the backend hung
	seen   int    // number of attempts, at most 32
	// caughtUp is set if no event of the account waits, as far as this engine
	// knows. It starts as false, because an earlier engine may have left some.
	caughtUp bool
}

func newEndpoints() *endpoints { return &endpoints{of: map[string]*endpoint{}} }

// get must be called with mu held.
func (s *endpoints) get(account string) *endpoint {
	p := s.of[account]
	if p == nil {
		p = &endpoint{}
		s.of[account] = p
	}
	return p
}

// hangs reports whether at least half of the last attempts timed out.
func (p *endpoint) hangs() bool {
	return p.seen >= hangingSeen && 2*bits.OnesCount32(p.recent) >= p.seen
}

// ask reports whether one more firing should wait for the backend. If so, asked
// must follow.
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

// tried records how an attempt ended. It reports whether waiting events of the
// account should be delivered now, because the backend took this one.
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
	p.caughtUp = true // unless behind is called in the meantime
	return true
}

// behind records that an event of the account waits.
func (s *endpoints) behind(account string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.get(account).caughtUp = false
}

// tried records how an attempt ended. If the backend answers, it makes the
// events that wait for it due now.
func (e *Engine) tried(ctx context.Context, account string, cause error) {
	if !e.endpoints.tried(account, cause) {
		return
	}
	n, err := e.catchUp(context.WithoutCancel(ctx), account)
	if err != nil {
		e.cfg.Log.Warn("could not bring waiting events forward", "account", account, "error", err)
	}
	if err != nil || n > 0 {
		e.endpoints.behind(account)
		e.poke()
	}
}

// catchUp makes the account's waiting events due. A panic must not keep the reply
// from being sent.
func (e *Engine) catchUp(ctx context.Context, account string) (n int, err error) {
	defer e.survive(&err)
	return e.cfg.Store.MakeAllDue(ctx, account, e.cfg.Now(), catchUpMax)
}
