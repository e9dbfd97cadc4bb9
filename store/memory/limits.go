package memory

import (
	"context"
	"time"

	"github.com/heypingr/pingr"
)

// count is how many were taken in the period that ends at until. There is none
// with zero taken.
type count struct {
	taken int64
	until time.Time
}

// Reserve implements [pingr.Limits].
func (s *Store) Reserve(ctx context.Context, at time.Time, limits ...pingr.Limit) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	return s.take(at, limits)
}

// Release implements [pingr.Limits].
func (s *Store) Release(ctx context.Context, limits ...pingr.Limit) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	s.giveBack(limits)
	return nil
}

// Peek implements [pingr.Limits].
func (s *Store) Peek(ctx context.Context, at time.Time, limits ...pingr.Limit) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if err := s.take(at, limits); err != nil {
		return err
	}
	s.giveBack(limits)
	return nil
}

// take takes one of each, or none.
func (s *Store) take(at time.Time, limits []pingr.Limit) error {
	for i, l := range limits {
		c, ok := s.limits[l.Key]
		if !ok || !c.until.After(at) {
			c = count{until: l.Until}
		}
		if l.Max > 0 && c.taken >= l.Max {
			s.giveBack(limits[:i])
			return &pingr.LimitError{Kind: l.Kind, Until: c.until}
		}
		c.taken++
		s.limits[l.Key] = c
	}
	return nil
}

// giveBack gives back one of each whose period still runs: a later period ends
// later. A period that nothing is taken in any more is over, so that the next
// one to take has a whole one.
func (s *Store) giveBack(limits []pingr.Limit) {
	for _, l := range limits {
		c, ok := s.limits[l.Key]
		if !ok || c.until.After(l.Until) {
			continue
		}
		if c.taken--; c.taken > 0 {
			s.limits[l.Key] = c
		} else {
			delete(s.limits, l.Key)
		}
	}
}
