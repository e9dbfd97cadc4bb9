package memory

import (
	"context"
	"time"
)

// LastActivity implements [hosted.Store].
func (s *Store) LastActivity(ctx context.Context) (at time.Time, err error) {
	if err := s.lock(ctx); err != nil {
		return at, err
	}
	defer s.mu.Unlock()
	later := func(t time.Time) {
		if t.After(at) {
			at = t
		}
	}
	for _, a := range s.accounts {
		later(a.CreatedAt)
	}
	for _, k := range s.apiKeys {
		later(k.LastUsed)
	}
	for _, r := range s.sessions {
		later(r.ConnectedAt)
		later(r.CreatedAt)
	}
	for _, f := range s.firings {
		later(f.AcceptedAt)
	}
	return at, nil
}
