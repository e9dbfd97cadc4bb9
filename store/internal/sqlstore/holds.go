package sqlstore

import (
	"context"
	"sync"
	"time"
)

// holds are in memory if one process has the database, and in a table if
// several have it.
type holds struct {
	mu  sync.Mutex
	has map[string]hold
}

type hold struct {
	owner string
	until time.Time
}

// Hold implements [pingr.Limits].
func (s *Store) Hold(ctx context.Context, key, owner string, at, until time.Time) (held bool, err error) {
	if !s.dialect.shared() {
		err = s.inMemory(ctx, func(has map[string]hold) {
			if h := has[key]; !h.until.After(at) || h.owner == owner {
				has[key], held = hold{owner, until}, true
			}
		})
		return held, err
	}
	// The table is not logged, so the commit does not wait for the disk.
	err = s.db.Write(ctx, func(tx Tx) error {
		n, err := tx.Exec(`
			INSERT INTO holds (key, owner, until) VALUES ($1, $2, $3)
			ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, until = excluded.until
			WHERE holds.until <= $4 OR holds.owner = excluded.owner`,
			limitKey(key), owner, until.UnixMilli(), at.UnixMilli())
		held = n == 1
		return err
	})
	return held && err == nil, err
}

// Drop implements [pingr.Limits].
func (s *Store) Drop(ctx context.Context, key, owner string) error {
	if !s.dialect.shared() {
		return s.inMemory(ctx, func(has map[string]hold) {
			if has[key].owner == owner {
				delete(has, key)
			}
		})
	}
	return s.db.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(`DELETE FROM holds WHERE key = $1 AND owner = $2`, limitKey(key), owner)
		return err
	})
}

// inMemory runs op as a database would.
func (s *Store) inMemory(ctx context.Context, op func(has map[string]hold)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.log.isClosed() {
		return errClosed
	}
	s.holds.mu.Lock()
	defer s.holds.mu.Unlock()
	op(s.holds.has)
	return nil
}

// purgeHolds deletes the holds of processes that crashed.
func (s *Store) purgeHolds(ctx context.Context, now time.Time) (int, error) {
	if !s.dialect.shared() {
		return 0, nil
	}
	var n int64
	err := s.db.Write(ctx, func(tx Tx) (err error) {
		n, err = tx.Exec(`DELETE FROM holds WHERE until < $1`, now.UnixMilli())
		return err
	})
	return int(n), err
}
