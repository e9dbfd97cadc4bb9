package sqlstore

import (
	"context"
	"strings"

	"github.com/heypingr/pingr"
)

const triggerColumns = `id, session, phrase, reply, active, created_at, updated_at`

func scanTrigger(row Row, t *pingr.Trigger, more ...any) error {
	var active, created, updated int64
	into := append([]any{&t.ID, &t.Session, &t.Phrase, &t.Reply, &active, &created, &updated}, more...)
	err := row.Scan(into...)
	t.Active, t.CreatedAt, t.UpdatedAt = active == 1, toTime(created), toTime(updated)
	return err
}

// FindTrigger implements [pingr.Triggers]. It costs one look into an index,
// rarely two, however many triggers and candidates there are: the greatest
// phrase up to the longest candidate either is it, or shows how much of it no
// phrase begins with. For a phrase p that begins the candidate c sorts before
// c, and whatever sorts between the two begins with p; so p also begins the
// greatest phrase up to c.
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
		}
		return nil
	})
	if err != nil || !ok {
		return pingr.Trigger{}, false, err
	}
	return t, true, nil
}

// SaveTrigger stores a trigger, new or known by its ID. It returns
// [pingr.ErrConflict] when another trigger of the session, active or not, has
// a phrase that normalises to the same.
func (s *Store) SaveTrigger(ctx context.Context, t pingr.Trigger) error {
	key := pingr.Normalize(t.Phrase)
	var taken bool
	err := s.db.Write(ctx, func(tx Tx) error {
		taken = false
		err := tx.Query(`SELECT id FROM triggers WHERE session = $1 AND phrase_key = $2 AND id <> $3`,
			func(Row) error { taken = true; return nil }, t.Session, key, t.ID)
		if err != nil || taken {
			return err
		}
		_, err = tx.Exec(`
			INSERT INTO triggers (`+triggerColumns+`, phrase_key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (id) DO UPDATE SET session = excluded.session, phrase = excluded.phrase, reply = excluded.reply,
				active = excluded.active, created_at = excluded.created_at, updated_at = excluded.updated_at,
				phrase_key = excluded.phrase_key`,
			t.ID, t.Session, t.Phrase, t.Reply, toInt(t.Active), t.CreatedAt.UnixMilli(), t.UpdatedAt.UnixMilli(), key)
		return err
	})
	if err == nil && taken {
		return pingr.ErrConflict
	}
	return err
}

// DeleteTrigger forgets a trigger; one that is not there is no error.
func (s *Store) DeleteTrigger(ctx context.Context, id string) error {
	return s.db.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(`DELETE FROM triggers WHERE id = $1`, id)
		return err
	})
}

// Triggers returns a session's triggers, oldest first.
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

func toInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
