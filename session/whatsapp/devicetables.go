package whatsapp

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"strconv"
	"sync"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"
)

// deviceTables holds the keys of one device in [keyTables]. It seals what is
// secret, and fences every write: those that need no more are in fenced.go.
type deviceTables struct {
	*sqlstore.SQLStore
	tables *keyTables
	claim  claim
	jid    string

	preKeys sync.Mutex // held while the next ids of one-time keys are chosen
}

func (d *deviceTables) fenced(ctx context.Context, f func(context.Context) error) error {
	return d.tables.fenced(ctx, d.claim, f)
}

// The places of a device's sealed values.
func (d *deviceTables) ofSession(address string) place {
	return place{"whatsmeow_sessions", d.jid, address}
}

func (d *deviceTables) ofSenderKey(group, user string) place {
	return place{"whatsmeow_sender_keys", d.jid, group + " " + user}
}

func (d *deviceTables) ofPreKey(id uint32) place {
	return place{"whatsmeow_pre_keys", d.jid, strconv.FormatUint(uint64(id), 10)}
}

func (d *deviceTables) ofSyncKey(id []byte) place {
	return place{"whatsmeow_app_state_sync_keys", d.jid, hex.EncodeToString(id)}
}

// open opens a sealed value. One whose seal is broken counts as missing, as a
// damaged key does.
func (d *deviceTables) open(sealed []byte, at place) ([]byte, error) {
	if sealed == nil {
		return nil, nil
	}
	value, err := d.tables.ring.open(sealed, at)
	if errors.Is(err, errBrokenSeal) {
		return nil, nil
	}
	return value, err
}

// GetSession implements [store.SessionStore].
func (d *deviceTables) GetSession(ctx context.Context, address string) ([]byte, error) {
	sealed, err := d.SQLStore.GetSession(ctx, address)
	if err != nil {
		return nil, tableError(err)
	}
	return d.open(sealed, d.ofSession(address))
}

// GetManySessions implements [store.SessionStore].
func (d *deviceTables) GetManySessions(ctx context.Context, addresses []string) (map[string][]byte, error) {
	sessions, err := d.SQLStore.GetManySessions(ctx, addresses)
	if err != nil {
		return nil, tableError(err)
	}
	for address, sealed := range sessions {
		if sessions[address], err = d.open(sealed, d.ofSession(address)); err != nil {
			return nil, err
		}
	}
	return sessions, nil
}

// PutSession implements [store.SessionStore].
func (d *deviceTables) PutSession(ctx context.Context, address string, session []byte) error {
	return d.apply(ctx, &changes{sessions: map[string][]byte{address: session}})
}

// PutManySessions implements [store.SessionStore].
func (d *deviceTables) PutManySessions(ctx context.Context, sessions map[string][]byte) error {
	return d.apply(ctx, &changes{sessions: sessions})
}

// GetSenderKey implements [store.SenderKeyStore].
func (d *deviceTables) GetSenderKey(ctx context.Context, group, user string) ([]byte, error) {
	sealed, err := d.SQLStore.GetSenderKey(ctx, group, user)
	if err != nil {
		return nil, tableError(err)
	}
	return d.open(sealed, d.ofSenderKey(group, user))
}

// PutSenderKey implements [store.SenderKeyStore].
func (d *deviceTables) PutSenderKey(ctx context.Context, group, user string, session []byte) error {
	return d.apply(ctx, &changes{senderKeys: map[senderKey][]byte{{group, user}: session}})
}

// MigratePNToLID implements [store.SessionStore]. What moves is sealed again,
// for its new place.
func (d *deviceTables) MigratePNToLID(ctx context.Context, number, lid types.JID) error {
	from, to := number.SignalAddressUser(), lid.SignalAddressUser()
	return d.fenced(ctx, func(ctx context.Context) error {
		moved := newChanges()
		err := d.eachRow(ctx, `
			DELETE FROM whatsmeow_sessions WHERE our_jid = $1 AND their_id LIKE $2 || ':%'
			RETURNING their_id, '', session`, from, func(address, _ string, sealed []byte) error {
			session, err := d.open(sealed, d.ofSession(address))
			if session != nil {
				moved.sessions[to+address[len(from):]] = session
			}
			return err
		})
		if err != nil {
			return err
		}
		err = d.eachRow(ctx, `
			DELETE FROM whatsmeow_sender_keys WHERE our_jid = $1 AND sender_id LIKE $2 || ':%'
			RETURNING sender_id, chat_id, sender_key`, from, func(user, group string, sealed []byte) error {
			key, err := d.open(sealed, d.ofSenderKey(group, user))
			if key != nil {
				moved.senderKeys[senderKey{group, to + user[len(from):]}] = key
			}
			return err
		})
		if err != nil {
			return err
		}
		err = d.eachRow(ctx, `
			DELETE FROM whatsmeow_identity_keys WHERE our_jid = $1 AND their_id LIKE $2 || ':%'
			RETURNING their_id, '', identity`, from, func(address, _ string, key []byte) error {
			if len(key) == 32 {
				moved.identities[to+address[len(from):]] = (*[32]byte)(key)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, s := range d.statements(moved) {
			if _, err := d.tables.db.Exec(ctx, s.query, s.args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// eachRow calls f for each row of a query about one of the device's people.
func (d *deviceTables) eachRow(
	ctx context.Context, query, user string, f func(one, other string, value []byte) error,
) error {
	rows, err := d.tables.db.Query(ctx, query, d.jid, user)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var one, other string
		var value []byte
		if err := rows.Scan(&one, &other, &value); err != nil {
			return err
		}
		if err := f(one, other, value); err != nil {
			return err
		}
	}
	return rows.Err()
}

// GenOnePreKey implements [store.PreKeyStore].
func (d *deviceTables) GenOnePreKey(ctx context.Context) (*keys.PreKey, error) {
	var made []*keys.PreKey
	d.preKeys.Lock()
	defer d.preKeys.Unlock()
	err := d.fenced(ctx, func(ctx context.Context) (err error) {
		made, err = d.makePreKeys(ctx, 1, true)
		return err
	})
	if err != nil {
		return nil, err
	}
	return made[0], nil
}

// GetOrGenPreKeys implements [store.PreKeyStore]. All that are made, 812 when
// linking, are one statement.
func (d *deviceTables) GetOrGenPreKeys(ctx context.Context, count uint32) ([]*keys.PreKey, error) {
	var all []*keys.PreKey
	d.preKeys.Lock()
	defer d.preKeys.Unlock()
	err := d.fenced(ctx, func(ctx context.Context) error {
		all = nil
		rows, err := d.tables.db.Query(ctx, `
			SELECT key_id, key FROM whatsmeow_pre_keys WHERE jid = $1 AND NOT uploaded ORDER BY key_id LIMIT $2`,
			d.jid, int64(count))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id uint32
			var sealed []byte
			if err := rows.Scan(&id, &sealed); err != nil {
				return err
			}
			key, err := d.openPreKey(id, sealed)
			if err != nil {
				return err
			}
			all = append(all, key)
		}
		if err := rows.Err(); err != nil || len(all) >= int(count) {
			return err
		}
		made, err := d.makePreKeys(ctx, int(count)-len(all), false)
		all = append(all, made...)
		return err
	})
	return all, err
}

// makePreKeys makes and stores n one-time keys. The caller holds preKeys.
func (d *deviceTables) makePreKeys(ctx context.Context, n int, uploaded bool) ([]*keys.PreKey, error) {
	var last uint32
	err := d.tables.db.QueryRow(ctx, `SELECT coalesce(max(key_id), 0) FROM whatsmeow_pre_keys WHERE jid = $1`,
		d.jid).Scan(&last)
	if err != nil {
		return nil, err
	}
	made, ids, sealed := make([]*keys.PreKey, n), make([]int64, n), make([][]byte, n)
	for i := range made {
		made[i] = keys.NewPreKey(last + uint32(i) + 1)
		ids[i] = int64(made[i].KeyID)
		sealed[i] = d.tables.ring.seal(made[i].Priv[:], d.ofPreKey(made[i].KeyID))
	}
	_, err = d.tables.db.Exec(ctx, `
		INSERT INTO whatsmeow_pre_keys (jid, key_id, key, uploaded)
		SELECT $1, id, key, $4 FROM unnest($2::bigint[], $3::bytea[]) AS made (id, key)`, d.jid, ids, sealed, uploaded)
	return made, err
}

// GetPreKey implements [store.PreKeyStore].
func (d *deviceTables) GetPreKey(ctx context.Context, id uint32) (*keys.PreKey, error) {
	var sealed []byte
	err := d.tables.db.QueryRow(ctx, `SELECT key FROM whatsmeow_pre_keys WHERE jid = $1 AND key_id = $2`, d.jid,
		int64(id)).Scan(&sealed)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, tableError(err)
	}
	return d.openPreKey(id, sealed)
}

// openPreKey returns [sqlstore.ErrInvalidLength] for a damaged key.
func (d *deviceTables) openPreKey(id uint32, sealed []byte) (*keys.PreKey, error) {
	priv, err := d.open(sealed, d.ofPreKey(id))
	switch {
	case err != nil:
		return nil, err
	case len(priv) != 32:
		return nil, sqlstore.ErrInvalidLength
	}
	return &keys.PreKey{KeyPair: *keys.NewKeyPairFromPrivateKey([32]byte(priv)), KeyID: id}, nil
}

// PutAppStateSyncKey implements [store.AppStateSyncKeyStore].
func (d *deviceTables) PutAppStateSyncKey(ctx context.Context, id []byte, key store.AppStateSyncKey) error {
	key.Data = d.tables.ring.seal(key.Data, d.ofSyncKey(id))
	return d.fenced(ctx, func(ctx context.Context) error { return d.SQLStore.PutAppStateSyncKey(ctx, id, key) })
}

// GetAppStateSyncKey implements [store.AppStateSyncKeyStore].
func (d *deviceTables) GetAppStateSyncKey(ctx context.Context, id []byte) (*store.AppStateSyncKey, error) {
	key, err := d.SQLStore.GetAppStateSyncKey(ctx, id)
	if err != nil || key == nil {
		return nil, tableError(err)
	}
	if key.Data, err = d.open(key.Data, d.ofSyncKey(id)); err != nil || key.Data == nil {
		return nil, err
	}
	return key, nil
}

// GetAllAppStateSyncKeys implements [store.AppStateSyncKeyStore].
func (d *deviceTables) GetAllAppStateSyncKeys(ctx context.Context) ([]*store.AppStateSyncKey, error) {
	rows, err := d.tables.db.Query(ctx, `
		SELECT key_id FROM whatsmeow_app_state_sync_keys WHERE jid = $1 ORDER BY timestamp DESC`, d.jid)
	if err != nil {
		return nil, tableError(err)
	}
	defer rows.Close()
	var ids [][]byte
	for rows.Next() {
		var id []byte
		if err := rows.Scan(&id); err != nil {
			return nil, tableError(err)
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		return nil, tableError(err)
	}
	var all []*store.AppStateSyncKey
	for _, id := range ids {
		key, err := d.GetAppStateSyncKey(ctx, id)
		if err != nil {
			return nil, err
		}
		if key != nil {
			all = append(all, key)
		}
	}
	return all, nil
}
