package whatsapp

import (
	"context"
	"encoding/json"

	"github.com/heypingr/pingr"
)

// An ownRegistry stores session records in whatsapp.db, for programs that have
// no other place for them.
type ownRegistry struct{ *database }

func newOwnRegistry(ctx context.Context, d *database) (ownRegistry, error) {
	_, err := d.sql.ExecContext(ctx,
		`CREATE TABLE IF NOT EXISTS pingr_session (id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID`)
	return ownRegistry{d}, err
}

// Sessions implements [Registry].
func (r ownRegistry) Sessions(ctx context.Context) ([]pingr.SessionRecord, error) {
	rows, err := r.sql.QueryContext(ctx, `SELECT id, record FROM pingr_session ORDER BY id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var records []pingr.SessionRecord
	for rows.Next() {
		var id string
		var text []byte
		if err := rows.Scan(&id, &text); err != nil {
			return nil, err
		}
		var record pingr.SessionRecord
		if json.Unmarshal(text, &record) != nil || record.ID != id {
			record = pingr.SessionRecord{
				ID: id, State: pingr.SessionLoggedOut, Reason: codeDamaged,
				Detail: "What was known of this number (in whatsapp.db) is damaged. Link it again.",
			}
		}
		records = append(records, record)
	}
	return records, rows.Err()
}

// SaveSession implements [Registry].
func (r ownRegistry) SaveSession(ctx context.Context, record pingr.SessionRecord) error {
	text, err := json.Marshal(record)
	if err != nil {
		return err
	}
	_, err = r.sql.ExecContext(ctx, `INSERT OR REPLACE INTO pingr_session (id, record) VALUES (?, ?)`, record.ID,
		string(text))
	return err
}

// DeleteSession implements [Registry].
func (r ownRegistry) DeleteSession(ctx context.Context, id string) error {
	_, err := r.sql.ExecContext(ctx, `DELETE FROM pingr_session WHERE id = ?`, id)
	return err
}
