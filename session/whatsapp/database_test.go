package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"modernc.org/sqlite"

	"github.com/heypingr/pingr"
)

// What is wrong with one number's keys is that number's; a database that is busy
// or out of reach is nobody's logout.
func TestIsDamage(t *testing.T) {
	fails := func(prepare func(*database, string)) error {
		t.Helper()
		dir := t.TempDir()
		db, err := openDatabase(t.Context(), dir)
		require.NoError(t, err)
		defer db.close()
		db.sql.SetMaxOpenConns(1)
		prepare(db, filepath.Join(dir, "whatsapp.db"))
		_, err = db.keys.GetAllDevices(t.Context())
		if err == nil {
			err = db.probe(t.Context(), time.Now())
		}
		require.Error(t, err)
		var broken *sqlite.Error
		require.ErrorAs(t, err, &broken)
		assert.Equal(t, broken, unnamed(err))
		return fmt.Errorf("the row of the device cannot be read: %w", unnamed(err))
	}
	overwrite := func(at int64) func(*database, string) {
		return func(db *database, file string) {
			_, err := db.sql.Exec("PRAGMA wal_checkpoint(TRUNCATE)")
			require.NoError(t, err)
			info, err := os.Stat(file)
			require.NoError(t, err)
			f, err := os.OpenFile(file, os.O_RDWR, 0)
			require.NoError(t, err)
			defer f.Close()
			noise := make([]byte, info.Size()-at)
			for i := range noise {
				noise[i] = 0xA5
			}
			_, err = f.WriteAt(noise, at)
			require.NoError(t, err)
			db.sql.SetMaxIdleConns(0) // what comes next opens the file again
		}
	}
	exec := func(query string) func(*database, string) {
		return func(db *database, _ string) {
			_, err := db.sql.Exec(query)
			require.NoError(t, err)
		}
	}
	for _, c := range []struct {
		name string
		err  error
		want bool
	}{
		{"a value that is no key", errors.New("the row of the device has no account signature"), true},
		{"a key of another length", fmt.Errorf("scan: %w", sqlstore.ErrInvalidLength), true},
		{"damaged pages", fails(overwrite(4096)), true},
		{"no database at all", fails(overwrite(0)), true},
		{"busy", fails(func(db *database, file string) {
			exec("PRAGMA busy_timeout = 0")(db, file)
			other, err := openDatabase(t.Context(), filepath.Dir(file))
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, other.close()) })
			tx, err := other.sql.Begin()
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, tx.Rollback()) })
		}), false},
		{"nothing can be written", fails(exec("PRAGMA query_only = 1")), false},
		{"its tables are gone", fails(exec("DROP TABLE whatsmeow_device")), false},
		{"who asked gave up", fmt.Errorf("read: %w", context.Canceled), false},
		{"it took too long", fmt.Errorf("read: %w", context.DeadlineExceeded), false},
	} {
		assert.Equal(t, c.want, isDamage(c.err), "%s: %v", c.name, c.err)
	}
}

// An error of the database names what failed and nobody.
func TestUnnamed(t *testing.T) {
	for _, err := range []error{
		errors.New(`sql: Scan error on column "jid": 919876543210:7@s.whatsapp.net`),
		fmt.Errorf("scan 919876543210: %w", sqlstore.ErrInvalidLength),
	} {
		assert.NotContains(t, unnamed(err).Error(), "9198")
	}
	assert.ErrorIs(t, unnamed(fmt.Errorf("read: %w", context.Canceled)), context.Canceled)
}

func TestDeviceJID(t *testing.T) {
	jid, err := deviceJID("15550100001:7@s.whatsapp.net")
	require.NoError(t, err)
	assert.Equal(t, ourJID, jid)
	for _, name := range []string{
		"", "15550100001", "@s.whatsapp.net", "15550100001:7@lid", "15550100001:x@s.whatsapp.net", "1@g.us",
	} {
		_, err := deviceJID(name)
		require.Error(t, err, name)
		assert.NotContains(t, err.Error(), "1555", "no number in an error")
	}
}

func TestCheckKeys(t *testing.T) {
	dir := t.TempDir()
	records := []pingr.SessionRecord{{ID: "new"}, {ID: "shop", Device: ourJID.String()}, {ID: "odd", Device: "nobody"}}
	broken, err := CheckKeys(t.Context(), dir, records)
	require.NoError(t, err)
	assert.Empty(t, broken, "where no file is yet")
	assert.NoFileExists(t, filepath.Join(dir, "whatsapp.db"), "and none is made")

	db, err := openDatabase(t.Context(), dir)
	require.NoError(t, err)
	defer db.close() // it may be open meanwhile
	saveDevice(t, db, func(error) {})
	broken, err = CheckKeys(t.Context(), dir, records)
	require.NoError(t, err)
	require.Len(t, broken, 1)
	require.Error(t, broken["odd"])

	_, err = db.sql.Exec(`UPDATE whatsmeow_device SET adv_device_sig = x'00'`)
	require.Error(t, err, "SQLite itself refuses some of it")
	_, err = db.sql.Exec(`UPDATE whatsmeow_device SET identity_key = signed_pre_key`)
	require.NoError(t, err)
	broken, err = CheckKeys(t.Context(), dir, records)
	require.NoError(t, err)
	require.ErrorContains(t, broken["shop"], "do not match")
	require.NotContains(t, broken, "new")
}

// Records survive in whatsapp.db for programs that keep them nowhere else. One
// that is damaged is shown as such, and is never taken for another.
func TestOwnRegistry(t *testing.T) {
	db, err := openDatabase(t.Context(), t.TempDir())
	require.NoError(t, err)
	defer db.close()
	ctx := t.Context()
	r, err := newOwnRegistry(ctx, db)
	require.NoError(t, err)
	one := pingr.SessionRecord{
		ID: "one", Account: "acc", State: pingr.SessionConnected, Phone: "15550100001", Device: ourJID.String(),
	}
	for _, record := range []pingr.SessionRecord{{ID: "two"}, one, {ID: "gone"}, {ID: "copied"}, {ID: "noise"}} {
		require.NoError(t, r.SaveSession(ctx, record))
	}
	require.NoError(t, r.SaveSession(ctx, pingr.SessionRecord{ID: "two", Name: "changed"}))
	require.NoError(t, r.DeleteSession(ctx, "gone"))
	require.NoError(t, r.DeleteSession(ctx, "gone"), "what is not there is no error")
	_, err = db.sql.Exec(`UPDATE pingr_session SET record = (SELECT record FROM pingr_session WHERE id = 'one') WHERE id = 'copied';
		UPDATE pingr_session SET record = x'8badf00d' WHERE id = 'noise'`)
	require.NoError(t, err)
	r, err = newOwnRegistry(ctx, db)
	require.NoError(t, err)
	records, err := r.Sessions(ctx)
	require.NoError(t, err)
	require.Len(t, records, 4)
	damaged := records[0]
	assert.Equal(t, pingr.SessionRecord{
		ID: "copied", State: pingr.SessionLoggedOut, Reason: pingr.ReasonKeysDamaged, Detail: damaged.Detail,
	}, damaged)
	assert.NotEmpty(t, damaged.Detail)
	damaged.ID = "noise"
	assert.Equal(t, []pingr.SessionRecord{damaged, one, {ID: "two", Name: "changed"}}, records[1:])
}
