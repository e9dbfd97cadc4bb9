package memory

import (
	"context"
	"slices"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

type personKey struct{ account, name string }

// recognize returns the person of a sighting, and stores what it changes. The
// caller holds s.mu.
func (s *Store) recognize(account string, sighting pingr.Sighting) pingr.Person {
	person, changed := pingr.Recognize(s.known(account, sighting.Names()...), sighting)
	for _, n := range changed {
		s.persons[personKey{account, n.Name}] = n
		if !slices.Contains(s.names[n.Person], n.Name) {
			s.names[n.Person] = append(s.names[n.Person], n.Name)
		}
	}
	return person
}

// known returns the rows of the names, and all others of the same persons. The
// caller holds s.mu.
func (s *Store) known(account string, names ...string) (known []pingr.PersonName) {
	for _, name := range names {
		row, ok := s.persons[personKey{account, name}]
		if !ok {
			continue
		}
		for _, other := range s.names[row.Person] {
			if n := s.persons[personKey{account, other}]; n.Person == row.Person {
				known = append(known, n)
			}
		}
	}
	return known
}

// Person implements [hosted.Store].
func (s *Store) Person(ctx context.Context, account, name string) (pingr.Person, error) {
	if err := s.lock(ctx); err != nil {
		return pingr.Person{}, err
	}
	defer s.mu.Unlock()
	p, ok := pingr.PersonNamed(s.known(account, name), name)
	if !ok {
		return p, hosted.ErrNotFound
	}
	return p, nil
}
