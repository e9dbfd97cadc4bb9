package memory

import (
	"cmp"
	"context"
	"slices"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

// phraseKey is a session and a normalized phrase.
type phraseKey struct{ session, phrase string }

// FindTrigger implements [pingr.Triggers].
func (s *Store) FindTrigger(ctx context.Context, session string, phrases []string) (pingr.Trigger, bool, error) {
	if err := s.lock(ctx); err != nil {
		return pingr.Trigger{}, false, err
	}
	defer s.mu.Unlock()
	for _, phrase := range phrases {
		if t := s.triggers[s.phrases[phraseKey{session, phrase}]]; t.Active {
			return t, true, nil
		}
	}
	return pingr.Trigger{}, false, nil
}

// SaveTrigger stores a trigger, whether its ID is new or known. It returns
// [pingr.ErrConflict] if another trigger of the session, active or not, has a
// phrase that normalizes to the same text.
func (s *Store) SaveTrigger(ctx context.Context, t pingr.Trigger) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	return s.saveTrigger(t)
}

func (s *Store) saveTrigger(t pingr.Trigger) error {
	key := phraseKey{t.Session, pingr.Normalize(t.Phrase)}
	if id, taken := s.phrases[key]; taken && id != t.ID {
		return pingr.ErrConflict
	}
	s.forgetPhrase(t.ID)
	s.phrases[key], s.triggers[t.ID] = t.ID, t
	return nil
}

// Trigger implements [hosted.Triggers].
func (s *Store) Trigger(ctx context.Context, id string) (pingr.Trigger, error) {
	if err := s.lock(ctx); err != nil {
		return pingr.Trigger{}, err
	}
	defer s.mu.Unlock()
	t, ok := s.triggers[id]
	if !ok {
		return pingr.Trigger{}, hosted.ErrNotFound
	}
	return t, nil
}

// CreateTrigger implements [hosted.Triggers].
func (s *Store) CreateTrigger(ctx context.Context, t pingr.Trigger, sessions []string, limit int) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	n := 0
	for _, other := range s.triggers {
		if slices.Contains(sessions, other.Session) {
			n++
		}
	}
	if limit > 0 && n >= limit {
		return hosted.ErrLimit
	}
	return s.saveTrigger(t)
}

// UpdateTrigger implements [hosted.Triggers].
func (s *Store) UpdateTrigger(
	ctx context.Context, id string, change func(*pingr.Trigger) error,
) (pingr.Trigger, error) {
	if err := s.lock(ctx); err != nil {
		return pingr.Trigger{}, err
	}
	defer s.mu.Unlock()
	t, ok := s.triggers[id]
	if !ok {
		return pingr.Trigger{}, hosted.ErrNotFound
	}
	if err := change(&t); err != nil {
		return pingr.Trigger{}, err
	}
	t.ID = id
	if err := s.saveTrigger(t); err != nil {
		return pingr.Trigger{}, err
	}
	return t, nil
}

// DeleteTrigger implements [hosted.Triggers].
func (s *Store) DeleteTrigger(ctx context.Context, id string) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	s.forgetPhrase(id)
	delete(s.triggers, id)
	return nil
}

// Triggers implements [hosted.Triggers].
func (s *Store) Triggers(ctx context.Context, session string) ([]pingr.Trigger, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var triggers []pingr.Trigger
	for _, t := range s.triggers {
		if t.Session == session {
			triggers = append(triggers, t)
		}
	}
	slices.SortFunc(triggers, func(a, b pingr.Trigger) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return triggers, nil
}

func (s *Store) forgetPhrase(id string) {
	if old, ok := s.triggers[id]; ok {
		delete(s.phrases, phraseKey{old.Session, pingr.Normalize(old.Phrase)})
	}
}
