package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/heypingr/pingr"
)

// Sessions returns the records of all accounts, ordered by id.
func (s *Store) Sessions(ctx context.Context) ([]pingr.SessionRecord, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.sessions), func(a, b pingr.SessionRecord) int {
		return cmp.Compare(a.ID, b.ID)
	}), nil
}

// SaveSession stores a record, whether its ID is new or known.
func (s *Store) SaveSession(ctx context.Context, r pingr.SessionRecord) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	s.sessions[r.ID] = r
	return nil
}

// DeleteSession deletes a record. A missing record is not an error. The
// session's triggers stay.
func (s *Store) DeleteSession(ctx context.Context, id string) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	delete(s.sessions, id)
	return nil
}
