package sqlstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"github.com/heypingr/pingr"
)

// Reserve implements [pingr.Limits].
func (s *Store) Reserve(ctx context.Context, at time.Time, limits ...pingr.Limit) error {
	var refused *pingr.LimitError
	err := s.db.Write(ctx, func(tx Tx) error {
		refused = nil
		_, err := take(tx, at, limits)
		if errors.As(err, &refused) {
			return nil // nothing was taken, so the transaction may stand
		}
		return err
	})
	if err == nil && refused != nil {
		return refused
	}
	return err
}

// Release implements [pingr.Limits].
func (s *Store) Release(ctx context.Context, limits ...pingr.Limit) error {
	return s.db.Write(ctx, func(tx Tx) error { return giveBack(tx, limits) })
}

// Peek implements [pingr.Limits]. It only reads, and nothing if no limit can
// refuse.
func (s *Store) Peek(ctx context.Context, at time.Time, limits ...pingr.Limit) error {
	if !slices.ContainsFunc(limits, bounded) {
		return ctx.Err()
	}
	var refused *pingr.LimitError
	err := s.db.Read(ctx, func(tx Tx) error {
		for i, l := range limits {
			if !bounded(l) {
				continue
			}
			c, err := running(tx, at, l)
			if err != nil {
				return err
			}
			for _, earlier := range limits[:i] {
				if earlier.Key == l.Key {
					c.taken++
				}
			}
			if c.taken >= l.Max {
				refused = &pingr.LimitError{Kind: l.Kind, Until: c.until}
				return nil
			}
		}
		return nil
	})
	if err == nil && refused != nil {
		return refused
	}
	return err
}

// bounded reports whether a limit can refuse. Others only count.
func bounded(l pingr.Limit) bool { return l.Max > 0 }

// longestKey is the length of a key that every engine can index.
const longestKey = 512

// limitKey returns the column of a key: the key itself, or a hash if a
// stranger's very long name makes it too long.
func limitKey(key string) []byte {
	if len(key) <= longestKey {
		return []byte(key)
	}
	sum := sha256.Sum256([]byte(key))
	return append([]byte("sha256/"), sum[:]...)
}

// count is how many were taken in the period that ends at until.
type count struct {
	taken int64
	until time.Time
}

// running returns the period that runs at that time, or an empty one.
func running(tx Tx, at time.Time, l pingr.Limit) (count, error) {
	c := count{until: toTime(l.Until.UnixMilli())}
	err := tx.Query(`SELECT taken, until FROM limits WHERE key = $1 AND until > $2`, func(row Row) error {
		var until int64
		err := row.Scan(&c.taken, &until)
		c.until = toTime(until)
		return err
	}, limitKey(l.Key), at.UnixMilli())
	return c, err
}

// take takes one of each limit, or none and returns a *pingr.LimitError. It
// returns what it took, each with the end of its period, so that it can be
// given back exactly.
func take(tx Tx, at time.Time, limits []pingr.Limit) ([]pingr.Limit, error) {
	taken := make([]pingr.Limit, 0, len(limits))
	for _, l := range limits {
		ok := false
		err := tx.Query(`
			INSERT INTO limits (key, taken, until) VALUES ($1, 1, $2)
			ON CONFLICT (key) DO UPDATE SET
				taken = CASE WHEN limits.until <= $3 THEN 1 ELSE limits.taken + 1 END,
				until = CASE WHEN limits.until <= $3 THEN excluded.until ELSE limits.until END
			WHERE CAST($4 AS BIGINT) = 0 OR limits.taken < $4 OR limits.until <= $3
			RETURNING until`,
			func(row Row) error {
				ok = true
				var until int64
				err := row.Scan(&until)
				l.Until = toTime(until)
				return err
			}, limitKey(l.Key), l.Until.UnixMilli(), at.UnixMilli(), max(l.Max, 0))
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, refusal(tx, at, l, taken)
		}
		taken = append(taken, l)
	}
	return taken, nil
}

// refusal gives back what was taken before l, and returns until when l is used
// up.
func refusal(tx Tx, at time.Time, l pingr.Limit, taken []pingr.Limit) error {
	c, err := running(tx, at, l)
	if err != nil {
		return err
	}
	if err := giveBack(tx, taken); err != nil {
		return err
	}
	return &pingr.LimitError{Kind: l.Kind, Until: c.until}
}

// giveBack gives back one of each limit whose period still runs: a later period
// ends later. A period in which nothing is taken any more is over, so that the
// next taker gets a whole one.
func giveBack(tx Tx, limits []pingr.Limit) error {
	for _, l := range limits {
		key, until := limitKey(l.Key), l.Until.UnixMilli()
		n, err := tx.Exec(`UPDATE limits SET taken = taken - 1 WHERE key = $1 AND until <= $2 AND taken > 1`, key, until)
		if err == nil && n == 0 {
			_, err = tx.Exec(`DELETE FROM limits WHERE key = $1 AND until <= $2`, key, until)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
