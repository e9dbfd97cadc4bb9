package sqlstore

import "context"

// Undelivered implements [hosted.Deliveries].
func (s *Store) Undelivered(ctx context.Context) (n int64, err error) {
	err = s.db.Read(ctx, func(tx Tx) error {
		return tx.Query(`SELECT count(*) FROM events WHERE given_up_at = 0`, func(row Row) error { return row.Scan(&n) })
	})
	return n, err
}
