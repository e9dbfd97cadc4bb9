package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"modernc.org/sqlite"

	"github.com/heypingr/pingr/store/internal/sqlstore"
)

// A conn is one connection with its prepared statements, used by one goroutine
// at a time. It calls the driver directly: database/sql would double the cost
// of statements as short as ours.
type conn struct {
	driver.Conn
	stmts map[string]statement
	args  []driver.NamedValue
}

type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// maxStatements bounds the cache, because the list of accounts to skip makes
// texts of every length.
const maxStatements = 128

var connector = &sqlite.Driver{}

func openConn(dsn string) (*conn, error) {
	c, err := connector.Open(dsn)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, stmts: map[string]statement{}}, nil
}

func (c *conn) close() error {
	c.forget()
	return c.Close()
}

// forget finalizes all prepared statements.
func (c *conn) forget() {
	for query, s := range c.stmts {
		_ = s.Close()
		delete(c.stmts, query)
	}
}

func (c *conn) prepare(query string) (statement, error) {
	if s := c.stmts[query]; s != nil {
		return s, nil
	}
	if len(c.stmts) >= maxStatements {
		c.forget()
	}
	prepared, err := c.Prepare(query)
	if err != nil {
		return nil, err
	}
	s, ok := prepared.(statement)
	if !ok {
		return nil, errors.New("sqlite driver without contexts")
	}
	c.stmts[query] = s
	return s, nil
}

// Exec implements [sqlstore.Tx].
func (c *conn) Exec(query string, args ...any) (int64, error) {
	s, err := c.prepare(query)
	if err != nil {
		return 0, err
	}
	result, err := s.ExecContext(context.Background(), c.named(args))
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// Query implements [sqlstore.Tx].
func (c *conn) Query(query string, each func(sqlstore.Row) error, args ...any) (err error) {
	s, err := c.prepare(query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(context.Background(), c.named(args))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	r := make(row, len(rows.Columns()))
	for {
		switch err := rows.Next(r); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := each(r); err != nil {
			return err
		}
	}
}

// named numbers the arguments. The next call reuses the slice.
func (c *conn) named(args []any) []driver.NamedValue {
	c.args = c.args[:0]
	for i, arg := range args {
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: arg})
	}
	return c.args
}

// A row is a row as the driver gives it.
type row []driver.Value

// Scan implements [sqlstore.Row].
func (r row) Scan(into ...any) error {
	if len(into) != len(r) {
		return fmt.Errorf("%d columns, %d places", len(r), len(into))
	}
	for i, value := range r {
		ok := false
		switch p := into[i].(type) {
		case *int64:
			*p, ok = value.(int64)
		case *string:
			*p, ok = value.(string)
		case *[]byte:
			*p, ok = value.([]byte)
		}
		if !ok && value != nil {
			return fmt.Errorf("column %d is a %T, not for a %T", i, value, into[i])
		}
	}
	return nil
}
