package whatsapp

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/heypingr/pingr"
)

// Adopt begins to serve a session whose lease this process has, with that
// epoch. Nothing that an earlier holder had in memory is needed, and nothing
// that this process had in memory then is used. Adopt calls ready, if it is not
// nil, before the session connects. Adopting a session that is served under the
// same epoch changes nothing.
func (p *Pool) Adopt(
	ctx context.Context, record pingr.SessionRecord, epoch int64, ready func(*Session),
) (*Session, error) {
	if held, ok := p.Get(record.ID); ok {
		if held.claim.epoch == epoch {
			return held, nil
		}
		held.letGo()
	}
	p.database.readNames(ctx)
	s, err := newSession(ctx, p, record, claim{record.ID, epoch})
	if err != nil {
		return nil, fmt.Errorf("adopt session: %w", err)
	}
	p.mu.Lock()
	closed, taken := p.closed, p.sessions[record.ID] != nil
	if !closed && !taken {
		p.sessions[record.ID] = s
	}
	p.mu.Unlock()
	switch {
	case closed:
		s.close()
		return nil, ErrClosed
	case taken:
		s.close()
		return nil, fmt.Errorf("adopt session: %w", ErrExists)
	}
	if ready != nil {
		ready(s)
	}
	s.start()
	return s, nil
}

// releasePatience is how long a release waits for sends under way, and for what
// is still to be recorded.
const releasePatience = 500 * time.Millisecond

// Release stops serving a session, so that another process can adopt it: it
// waits a moment for sends under way, hangs up, and writes what waits. The
// session stays linked. Its record stays as it is. Release returns
// [ErrNoSession] if the pool has no such session.
func (p *Pool) Release(ctx context.Context, id string) error {
	s, ok := p.Get(id)
	if !ok {
		return fmt.Errorf("release session: %w", ErrNoSession)
	}
	ctx, cancel := context.WithTimeout(ctx, releasePatience)
	defer cancel()
	s.settle(ctx)
	p.mu.Lock()
	delete(p.sessions, id)
	p.mu.Unlock()
	s.close()
	s.saving.Lock()
	defer s.saving.Unlock()
	s.removed = true
	return nil
}

// settle waits until no send is under way and every change is recorded.
func (s *Session) settle(ctx context.Context) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		s.mu.Lock()
		busy := s.draining || len(s.flights) > 0
		s.mu.Unlock()
		if !busy {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Epoch returns the epoch of the lease under which the session is served, or 0
// if its keys are in a file.
func (s *Session) Epoch() int64 { return s.claim.epoch }

// ServeAs sets the id under which new sessions get their leases.
func (p *Pool) ServeAs(node string) {
	if t, ok := p.database.where.(*keyTables); ok {
		t.node.Store(&node)
	}
}

// LetGo stops serving all sessions at once, without writing anything: this
// process can no longer know whether it has their leases.
func (p *Pool) LetGo() {
	var all sync.WaitGroup
	for _, s := range p.List() {
		all.Go(s.letGo)
	}
	all.Wait()
}

// LetGoOf stops serving a session that this process has no lease for.
func (p *Pool) LetGoOf(s *Session) { s.letGo() }
