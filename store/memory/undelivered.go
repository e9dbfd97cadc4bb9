package memory

import "context"

// Undelivered is how many events of all accounts wait for an endpoint to take
// them.
func (s *Store) Undelivered(ctx context.Context) (int64, error) {
	if err := s.lock(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	return int64(len(s.events)), nil
}
