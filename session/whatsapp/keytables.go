package whatsapp

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"

	"github.com/heypingr/pingr/internal/pgpool"
)

// keyTables keeps keys in PostgreSQL, where several processes may use them: one
// at a time those of a session. The tables are made by store/postgres.
//
// Every write begins with the fence, which fails unless this process still has
// the session's lease, and keeps the lease until the write is done.
type keyTables struct {
	sql  *sql.DB
	db   *dbutil.Database
	keys *sqlstore.Container
	ring *Keyring
	// node is this process's id among others, or empty if there are none.
	node atomic.Pointer[string]
}

var _ keyStore = (*keyTables)(nil)

// tableConns is the most connections for keys. A session has one write at a
// time under way.
const tableConns = 8

// openTables connects to the database.
func openTables(ctx context.Context, url, node string, ring *Keyring) (*database, error) {
	if ring == nil {
		return nil, errors.New("keys in PostgreSQL need a Keyring")
	}
	config, err := pgpool.Parse(url)
	if err != nil {
		return nil, err
	}
	if node != "" {
		config.RuntimeParams["application_name"] = "pingr/" + node // by which others can end what it has connected
	}
	return prepareTables(ctx, pgpool.Open(config, tableConns), node, ring)
}

func prepareTables(ctx context.Context, db *sql.DB, node string, ring *Keyring) (*database, error) {
	wrapped, err := dbutil.NewWithDB(db, "pgx")
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	names := sqlstore.NewWithWrappedDB(wrapped, nil)
	t := &keyTables{sql: db, db: wrapped, keys: names, ring: ring}
	t.node.Store(&node)
	var there bool
	err = db.QueryRowContext(ctx, `SELECT to_regclass('whatsmeow_device') IS NOT NULL`).Scan(&there)
	if err == nil && !there {
		err = errors.New("the database has no tables for keys: store/postgres creates them")
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	d := &database{sql: db, keys: names, where: t, cache: newCache(), sound: realSoundness()}
	d.readNames(ctx)
	return d, nil
}

// databaseTrouble is an error of PostgreSQL itself, which says nothing about
// the keys. Its text names nobody.
type databaseTrouble struct{ err error }

func (t databaseTrouble) Error() string {
	var said *pgconn.PgError
	if errors.As(t.err, &said) {
		return "PostgreSQL failed (" + said.Code + ")"
	}
	return "PostgreSQL cannot be reached"
}

func (t databaseTrouble) Unwrap() error { return t.err }

// tableError gives an error of a statement its meaning.
func tableError(err error) error {
	var said *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &said) && said.Code == "PF001":
		return errLost
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, errUnknownKey), errors.Is(err, errBrokenSeal), errors.Is(err, errLost):
		return err
	}
	return databaseTrouble{err}
}

const fence = `SELECT pingr_fence($1, $2)`

// fenced runs f in a transaction in which the claim holds. f uses t.db.
func (t *keyTables) fenced(ctx context.Context, c claim, f func(context.Context) error) error {
	return tableError(t.db.DoTxn(ctx, nil, func(ctx context.Context) error {
		if _, err := t.db.Exec(ctx, fence, c.session, c.epoch); err != nil {
			return err
		}
		return f(ctx)
	}))
}

func (t *keyTables) claim(ctx context.Context, session string) (claim, error) {
	c := claim{session: session}
	err := t.sql.QueryRowContext(ctx, `
		INSERT INTO leases (session, node) VALUES ($1, nullif($2, ''))
		ON CONFLICT (session) DO UPDATE
			SET node = excluded.node, epoch = nextval('lease_epochs'), since = clock_timestamp()
			WHERE $2 = '' OR leases.node IS NULL OR leases.node = $2
		RETURNING epoch`, session, *t.node.Load()).Scan(&c.epoch)
	if errors.Is(err, sql.ErrNoRows) {
		return c, fmt.Errorf("%w at another process", ErrExists)
	}
	return c, tableError(err)
}

func (t *keyTables) shared() bool { return true }

func (t *keyTables) holds(ctx context.Context, c claim) error {
	var held bool
	err := t.sql.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM leases WHERE session = $1 AND epoch = $2)`,
		c.session, c.epoch).Scan(&held)
	if err == nil && !held {
		err = errLost
	}
	return tableError(err)
}

func (t *keyTables) drop(ctx context.Context, c claim) error {
	_, err := t.sql.ExecContext(ctx, `DELETE FROM leases WHERE session = $1 AND epoch = $2`, c.session, c.epoch)
	return tableError(err)
}

// keyOf returns the place of one of a device's own keys.
func keyOf(jid types.JID, column string) place {
	return place{"whatsmeow_device", jid.String(), column}
}

func (t *keyTables) putDevice(ctx context.Context, c claim, k *store.Device) error {
	if k.ID == nil {
		return sqlstore.ErrDeviceIDMustBeSet
	}
	sealed := func(column string, value []byte) []byte { return t.ring.seal(value, keyOf(*k.ID, column)) }
	return t.fenced(ctx, c, func(ctx context.Context) error {
		_, err := t.db.Exec(ctx, `
			INSERT INTO whatsmeow_device (jid, lid, registration_id, noise_key, identity_key,
				signed_pre_key, signed_pre_key_id, signed_pre_key_sig,
				adv_key, adv_details, adv_account_sig, adv_account_sig_key, adv_device_sig,
				platform, business_name, push_name, facebook_uuid, lid_migration_ts, companion_meta_nonce)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
			ON CONFLICT (jid) DO UPDATE SET lid = excluded.lid, platform = excluded.platform,
				business_name = excluded.business_name, push_name = excluded.push_name,
				lid_migration_ts = excluded.lid_migration_ts, companion_meta_nonce = excluded.companion_meta_nonce`,
			k.ID.String(), k.LID.String(), int64(k.RegistrationID), sealed("noise_key", k.NoiseKey.Priv[:]),
			sealed("identity_key", k.IdentityKey.Priv[:]), sealed("signed_pre_key", k.SignedPreKey.Priv[:]),
			int64(k.SignedPreKey.KeyID), k.SignedPreKey.Signature[:], sealed("adv_key", k.AdvSecretKey),
			k.Account.Details, k.Account.AccountSignature, k.Account.AccountSignatureKey, k.Account.DeviceSignature,
			k.Platform, k.BusinessName, k.PushName,
			uuid.NullUUID{UUID: k.FacebookUUID, Valid: k.FacebookUUID != uuid.Nil}, k.LIDMigrationTimestamp,
			k.CompanionMetaNonce)
		return err
	})
}

func (t *keyTables) readDevice(ctx context.Context, _ claim, jid types.JID) (*store.Device, error) {
	var noise, identity, signed, signature, adv []byte
	var lid string
	var registration, signedID int64
	var facebook uuid.NullUUID
	account := new(waAdv.ADVSignedDeviceIdentity)
	k := t.keys.NewDevice()
	err := t.sql.QueryRowContext(ctx, `
		SELECT coalesce(lid, ''), registration_id, noise_key, identity_key,
			signed_pre_key, signed_pre_key_id, signed_pre_key_sig,
			adv_key, adv_details, adv_account_sig, adv_account_sig_key, adv_device_sig,
			platform, business_name, push_name, facebook_uuid, lid_migration_ts, companion_meta_nonce
		FROM whatsmeow_device WHERE jid = $1`, jid.String()).Scan(
		&lid, &registration, &noise, &identity, &signed, &signedID, &signature, &adv, &account.Details,
		&account.AccountSignature, &account.AccountSignatureKey, &account.DeviceSignature, &k.Platform, &k.BusinessName,
		&k.PushName, &facebook, &k.LIDMigrationTimestamp, &k.CompanionMetaNonce)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the row of the device: %w", tableError(err))
	}
	for _, key := range []struct {
		column string
		value  *[]byte
		length int
	}{
		{"noise_key", &noise, 32},
		{"identity_key", &identity, 32},
		{"signed_pre_key", &signed, 32},
		{"adv_key", &adv, 0},
	} {
		if *key.value, err = t.ring.open(*key.value, keyOf(jid, key.column)); err != nil {
			return nil, err
		}
		if key.length != 0 && len(*key.value) != key.length {
			return nil, sqlstore.ErrInvalidLength
		}
	}
	if k.LID, err = types.ParseJID(lid); err != nil || len(signature) != 64 {
		return nil, errors.New("the row of the device is malformed")
	}
	k.RegistrationID = uint32(registration)
	k.ID, k.Account, k.FacebookUUID = &jid, account, facebook.UUID
	k.NoiseKey = keys.NewKeyPairFromPrivateKey([32]byte(noise))
	k.IdentityKey = keys.NewKeyPairFromPrivateKey([32]byte(identity))
	k.SignedPreKey = &keys.PreKey{
		KeyPair: *keys.NewKeyPairFromPrivateKey([32]byte(signed)), KeyID: uint32(signedID),
		Signature: (*[64]byte)(signature),
	}
	k.AdvSecretKey = adv
	return k, checkDevice(k, jid)
}

func (t *keyTables) eraseDevice(ctx context.Context, c claim, jid types.JID) error {
	return t.fenced(ctx, c, func(ctx context.Context) error {
		if _, err := t.db.Exec(ctx, `DELETE FROM whatsmeow_privacy_tokens WHERE our_jid = $1`, jid.String()); err != nil {
			return err
		}
		_, err := t.db.Exec(ctx, `DELETE FROM whatsmeow_device WHERE jid = $1`, jid.String())
		return err
	})
}

func (t *keyTables) device(c claim, jid types.JID) deviceStore {
	return &deviceTables{SQLStore: sqlstore.NewSQLStore(t.keys, jid), tables: t, claim: c, jid: jid.String()}
}
