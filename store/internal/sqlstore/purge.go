package sqlstore

import (
	"context"
	"math"
	"time"

	"github.com/heypingr/pingr"
)

// purgeChunk is how many rows one transaction of Purge examines, so that it
// delays nobody.
const purgeChunk = 500

// Purge implements [pingr.Events]. It deletes keys from before the oldest
// unfinished firing was accepted. Younger keys wait until that firing is
// finished.
func (s *Store) Purge(ctx context.Context, now, keys, deliveries time.Time) (int, error) {
	ctx = patient(ctx)
	total := 0
	for _, purge := range []func() (int, error){
		func() (int, error) { return s.purgeFirings(ctx, keys) },
		func() (int, error) { return s.purgeKeys(ctx, keys) },
		func() (int, error) {
			return purgeByKey(ctx, s.db,
				`SELECT key FROM (SELECT key FROM limits WHERE key > $1 ORDER BY key LIMIT $2) AS chunk
					ORDER BY key DESC LIMIT 1`,
				`DELETE FROM limits WHERE key > $1 AND key <= $2 AND until < $3`, now)
		},
		func() (int, error) { return s.purgeHolds(ctx, now) },
		func() (int, error) { return s.purgeDeliveries(ctx, deliveries) },
		func() (int, error) { return s.purgeGivenUp(ctx, now.Add(-pingr.KeepGivenUp)) },
		func() (int, error) { return 0, s.purgeStats(ctx, deliveries) },
	} {
		n, err := purge()
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// purgeFirings relies on seq and accepted_at rising together, more or less: it
// stops at the first chunk that holds only young firings.
func (s *Store) purgeFirings(ctx context.Context, before time.Time) (int, error) {
	return purgeBySeq(ctx, s.db,
		`SELECT max(seq), min(accepted_at)
			FROM (SELECT seq, accepted_at FROM firings WHERE seq > $1 ORDER BY seq LIMIT $2) AS chunk`,
		`DELETE FROM firings WHERE seq > $1 AND seq <= $2 AND accepted_at < $3 AND done_at IS NOT NULL`, before)
}

func (s *Store) purgeDeliveries(ctx context.Context, before time.Time) (int, error) {
	if err := s.log.flush(); err != nil {
		return 0, err
	}
	return purgeBySeq(ctx, s.log.db,
		`SELECT max(seq), min(at) FROM (SELECT seq, at FROM deliveries WHERE seq > $1 ORDER BY seq LIMIT $2) AS chunk`,
		`DELETE FROM deliveries WHERE seq > $1 AND seq <= $2 AND at < $3`, before)
}

// purgeGivenUp needs no chunks: there is an index, and such events are few.
func (s *Store) purgeGivenUp(ctx context.Context, before time.Time) (int, error) {
	var n int64
	err := s.db.Write(ctx, func(tx Tx) (err error) {
		n, err = tx.Exec(`DELETE FROM events WHERE given_up_at > 0 AND given_up_at < $1`, before.UnixMilli())
		return err
	})
	if err != nil {
		return 0, err
	}
	return int(n), nil
}

func (s *Store) purgeKeys(ctx context.Context, before time.Time) (int, error) {
	oldest := int64(math.MaxInt64)
	err := s.db.Read(ctx, func(tx Tx) error {
		return tx.Query(`SELECT coalesce(min(accepted_at), $1) FROM firings WHERE done_at IS NULL`,
			func(row Row) error { return row.Scan(&oldest) }, oldest)
	})
	if err != nil {
		return 0, err
	}
	if unfinished := toTime(oldest); unfinished.Before(before) {
		before = unfinished
	}
	return purgeByKey(ctx, s.db,
		`SELECT key FROM (SELECT key FROM message_keys WHERE key > $1 ORDER BY key LIMIT $2) AS chunk
			ORDER BY key DESC LIMIT 1`,
		`DELETE FROM message_keys WHERE key > $1 AND key <= $2 AND accepted_at < $3`, before)
}

// purgeBySeq walks a table chunk by chunk, in order of age. chunk finds the end
// of the chunk after $1 and its oldest row; remove deletes from it.
func purgeBySeq(ctx context.Context, db DB, chunk, remove string, before time.Time) (int, error) {
	total := 0
	for from := int64(0); ; {
		var to, oldest int64
		err := db.Read(ctx, func(tx Tx) error {
			return tx.Query(chunk, func(row Row) error { return row.Scan(&to, &oldest) }, from, int64(purgeChunk))
		})
		if err != nil || to == 0 || oldest >= before.UnixMilli() {
			return total, err
		}
		n, err := deleteChunk(ctx, db, remove, from, to, before)
		total += n
		if err != nil {
			return total, err
		}
		from = to
	}
}

// purgeByKey walks a table chunk by chunk, in order of its key.
func purgeByKey(ctx context.Context, db DB, chunk, remove string, before time.Time) (int, error) {
	total := 0
	for from := []byte{}; ; {
		var to []byte
		err := db.Read(ctx, func(tx Tx) error {
			return tx.Query(chunk, func(row Row) error { return row.Scan(&to) }, from, int64(purgeChunk))
		})
		if err != nil || to == nil {
			return total, err
		}
		n, err := deleteChunk(ctx, db, remove, from, to, before)
		total += n
		if err != nil {
			return total, err
		}
		from = to
	}
}

func deleteChunk(ctx context.Context, db DB, remove string, from, to any, before time.Time) (int, error) {
	var n int64
	err := db.Write(ctx, func(tx Tx) (err error) {
		n, err = tx.Exec(remove, from, to, before.UnixMilli())
		return err
	})
	if err != nil {
		return 0, err
	}
	return int(n), nil
}

type patientKey struct{}

// patient marks the operations of ctx as ones that may take long.
func patient(ctx context.Context) context.Context { return context.WithValue(ctx, patientKey{}, true) }

// IsPatient reports whether an operation may take long, because nobody waits
// for it. A [DB] that limits the time of a statement then allows more.
func IsPatient(ctx context.Context) bool { return ctx.Value(patientKey{}) != nil }
