package sqlstore

import (
	"github.com/heypingr/pingr"
)

// Mend repairs a database whose rows were saved from a damaged one. It deletes
// rows that cannot be interpreted, counted by table. It makes lost message keys
// again from their firings, because the keys keep a message from being answered
// twice.
func Mend(tx Tx) (lost map[string]int, keys int, err error) {
	lost = map[string]int{}
	firings, err := unreadableFirings(tx, &keys)
	if err != nil {
		return nil, 0, err
	}
	var events []int64
	err = tx.Query(`SELECT seq, event FROM events`, func(row Row) error {
		var seq int64
		var event []byte
		if err := row.Scan(&seq, &event); err != nil {
			return err
		}
		if e, err := readEvent(event); err != nil || e.ID == "" {
			events = append(events, seq)
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	for table, rows := range map[string][]int64{"firings": firings, "events": events} {
		for _, seq := range rows {
			if _, err := tx.Exec(`DELETE FROM `+table+` WHERE seq = $1`, seq); err != nil {
				return nil, 0, err
			}
			lost[table]++
		}
	}
	return lost, keys, nil
}

// unreadableFirings makes the keys of the firings that it can read.
func unreadableFirings(tx Tx, keys *int) (unreadable []int64, err error) {
	err = tx.Query(`SELECT seq, `+firingColumns+` FROM firings`, func(row Row) error {
		var f pingr.Firing
		var seq int64
		if err := scanFiring(withSeq{row, &seq}, &f); err != nil || f.Message.ID == "" {
			unreadable = append(unreadable, seq)
			return nil //nolint:nilerr // that it cannot be read is what is asked
		}
		insert, args := insertKeys(messageKeys(f, f.Person), f.AcceptedAt.UnixMilli())
		n, err := tx.Exec(insert, args...)
		*keys += int(n)
		return err
	})
	return unreadable, err
}
