package whatsapp

import (
	"context"
	"fmt"

	"go.mau.fi/whatsmeow/types"
)

// A sealedColumn is where a device's sealed values are. row names the row as
// its [place] does.
type sealedColumn struct{ table, column, device, row string }

var sealedColumns = []sealedColumn{
	{"whatsmeow_device", "noise_key", "jid", "'noise_key'"},
	{"whatsmeow_device", "identity_key", "jid", "'identity_key'"},
	{"whatsmeow_device", "signed_pre_key", "jid", "'signed_pre_key'"},
	{"whatsmeow_device", "adv_key", "jid", "'adv_key'"},
	{"whatsmeow_pre_keys", "key", "jid", "key_id::text"},
	{"whatsmeow_sessions", "session", "our_jid", "their_id"},
	{"whatsmeow_sender_keys", "sender_key", "our_jid", "chat_id || ' ' || sender_id"},
	{"whatsmeow_app_state_sync_keys", "key_data", "jid", "encode(key_id, 'hex')"},
}

// resealChunk is how many rows are sealed again in one transaction.
const resealChunk = 200

// reseal seals again what another key of the ring sealed, with the current one.
// It may run beside other writes, and be repeated.
func (t *keyTables) reseal(ctx context.Context, c claim, jid types.JID) error {
	for _, column := range sealedColumns {
		for more := true; more; {
			var err error
			if more, err = t.resealSome(ctx, c, jid, column); err != nil {
				return fmt.Errorf("seal keys again: %w", err)
			}
		}
	}
	return nil
}

// resealSome reports whether there may be more.
func (t *keyTables) resealSome(ctx context.Context, c claim, jid types.JID, column sealedColumn) (bool, error) {
	type row struct {
		at     string
		place  place
		sealed []byte
	}
	var old []row
	rows, err := t.db.Query(ctx, fmt.Sprintf(`
		SELECT ctid::text, %s, %s FROM %s WHERE %s = $1 AND substr(%[2]s, 1, 5) <> $2 LIMIT $3`,
		column.row, column.column, column.table, column.device), jid.String(), t.ring.prefix(), resealChunk)
	if err != nil {
		return false, tableError(err)
	}
	defer rows.Close()
	for rows.Next() {
		r := row{place: place{table: column.table, device: jid.String()}}
		if err := rows.Scan(&r.at, &r.place.row, &r.sealed); err != nil {
			return false, tableError(err)
		}
		old = append(old, r)
	}
	if err := rows.Err(); err != nil || len(old) == 0 {
		return false, tableError(err)
	}
	done := 0
	err = t.fenced(ctx, c, func(ctx context.Context) error {
		for _, r := range old {
			value, err := t.ring.open(r.sealed, r.place)
			if err != nil {
				continue // damaged, or of a key that is gone: whoever reads it says so
			}
			// A row that was written in the meantime is sealed with the current key.
			_, err = t.db.Exec(ctx, fmt.Sprintf(`UPDATE %s SET %s = $1 WHERE ctid = $2::tid AND %[2]s = $3`,
				column.table, column.column), t.ring.seal(value, r.place), r.at, r.sealed)
			if err != nil {
				return err
			}
			done++
		}
		return nil
	})
	return len(old) == resealChunk && done > 0, err
}
