// Package pgtest runs a PostgreSQL server of a test's own, on loopback, from
// Debian's package postgresql.
package pgtest

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver
	"github.com/stretchr/testify/require"
)

// Require is the variable that, set to "require", makes tests fail where no
// PostgreSQL is installed, instead of being skipped: make sets it.
const Require = "PINGR_TEST_POSTGRES"

// A Server is a running server. It ends with the test.
type Server struct {
	bin, dir string
	port     int
	args     []string
	schemas  atomic.Int64
	admin    *sql.DB
}

// New starts a server; args are further ones of the program postgres, such as
// "-c", "fsync=off".
func New(tb testing.TB, args ...string) *Server {
	tb.Helper()
	bin := find(tb)
	dir, err := os.MkdirTemp("", "pgtest")
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(tb, giveAway(dir))
	s := &Server{bin: bin, dir: filepath.Join(dir, "data"), args: args}
	out, err := s.command(tb.Context(), "initdb", "-D", s.dir, "-U", "pingr", "-A", "trust", "--no-sync", "-E", "UTF8",
		"--locale=C.UTF-8").CombinedOutput()
	require.NoError(tb, err, "initdb: %s", out)
	for try := 1; ; try++ {
		s.port = freePort(tb)
		if err = s.start(); err == nil {
			break
		}
		require.Less(tb, try, 5, "%v", err) // somebody else may have taken the port in between
	}
	s.admin, err = sql.Open("pgx", s.url(""))
	require.NoError(tb, err)
	tb.Cleanup(func() {
		_ = s.admin.Close()
		_ = s.command(context.Background(), "pg_ctl", "-D", s.dir, "-m", "immediate", "-w", "stop").Run()
	})
	return s
}

// find is the directory of PostgreSQL's programs.
func find(tb testing.TB) string {
	tb.Helper()
	if dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres"); len(dirs) > 0 {
		return filepath.Dir(dirs[len(dirs)-1])
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(path)
	}
	const missing = "no PostgreSQL server here: install the package postgresql (Debian: sudo apt-get install postgresql)"
	if os.Getenv(Require) == "require" {
		tb.Fatal(missing)
	}
	tb.Skip(missing)
	return ""
}

func freePort(tb testing.TB) int {
	tb.Helper()
	l, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // a TCP listener has one
}

// Start starts a server that was stopped, and waits until it answers.
func (s *Server) Start(tb testing.TB) {
	tb.Helper()
	require.NoError(tb, s.start())
}

func (s *Server) start() error {
	options := strings.Join(append([]string{
		"-p", strconv.Itoa(s.port), "-c listen_addresses=127.0.0.1 -c unix_socket_directories=",
	}, s.args...), " ")
	log := filepath.Join(filepath.Dir(s.dir), "log")
	out, err := s.command(context.Background(), "pg_ctl", "-D", s.dir, "-l", log, "-w", "-o", options,
		"start").CombinedOutput()
	if err != nil {
		said, _ := os.ReadFile(log)
		return fmt.Errorf("start PostgreSQL: %w: %s\n%s", err, out, said)
	}
	return nil
}

// Stop kills the server without warning, as a crash of its host would.
func (s *Server) Stop(tb testing.TB) {
	tb.Helper()
	out, err := s.command(context.Background(), "pg_ctl", "-D", s.dir, "-m", "immediate", "-w", "stop").CombinedOutput()
	require.NoError(tb, err, "stop PostgreSQL: %s", out)
}

// Disconnect ends all connections but its own, and reports how many.
func (s *Server) Disconnect(tb testing.TB) int {
	tb.Helper()
	n := 0
	err := s.admin.QueryRowContext(tb.Context(), `
		SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'`).Scan(&n)
	require.NoError(tb, err)
	return n
}

// URL makes an empty schema and names it as a database of its own.
func (s *Server) URL(tb testing.TB) string {
	tb.Helper()
	schema := fmt.Sprintf("test_%d", s.schemas.Add(1))
	_, err := s.admin.ExecContext(tb.Context(), "CREATE SCHEMA "+schema)
	require.NoError(tb, err)
	return s.url(schema)
}

// Schema makes an empty schema in the database that url names, and returns the
// URL with that schema. It is for programs that a test runs.
func Schema(tb testing.TB, url string) string {
	tb.Helper()
	db, err := sql.Open("pgx", url)
	require.NoError(tb, err)
	defer db.Close()
	var schema string
	require.NoError(tb, db.QueryRowContext(tb.Context(), `SELECT 'test_' || replace(gen_random_uuid()::text, '-', '')`).
		Scan(&schema))
	_, err = db.ExecContext(tb.Context(), "CREATE SCHEMA "+schema)
	require.NoError(tb, err)
	base, _, _ := strings.Cut(url, "&search_path=")
	return base + "&search_path=" + schema
}

func (s *Server) url(schema string) string {
	u := url.URL{
		Scheme: "postgres", User: url.User("pingr"), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path:     "/postgres",
		RawQuery: url.Values{"sslmode": {"disable"}}.Encode(),
	}
	if schema != "" {
		u.RawQuery += "&search_path=" + schema
	}
	return u.String()
}

// command runs one of PostgreSQL's programs, as another user where we are root,
// whom they refuse. Its output is a file's or a buffer's, never a pipe that a
// server would hold open.
func (s *Server) command(ctx context.Context, name string, args ...string) *command {
	c := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...) //nolint:gosec // PostgreSQL's own
	c.Dir = filepath.Dir(s.dir)
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	c.WaitDelay = time.Second
	asOther(c)
	return &command{c}
}

type command struct{ *exec.Cmd }

// CombinedOutput is exec's, by way of a file.
func (c *command) CombinedOutput() ([]byte, error) {
	f, err := os.CreateTemp("", "pgtest")
	if err != nil {
		return nil, err
	}
	defer func() {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}()
	c.Stdout, c.Stderr = f, f
	err = c.Run()
	said, _ := os.ReadFile(f.Name())
	return bytes.TrimSpace(said), err
}
