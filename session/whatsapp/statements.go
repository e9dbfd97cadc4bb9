package whatsapp

import (
	"context"
	"database/sql/driver"
	"errors"

	"modernc.org/sqlite"
)

// whatsmeow gives database/sql the text of every statement, which the driver
// parses each time. That takes as long as running it. A connector opens
// connections that keep what they have parsed.
type connector struct{ driver.Connector }

func newConnector(dsn string) (driver.Connector, error) {
	c, err := sqlite.NewConnector(dsn)
	return connector{c}, err
}

// Connect implements [driver.Connector].
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	opened, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	conn, ok := opened.(sqliteConn)
	if !ok {
		return nil, errors.Join(errors.New("sqlite driver without contexts"), opened.Close())
	}
	return &keepingConn{sqliteConn: conn, kept: make(map[string]sqliteStmt)}, nil
}

// sqliteConn is what database/sql uses of a connection of the driver.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type sqliteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// maxKept bounds the statements that a connection keeps. A message needs some
// ten; lists of people make texts of every length.
const maxKept = 64

// A keepingConn keeps the statements that it has run. Like every driver.Conn, it
// is used by one goroutine at a time.
type keepingConn struct {
	sqliteConn
	kept map[string]sqliteStmt // not in use
}

// take returns the statement of a text. Nobody else has it until keep is called.
func (c *keepingConn) take(ctx context.Context, query string) (sqliteStmt, error) {
	if s := c.kept[query]; s != nil {
		delete(c.kept, query)
		return s, nil
	}
	prepared, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s, ok := prepared.(sqliteStmt)
	if !ok {
		return nil, errors.Join(errors.New("sqlite driver without contexts"), prepared.Close())
	}
	return s, nil
}

// keep takes a statement back.
func (c *keepingConn) keep(query string, s sqliteStmt) error {
	if c.kept[query] != nil { // the text was in use twice
		return s.Close()
	}
	var err error
	if len(c.kept) >= maxKept {
		err = c.forget()
	}
	c.kept[query] = s
	return err
}

func (c *keepingConn) forget() error {
	var errs []error
	for query, s := range c.kept {
		errs = append(errs, s.Close())
		delete(c.kept, query)
	}
	return errors.Join(errs...)
}

// Close implements [driver.Conn].
func (c *keepingConn) Close() error { return errors.Join(c.forget(), c.sqliteConn.Close()) }

// ExecContext implements [driver.ExecerContext].
func (c *keepingConn) ExecContext(
	ctx context.Context, query string, args []driver.NamedValue,
) (driver.Result, error) {
	s, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	result, err := s.ExecContext(ctx, args)
	return result, first(err, c.keep(query, s))
}

// QueryContext implements [driver.QueryerContext].
func (c *keepingConn) QueryContext(
	ctx context.Context, query string, args []driver.NamedValue,
) (driver.Rows, error) {
	s, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(ctx, args)
	if err != nil {
		return nil, first(err, c.keep(query, s))
	}
	return keepingRows{Rows: rows, keep: func() error { return c.keep(query, s) }}, nil
}

// keepingRows are rows of a kept statement.
type keepingRows struct {
	driver.Rows
	keep func() error
}

// Close implements [driver.Rows]. database/sql calls it once.
func (r keepingRows) Close() error { return first(r.Rows.Close(), r.keep()) }

// first returns the first error, as it is: database/sql and whatsmeow compare
// some by identity.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
