package sqlstore

import (
	"context"

	"github.com/heypingr/pingr"
)

const sessionColumns = `id, account, name, device, phone, state, reason, detail, reported, connected_at, created_at`

// Sessions returns the records of all accounts, ordered by id.
func (s *Store) Sessions(ctx context.Context) ([]pingr.SessionRecord, error) {
	var records []pingr.SessionRecord
	err := s.db.Read(ctx, func(tx Tx) error {
		return tx.Query(`SELECT `+sessionColumns+` FROM sessions ORDER BY id`, func(row Row) error {
			var r pingr.SessionRecord
			var state string
			var reason, reported, connected, created int64
			err := row.Scan(&r.ID, &r.Account, &r.Name, &r.Device, &r.Phone, &state, &reason, &r.Detail,
				&reported, &connected, &created)
			r.State, r.Reason, r.Reported = pingr.SessionState(state), int(reason), reported == 1
			r.ConnectedAt, r.CreatedAt = toTime(connected), toTime(created)
			records = append(records, r)
			return err
		})
	})
	return records, err
}

// SaveSession stores a record, whether its ID is new or known.
func (s *Store) SaveSession(ctx context.Context, r pingr.SessionRecord) error {
	return s.SaveSessionAfter(ctx, r, func(Tx) error { return nil })
}

// SaveSessionAfter stores a record in a transaction that begins with check, and
// only if check succeeds.
func (s *Store) SaveSessionAfter(ctx context.Context, r pingr.SessionRecord, check func(Tx) error) error {
	return s.db.Write(ctx, func(tx Tx) error {
		if err := check(tx); err != nil {
			return err
		}
		_, err := tx.Exec(`
			INSERT INTO sessions (`+sessionColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
			ON CONFLICT (id) DO UPDATE SET account = excluded.account, name = excluded.name, device = excluded.device,
				phone = excluded.phone, state = excluded.state, reason = excluded.reason, detail = excluded.detail,
				reported = excluded.reported, connected_at = excluded.connected_at, created_at = excluded.created_at`,
			r.ID, r.Account, r.Name, r.Device, r.Phone, string(r.State), int64(r.Reason), r.Detail, toInt(r.Reported),
			r.ConnectedAt.UnixMilli(), r.CreatedAt.UnixMilli())
		return err
	})
}

// DeleteSession deletes a record. A missing record is not an error. The
// session's triggers stay.
func (s *Store) DeleteSession(ctx context.Context, id string) error {
	return s.db.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(`DELETE FROM sessions WHERE id = $1`, id)
		return err
	})
}
