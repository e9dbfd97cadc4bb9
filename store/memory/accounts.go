package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

// CreateAccount implements [hosted.Accounts].
func (s *Store) CreateAccount(ctx context.Context, a hosted.Account) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if _, taken := s.accounts[a.ID]; taken || s.emailTaken(a) {
		return pingr.ErrConflict
	}
	s.accounts[a.ID] = copyAccount(a)
	return nil
}

func (s *Store) emailTaken(a hosted.Account) bool {
	for _, other := range s.accounts {
		if other.Email == a.Email && other.ID != a.ID {
			return true
		}
	}
	return false
}

func copyAccount(a hosted.Account) hosted.Account {
	a.Webhook.Events = slices.Clone(a.Webhook.Events)
	if a.Test != nil {
		test := *a.Test
		test.Webhook.Events = slices.Clone(test.Webhook.Events)
		a.Test = &test
	}
	return a
}

// Account implements [hosted.Accounts].
func (s *Store) Account(ctx context.Context, id string) (hosted.Account, error) {
	if err := s.lock(ctx); err != nil {
		return hosted.Account{}, err
	}
	defer s.mu.Unlock()
	a, ok := s.accounts[id]
	if !ok {
		return hosted.Account{}, hosted.ErrNotFound
	}
	return copyAccount(a), nil
}

// AccountByEmail implements [hosted.Accounts].
func (s *Store) AccountByEmail(ctx context.Context, email string) (hosted.Account, error) {
	if err := s.lock(ctx); err != nil {
		return hosted.Account{}, err
	}
	defer s.mu.Unlock()
	for _, a := range s.accounts {
		if a.Email == email {
			return copyAccount(a), nil
		}
	}
	return hosted.Account{}, hosted.ErrNotFound
}

// Accounts returns all accounts, oldest first.
func (s *Store) Accounts(ctx context.Context) ([]hosted.Account, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.accounts), func(a, b hosted.Account) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	}), nil
}

// AnyAccount implements [hosted.Accounts].
func (s *Store) AnyAccount(ctx context.Context) (bool, error) {
	if err := s.lock(ctx); err != nil {
		return false, err
	}
	defer s.mu.Unlock()
	return len(s.accounts) > 0, nil
}

// UpdateAccount implements [hosted.Accounts].
func (s *Store) UpdateAccount(
	ctx context.Context, id string, change func(*hosted.Account) error,
) (hosted.Account, error) {
	if err := s.lock(ctx); err != nil {
		return hosted.Account{}, err
	}
	defer s.mu.Unlock()
	a, ok := s.accounts[id]
	if !ok {
		return hosted.Account{}, hosted.ErrNotFound
	}
	a = copyAccount(a)
	if err := change(&a); err != nil {
		return hosted.Account{}, err
	}
	if a.ID = id; s.emailTaken(a) {
		return hosted.Account{}, pingr.ErrConflict
	}
	s.accounts[id] = copyAccount(a)
	return a, nil
}

// LoadOrStoreValue implements [hosted.Accounts].
func (s *Store) LoadOrStoreValue(ctx context.Context, name string, make func() []byte) ([]byte, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	if _, ok := s.values[name]; !ok {
		s.values[name] = make()
	}
	return slices.Clone(s.values[name]), nil
}

// DeleteValue implements [hosted.Accounts].
func (s *Store) DeleteValue(ctx context.Context, name string) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	delete(s.values, name)
	return nil
}

// CreateKey implements [hosted.Keys].
func (s *Store) CreateKey(ctx context.Context, k hosted.Key) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for _, other := range s.apiKeys {
		if other.ID == k.ID || other.Hash == k.Hash {
			return pingr.ErrConflict
		}
	}
	s.apiKeys[k.ID] = k
	return nil
}

// KeyByHash implements [hosted.Keys].
func (s *Store) KeyByHash(ctx context.Context, hash [32]byte) (hosted.Key, error) {
	if err := s.lock(ctx); err != nil {
		return hosted.Key{}, err
	}
	defer s.mu.Unlock()
	for _, k := range s.apiKeys {
		if k.Hash == hash {
			return k, nil
		}
	}
	return hosted.Key{}, hosted.ErrNotFound
}

// Keys implements [hosted.Keys].
func (s *Store) Keys(ctx context.Context, owner string) ([]hosted.Key, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var keys []hosted.Key
	for _, k := range s.apiKeys {
		if k.Account == owner {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b hosted.Key) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return keys, nil
}

// RevokeKey implements [hosted.Keys].
func (s *Store) RevokeKey(ctx context.Context, owner, id string, at time.Time) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	k, ok := s.apiKeys[id]
	if !ok || k.Account != owner {
		return hosted.ErrNotFound
	}
	if k.RevokedAt.IsZero() {
		k.RevokedAt = at
		s.apiKeys[id] = k
	}
	s.dropRevoked(owner)
	return nil
}

// dropRevoked keeps the last of an account's revoked keys. The caller holds s.mu.
func (s *Store) dropRevoked(owner string) {
	var revoked []hosted.Key
	for _, k := range s.apiKeys {
		if k.Account == owner && !k.RevokedAt.IsZero() {
			revoked = append(revoked, k)
		}
	}
	slices.SortFunc(revoked, func(a, b hosted.Key) int {
		return cmp.Or(b.RevokedAt.Compare(a.RevokedAt), cmp.Compare(b.ID, a.ID))
	})
	for _, k := range revoked[min(len(revoked), hosted.KeptRevoked):] {
		delete(s.apiKeys, k.ID)
	}
}

// UseKey implements [hosted.Keys].
func (s *Store) UseKey(ctx context.Context, id string, at time.Time) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	k, ok := s.apiKeys[id]
	if !ok {
		return hosted.ErrNotFound
	}
	k.LastUsed = at
	s.apiKeys[id] = k
	return nil
}
