// Package sqlstore is the SQL of a Pingr store, written once for all engines:
// $1 placeholders, ON CONFLICT, RETURNING, times as integer milliseconds, and
// everything that strangers wrote as bytes. A driver brings what differs: two
// [DB]s, the tables (in its migrations), and how a writing transaction begins.
//
// What a driver must know about the SQL:
//   - Columns that hold bytes are BLOB or BYTEA: body, text, decision and reply
//     of firings, events.event, key of message_keys, limits and holds,
//     key and name of persons,
//     api_keys.hash, name, request and body of replays, values_kept.value.
//   - All text that is ordered or a key compares by bytes (BINARY, COLLATE "C").
//   - Most writes are single statements that decide by themselves. If rows are
//     read first, one writer at a time is enough (SQLite). An engine with several
//     writers, each of whose statements sees what was committed before it (READ
//     COMMITTED), says in the [Dialect] how to keep others away.
package sqlstore

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// A DB runs operations on a database. Its methods are safe for concurrent use.
type DB interface {
	// Write runs op in a transaction, and returns nil when that is as durable as
	// the database is meant to be. op may run more than once, each time on a
	// database that it has not changed yet, so it must set all its results each
	// time. It must return an error only if its transaction must not stand. It
	// runs in another goroutine, but not after Write has returned.
	Write(ctx context.Context, op func(Tx) error) error
	// WriteSoon is Write for operations that nobody waits for. It may wait some
	// milliseconds first, to run together with something urgent.
	WriteSoon(ctx context.Context, op func(Tx) error) error
	// Read runs op, which only reads. It may run op again, but not once op has seen
	// a row. Each statement sees at least what was written before Read was called;
	// two statements need not see the same state of the database.
	Read(ctx context.Context, op func(Tx) error) error
}

// A Tx runs statements. $N is the N-th argument, however often and in whatever
// order a statement names it. Arguments are int64, string, []byte or nil.
type Tx interface {
	// Exec runs a statement and returns how many rows it changed.
	Exec(query string, args ...any) (int64, error)
	// Query calls each for every row of the result.
	Query(query string, each func(Row) error, args ...any) error
}

// A Row is scanned into *int64, *string, *[]byte; NULL leaves the zero value. A
// sum is scanned into *int64 too, whatever type the engine gives it. Bytes that
// were scanned are the caller's.
type Row interface {
	Scan(into ...any) error
}

// A Dialect is what differs between engines. The zero value is SQLite's.
type Dialect struct {
	// Lock ends a SELECT whose rows the same transaction will update, such as
	// "FOR UPDATE SKIP LOCKED".
	Lock string
	// Alone, if not empty, is a query that waits until the transaction is the only
	// one that asked for its number, $1, such as "SELECT
	// pg_advisory_xact_lock($1)". It says that several processes may use the
	// database at once: holds are then in a table, not in memory.
	Alone string
	// Sessions, if not nil, returns the ids of the sessions that this process
	// serves. It then claims no firings of sessions that others serve.
	Sessions func() []string
}

// shared reports whether several processes may use the database at once.
func (d Dialect) shared() bool { return d.Alone != "" }

// alone waits until no other transaction works under that name.
func (d Dialect) alone(tx Tx, name string) error {
	if !d.shared() {
		return nil
	}
	sum := sha256.Sum256([]byte("pingr/" + name))
	number := int64(binary.BigEndian.Uint64(sum[:])) // any number will do
	return tx.Query(d.Alone, func(Row) error { return nil }, number)
}

// A Store is a pingr.Store over two databases, with the management of triggers,
// sessions and the delivery log. Create one with [New]. It is safe for
// concurrent use.
type Store struct {
	db      DB
	dialect Dialect
	log     *deliveryLog
	holds   holds
}

// New returns a Store that keeps everything in db except the delivery log (the
// tables deliveries and latencies), which is in log. Both may be the same DB. It
// starts a goroutine that Close ends.
func New(db, log DB, dialect Dialect) *Store {
	return &Store{db: db, dialect: dialect, log: newDeliveryLog(log, dialect), holds: holds{has: map[string]hold{}}}
}

// Close writes what the delivery log still holds back. The databases stay open.
// Closing twice does no harm.
func (s *Store) Close() error { return s.log.close() }

// VoidLeases ends every lease that has a holder. It is for a driver that knows
// that all processes with leases are gone: when it opens the database for the
// one engine, not when it opens it beside a running one.
func VoidLeases(ctx context.Context, db DB) error {
	return db.Write(ctx, func(tx Tx) error {
		if _, err := tx.Exec(`UPDATE firings SET lease_until = 0 WHERE done_at IS NULL AND holder <> ''`); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE events SET lease_until = 0 WHERE lease_until > 0`)
		return err
	})
}

func toTime(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
