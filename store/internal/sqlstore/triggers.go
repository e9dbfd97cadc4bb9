package sqlstore

import (
	"context"
	"strings"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

const triggerColumns = `id, session, phrase, reply, active, created_at, updated_at`

func scanTrigger(row Row, t *pingr.Trigger, more ...any) error {
	var active, created, updated int64
	into := append([]any{&t.ID, &t.Session, &t.Phrase, &t.Reply, &active, &created, &updated}, more...)
	err := row.Scan(into...)
	t.Active, t.CreatedAt, t.UpdatedAt = active == 1, toTime(created), toTime(updated)
	return err
}

// FindTrigger implements [pingr.Triggers]. It costs one index lookup, rarely
// two, however many triggers and candidates there are. The greatest phrase up
// to the longest candidate either is that candidate, or shows how much of it no
// phrase begins with. The reason: a phrase p that begins the candidate c sorts
// before c, and whatever sorts between the two begins with p, so p also begins
// the greatest phrase up to c.
func (s *Store) FindTrigger(ctx context.Context, session string, phrases []string) (pingr.Trigger, bool, error) {
	var t pingr.Trigger
	var ok bool
	err := s.db.Read(ctx, func(tx Tx) error {
		for i := 0; i < len(phrases) && !ok; {
			candidate := phrases[i]
			var greatest string
			err := tx.Query(`
				SELECT `+triggerColumns+`, phrase_key FROM triggers
				WHERE session = $1 AND phrase_key <= $2 AND active = 1 ORDER BY phrase_key DESC LIMIT 1`,
				func(row Row) error { return scanTrigger(row, &t, &greatest) }, session, candidate)
			if err != nil {
				return err
			}
			ok = t.ID != "" && greatest == candidate
			for i++; i < len(phrases); i++ {
				if !strings.HasPrefix(candidate, phrases[i]) || strings.HasPrefix(greatest, phrases[i]) {
					break
				}
			}
			if t.ID != "" && i < len(phrases) && phrases[i] == greatest { // the next one is in hand
				ok = true
			}
		}
		return nil
	})
	if err != nil || !ok {
		return pingr.Trigger{}, false, err
	}
	return t, true, nil
}

// Trigger implements [hosted.Triggers].
func (s *Store) Trigger(ctx context.Context, id string) (t pingr.Trigger, err error) {
	err = s.db.Read(ctx, func(tx Tx) (err error) {
		t, err = findTrigger(tx, id)
		return err
	})
	return t, err
}

func findTrigger(tx Tx, id string) (t pingr.Trigger, err error) {
	read := func(row Row) error { return scanTrigger(row, &t) }
	err = tx.Query(`SELECT `+triggerColumns+` FROM triggers WHERE id = $1`, read, id)
	if err == nil && t.ID == "" {
		return pingr.Trigger{}, hosted.ErrNotFound
	}
	return t, err
}

// CreateTrigger implements [hosted.Triggers].
func (s *Store) CreateTrigger(ctx context.Context, t pingr.Trigger, sessions []string, limit int) error {
	var answer error
	err := s.db.Write(ctx, func(tx Tx) (err error) {
		if err := s.dialect.alone(tx, "triggers"); err != nil {
			return err
		}
		var n int64
		for _, session := range sessions {
			err := tx.Query(`SELECT count(*) FROM triggers WHERE session = $1`, func(row Row) error {
				var here int64
				err := row.Scan(&here)
				n += here
				return err
			}, session)
			if err != nil {
				return err
			}
		}
		if answer = nil; limit > 0 && n >= int64(limit) {
			answer = hosted.ErrLimit
			return nil
		}
		answer, err = saveTrigger(tx, t)
		return err
	})
	if err == nil {
		err = answer
	}
	return err
}

// UpdateTrigger implements [hosted.Triggers].
func (s *Store) UpdateTrigger(
	ctx context.Context, id string, change func(*pingr.Trigger) error,
) (pingr.Trigger, error) {
	var t pingr.Trigger
	var answer error
	err := s.db.Write(ctx, func(tx Tx) (err error) {
		if err := s.dialect.alone(tx, "triggers"); err != nil {
			return err
		}
		if t, answer = findTrigger(tx, id); answer != nil {
			return nil //nolint:nilerr // an answer for the caller, no reason to undo the transaction of others
		}
		if answer = change(&t); answer != nil {
			return nil //nolint:nilerr // an answer for the caller, no reason to undo the transaction of others
		}
		t.ID = id
		answer, err = saveTrigger(tx, t)
		return err
	})
	if err == nil {
		err = answer
	}
	if err != nil {
		return pingr.Trigger{}, err
	}
	return t, nil
}

// SaveTrigger stores a trigger, whether its ID is new or known. It returns
// [pingr.ErrConflict] if another trigger of the session, active or not, has a
// phrase that normalizes to the same text.
func (s *Store) SaveTrigger(ctx context.Context, t pingr.Trigger) error {
	var answer error
	err := s.db.Write(ctx, func(tx Tx) (err error) {
		if err := s.dialect.alone(tx, "triggers"); err != nil {
			return err
		}
		answer, err = saveTrigger(tx, t)
		return err
	})
	if err == nil {
		err = answer
	}
	return err
}

// saveTrigger returns a conflict separately from the errors of the database: it
// changes nothing, so the transaction may stand.
func saveTrigger(tx Tx, t pingr.Trigger) (conflict, err error) {
	key := pingr.Normalize(t.Phrase)
	taken := false
	err = tx.Query(`SELECT id FROM triggers WHERE session = $1 AND phrase_key = $2 AND id <> $3`,
		mark(&taken), t.Session, key, t.ID)
	if err != nil {
		return nil, err
	}
	if taken {
		return pingr.ErrConflict, nil
	}
	_, err = tx.Exec(`
		INSERT INTO triggers (`+triggerColumns+`, phrase_key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (id) DO UPDATE SET session = excluded.session, phrase = excluded.phrase, reply = excluded.reply,
			active = excluded.active, created_at = excluded.created_at, updated_at = excluded.updated_at,
			phrase_key = excluded.phrase_key`,
		t.ID, t.Session, t.Phrase, t.Reply, toInt(t.Active), t.CreatedAt.UnixMilli(), t.UpdatedAt.UnixMilli(), key)
	return nil, err
}

// DeleteTrigger implements [hosted.Triggers].
func (s *Store) DeleteTrigger(ctx context.Context, id string) error {
	return s.db.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(`DELETE FROM triggers WHERE id = $1`, id)
		return err
	})
}

// Triggers implements [hosted.Triggers].
func (s *Store) Triggers(ctx context.Context, session string) ([]pingr.Trigger, error) {
	var triggers []pingr.Trigger
	err := s.db.Read(ctx, func(tx Tx) error {
		return tx.Query(`SELECT `+triggerColumns+` FROM triggers WHERE session = $1 ORDER BY created_at, id`,
			func(row Row) error {
				var t pingr.Trigger
				err := scanTrigger(row, &t)
				triggers = append(triggers, t)
				return err
			}, session)
	})
	return triggers, err
}

// mark returns what a query calls for a row that only has to exist.
func mark(exists *bool) func(Row) error {
	return func(Row) error {
		*exists = true
		return nil
	}
}

func toInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
