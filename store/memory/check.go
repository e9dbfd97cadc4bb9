package memory

import (
	"context"
	"time"
)

// Check implements [hosted.Store].
func (s *Store) Check(ctx context.Context, _ time.Time) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	s.mu.Unlock()
	return nil
}
