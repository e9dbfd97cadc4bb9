package sqlite_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/store/sqlite"
)

const (
	eventually = 20 * time.Second
	tick       = 50 * time.Millisecond
)

// anywhere reports whether the bytes are in any file of the directory.
func anywhere(t *testing.T, dir, secret string) bool {
	t.Helper()
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, f := range files {
		content, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err == nil && bytes.Contains(content, []byte(secret)) {
			return true
		}
	}
	return false
}

func TestErasedTextsAreGoneFromTheFiles(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	const secret = "S3CR3T-"
	texts := []string{secret + "short", secret + strings.Repeat("long ", 20_000) + secret}
	for i := range int64(300) {
		f := benchFiring(i)
		f.Message.Text = texts[i%2]
		accept(t, s, f)
		d := benchDecision(f.ID)
		d.Text = secret + "reply"
		d.Retry = &pingr.PendingEvent{
			Event:   pingr.Event{ID: f.ID, Message: &pingr.EventMessage{Text: texts[i%2]}},
			Account: "acc_1", Attempt: 1, Next: now,
		}
		_, _, err := s.Decide(t.Context(), d)
		require.NoError(t, err)
	}
	require.True(t, anywhere(t, dir, secret), "the test can see what is there")
	for i := range int64(300) {
		f := benchFiring(i)
		require.NoError(t, s.Finish(t.Context(), pingr.Outcome{Firing: f.ID, At: now, Kind: pingr.Replied}))
		require.NoError(t, s.Delivered(t.Context(), f.ID))
	}
	assert.Eventually(t, func() bool { return !anywhere(t, dir, secret) }, eventually, tick)
}

func TestFilesAreForThisUserAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no modes there")
	}
	dir := filepath.Join(t.TempDir(), "new", "data")
	s := open(t, dir)
	live(t, s, benchFiring(1))
	info, err := os.Stat(dir)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, f := range files {
		info, err := f.Info()
		require.NoError(t, err)
		assert.Zero(t, info.Mode().Perm()&0o077, f.Name())
	}
	require.NoError(t, s.Backup(t.Context(), filepath.Join(dir, "copy")))
	info, err = os.Stat(filepath.Join(dir, "copy"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestOddDirectoryNames(t *testing.T) {
	for _, name := range []string{"with space", "q?a=b&c", "100%", "#1", "ü", "a;b"} {
		dir := filepath.Join(t.TempDir(), name)
		live(t, open(t, dir), benchFiring(1))
		_, err := os.Stat(filepath.Join(dir, "pingr.db"))
		assert.NoError(t, err)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	_, err := sqlite.Open(t.Context(), sqlite.Config{})
	require.ErrorContains(t, err, "Dir is required")

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = sqlite.Open(t.Context(), sqlite.Config{Dir: file})
	require.Error(t, err)

	dir := t.TempDir()
	other := []byte(strings.Repeat("not a database ", 1000))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "pingr.db"), other, 0o600))
	_, err = sqlite.Open(t.Context(), sqlite.Config{Dir: dir})
	require.ErrorContains(t, err, "pingr.db")
	require.NoError(t, os.Remove(filepath.Join(dir, "pingr.db")))
	open(t, dir) // the failure left no lock

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = sqlite.Open(ctx, sqlite.Config{Dir: t.TempDir()})
	require.ErrorIs(t, err, context.Canceled)
}

func TestTablesOfANewerProgram(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	require.NoError(t, s.Exec(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)`))
	require.NoError(t, s.Close())
	_, err := sqlite.Open(t.Context(), sqlite.Config{Dir: dir})
	require.ErrorContains(t, err, "use the newer pingr")
}

func TestBackupWhileWriting(t *testing.T) {
	s := open(t, t.TempDir())
	for i := range int64(200) {
		accept(t, s, benchFiring(i))
	}
	stop, stopped := make(chan struct{}), make(chan error)
	go func() {
		var err error
		for i := int64(200); err == nil; i++ {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
				err = lives(s, benchFiring(i))
			}
		}
		stopped <- err
	}()
	restored := t.TempDir()
	file := filepath.Join(restored, "pingr.db")
	require.NoError(t, s.Backup(t.Context(), file))
	close(stop)
	require.NoError(t, <-stopped)
	require.Error(t, s.Backup(t.Context(), file), "nothing is overwritten")

	s = open(t, restored)
	for i := range int64(200) {
		known(t, s, benchFiring(i))
	}
	finished, err := s.Rows(t.Context(), "firings WHERE state = 'decided' AND reply IS NULL")
	require.NoError(t, err)
	assert.Zero(t, finished, "each firing is whole")
	live(t, s, benchFiring(1_000_000))
}

func TestBackupOfAClosedStore(t *testing.T) {
	s := open(t, t.TempDir())
	require.NoError(t, s.Close())
	file := filepath.Join(t.TempDir(), "copy")
	require.Error(t, s.Backup(t.Context(), file))
	_, err := os.Stat(file)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// A million numbers in cooldown live in the file, not in memory.
func TestMillionCooldowns(t *testing.T) {
	n := 1_000_000
	if testing.Short() || raceEnabled {
		n = 100_000
	}
	s := open(t, t.TempDir())
	require.NoError(t, s.Reserve(t.Context(), now, benchLimits("warm")...))
	before := resident(t)
	const step = 10_000
	for i := 0; i < n; i += step {
		limits := make([]pingr.Limit, step)
		for j := range limits {
			limits[j] = benchLimits(fmt.Sprintf("91%010d", i+j))[0]
		}
		require.NoError(t, s.Reserve(t.Context(), now, limits...))
	}
	var limit *pingr.LimitError
	require.ErrorAs(t, s.Reserve(t.Context(), now, benchLimits(fmt.Sprintf("91%010d", n/2))...), &limit)
	assert.Less(t, resident(t)-before, int64(100<<20), "bytes for %d cooldowns", n)

	gone, err := s.Purge(t.Context(), now.Add(time.Minute+1e6), now, now)
	require.NoError(t, err)
	assert.Equal(t, n+1, gone)
	require.NoError(t, s.Reserve(t.Context(), now, benchLimits(fmt.Sprintf("91%010d", n/2))...))
}

// resident returns the memory of this process in bytes, including SQLite's heap, or 0 if the system
// does not report it.
func resident(t *testing.T) int64 {
	t.Helper()
	runtime.GC()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, pages int64
	_, err = fmt.Sscan(string(text), &size, &pages)
	require.NoError(t, err)
	return pages * int64(os.Getpagesize())
}
