package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/heypingr/pingr/store/internal/sqlstore"
)

// A database is a [sqlstore.DB].
type database struct {
	db *sql.DB
	// soft commits return before the server has written them to disk: a crash of
	// the machine may lose the last moments.
	soft bool
}

const (
	// tries is how often an operation that a deadlock or the end of its connection
	// undid is started in all.
	tries = 8
	// firstPause doubles from try to try, with jitter.
	firstPause = 5 * time.Millisecond
)

// Write implements [sqlstore.DB]. It tries an operation that was certainly
// undone again a few times. If the connection ends while the server commits,
// the outcome is unknown. The error then says so, and the caller repeats what
// may be repeated.
func (d database) Write(ctx context.Context, op func(sqlstore.Tx) error) error {
	return retry(ctx, func() (bool, error) { return d.transact(ctx, op) })
}

// WriteSoon implements [sqlstore.DB]. The server itself lets transactions that
// end together share a sync.
func (d database) WriteSoon(ctx context.Context, op func(sqlstore.Tx) error) error {
	return d.Write(ctx, op)
}

// transact runs op in a transaction. again reports that nothing of it is left
// and that another try may succeed.
func (d database) transact(ctx context.Context, op func(sqlstore.Tx) error) (again bool, err error) {
	begun, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return undone(err), fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = begun.Rollback() }() // does nothing after a commit
	tx := tx{ctx, begun, new(bool)}
	for _, setting := range d.settings(ctx) {
		if _, err := tx.Exec(setting); err != nil {
			return undone(err), err
		}
	}
	if err := op(tx); err != nil {
		return undone(err), err
	}
	if err := begun.Commit(); err != nil {
		var said *pgconn.PgError // the server itself says that it did not commit
		return errors.As(err, &said) && undone(err), fmt.Errorf("commit: %w", err)
	}
	return false, nil
}

// patience is how long a statement of an operation that may take long may run.
const patience = 10 * time.Minute

// settings returns the statements that a transaction begins with.
func (d database) settings(ctx context.Context) []string {
	var settings []string
	if d.soft {
		settings = append(settings, `SET LOCAL synchronous_commit TO OFF`)
	}
	if sqlstore.IsPatient(ctx) {
		settings = append(settings, fmt.Sprintf(`SET LOCAL statement_timeout TO %d`, patience.Milliseconds()))
	}
	return settings
}

// undone reports whether an error of a statement before the commit may be gone
// when the transaction is tried again: a deadlock, a serialization failure, a
// lock that somebody else held for too long, or a connection that ended.
func undone(err error) bool {
	var said *pgconn.PgError
	if errors.As(err, &said) {
		switch said.Code {
		case "40001", "40P01", // serialization_failure, deadlock_detected
			"55P03", "25P03", // lock_not_available, idle_in_transaction_session_timeout
			"57P01", "57P02", "57P03": // the server stops, crashed, or starts
			return true
		}
		return false
	}
	var network net.Error
	return errors.As(err, &network) && !network.Timeout() ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || pgconn.SafeToRetry(err)
}

// Read implements [sqlstore.DB]. It tries again, as Write does, as long as op
// has seen nothing.
func (d database) Read(ctx context.Context, op func(sqlstore.Tx) error) error {
	return retry(ctx, func() (bool, error) {
		seen := false
		err := op(tx{ctx, d.db, &seen})
		return !seen && undone(err), err
	})
}

// retry calls try until it reports that another try is useless.
func retry(ctx context.Context, try func() (again bool, err error)) error {
	pause := firstPause
	for n := 1; ; n++ {
		again, err := try()
		if err == nil || !again || n == tries {
			return err
		}
		select {
		case <-time.After(pause/2 + rand.N(pause)): //nolint:gosec // jitter is no secret
		case <-ctx.Done():
			return ctx.Err()
		}
		pause *= 2
	}
}

// runner is a transaction, or a pool of connections.
type runner interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// A tx is a [sqlstore.Tx].
type tx struct {
	ctx context.Context //nolint:containedctx // it lives as long as the call
	runner
	seen *bool // set when a row was passed on
}

// Exec implements [sqlstore.Tx].
func (t tx) Exec(query string, args ...any) (int64, error) {
	result, err := t.ExecContext(t.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// Query implements [sqlstore.Tx].
func (t tx) Query(query string, each func(sqlstore.Row) error, args ...any) (err error) {
	rows, err := t.QueryContext(t.ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		*t.seen = true
		if err := each(row{rows}); err != nil {
			return err
		}
	}
	return rows.Err()
}

// A row is a [sqlstore.Row].
type row struct{ rows *sql.Rows }

// Scan implements [sqlstore.Row].
func (r row) Scan(into ...any) error {
	values, places := make([]any, len(into)), make([]any, len(into))
	for i := range values {
		places[i] = &values[i]
	}
	if err := r.rows.Scan(places...); err != nil {
		return err
	}
	for i, value := range values {
		if value != nil && !set(into[i], value) {
			return fmt.Errorf("column %d is a %T, not for a %T", i, value, into[i])
		}
	}
	return nil
}

func set(place, value any) (ok bool) {
	switch p := place.(type) {
	case *int64:
		*p, ok = value.(int64)
		if text, isText := value.(string); isText { // a sum is NUMERIC
			n, err := strconv.ParseInt(text, 10, 64)
			*p, ok = n, err == nil
		}
	case *string:
		*p, ok = value.(string)
	case *[]byte:
		*p, ok = value.([]byte)
	}
	return ok
}
