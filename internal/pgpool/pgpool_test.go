package pgpool_test

import (
	"net"
	"testing"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/internal/pgpool"
	"github.com/heypingr/pingr/internal/pgtest"
)

func TestEveryConnectionHasItsLimits(t *testing.T) {
	url := pgtest.New(t, "-c", "fsync=off").URL(t)
	usual := map[string]string{
		"idle_in_transaction_session_timeout": "3s", "statement_timeout": "5s", "lock_timeout": "2s",
	}
	for _, c := range []struct {
		name, add string
		want      map[string]string
	}{
		{"as usual", "", usual},
		{"with one of its own", "&lock_timeout=7s", map[string]string{
			"idle_in_transaction_session_timeout": "3s", "statement_timeout": "5s", "lock_timeout": "7s",
		}},
		{"behind a pooler that shares connections", "&default_query_exec_mode=exec", map[string]string{
			"idle_in_transaction_session_timeout": "0", "statement_timeout": "0", "lock_timeout": "0",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			config, err := pgpool.Parse(url + c.add)
			require.NoError(t, err)
			db := pgpool.Open(config, 2)
			defer db.Close()
			for range 2 { // each is held, so the next is a new one
				conn, err := db.Conn(t.Context())
				require.NoError(t, err)
				defer conn.Close()
				for name, want := range c.want {
					var got string
					require.NoError(t, conn.QueryRowContext(t.Context(), "SHOW "+name).Scan(&got))
					assert.Equal(t, want, got, name)
				}
			}
		})
	}
}

// A cable is pulled: what was sent is never acknowledged.
func TestSilenceEndsAConnection(t *testing.T) {
	config, err := pgpool.Parse(pgtest.New(t, "-c", "fsync=off").URL(t))
	require.NoError(t, err)
	db := pgpool.Open(config, 1)
	defer db.Close()
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.Raw(func(driver any) error {
		tcp, ok := driver.(*stdlib.Conn).Conn().PgConn().Conn().(*net.TCPConn)
		require.True(t, ok)
		givesUpAfter(t, tcp, pgpool.Unacknowledged)
		return nil
	}))
}

func TestMigrationsHaveNoLimits(t *testing.T) {
	config, err := pgpool.Parse(pgtest.New(t, "-c", "fsync=off").URL(t))
	require.NoError(t, err)
	db := pgpool.OpenUnlimited(config, 2)
	defer db.Close()
	for _, name := range []string{"idle_in_transaction_session_timeout", "statement_timeout", "lock_timeout"} {
		var got string
		require.NoError(t, db.QueryRowContext(t.Context(), "SHOW "+name).Scan(&got))
		assert.Equal(t, "0", got, name)
	}
}
