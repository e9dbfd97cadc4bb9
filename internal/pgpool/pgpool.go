// Package pgpool opens pools of connections to PostgreSQL on which a process
// that stops in the middle of its work holds no row for long.
//
// The server cannot tell a paused process from a busy one: the kernel of the
// machine goes on answering for it. Without limits, the row locks of its open
// transactions stay for as long as it is paused.
package pgpool

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// The limits of every connection, unless the URL sets its own.
const (
	// Idle is how long a transaction may wait for its process. The server then ends
	// the connection, with code 25P03.
	Idle = 3 * time.Second
	// Statement is how long one statement may run.
	Statement = 5 * time.Second
	// Lock is how long one statement may wait for one lock.
	Lock = 2 * time.Second
	// Unacknowledged is how long bytes that were sent may stay unacknowledged by the
	// server's machine. Where the system cannot be told so (only Linux can), its own
	// limit holds, which is some minutes.
	Unacknowledged = 5 * time.Second
)

// connectTimeout bounds the wait for a host that does not answer, if the URL
// has no connect_timeout of its own.
const connectTimeout = 10 * time.Second

// Parse parses a URL or libpq's keywords. Its error does not say what is wrong:
// it may be logged, and any part of the text may be the password.
func Parse(url string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the database URL is not of the form postgres://USER:PASSWORD@HOST:PORT/DATABASE " +
			"(write %2F for a slash in the password, and so on)")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "pingr"
	}
	config.DialFunc = (&net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3},
		Control:         giveUpOnSilence,
	}).DialContext
	return config, nil
}

// Open returns a pool of at most conns connections with the limits. It does not
// connect yet.
func Open(config *pgx.ConnConfig, conns int) *sql.DB {
	db := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(limit))
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	db.SetConnMaxIdleTime(5 * time.Minute)
	return db
}

// OpenUnlimited returns a pool without limits for migrations, which may take
// long and wait for each other.
func OpenUnlimited(config *pgx.ConnConfig, conns int) *sql.DB {
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(conns)
	return db
}

// limit sets the limits of a new connection. It does so by a statement, because
// poolers refuse these settings at the start of a connection. Behind a pooler
// that shares connections (see docs/serve.md), other programs would get them.
func limit(ctx context.Context, conn *pgx.Conn) error {
	config := conn.Config()
	switch config.DefaultQueryExecMode {
	case pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol:
		return nil
	default:
	}
	var set strings.Builder
	for _, l := range []struct {
		name string
		time time.Duration
	}{
		{"idle_in_transaction_session_timeout", Idle},
		{"statement_timeout", Statement},
		{"lock_timeout", Lock},
	} {
		if _, own := config.RuntimeParams[l.name]; !own {
			fmt.Fprintf(&set, "SET %s = %d;", l.name, l.time.Milliseconds())
		}
	}
	if _, err := conn.PgConn().Exec(ctx, set.String()).ReadAll(); err != nil {
		return fmt.Errorf("limit the connection: %w", err)
	}
	return nil
}
