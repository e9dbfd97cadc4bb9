package memory

import "context"

// Undelivered implements [hosted.Deliveries].
func (s *Store) Undelivered(ctx context.Context) (int64, error) {
	if err := s.lock(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	n := int64(0)
	for _, row := range s.events {
		if row.GivenUp.IsZero() {
			n++
		}
	}
	return n, nil
}
