package whatsapp

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// A database is where the keys of all sessions are, with the
// disappearing-message timers of their chats: a file or PostgreSQL.
type database struct {
	sql   *sql.DB
	keys  *sqlstore.Container // its LIDMap has the names of people
	where keyStore
	cache *cache
	sound soundness

	names       sync.Mutex
	namesRead   time.Time // when the last reading began
	namesUnread error     // because of which not all names of people are in memory
}

// A keyStore is what differs between a file of keys ([keyFile]) and keys in
// PostgreSQL ([keyTables]).
type keyStore interface {
	// claim takes a session for this process, away from whoever has it. Among nodes
	// it takes only what no other node has, and otherwise returns [ErrExists].
	claim(ctx context.Context, session string) (claim, error)
	// shared reports whether other processes may use the keys too.
	shared() bool
	// holds returns nil if the claim holds, errLost if another process has the
	// session, and another error if that is unknown.
	holds(ctx context.Context, c claim) error
	// drop deletes the claim of a session that is removed.
	drop(ctx context.Context, c claim) error
	// readDevice reads and checks the row of a linked device, and returns nil if
	// there is none. Its errors name nobody.
	readDevice(ctx context.Context, c claim, jid types.JID) (*store.Device, error)
	putDevice(ctx context.Context, c claim, keys *store.Device) error
	// eraseDevice deletes a device with everything that is kept for it.
	eraseDevice(ctx context.Context, c claim, jid types.JID) error
	// reseal brings the seals of a device's keys up to date.
	reseal(ctx context.Context, c claim, jid types.JID) error
	// device returns the keys of one device.
	device(c claim, jid types.JID) deviceStore
}

// A deviceStore holds the keys of one device.
type deviceStore interface {
	store.AllSessionSpecificStores
	// apply writes changes, all or none.
	apply(ctx context.Context, c *changes) error
}

// A claim is the right of a process to write the keys of a session. Where only
// one process can have them, it is always good.
type claim struct {
	session string
	epoch   int64
}

// errLost means that another process has claimed the session. Nothing was
// written.
var errLost = errors.New("another process serves this session")

// readNames reads the names of people, also those that other processes have
// learnt since. Without this, the first send to somebody with several devices
// names the wrong device (whatsmeow store/sqlstore/lidmap.go).
func (d *database) readNames(ctx context.Context) {
	asked := time.Now()
	d.names.Lock()
	defer d.names.Unlock()
	if d.namesRead.After(asked) {
		return // one reading serves all who waited for the last one
	}
	d.namesRead = time.Now()
	d.namesUnread = d.keys.LIDMap.FillCache(ctx) // without it, each name is looked up when needed
}

func (d *database) close() error { return d.sql.Close() }

// probe writes something to see whether the database accepts writes.
func (d *database) probe(ctx context.Context, now time.Time) error {
	_, err := d.sql.ExecContext(ctx, `
		INSERT INTO pingr_probe (id, at) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET at = excluded.at`, now.UnixMilli())
	return err
}

// newKeys makes keys that are not linked yet. It passes the database's errors
// to onError.
func (d *database) newKeys(claim claim, onError func(error)) (*store.Device, *container) {
	keys, c := d.keys.NewDevice(), &container{database: d, claim: claim, onError: onError}
	keys.Container = c
	return keys, c
}

// loadKeys returns the keys of a linked device, or nil if there are none.
func (d *database) loadKeys(
	ctx context.Context, claim claim, jid types.JID, onError func(error),
) (*store.Device, *container, error) {
	keys, err := d.where.readDevice(ctx, claim, jid)
	if err != nil || keys == nil {
		return nil, nil, err
	}
	c := &container{database: d, claim: claim, onError: onError}
	return keys, c, c.wrap(ctx, keys)
}

// checkDevice checks what whatsmeow would only fail on later.
func checkDevice(device *store.Device, jid types.JID) error {
	switch {
	case device.ID == nil || *device.ID != jid:
		return errors.New("the row of the device is another device's")
	case len(device.Account.AccountSignature) != 64 || len(device.Account.AccountSignatureKey) != 32 ||
		len(device.Account.DeviceSignature) != 64:
		return errors.New("the row of the device has no account signature")
	case !signs(device.IdentityKey, device.SignedPreKey):
		return errors.New("the identity key and the signed key of the device do not match")
	}
	return nil
}

// signs reports whether the signature of a signed key is the identity key's.
func signs(identity *keys.KeyPair, signed *keys.PreKey) bool {
	message := append([]byte{ecc.DjbType}, signed.Pub[:]...)
	return ecc.VerifySignature(ecc.NewDjbECPublicKey(*identity.Pub), message, *signed.Signature)
}

// isDamage reports whether an error of reading keys is due to the keys
// themselves, not to the whole database (busy, no disk, away), to another
// process, to the settings or to the caller.
func isDamage(err error) bool {
	var broken *sqlite.Error
	if errors.As(err, &broken) {
		code := broken.Code() & 0xff
		return code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
	}
	var trouble databaseTrouble
	return !errors.As(err, &trouble) && !errors.Is(err, errLost) && !errors.Is(err, errUnknownKey) &&
		!errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

// readPending finds what an earlier process left: messages whose handler has
// not succeeded, and sessions by number.
func (d *database) readPending(ctx context.Context, dev *device) error {
	rows, err := d.sql.QueryContext(ctx,
		`SELECT ciphertext_hash FROM whatsmeow_event_buffer WHERE our_jid = $1 AND plaintext IS NOT NULL`, dev.jid)
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
		SELECT EXISTS (SELECT 1 FROM whatsmeow_sessions WHERE our_jid = $1 AND their_id NOT LIKE '%\_1:%' ESCAPE '\')
		    OR EXISTS (SELECT 1 FROM whatsmeow_identity_keys WHERE our_jid = $1 AND their_id NOT LIKE '%\_1:%' ESCAPE '\')
		    OR EXISTS (SELECT 1 FROM whatsmeow_sender_keys WHERE our_jid = $1 AND sender_id NOT LIKE '%\_1:%' ESCAPE '\')`,
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
	claim   claim
	onError func(error)
	device  atomic.Pointer[device] // nil until linked
}

// wrap puts a [device] between whatsmeow and the database.
func (c *container) wrap(ctx context.Context, keys *store.Device) error {
	inner := soundStore{c.where.device(c.claim, *keys.ID), c.sound}
	dev := newDevice(inner, keys.ID.String(), c.keys.LIDMap, c.cache, c.onError)
	if err := c.readPending(ctx, dev); err != nil {
		return err
	}
	keys.SetAllStores(dev)
	keys.LIDs = c.keys.LIDMap
	keys.Container = c
	keys.Initialized = true
	c.device.Store(dev)
	return nil
}

// PutDevice saves the keys.
func (c *container) PutDevice(ctx context.Context, keys *store.Device) error {
	if err := c.where.putDevice(ctx, c.claim, keys); err != nil {
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
	return c.where.eraseDevice(ctx, c.claim, *keys.ID)
}

// timers reads the disappearing-message timers of a session's chats. With an
// error, it returns those that could be read.
func (d *database) timers(ctx context.Context, session string) (map[string]chatTimer, error) {
	timers := make(map[string]chatTimer)
	rows, err := d.sql.QueryContext(ctx, `SELECT chat, seconds, told FROM pingr_timer WHERE session = $1`, session)
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
		if _, err := tx.ExecContext(ctx, `DELETE FROM pingr_timer WHERE session = $1 AND chat = $2`, session,
			name); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO pingr_timer (session, chat, seconds, told) VALUES ($1, $2, $3, $4)
		ON CONFLICT (session, chat) DO UPDATE SET seconds = excluded.seconds, told = excluded.told`,
		session, names[0], t.seconds, t.told.Unix())
	if err != nil {
		return err
	}
	return tx.Commit()
}

// forgetSession deletes what is known about a session's chats.
func (d *database) forgetSession(ctx context.Context, session string) error {
	_, err := d.sql.ExecContext(ctx, `DELETE FROM pingr_timer WHERE session = $1`, session)
	_, missedErr := d.sql.ExecContext(ctx, `DELETE FROM pingr_missed WHERE session = $1`, session)
	return errors.Join(err, missedErr)
}
