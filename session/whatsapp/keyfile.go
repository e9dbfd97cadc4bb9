package whatsapp

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"
	"modernc.org/sqlite"
)

// A keyFile keeps keys in the file whatsapp.db, which only one process may use.
type keyFile struct {
	keys *sqlstore.Container
	sql  *sql.DB
}

var _ keyStore = keyFile{}

// openDatabase opens or creates the file in dir.
//
// synchronous=NORMAL is enough. A crash of the process loses nothing, and a
// power cut loses at most the last transactions, as a whole. These held Signal
// ratchet steps, which both ends repair by asking again. The messages
// themselves are in the engine's store, which is synchronous=FULL.
func openDatabase(ctx context.Context, dir string) (*database, error) {
	query := url.Values{
		"_pragma": {
			"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(NORMAL)",
			"foreign_keys(1)", "secure_delete(fast)",
		},
		"_txlock": {"immediate"},
	}
	dsn := url.URL{
		Scheme: "file", Opaque: (&url.URL{Path: filepath.Join(dir, "whatsapp.db")}).EscapedPath(),
		RawQuery: query.Encode(),
	}
	// The directory may exist already and be readable for everybody; the keys must
	// not be.
	file, err := os.OpenFile(filepath.Join(dir, "whatsapp.db"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(file.Chmod(0o600), file.Close()); err != nil {
		return nil, err
	}
	connector, err := newConnector(dsn.String())
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(4)
	keys := sqlstore.NewWithDB(db, "sqlite", nil)
	d := &database{sql: db, keys: keys, where: keyFile{keys, db}, cache: newCache(), sound: realSoundness()}
	if err := d.prepareFile(ctx); err != nil {
		_ = db.Close()
		return nil, err
	}
	return d, nil
}

func (d *database) prepareFile(ctx context.Context) error {
	if err := d.keys.Upgrade(ctx); err != nil {
		return fmt.Errorf("create tables: %w", err)
	}
	_, err := d.sql.ExecContext(ctx, `
		CREATE TABLE IF NOT EXISTS pingr_timer (
			session TEXT NOT NULL, chat TEXT NOT NULL, seconds INTEGER NOT NULL, told INTEGER NOT NULL,
			PRIMARY KEY (session, chat)
		) WITHOUT ROWID;
		CREATE TABLE IF NOT EXISTS pingr_missed (
			session TEXT NOT NULL, sender TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL,
			PRIMARY KEY (session, sender, id)
		) WITHOUT ROWID;
		CREATE TABLE IF NOT EXISTS pingr_probe (id INTEGER PRIMARY KEY, at INTEGER NOT NULL);`)
	if err != nil {
		return fmt.Errorf("create tables: %w", err)
	}
	if err := d.addTold(ctx); err != nil {
		return fmt.Errorf("create tables: %w", err)
	}
	d.readNames(ctx)
	return nil
}

// addTold adds the column told to the table of an earlier version.
func (d *database) addTold(ctx context.Context) error {
	var there bool
	const column = `SELECT EXISTS (SELECT 1 FROM pragma_table_info('pingr_timer') WHERE name = 'told')`
	if err := d.sql.QueryRowContext(ctx, column).Scan(&there); err != nil || there {
		return err
	}
	_, err := d.sql.ExecContext(ctx, `ALTER TABLE pingr_timer ADD COLUMN told INTEGER NOT NULL DEFAULT 0`)
	return err
}

// readDevice reads the row of a linked device, and checks it. It returns nil if
// there is no row.
func readDevice(ctx context.Context, from *sqlstore.Container, jid types.JID) (device *store.Device, err error) {
	defer func() {
		if recover() != nil { // the value may hold a key
			device, err = nil, errors.New("the row of the device cannot be read")
		}
	}()
	device, err = from.GetDevice(ctx, jid)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the row of the device cannot be read: %w", unnamed(err))
	case device == nil:
		return nil, nil
	}
	if err := checkDevice(device, jid); err != nil {
		return nil, err
	}
	return device, nil
}

// unnamed keeps the errors of a database that name nobody. Others hold values.
func unnamed(err error) error {
	var broken *sqlite.Error
	switch {
	case errors.As(err, &broken):
		return broken
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, sqlstore.ErrInvalidLength):
		return sqlstore.ErrInvalidLength
	}
	return errors.New("a value is malformed")
}

func (keyFile) claim(_ context.Context, session string) (claim, error) {
	return claim{session: session}, nil
}

func (keyFile) shared() bool { return false }

func (keyFile) holds(context.Context, claim) error { return nil }

func (keyFile) drop(context.Context, claim) error { return nil }

func (f keyFile) readDevice(ctx context.Context, _ claim, jid types.JID) (*store.Device, error) {
	return readDevice(ctx, f.keys, jid)
}

func (f keyFile) putDevice(ctx context.Context, _ claim, keys *store.Device) error {
	return f.keys.PutDevice(ctx, keys)
}

// eraseDevice also deletes the tokens of people, which, unlike the rest, do not
// disappear with the device's row.
func (f keyFile) eraseDevice(ctx context.Context, _ claim, jid types.JID) error {
	if err := f.keys.DeleteDevice(ctx, &store.Device{ID: &jid}); err != nil {
		return err
	}
	_, err := f.sql.ExecContext(ctx, `DELETE FROM whatsmeow_privacy_tokens WHERE our_jid = $1`, jid.String())
	return err
}

func (keyFile) reseal(context.Context, claim, types.JID) error { return nil }

func (f keyFile) device(_ claim, jid types.JID) deviceStore {
	return deviceFile{sqlstore.NewSQLStore(f.keys, jid)}
}

// A deviceFile holds the keys of one device in a [keyFile].
type deviceFile struct{ *sqlstore.SQLStore }

func (f deviceFile) apply(ctx context.Context, c *changes) error {
	return f.DoDecryptionTxn(ctx, func(ctx context.Context) error { return c.write(ctx, f) })
}

// GetOrGenPreKeys makes one-time keys, 812 when linking, in one transaction.
func (f deviceFile) GetOrGenPreKeys(ctx context.Context, count uint32) (made []*keys.PreKey, err error) {
	err = f.DoDecryptionTxn(ctx, func(ctx context.Context) error {
		made, err = f.SQLStore.GetOrGenPreKeys(ctx, count)
		return err
	})
	return made, err
}
