package memory

import (
	"context"
	"time"

	"github.com/heypingr/pingr"
)

// count is how many were taken in the period that ends at until. A count of
// zero is not stored.
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
	_, err := s.take(at, limits)
	return err
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
	taken, err := s.take(at, limits)
	s.giveBack(taken)
	return err
}

// A hold is the owner of a key, and until when.
type hold struct {
	owner string
	until time.Time
}

// Hold implements [pingr.Limits].
func (s *Store) Hold(ctx context.Context, key, owner string, at, until time.Time) (bool, error) {
	if err := s.lock(ctx); err != nil {
		return false, err
	}
	defer s.mu.Unlock()
	if h := s.holds[key]; h.until.After(at) && h.owner != owner {
		return false, nil
	}
	s.holds[key] = hold{owner, until}
	return true, nil
}

// Drop implements [pingr.Limits].
func (s *Store) Drop(ctx context.Context, key, owner string) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if s.holds[key].owner == owner {
		delete(s.holds, key)
	}
	return nil
}

// take takes one of each limit, or none. It returns what it took, each with the
// end of its period, so that it can be given back exactly.
func (s *Store) take(at time.Time, limits []pingr.Limit) ([]pingr.Limit, error) {
	taken := make([]pingr.Limit, 0, len(limits))
	for _, l := range limits {
		c, ok := s.limits[l.Key]
		if !ok || !c.until.After(at) {
			c = count{until: l.Until}
		}
		l.Until = c.until
		if l.Max > 0 && c.taken >= l.Max {
			s.giveBack(taken)
			return nil, &pingr.LimitError{Kind: l.Kind, Until: c.until}
		}
		c.taken++
		s.limits[l.Key] = c
		taken = append(taken, l)
	}
	return taken, nil
}

// giveBack gives back one of each limit whose period still runs: a later period
// ends later. A period in which nothing is taken any more is over, so that the
// next taker gets a whole one.
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
