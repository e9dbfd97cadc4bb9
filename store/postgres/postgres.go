// Package postgres is the [pingr.Store] for several processes that share one
// PostgreSQL database (14 or newer). What one process stores is visible to all,
// and other processes take over the firings that a process left behind when its
// leases end.
//
// Times are the callers', never the server's. Every statement sees what was
// committed before it (READ COMMITTED). Row locks, or advisory locks of the
// transaction, guard what is read first and written then.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/internal/pgpool"
	"github.com/heypingr/pingr/store/internal/sqlstore"
)

// Config says which database to use.
type Config struct {
	// URL is "postgres://user:password@host/database?…" or libpq's keywords. What
	// it leaves out is taken from the environment, as psql does (PGHOST,
	// PGPASSWORD, PGPASSFILE, …). search_path=NAME in it keeps the tables in a
	// schema of their own. Required.
	URL string
	// Node is the name of this process among those that share the database's
	// sessions by leases: see [Store.Join]. Empty if it takes no part in that.
	Node string
	// MaxConns is the most connections of the process. Defaults to 16.
	MaxConns int
	// Sessions returns the ids of the sessions that this process serves, if other
	// processes serve others on the same database. The process then claims no
	// firings of the other sessions. If nil, it claims all. It is called for every
	// claim.
	Sessions func() []string
}

// A Store is a [pingr.Store] in a PostgreSQL database, with the management of
// accounts, triggers, sessions and the delivery log. Create one with [Open]. It
// is safe for concurrent use.
type Store struct {
	*sqlstore.Store
	db    *sql.DB
	beats *sql.DB // one connection, so that a beat waits for nobody
}

var _ pingr.Store = (*Store)(nil)

// Open connects to the database and brings its tables up to date. Processes
// that start at the same time take turns. Its errors never contain a password.
func Open(ctx context.Context, c Config) (*Store, error) {
	s, err := open(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return s, nil
}

func open(ctx context.Context, c Config) (*Store, error) {
	if c.URL == "" {
		return nil, errors.New("postgres.Config.URL is required")
	}
	config, err := pgpool.Parse(c.URL)
	if err != nil {
		return nil, err
	}
	if c.Node != "" {
		config.RuntimeParams["application_name"] = ApplicationName(c.Node)
	}
	if c.MaxConns == 0 {
		c.MaxConns = 16
	}
	starting := pgpool.OpenUnlimited(config, 2) // one is the guard's
	if err := errors.Join(migrate(ctx, starting), starting.Close()); err != nil {
		return nil, err
	}
	db := pgpool.Open(config, c.MaxConns)
	dialect := sqlstore.Dialect{
		Lock: "FOR UPDATE SKIP LOCKED", Alone: "SELECT pg_advisory_xact_lock($1)", Sessions: c.Sessions,
	}
	return &Store{
		sqlstore.New(database{db: db}, database{db: db, soft: true}, dialect), db, pgpool.Open(config, 1),
	}, nil
}

// Close writes what the delivery log still holds back, and disconnects. Later
// calls fail. Closing twice does no harm.
func (s *Store) Close() error { return errors.Join(s.Store.Close(), s.db.Close(), s.beats.Close()) }
