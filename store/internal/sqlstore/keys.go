package sqlstore

import (
	"context"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

const keyColumns = `id, account, name, mode, hash, last, created_at, used_at, revoked_at`

func scanKey(row Row) (k hosted.Key, err error) {
	var mode string
	var hash []byte
	var created, used, revoked int64
	err = row.Scan(&k.ID, &k.Account, &k.Name, &mode, &hash, &k.Last, &created, &used, &revoked)
	k.Mode, k.CreatedAt, k.LastUsed, k.RevokedAt = hosted.Mode(mode), toTime(created), maybeTime(used), maybeTime(revoked)
	copy(k.Hash[:], hash)
	return k, err
}

// maybeTime and maybeInt store the zero time as 0.
func maybeTime(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return toTime(ms)
}

func maybeInt(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// CreateKey implements [hosted.Keys].
func (s *Store) CreateKey(ctx context.Context, k hosted.Key) error {
	var n int64
	err := s.db.Write(ctx, func(tx Tx) (err error) {
		n, err = tx.Exec(`INSERT INTO api_keys (`+keyColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			ON CONFLICT DO NOTHING`,
			k.ID, k.Account, k.Name, string(k.Mode), k.Hash[:], k.Last,
			k.CreatedAt.UnixMilli(), maybeInt(k.LastUsed), maybeInt(k.RevokedAt))
		return err
	})
	if err == nil && n == 0 {
		return pingr.ErrConflict
	}
	return err
}

// KeyByHash implements [hosted.Keys].
func (s *Store) KeyByHash(ctx context.Context, hash [32]byte) (k hosted.Key, err error) {
	err = s.db.Read(ctx, func(tx Tx) error {
		return tx.Query(`SELECT `+keyColumns+` FROM api_keys WHERE hash = $1`, func(row Row) (err error) {
			k, err = scanKey(row)
			return err
		}, hash[:])
	})
	if err == nil && k.ID == "" {
		err = hosted.ErrNotFound
	}
	return k, err
}

// Keys implements [hosted.Keys].
func (s *Store) Keys(ctx context.Context, owner string) ([]hosted.Key, error) {
	var keys []hosted.Key
	err := s.db.Read(ctx, func(tx Tx) error {
		const list = `SELECT ` + keyColumns + ` FROM api_keys WHERE account = $1 ORDER BY created_at, id`
		return tx.Query(list, func(row Row) error {
			k, err := scanKey(row)
			keys = append(keys, k)
			return err
		}, owner)
	})
	return keys, err
}

// RevokeKey implements [hosted.Keys].
func (s *Store) RevokeKey(ctx context.Context, owner, id string, at time.Time) error {
	var n int64
	err := s.db.Write(ctx, func(tx Tx) (err error) {
		n, err = tx.Exec(`UPDATE api_keys SET revoked_at = CASE WHEN revoked_at = 0 THEN $3 ELSE revoked_at END
			WHERE account = $1 AND id = $2`, owner, id, at.UnixMilli())
		if err != nil {
			return err
		}
		_, err = tx.Exec(`DELETE FROM api_keys WHERE account = $1 AND revoked_at <> 0 AND id NOT IN (
			SELECT id FROM api_keys WHERE account = $1 AND revoked_at <> 0 ORDER BY revoked_at DESC, id DESC LIMIT $2)`,
			owner, int64(hosted.KeptRevoked))
		return err
	})
	if err == nil && n == 0 {
		return hosted.ErrNotFound
	}
	return err
}

// UseKey implements [hosted.Keys].
func (s *Store) UseKey(ctx context.Context, id string, at time.Time) error {
	return s.changeKey(ctx, `UPDATE api_keys SET used_at = $2 WHERE id = $1`, id, at.UnixMilli())
}

func (s *Store) changeKey(ctx context.Context, query string, args ...any) error {
	var n int64
	err := s.db.Write(ctx, func(tx Tx) (err error) {
		n, err = tx.Exec(query, args...)
		return err
	})
	if err == nil && n == 0 {
		return hosted.ErrNotFound
	}
	return err
}
