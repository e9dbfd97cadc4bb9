package postgres

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// HoldStart holds the lock of processes that start until release is called.
func (s *Store) HoldStart(t *testing.T) (release func()) {
	t.Helper()
	conn, err := s.db.Conn(t.Context())
	require.NoError(t, err)
	_, err = conn.ExecContext(t.Context(), `SELECT pg_advisory_lock($1)`, int64(startLock))
	require.NoError(t, err)
	return func() {
		_, err := conn.ExecContext(t.Context(), `SELECT pg_advisory_unlock($1)`, int64(startLock))
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
}

// WaitsForStart returns for how long somebody has waited for that lock.
func (s *Store) WaitsForStart(t *testing.T) time.Duration {
	t.Helper()
	var ms int64
	require.NoError(t, s.db.QueryRowContext(t.Context(), `
		SELECT coalesce(max(extract(epoch FROM clock_timestamp() - query_start) * 1000), 0)::bigint
		FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND wait_event = 'advisory'`).Scan(&ms))
	return time.Duration(ms) * time.Millisecond
}

// Exec runs a statement.
func (s *Store) Exec(t *testing.T, query string) {
	t.Helper()
	_, err := s.db.ExecContext(t.Context(), query)
	require.NoError(t, err)
}

// Begin begins a transaction with a statement. It ends when end is called.
func (s *Store) Begin(t *testing.T, query string, args ...any) (end func() error) {
	t.Helper()
	tx, err := s.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), query, args...)
	require.NoError(t, err)
	return tx.Commit
}

// Listens reports whether somebody waits for sessions that become free.
func (s *Store) Listens(t *testing.T) (does bool) {
	t.Helper()
	require.NoError(t, s.db.QueryRowContext(t.Context(), `
		SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE query = 'LISTEN pingr_leases' AND state = 'idle')`).Scan(&does))
	return does
}
