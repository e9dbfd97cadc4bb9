package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/store/internal/sqlstore"
)

// Processes that share a database share its sessions by leases. A node is one
// such process. It beats; who has not done so for a while is dead, and the
// others claim its sessions. Only the server's clock counts.
const (
	// Beats is how often a node should call [Store.Beat].
	Beats = 2 * time.Second
	// DeadAfter is the age of the last beat at which others take a node's sessions.
	DeadAfter = 8 * time.Second
	// beatTimeout bounds a beat.
	beatTimeout = 1500 * time.Millisecond
	// forgetNodes is how long dead nodes are shown.
	forgetNodes = 24 * time.Hour
)

// ErrDead means that a node is dead to the others, which may have claimed its
// sessions. It must let go of them all, and join under another id.
var ErrDead = errors.New("this node was taken for dead")

// A Node is a process that shares the database's sessions with others.
type Node struct {
	// ID is that of an [Incarnation], and is used once.
	ID string
	// Address is where other nodes reach it.
	Address string
	// Version is the program's.
	Version string
}

// A Lease is the right to serve a session. Its epoch is another one each time
// that it changes hands.
type Lease struct {
	Session string
	Epoch   int64
}

// Incarnation returns the id of a node that joins for the nth time.
func Incarnation(name string, n int) string { return fmt.Sprintf("%s.%d", name, n) }

// ApplicationName returns the name under which a node must connect to the
// database, so that others can end its connections when it is dead. All of its
// incarnations have the same name.
func ApplicationName(name string) string { return "pingr/" + name }

// Join adds a node, which is alive from now on. Sessions that have no lease yet
// get one that is nobody's.
func (s *Store) Join(ctx context.Context, n Node) error {
	_, err := s.db.ExecContext(ctx, `
		INSERT INTO nodes (id, address, version, seen_at, state) VALUES ($1, $2, $3, clock_timestamp(), 'alive')`,
		n.ID, n.Address, n.Version)
	if err != nil {
		return fmt.Errorf("join the nodes: %w", err)
	}
	_, err = s.db.ExecContext(ctx, `INSERT INTO leases (session) SELECT id FROM sessions ON CONFLICT DO NOTHING`)
	if err != nil {
		return fmt.Errorf("join the nodes: %w", err)
	}
	return nil
}

// Beat says that a node is alive, declares others dead that are not, claims
// what is nobody's up to the node's share, and returns all leases of the node.
// It returns [ErrDead] if the others took the node for dead.
func (s *Store) Beat(ctx context.Context, node string) ([]Lease, error) {
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	conn, err := s.beats.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("beat: %w", err)
	}
	defer conn.Close()
	leases, err := beat(ctx, conn, node)
	if err != nil {
		return nil, fmt.Errorf("beat: %w", err)
	}
	return leases, nil
}

func beat(ctx context.Context, conn *sql.Conn, node string) ([]Lease, error) {
	result, err := conn.ExecContext(ctx, `
		UPDATE nodes SET seen_at = clock_timestamp() WHERE id = $1 AND state <> 'dead'`, node)
	if err != nil {
		return nil, err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return nil, errors.Join(err, ErrDead)
	}
	if err := bury(ctx, conn); err != nil {
		return nil, err
	}
	if err := claimFree(ctx, conn, node); err != nil {
		return nil, err
	}
	rows, err := conn.QueryContext(ctx, `SELECT session, epoch FROM leases WHERE node = $1 ORDER BY session`, node)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var leases []Lease
	for rows.Next() {
		var l Lease
		if err := rows.Scan(&l.Session, &l.Epoch); err != nil {
			return nil, err
		}
		leases = append(leases, l)
	}
	return leases, rows.Err()
}

// bury declares nodes dead, and ends what they have connected: a process that
// is paused inside a transaction would keep the rows that the transaction
// locked. Behind a pooler the connections are the pooler's. The limits of
// internal/pgpool then end the transaction some seconds later.
func bury(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, `
		WITH silent AS (
			SELECT id FROM nodes WHERE state <> 'dead' AND seen_at < clock_timestamp() - make_interval(secs => $1)
			FOR UPDATE SKIP LOCKED
		), dead AS (
			UPDATE nodes SET state = 'dead' WHERE id IN (SELECT id FROM silent) RETURNING id
		)
		SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE datname = current_database() AND usename = current_user
			AND application_name IN (SELECT $2 || split_part(id, '.', 1) FROM dead)`, DeadAfter.Seconds(), ApplicationName(""))
	if err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, `
		DELETE FROM nodes WHERE state = 'dead' AND seen_at < clock_timestamp() - make_interval(secs => $1)`,
		forgetNodes.Seconds())
	return err
}

// claimFree claims what is nobody's or a dead node's, up to the node's share.
// Firings that a dead node was at work on need not wait for their own leases to
// end. Those of a node that let go are still its work.
func claimFree(ctx context.Context, conn *sql.Conn, node string) error {
	_, err := conn.ExecContext(ctx, `
		WITH share AS (
			SELECT ceil(count(*)::numeric / greatest((SELECT count(*) FROM nodes WHERE state = 'alive'), 1))
				- count(*) FILTER (WHERE node = $1) AS open
			FROM leases
		), free AS (
			SELECT leases.session, nodes.id IS NOT NULL AS widowed
			FROM leases LEFT JOIN nodes ON nodes.id = leases.node
			WHERE (nodes.id IS NULL OR nodes.state = 'dead')
				AND EXISTS (SELECT 1 FROM nodes WHERE id = $1 AND state = 'alive')
			ORDER BY leases.session LIMIT greatest((SELECT open FROM share), 0)
			FOR UPDATE OF leases SKIP LOCKED
		), claimed AS (
			UPDATE leases SET node = $1, epoch = nextval('lease_epochs'), since = clock_timestamp()
			FROM free WHERE leases.session = free.session
			RETURNING leases.session, free.widowed
		)
		UPDATE firings SET lease_until = 0
		WHERE done_at IS NULL AND holder <> '' AND session IN (SELECT session FROM claimed WHERE widowed)`, node)
	return err
}

// Free gives up a lease, if it is still the node's. Anybody may claim it, and
// hears of it at once: see [Store.Freed].
func (s *Store) Free(ctx context.Context, node string, l Lease) error {
	_, err := s.db.ExecContext(ctx, `
		WITH freed AS (
			UPDATE leases SET node = NULL, epoch = nextval('lease_epochs'), since = clock_timestamp()
			WHERE session = $1 AND epoch = $2 AND node = $3 RETURNING session
		)
		SELECT pg_notify('pingr_leases', '') FROM freed`, l.Session, l.Epoch, node)
	if err != nil {
		return fmt.Errorf("free a session: %w", err)
	}
	return nil
}

// listenAgain is the pause before a broken connection that listens is replaced.
const listenAgain = time.Second

// Freed calls f whenever a session may have become free, until ctx ends, so that
// nobody has to wait for the next beat. While the database is away, or behind a
// pooler that knows no LISTEN, it does nothing, and the beats find the same.
func (s *Store) Freed(ctx context.Context, f func()) {
	for ctx.Err() == nil {
		_ = s.listen(ctx, f) // a beat reports what is wrong
		select {
		case <-time.After(listenAgain):
		case <-ctx.Done():
		}
	}
}

func (s *Store) listen(ctx context.Context, f func()) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(driver any) error {
		raw := driver.(*stdlib.Conn).Conn()         //nolint:forcetypeassert // pgpool's driver
		defer raw.Close(context.WithoutCancel(ctx)) // nobody else shall get one that listens
		if _, err := raw.Exec(ctx, `LISTEN pingr_leases`); err != nil {
			return err
		}
		for {
			if _, err := raw.WaitForNotification(ctx); err != nil {
				return err
			}
			f()
		}
	})
}

// Drain makes a node claim no more sessions.
func (s *Store) Drain(ctx context.Context, node string) error {
	return s.setState(ctx, node, "draining")
}

// Leave ends a node. What it has not released is free from now on.
func (s *Store) Leave(ctx context.Context, node string) error { return s.setState(ctx, node, "dead") }

func (s *Store) setState(ctx context.Context, node, state string) error {
	_, err := s.db.ExecContext(ctx, `UPDATE nodes SET state = $2 WHERE id = $1 AND state <> 'dead'`, node, state)
	if err != nil {
		return fmt.Errorf("set the state of a node: %w", err)
	}
	return nil
}

// SaveOwnSession is SaveSession for the holder of a lease. If the session's
// lease has another epoch, it saves nothing, and the error has the code PF001.
func (s *Store) SaveOwnSession(ctx context.Context, r pingr.SessionRecord, epoch int64) error {
	return s.SaveSessionAfter(ctx, r, func(tx sqlstore.Tx) error {
		return tx.Query(`SELECT pingr_fence($1, $2)`, func(sqlstore.Row) error { return nil }, r.ID, epoch)
	})
}
