package sqlstore

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/heypingr/pingr/hosted"
)

// replayName hashes what clients chose, so that it is hidden and of one length.
func replayName(scope, key string) []byte {
	sum := sha256.Sum256([]byte(scope + "\x00" + key))
	return sum[:]
}

// BeginReplay implements [hosted.Replays].
func (s *Store) BeginReplay(ctx context.Context, r hosted.Replay) (found hosted.Replay, first bool, err error) {
	name := replayName(r.Scope, r.Key)
	err = s.db.Write(ctx, func(tx Tx) error {
		found, first = hosted.Replay{}, true
		if err := s.dialect.alone(tx, string(name)); err != nil {
			return err
		}
		body := r.Body
		const known = `SELECT request, state, status, body, at FROM replays WHERE name = $1 AND at > $2`
		err := tx.Query(known, func(row Row) error {
			var request []byte
			var state string
			var status, at int64
			err := row.Scan(&request, &state, &status, &found.Body, &at)
			found.Scope, found.Key, found.At = r.Scope, r.Key, toTime(at)
			found.State, found.Status = hosted.ReplayState(state), int(status)
			copy(found.Request[:], request)
			first, body = hosted.BeginAgain(found, r), found.Body
			return err
		}, name, r.At.Add(-hosted.ReplayTime).UnixMilli())
		if err != nil || !first {
			return err
		}
		_, err = tx.Exec(`
			INSERT INTO replays (name, request, state, status, body, at) VALUES ($1, $2, $3, 0, $5, $4)
			ON CONFLICT (name) DO UPDATE SET request = excluded.request, state = excluded.state, status = 0,
				body = excluded.body, at = excluded.at`,
			name, r.Request[:], string(hosted.ReplayPending), r.At.UnixMilli(), body)
		return err
	})
	return found, first, err
}

// EndReplay implements [hosted.Replays].
func (s *Store) EndReplay(ctx context.Context, r hosted.Replay) error {
	name := replayName(r.Scope, r.Key)
	return s.db.Write(ctx, func(tx Tx) (err error) {
		if r.State == "" {
			_, err = tx.Exec(`DELETE FROM replays WHERE name = $1`, name)
			return err
		}
		_, err = tx.Exec(`UPDATE replays SET state = $2, status = $3, body = $4 WHERE name = $1`,
			name, string(r.State), int64(r.Status), r.Body)
		return err
	})
}

// PurgeReplays implements [hosted.Replays].
func (s *Store) PurgeReplays(ctx context.Context, before time.Time) (int, error) {
	return purgeByKey(patient(ctx), s.db,
		`SELECT name FROM (SELECT name FROM replays WHERE name > $1 ORDER BY name LIMIT $2) AS chunk
			ORDER BY name DESC LIMIT 1`,
		`DELETE FROM replays WHERE name > $1 AND name <= $2 AND at < $3`, before)
}

// LimitTaken implements [hosted.Store].
func (s *Store) LimitTaken(ctx context.Context, at time.Time, key string) (n int64, err error) {
	err = s.db.Read(ctx, func(tx Tx) error {
		return tx.Query(`SELECT taken FROM limits WHERE key = $1 AND until > $2`, func(row Row) error { return row.Scan(&n) },
			limitKey(key), at.UnixMilli())
	})
	return n, err
}
