package sqlstore

import (
	"context"
	"time"
)

// LastActivity implements [hosted.Store].
func (s *Store) LastActivity(ctx context.Context) (at time.Time, err error) {
	var ms int64
	err = s.db.Read(ctx, func(tx Tx) error {
		return tx.Query(`
			SELECT coalesce(max(at), 0) FROM (
				SELECT max(created_at) AS at FROM accounts
				UNION ALL SELECT max(used_at) FROM api_keys
				UNION ALL SELECT max(connected_at) FROM sessions
				UNION ALL SELECT max(created_at) FROM sessions
				UNION ALL SELECT accepted_at FROM firings WHERE seq = (SELECT max(seq) FROM firings)
			) AS times`, func(row Row) error { return row.Scan(&ms) })
	})
	if ms > 0 {
		at = toTime(ms)
	}
	return at, err
}
