package memory

import (
	"context"
	"time"
)

// Check returns an error once the store is closed: nothing else can be wrong
// with it.
func (s *Store) Check(ctx context.Context, _ time.Time) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	s.mu.Unlock()
	return nil
}
