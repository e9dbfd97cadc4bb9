package sqlite

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/store/internal/sqlstore"
)

// LimitPages lets pingr.db grow to so many pages and no further, as a full disk would. With 0 it
// cannot grow at all.
func (s *Store) LimitPages(ctx context.Context, pages int) error { return s.db.limitPages(ctx, pages) }

// LimitLogPages does the same for deliveries.db.
func (s *Store) LimitLogPages(ctx context.Context, pages int) error {
	return s.log.db.limitPages(ctx, pages)
}

func (d *database) limitPages(ctx context.Context, pages int) error {
	return d.Write(ctx, func(tx sqlstore.Tx) error {
		if pages == 0 {
			pages = 1 // SQLite makes it what the file has already
		}
		return tx.Query("PRAGMA max_page_count = "+strconv.Itoa(pages), func(sqlstore.Row) error { return nil })
	})
}

// Write runs an operation as the store does.
func (s *Store) Write(ctx context.Context, op func(sqlstore.Tx) error) error {
	return s.db.Write(ctx, op)
}

// WriteSoon runs an operation that can wait for others.
func (s *Store) WriteSoon(ctx context.Context, op func(sqlstore.Tx) error) error {
	return s.db.WriteSoon(ctx, op)
}

// Rows counts a table.
func (s *Store) Rows(ctx context.Context, table string) (n int64, err error) {
	err = s.db.Read(ctx, func(tx sqlstore.Tx) error {
		return tx.Query("SELECT count(*) FROM "+table, func(r sqlstore.Row) error { return r.Scan(&n) })
	})
	return n, err
}

// Exec runs one statement.
func (s *Store) Exec(ctx context.Context, query string) error {
	return s.db.Write(ctx, func(tx sqlstore.Tx) error {
		_, err := tx.Exec(query)
		return err
	})
}

// ExecLog runs one statement on deliveries.db.
func (s *Store) ExecLog(ctx context.Context, query string) error {
	return s.log.Write(ctx, func(tx sqlstore.Tx) error {
		_, err := tx.Exec(query)
		return err
	})
}

// WriteLog runs an operation on deliveries.db.
func (s *Store) WriteLog(ctx context.Context, op func(sqlstore.Tx) error) error {
	return s.log.Write(ctx, op)
}

// WaitingLog returns how many operations wait for the writer of deliveries.db.
func (s *Store) WaitingLog() int { return len(s.log.db.queue) }

// Setting returns a setting of the connection that writes a file.
func (s *Store) Setting(t *testing.T, file, name string) string {
	t.Helper()
	return strings.Join(s.texts(t, file, "PRAGMA "+name), " ")
}

// Leaves returns the pages of a table or an index that contain its rows, in order.
func (s *Store) Leaves(t *testing.T, file, name string) (pages []int64) {
	t.Helper()
	const leaves = `SELECT pageno FROM dbstat WHERE name = $1 AND pagetype = 'leaf' ORDER BY path`
	for _, text := range s.texts(t, file, leaves, name) {
		page, err := strconv.ParseInt(text, 10, 64)
		require.NoError(t, err)
		pages = append(pages, page)
	}
	return pages
}

func (s *Store) texts(t *testing.T, file, query string, args ...any) (all []string) {
	t.Helper()
	d := s.db
	if file == logFile {
		d = s.log.db
	}
	require.NoError(t, d.Write(t.Context(), func(tx sqlstore.Tx) error {
		all = nil
		return tx.Query(query, func(r sqlstore.Row) error {
			all = append(all, fmt.Sprint(r.(row)[0]))
			return nil
		}, args...)
	}))
	return all
}

// SetAside renames a database and the files beside it.
func SetAside(file string) (string, error) { return setAside(file) }

// Dir returns the directory of the files.
func (s *Store) Dir() string { return s.dir }

// Waiting returns how many operations wait for the writer.
func (s *Store) Waiting() int { return len(s.db.queue) }

// Plan returns SQLite's plan for a query, on whichever file has its table.
func (s *Store) Plan(ctx context.Context, query string) (plan string, err error) {
	for _, d := range []*database{s.db, s.log.db} {
		err = d.Read(ctx, func(tx sqlstore.Tx) error {
			return tx.Query("EXPLAIN QUERY PLAN "+query, func(r sqlstore.Row) error {
				var id, parent, unused int64
				var detail string
				err := r.Scan(&id, &parent, &unused, &detail)
				plan += detail + "\n"
				return err
			}, nil, nil, nil, nil)
		})
		if err == nil {
			break
		}
	}
	return plan, err
}

// ReadAs runs an operation that reads, as the store does.
func (s *Store) ReadAs(ctx context.Context, op func(sqlstore.Tx) error) error {
	return s.db.Read(ctx, op)
}
