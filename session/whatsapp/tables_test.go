package whatsapp

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/internal/pgtest"
	"github.com/heypingr/pingr/store/postgres"
)

// With this variable the tests of the keys run on PostgreSQL: its value is the
// URL of a server's database.
const testKeys = "PINGR_TEST_KEYS"

// onPostgres are the tests that must pass on PostgreSQL too. Others test the
// file itself, or nothing that is kept.
const onPostgres = "^(TestSendsAndDecryptionsOfOne.*|TestSent.*|TestSealedSend.*|TestFailedDecryption.*|" +
	"TestDecrypt.*|TestDatabase.*|TestNewKeysOf.*|TestSessionsByNumber.*|TestWhat.*|TestChanges.*|TestCache.*|" +
	"TestErased.*|TestOld.*|TestMissed.*|TestNothingIsKept.*|TestSending.*|TestSession|TestRestart.*)$"

// The tests of the keys hold in PostgreSQL too: the test program runs itself.
func TestOnPostgres(t *testing.T) {
	if os.Getenv(testKeys) != "" {
		t.Skip("this is on PostgreSQL already")
	}
	server := pgtest.New(t, "-c", "fsync=off", "-c", "max_connections=300")
	self, err := os.Executable()
	require.NoError(t, err)
	child := exec.CommandContext(t.Context(), self, "-test.v", "-test.run", onPostgres)
	child.Env = append(os.Environ(), testKeys+"="+server.URL(t))
	out, err := child.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Greater(t, strings.Count(string(out), "--- PASS"), 40, "so many tests ran:\n%s", out)
}

// tables makes the tables for one test, and returns the URL, or "" if the tests
// run on files.
func tables(t *testing.T) string {
	t.Helper()
	server := os.Getenv(testKeys)
	if server == "" {
		return ""
	}
	url := pgtest.Schema(t, server)
	store, err := postgres.Open(t.Context(), postgres.Config{URL: url, MaxConns: 1})
	require.NoError(t, err)
	require.NoError(t, store.Close())
	return url
}

// onFile skips a test that is about the file.
func onFile(t *testing.T) {
	t.Helper()
	if os.Getenv(testKeys) != "" {
		t.Skip("this is about whatsapp.db")
	}
}

func testRing(t *testing.T) *Keyring {
	t.Helper()
	ring, err := ParseKeyring(NewSealingKey())
	require.NoError(t, err)
	return ring
}
