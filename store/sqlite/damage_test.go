package sqlite_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/store/sqlite"
)

const pageSize = 4096

// openLogged opens a store that logs.
func openLogged(t *testing.T, dir string) (*sqlite.Store, *bytes.Buffer) {
	t.Helper()
	var said bytes.Buffer
	s, err := sqlite.Open(t.Context(), sqlite.Config{Dir: dir, Log: slog.New(slog.NewTextHandler(&said, nil))})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s, &said
}

// overwrite puts bytes into a file, or ends it there.
func overwrite(t *testing.T, file string, at int64, content []byte) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	_, err = f.WriteAt(content, at)
	require.NoError(t, err)
}

func asides(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*.damaged-*Z"))
	require.NoError(t, err)
	return found
}

// No login depends on the delivery log.
func TestADeliveryLogThatCannotBeReadIsSetAside(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, file string){
		"overwritten": func(t *testing.T, file string) {
			overwrite(t, file, 0, []byte(strings.Repeat("not a database ", 2000)))
		},
		"cut short":      func(t *testing.T, file string) { require.NoError(t, os.Truncate(file, pageSize+7)) },
		"its first page": func(t *testing.T, file string) { overwrite(t, file, 0, make([]byte, pageSize)) },
		"its list of tables": func(t *testing.T, file string) {
			overwrite(t, file, 100, bytes.Repeat([]byte{0xa5}, pageSize-100))
		},
		"a directory in its place": func(t *testing.T, file string) {
			require.NoError(t, os.Remove(file))
			require.NoError(t, os.Mkdir(file, 0o700))
		},
		"with what was beside it": func(t *testing.T, file string) {
			overwrite(t, file, 0, make([]byte, pageSize))
			require.NoError(t, os.WriteFile(file+"-wal", []byte("old"), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			for i := range 300 {
				require.NoError(t, s.LogDelivery(t.Context(), benchDelivery(i)))
			}
			accept(t, s, benchFiring(1))
			require.NoError(t, s.Close())
			damage(t, filepath.Join(dir, "deliveries.db"))
			admin := openAdmin(t, dir) // leaves it to the engine
			require.NoError(t, admin.Check(t.Context(), now))
			require.NoError(t, admin.Close())
			assert.Empty(t, asides(t, dir))

			s, said := openLogged(t, dir)
			require.NoError(t, s.Check(t.Context(), now))
			known(t, s, benchFiring(1))
			live(t, s, benchFiring(2))
			require.NoError(t, s.LogDelivery(t.Context(), benchDelivery(1000)))
			rows, err := loggedRows(t, s)
			require.NoError(t, err)
			assert.Len(t, rows, 1, "it is begun afresh")
			require.NoError(t, s.Close())
			aside := asides(t, dir)
			require.Len(t, aside, 1, "and the old one is kept")
			assert.Contains(t, said.String(), filepath.Base(aside[0]))
			require.NoError(t, open(t, dir).Close())
			assert.Len(t, asides(t, dir), 1, "once")
		})
	}
}

// SQLite's files beside a database belong to it and to no other.
func TestSetAsideTakesEverythingAlong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.db")
	for _, part := range []string{"", "-wal", "-shm"} {
		require.NoError(t, os.WriteFile(file+part, []byte("of "+part), 0o600))
	}
	aside, err := sqlite.SetAside(file)
	require.NoError(t, err)
	for _, part := range []string{"", "-wal", "-shm"} {
		assert.NoFileExists(t, file+part)
		content, err := os.ReadFile(aside + part)
		require.NoError(t, err)
		assert.Equal(t, "of "+part, string(content))
	}
}

// If damage shows while the log is in use, no row that is logged then is lost.
func TestADeliveryLogThatBreaksInUse(t *testing.T) {
	for name, of := range map[string]string{
		"its table": "deliveries", "an index": "deliveries_status", "latencies": "latencies",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			for i := range 500 {
				require.NoError(t, s.LogDelivery(t.Context(), benchDelivery(i)))
			}
			_, err := loggedRows(t, s)
			require.NoError(t, err)
			pages := s.Leaves(t, "deliveries.db", of)
			require.NoError(t, s.Close())
			for _, page := range pages {
				overwrite(t, filepath.Join(dir, "deliveries.db"), (page-1)*pageSize, make([]byte, pageSize))
			}

			s, said := openLogged(t, dir)
			for i := range 100 {
				require.NoError(t, s.LogDelivery(t.Context(), benchDelivery(i)))
			}
			require.Eventually(t, func() bool {
				rows, err := loggedRows(t, s)
				return err == nil && len(rows) == 100
			}, eventually, tick)
			live(t, s, benchFiring(1))
			require.NoError(t, s.Close())
			assert.Len(t, asides(t, dir), 1)
			assert.Contains(t, said.String(), "set aside")
		})
	}
}

// Damage to a row of the delivery log is found even if nobody asks for the row.
func TestTheDeliveryLogIsReadThrough(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for i := range 500 {
		require.NoError(t, s.LogDelivery(t.Context(), benchDelivery(i)))
	}
	_, err := loggedRows(t, s)
	require.NoError(t, err)
	pages := s.Leaves(t, "deliveries.db", "deliveries")
	require.NoError(t, s.Close())
	overwrite(t, filepath.Join(dir, "deliveries.db"), (pages[0]-1)*pageSize, make([]byte, pageSize))
	open(t, dir)
	require.Eventually(t, func() bool { return len(asides(t, dir)) == 1 }, eventually, tick)
}

func TestADeliveryLogOfANewerPingrIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	require.NoError(t, s.ExecLog(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)`))
	require.NoError(t, s.Close())
	_, err := sqlite.Open(t.Context(), sqlite.Config{Dir: dir})
	require.ErrorContains(t, err, "newer pingr")
	assert.Empty(t, asides(t, dir))
}

// Damage is found where nobody looks, named, and reported to whoever meets it.
func TestDamageIsNamed(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for i := range int64(200) {
		accept(t, s, benchFiring(i))
	}
	pages := s.Leaves(t, "pingr.db", "message_keys")
	require.NoError(t, s.Close())
	overwrite(t, filepath.Join(dir, "pingr.db"), (pages[1]-1)*pageSize, make([]byte, pageSize))

	s, said := openLogged(t, dir)
	err := s.Check(t.Context(), now)
	var damage *sqlite.DamageError
	require.ErrorAs(t, err, &damage)
	assert.Equal(t, "pingr.db", damage.File)
	assert.ErrorContains(t, err, "table message_keys")
	assert.ErrorContains(t, err, fmt.Sprint("page ", pages[1]))
	assert.ErrorContains(t, err, "pingr repair")
	met := 0
	for i := range int64(200) {
		f := benchFiring(i)
		f.ID += "again"
		_, first, err := s.Accept(t.Context(), f, lease)
		assert.False(t, first, "what is known is never taken for new")
		if err != nil {
			require.ErrorAs(t, err, &damage)
			met++
		}
	}
	assert.Positive(t, met)
	require.ErrorAs(t, s.Backup(t.Context(), filepath.Join(t.TempDir(), "copy")), &damage)
	require.NoError(t, s.Close())
	assert.Contains(t, said.String(), "table message_keys")
	assert.Contains(t, said.String(), "pingr repair")

	require.ErrorAs(t, sqlite.CheckFile(t.Context(), filepath.Join(dir, "pingr.db")), &damage)
}

// Damage that an operation meets counts at once, although the file was whole when it was read through.
func TestDamageThatIsMetInUse(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for i := range int64(2000) {
		accept(t, s, benchFiring(i))
	}
	pages := s.Leaves(t, "pingr.db", "message_keys")
	require.NoError(t, s.Close())
	s = open(t, dir)
	require.NoError(t, s.Check(t.Context(), now))
	for _, page := range pages {
		overwrite(t, filepath.Join(dir, "pingr.db"), (page-1)*pageSize, make([]byte, pageSize))
	}
	var damage *sqlite.DamageError
	for i := int64(0); damage == nil && i < 2000; i++ {
		f := benchFiring(i)
		f.ID += "again"
		_, first, err := s.Accept(t.Context(), f, lease)
		require.False(t, first)
		if err != nil {
			require.ErrorAs(t, err, &damage)
		}
	}
	require.ErrorAs(t, s.Check(t.Context(), now), &damage)
}

// A check leaves the number of rows unchanged, and does not make the file grow.
func TestACheckLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	live(t, s, benchFiring(1))
	require.NoError(t, s.Check(t.Context(), now))
	tables := []string{"firings", "message_keys", "limits", "events", "counts", "sqlite_schema"}
	count := func() (rows []int64) {
		for _, table := range tables {
			n, err := s.Rows(t.Context(), table)
			require.NoError(t, err)
			rows = append(rows, n)
		}
		return rows
	}
	before, size := count(), s.Setting(t, "pingr.db", "page_count")
	for range 50 {
		require.NoError(t, s.Check(t.Context(), now))
	}
	assert.Equal(t, before, count())
	assert.Equal(t, size, s.Setting(t, "pingr.db", "page_count"))
}

// An acknowledged operation is on disk: every commit of pingr.db is synced, and the write-ahead log
// moves into the file as SQLite does it by itself.
func TestWhatIsAcknowledgedIsSynced(t *testing.T) {
	s := open(t, t.TempDir())
	for setting, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "wal_autocheckpoint": "1000", "secure_delete": "1",
	} {
		assert.Equal(t, want, s.Setting(t, "pingr.db", setting), setting)
	}
	assert.Equal(t, "1", s.Setting(t, "deliveries.db", "synchronous"), "the delivery log may lose its last rows")
}

// Everything in a damaged file is saved, except what was on the damaged pages.
func TestRepair(t *testing.T) {
	const n = 600
	for _, tt := range []struct {
		name   string
		tables []string // one page in five of each is damaged
		// lost is how many firings may be lost.
		lost int
	}{
		{"keys", []string{"message_keys"}, 0},
		{"firings", []string{"firings"}, n / 2},
		{"an index", []string{"sqlite_autoindex_firings_1", "firings_unfinished", "events_next"}, 0},
		{"limits, triggers and events", []string{"limits", "triggers", "events"}, 0},
		{"keys and firings", []string{"message_keys", "firings"}, n / 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			for i := range int64(n) {
				f := benchFiring(i)
				accept(t, s, f)
				d := benchDecision(f.ID)
				d.Limits = benchLimits(f.Message.Phone)
				d.Retry = &pingr.PendingEvent{Event: pingr.Event{ID: f.ID}, Account: "acc_1", Attempt: 1, Next: now}
				_, _, err := s.Decide(t.Context(), d)
				require.NoError(t, err)
				if i < 100 {
					save(t, s, fmt.Sprint("login ", i))
				}
			}
			var pages []int64
			for _, table := range tt.tables {
				for i, page := range s.Leaves(t, "pingr.db", table) {
					if i%5 == 2 || table == "triggers" && i == 0 {
						pages = append(pages, page)
					}
				}
			}
			require.NotEmpty(t, pages)
			var locked *sqlite.LockedError
			_, err := sqlite.Repair(t.Context(), dir)
			require.ErrorAs(t, err, &locked, "an engine uses it")
			require.NoError(t, s.Close())
			done, err := sqlite.Repair(t.Context(), dir)
			require.NoError(t, err)
			assert.Empty(t, done.Aside, "it is whole")
			file := filepath.Join(dir, "pingr.db")
			for _, page := range pages {
				overwrite(t, file, (page-1)*pageSize, bytes.Repeat([]byte{0xff}, pageSize))
			}

			done, err = sqlite.Repair(t.Context(), dir)
			require.NoError(t, err)
			for _, table := range done.Tables {
				t.Log(table)
			}
			assert.Equal(t, "message_keys", done.Tables[0].Table, "what keeps replies from being doubled comes first")
			assert.FileExists(t, done.Aside)
			require.NoError(t, sqlite.CheckFile(t.Context(), file))
			s = open(t, dir)
			require.NoError(t, s.Check(t.Context(), now))
			firings, err := s.Rows(t.Context(), "firings")
			require.NoError(t, err)
			assert.GreaterOrEqual(t, int(firings), n-tt.lost)
			unknown := 0
			for i := range int64(n) {
				f := benchFiring(i)
				f.ID += "again"
				_, first, err := s.Accept(t.Context(), f, lease)
				require.NoError(t, err)
				if first {
					unknown++
				}
			}
			if len(tt.tables) == 1 || tt.lost == 0 {
				assert.Zero(t, unknown, "each message is known, by its key or its firing")
			}
			assert.Less(t, unknown, n/4)
			live(t, s, benchFiring(1_000_000))
		})
	}
}

// Whichever page is lost, including the first and those of the list of tables, most of the data is
// saved.
func TestRepairOfEveryPage(t *testing.T) {
	const n, triggers = 200, 60
	dir := t.TempDir()
	s := open(t, dir)
	for i := range int64(n) {
		live(t, s, benchFiring(i))
	}
	for i := range triggers {
		save(t, s, fmt.Sprint("login ", i))
	}
	require.NoError(t, s.Close())
	whole, err := os.ReadFile(filepath.Join(dir, "pingr.db"))
	require.NoError(t, err)
	for page := range len(whole) / pageSize {
		dir := t.TempDir()
		damaged := bytes.Clone(whole)
		clear(damaged[page*pageSize:][:pageSize])
		require.NoError(t, os.WriteFile(filepath.Join(dir, "pingr.db"), damaged, 0o600))
		done, err := sqlite.Repair(t.Context(), dir)
		require.NoError(t, err, "page %d", page+1)
		if done.Aside == "" {
			assert.Equal(t, whole, damaged, "page %d", page+1)
			continue
		}
		rows := map[string]int{}
		gone := 0
		for _, table := range done.Tables {
			rows[table.Table] = table.Rows
			if table.Incomplete {
				gone++
			}
		}
		what := fmt.Sprintf("page %d, %v: %v", page+1, done.Damage, done.Tables)
		assert.LessOrEqual(t, gone, 1, what)
		s := open(t, dir)
		require.NoError(t, s.Check(t.Context(), now))
		if rows["firings"] == n || rows["message_keys"] == 2*n {
			known(t, s, benchFiring(0))
			known(t, s, benchFiring(n/2))
		}
		assert.GreaterOrEqual(t, rows["firings"]+rows["message_keys"]/2, n, what)
		live(t, s, benchFiring(n))
		require.NoError(t, s.Close())
	}
}

func TestRepairWhereNothingCanBeRead(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "pingr.db")
	require.NoError(t, os.WriteFile(file, []byte(strings.Repeat("not a database ", 1000)), 0o600))
	_, err := sqlite.Repair(t.Context(), dir)
	require.ErrorContains(t, err, "restore a backup")
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, f := range files {
		assert.NotContains(t, f.Name(), "repaired")
	}
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Contains(t, string(content), "not a database", "it is as it was")
}
