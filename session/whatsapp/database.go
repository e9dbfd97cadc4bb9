package whatsapp

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"
	"modernc.org/sqlite" // and driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// A database is the file whatsapp.db: the keys of all sessions, and the
// disappearing-message timers of their chats.
type database struct {
	sql   *sql.DB
	keys  *sqlstore.Container
	cache *cache
	sound soundness
	// namesUnread is the error because of which not all names of people are in
	// memory.
	namesUnread error
}

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
	d := &database{sql: db, keys: sqlstore.NewWithDB(db, "sqlite", nil), cache: newCache(), sound: realSoundness()}
	if err := d.prepare(ctx); err != nil {
		_ = db.Close()
		return nil, err
	}
	return d, nil
}

func (d *database) prepare(ctx context.Context) error {
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
	// Without this, the first send to somebody with several devices names the
	// wrong device (whatsmeow store/sqlstore/lidmap.go).
	if err := d.keys.LIDMap.FillCache(ctx); err != nil {
		d.namesUnread = err // each name is then looked up when needed
	}
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

func (d *database) close() error { return d.sql.Close() }

// probe writes something to see whether the database accepts writes.
func (d *database) probe(ctx context.Context, now time.Time) error {
	_, err := d.sql.ExecContext(ctx, `INSERT OR REPLACE INTO pingr_probe (id, at) VALUES (1, ?)`, now.UnixMilli())
	return err
}

// newKeys makes keys that are not linked yet. It passes the database's errors
// to onError.
func (d *database) newKeys(onError func(error)) (*store.Device, *container) {
	keys, c := d.keys.NewDevice(), &container{database: d, onError: onError}
	keys.Container = c
	return keys, c
}

// loadKeys returns the keys of a linked device, or nil if there are none.
func (d *database) loadKeys(
	ctx context.Context, jid types.JID, onError func(error),
) (*store.Device, *container, error) {
	keys, err := readDevice(ctx, d.keys, jid)
	if err != nil || keys == nil {
		return nil, nil, err
	}
	c := &container{database: d, onError: onError}
	return keys, c, c.wrap(ctx, keys)
}

// readDevice reads the row of a linked device, and checks what whatsmeow would
// only fail on later. It returns nil if there is no row.
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
	case device.ID == nil || *device.ID != jid:
		return nil, errors.New("the row of the device is another device's")
	case len(device.Account.AccountSignature) != 64 || len(device.Account.AccountSignatureKey) != 32 ||
		len(device.Account.DeviceSignature) != 64:
		return nil, errors.New("the row of the device has no account signature")
	case !signs(device.IdentityKey, device.SignedPreKey):
		return nil, errors.New("the identity key and the signed key of the device do not match")
	}
	return device, nil
}

// signs reports whether the signature of a signed key is the identity key's.
func signs(identity *keys.KeyPair, signed *keys.PreKey) bool {
	message := append([]byte{ecc.DjbType}, signed.Pub[:]...)
	return ecc.VerifySignature(ecc.NewDjbECPublicKey(*identity.Pub), message, *signed.Signature)
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

// isDamage reports whether an error of reading keys is due to the keys
// themselves, not to the whole database (busy, no disk) or to the caller.
func isDamage(err error) bool {
	var broken *sqlite.Error
	if errors.As(err, &broken) {
		code := broken.Code() & 0xff
		return code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
	}
	return !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

// eraseKeys deletes the keys of a device.
func (d *database) eraseKeys(ctx context.Context, jid types.JID) error {
	return d.eraseDevice(ctx, &store.Device{ID: &jid})
}

// eraseDevice deletes a device with everything that is kept for it. Unlike the
// rest, the tokens of people do not disappear with the device's row.
func (d *database) eraseDevice(ctx context.Context, keys *store.Device) error {
	if err := d.keys.DeleteDevice(ctx, keys); err != nil {
		return err
	}
	_, err := d.sql.ExecContext(ctx, `DELETE FROM whatsmeow_privacy_tokens WHERE our_jid = ?`, keys.ID.String())
	return err
}

// readPending finds what an earlier process left: messages whose handler has
// not succeeded, and sessions by number.
func (d *database) readPending(ctx context.Context, dev *device) error {
	rows, err := d.sql.QueryContext(ctx,
		`SELECT ciphertext_hash FROM whatsmeow_event_buffer WHERE our_jid = ? AND plaintext IS NOT NULL`, dev.jid)
	if err != nil {
		return fmt.Errorf("read pending messages: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var hash []byte
		if err := rows.Scan(&hash); err != nil {
			return fmt.Errorf("read pending messages: %w", err)
		}
		if len(hash) == 32 {
			dev.journal.stored[[32]byte(hash)] = struct{}{}
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read pending messages: %w", err)
	}
	var numbered bool
	err = d.sql.QueryRowContext(ctx, `
		SELECT EXISTS (SELECT 1 FROM whatsmeow_sessions WHERE our_jid = ?1 AND their_id NOT LIKE '%\_1:%' ESCAPE '\')
		    OR EXISTS (SELECT 1 FROM whatsmeow_identity_keys WHERE our_jid = ?1 AND their_id NOT LIKE '%\_1:%' ESCAPE '\')
		    OR EXISTS (SELECT 1 FROM whatsmeow_sender_keys WHERE our_jid = ?1 AND sender_id NOT LIKE '%\_1:%' ESCAPE '\')`,
		dev.jid).Scan(&numbered)
	if err != nil {
		return fmt.Errorf("read names: %w", err)
	}
	dev.numbered.Store(numbered)
	return nil
}

// A container stores one device for whatsmeow. It gives a newly linked device a
// [device] like the others have.
type container struct {
	*database
	onError func(error)
	device  atomic.Pointer[device] // nil until linked
}

// wrap puts a [device] between whatsmeow and the database.
func (c *container) wrap(ctx context.Context, keys *store.Device) error {
	inner := sqlstore.NewSQLStore(c.keys, *keys.ID)
	dev := newDevice(soundStore{inner, c.sound}, inner.JID, c.keys.LIDMap, c.cache, c.onError)
	if err := c.readPending(ctx, dev); err != nil {
		return err
	}
	keys.SetAllStores(dev)
	keys.LIDs = c.keys.LIDMap
	keys.Container = c
	c.device.Store(dev)
	return nil
}

// PutDevice saves the keys.
func (c *container) PutDevice(ctx context.Context, keys *store.Device) error {
	if err := c.keys.PutDevice(ctx, keys); err != nil {
		return err
	}
	if c.device.Load() == nil {
		return c.wrap(ctx, keys)
	}
	return nil
}

// DeleteDevice deletes the keys: the device was unlinked.
func (c *container) DeleteDevice(ctx context.Context, keys *store.Device) error {
	if dev := c.device.Load(); dev != nil {
		dev.journal.discard()
	}
	return c.eraseDevice(ctx, keys)
}

// timers reads the disappearing-message timers of a session's chats. With an
// error, it returns those that could be read.
func (d *database) timers(ctx context.Context, session string) (map[string]chatTimer, error) {
	timers := make(map[string]chatTimer)
	rows, err := d.sql.QueryContext(ctx, `SELECT chat, seconds, told FROM pingr_timer WHERE session = ?`, session)
	if err != nil {
		return timers, fmt.Errorf("read timers: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var chat string
		var seconds uint32
		var told int64
		if err := rows.Scan(&chat, &seconds, &told); err != nil {
			return timers, fmt.Errorf("read timers: %w", err)
		}
		timers[chat] = chatTimer{seconds, time.Unix(told, 0)}
	}
	return timers, rows.Err()
}

// setTimer stores a chat's timer under its first name and deletes the other
// names.
func (d *database) setTimer(ctx context.Context, session string, names []string, t chatTimer) error {
	tx, err := d.sql.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for _, name := range names[1:] {
		if _, err := tx.ExecContext(ctx, `DELETE FROM pingr_timer WHERE session = ? AND chat = ?`, session,
			name); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, `INSERT OR REPLACE INTO pingr_timer (session, chat, seconds, told) VALUES (?, ?, ?, ?)`,
		session, names[0], t.seconds, t.told.Unix())
	if err != nil {
		return err
	}
	return tx.Commit()
}

// forgetSession deletes what is known about a session's chats.
func (d *database) forgetSession(ctx context.Context, session string) error {
	_, err := d.sql.ExecContext(ctx,
		`DELETE FROM pingr_timer WHERE session = ?1; DELETE FROM pingr_missed WHERE session = ?1`, session)
	return err
}
