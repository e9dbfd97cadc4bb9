package sqlstore

import "context"

// Undelivered is how many events of all accounts wait for an endpoint to take
// them.
func (s *Store) Undelivered(ctx context.Context) (n int64, err error) {
	err = s.db.Read(ctx, func(tx Tx) error {
		return tx.Query(`SELECT count(*) FROM events`, func(row Row) error { return row.Scan(&n) })
	})
	return n, err
}
