package whatsapp

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A parseCounter counts how many statements the driver parses.
type parseCounter struct {
	driver.Connector
	parsed int
}

type countingConn struct {
	sqliteConn
	counter *parseCounter
}

func (c *parseCounter) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return countingConn{conn.(sqliteConn), c}, nil
}

func (c countingConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	c.counter.parsed++
	return c.sqliteConn.PrepareContext(ctx, query)
}

// countParses opens a database with one connection and a table of five rows.
func countParses(t *testing.T) (*sql.DB, *parseCounter) {
	t.Helper()
	base, err := newConnector("file:" + filepath.Join(t.TempDir(), "x.db"))
	require.NoError(t, err)
	counter := &parseCounter{Connector: base.(connector).Connector}
	db := sql.OpenDB(connector{counter})
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	_, err = db.Exec(`CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1), (2), (3), (4), (5)`)
	require.NoError(t, err)
	counter.parsed = 0
	return db, counter
}

func TestStatementsAreParsedOnce(t *testing.T) {
	db, counter := countParses(t)
	for i := range 10 {
		_, err := db.Exec(`INSERT INTO t VALUES (?)`, i)
		require.NoError(t, err)
		var n int
		require.NoError(t, db.QueryRow(`SELECT count(*) FROM t WHERE n >= ?`, 0).Scan(&n))
		assert.Equal(t, 6+i, n)
	}
	assert.Equal(t, 2, counter.parsed)
}

// While rows of a statement are read, its text runs again beside it.
func TestStatementInsideItsOwnRows(t *testing.T) {
	db, counter := countParses(t)
	tx, err := db.Begin()
	require.NoError(t, err)
	defer func() { _ = tx.Rollback() }()
	const query = `SELECT n FROM t WHERE n <= ? ORDER BY n`
	read := func(most int, each func(n int)) {
		t.Helper()
		rows, err := tx.Query(query, most)
		require.NoError(t, err)
		defer rows.Close()
		for rows.Next() {
			var n int
			require.NoError(t, rows.Scan(&n))
			each(n)
		}
		require.NoError(t, rows.Err())
	}
	for range 2 {
		var seen []string
		read(3, func(n int) {
			read(n, func(m int) { seen = append(seen, fmt.Sprint(n, "/", m)) })
		})
		assert.Equal(t, []string{"1/1", "2/1", "2/2", "3/1", "3/2", "3/3"}, seen)
	}
	assert.LessOrEqual(t, counter.parsed, 1+2*3, "one, and one beside it for each row")
}

func TestStatementsThatAreKeptAreBounded(t *testing.T) {
	db, counter := countParses(t)
	for round := range 2 {
		for i := range 3 * maxKept {
			var n int
			require.NoError(t, db.QueryRow(fmt.Sprintf(`SELECT %d`, i)).Scan(&n))
			assert.Equal(t, i, n, round)
		}
	}
	assert.Equal(t, 2*3*maxKept, counter.parsed)
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.Raw(func(c any) error {
		assert.LessOrEqual(t, len(c.(*keepingConn).kept), maxKept)
		return nil
	}))
}

func TestKeptStatementAfterAnErrorOrAnotherSchema(t *testing.T) {
	db, counter := countParses(t)
	_, err := db.Exec(`CREATE UNIQUE INDEX once ON t (n)`)
	require.NoError(t, err)
	const insert, columns = `INSERT INTO t (n) VALUES (?)`, `SELECT * FROM t WHERE n = 1`
	for range 2 {
		_, err = db.Exec(insert, 1)
		require.ErrorContains(t, err, "UNIQUE")
	}
	_, err = db.Exec(insert, 6)
	require.NoError(t, err)
	width := func() int {
		rows, err := db.Query(columns)
		require.NoError(t, err)
		defer rows.Close()
		names, err := rows.Columns()
		require.NoError(t, err)
		require.True(t, rows.Next())
		require.NoError(t, rows.Err())
		return len(names)
	}
	assert.Equal(t, 1, width())
	counter.parsed = 0
	_, err = db.Exec(`ALTER TABLE t ADD COLUMN m INTEGER`)
	require.NoError(t, err)
	assert.Equal(t, 2, width())
	_, err = db.Exec(insert, 7)
	require.NoError(t, err)
	assert.Equal(t, 1, counter.parsed, "the change of the schema alone")
}
