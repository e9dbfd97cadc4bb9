package whatsapp

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow/store"

	"github.com/heypingr/pingr/internal/pgtest"
)

// Somebody who only has the database, or a copy of it, cannot be the device.
func TestTheDatabaseAloneIsNoLinkedDevice(t *testing.T) {
	url := withTables(t, pgtest.New(t, "-c", "fsync=off"))
	ring := testRing(t)
	db := openOn(t, url, ring)
	d := saveDevice(t, db, noError(t))
	ctx := t.Context()
	secrets := map[string][]byte{
		"a session": []byte("a session of 30 bytes or so…"), "a sender key": []byte("a sender key of 30 bytes or so"),
		"a sync key": []byte("a sync key of 30 bytes or more"),
	}
	require.NoError(t, d.PutSession(ctx, ada, secrets["a session"]))
	require.NoError(t, d.PutSenderKey(ctx, "1@g.us", ada, secrets["a sender key"]))
	require.NoError(t, d.PutAppStateSyncKey(ctx, []byte{1}, store.AppStateSyncKey{
		Data: secrets["a sync key"], Fingerprint: []byte{1}, Timestamp: 1,
	}))
	made, err := d.GetOrGenPreKeys(ctx, 2)
	require.NoError(t, err)
	keys, _, err := db.loadKeys(ctx, claimOf(d), ourJID, noError(t))
	require.NoError(t, err)
	for name, secret := range map[string][]byte{
		"a one-time key": made[0].Priv[:], "the noise key": keys.NoiseKey.Priv[:],
		"the identity key": keys.IdentityKey.Priv[:], "the signed key": keys.SignedPreKey.Priv[:],
		"the secret of linking": keys.AdvSecretKey,
	} {
		secrets[name] = secret
	}
	dump := contents(t, db)
	for name, secret := range secrets {
		require.NotEmpty(t, secret, name)
		assert.NotContains(t, dump, hex.EncodeToString(secret), name)
	}

	t.Run("the wrong key is no damage", func(t *testing.T) {
		other := openOn(t, url, testRing(t))
		_, _, err := other.loadKeys(ctx, claimOf(d), ourJID, noError(t))
		require.ErrorIs(t, err, errUnknownKey)
		assert.False(t, isDamage(err), "or the number would be logged out")
	})
	t.Run("a value in another place is damage", func(t *testing.T) {
		require.NoError(t, d.PutSession(ctx, bob, []byte("bob's")))
		_, err := db.sql.Exec(`UPDATE whatsmeow_sessions SET session =
			(SELECT session FROM whatsmeow_sessions WHERE their_id = $1) WHERE their_id = $2`, bob, ada)
		require.NoError(t, err)
		session, err := reopen(t, db).GetSession(ctx, ada)
		require.NoError(t, err)
		assert.Nil(t, session)
		_, err = db.sql.Exec(`UPDATE whatsmeow_device SET noise_key = identity_key`)
		require.NoError(t, err)
		_, _, err = db.loadKeys(ctx, claimOf(d), ourJID, noError(t))
		require.ErrorIs(t, err, errBrokenSeal)
		assert.True(t, isDamage(err))
	})
}

// A sealing key is replaced by putting a new one before it. When the number's
// process has started, the old one is needed no more.
func TestSealingKeysAreReplaced(t *testing.T) {
	url := withTables(t, pgtest.New(t, "-c", "fsync=off"))
	first, second := NewSealingKey(), NewSealingKey()
	ring := func(text string) *Keyring {
		t.Helper()
		r, err := ParseKeyring(text)
		require.NoError(t, err)
		return r
	}
	ctx := t.Context()
	db := openOn(t, url, ring(first))
	d := saveDevice(t, db, noError(t))
	many := make(map[string][]byte)
	for i := range resealChunk + 1 {
		many[fmt.Sprintf("%d_1:0", i)] = fmt.Append(nil, "session ", i)
	}
	require.NoError(t, d.PutManySessions(ctx, many))
	require.NoError(t, d.PutSenderKey(ctx, "1@g.us", ada, []byte("sender key")))
	syncKey := store.AppStateSyncKey{Data: []byte("sync"), Fingerprint: []byte{1}}
	require.NoError(t, d.PutAppStateSyncKey(ctx, []byte{1}, syncKey))
	made, err := d.GetOrGenPreKeys(ctx, 2)
	require.NoError(t, err)

	both := openOn(t, url, ring(second+", "+first))
	require.NoError(t, both.where.reseal(ctx, claimOf(d), ourJID))

	last := openOn(t, url, ring(second))
	keys, c, err := last.loadKeys(ctx, claimOf(d), ourJID, noError(t))
	require.NoError(t, err)
	require.NotNil(t, keys)
	now := c.device.Load()
	defer now.journal.discard()
	for address, want := range many {
		session, err := now.session(ctx, address, false)
		require.NoError(t, err)
		assert.Equal(t, want, session)
	}
	key, err := now.GetSenderKey(ctx, "1@g.us", ada)
	require.NoError(t, err)
	assert.Equal(t, "sender key", string(key))
	sync, err := now.GetAllAppStateSyncKeys(ctx)
	require.NoError(t, err)
	require.Len(t, sync, 1)
	assert.Equal(t, "sync", string(sync[0].Data))
	one, err := now.GetPreKey(ctx, made[1].KeyID)
	require.NoError(t, err)
	assert.Equal(t, *made[1].Priv, *one.Priv)
}

func TestParseKeyring(t *testing.T) {
	key := NewSealingKey()
	for name, text := range map[string]string{
		"nothing": " ", "too short": key[:20], "no base64": strings.Repeat("!", 44), "twice": key + " " + key,
		"one good, one bad": key + ",secret",
	} {
		_, err := ParseKeyring(text)
		require.Error(t, err, name)
		assert.NotContains(t, err.Error(), key[:10], name)
		assert.NotContains(t, err.Error(), "secret", name)
	}
	r, err := ParseKeyring(key + "\n" + NewSealingKey() + "\n")
	require.NoError(t, err)
	at := place{"a", "b", "c"}
	sealed := r.seal([]byte("value"), at)
	last := len(sealed) - 1
	for name, wrong := range map[string][]byte{
		"empty": nil, "cut": sealed[:last], "changed": append(sealed[:last:last], sealed[last]^1),
		"another version": append([]byte{9}, sealed[1:]...),
	} {
		_, err := r.open(wrong, at)
		require.ErrorIs(t, err, errBrokenSeal, name)
	}
	for _, elsewhere := range []place{{"ab", "", "c"}, {"a", "bc", ""}, {"a", "b", "d"}} {
		_, err := r.open(sealed, elsewhere)
		require.ErrorIs(t, err, errBrokenSeal)
	}
	value, err := r.open(sealed, at)
	require.NoError(t, err)
	assert.Equal(t, "value", string(value))
}

func BenchmarkSeal(b *testing.B) {
	r, err := ParseKeyring(NewSealingKey())
	require.NoError(b, err)
	at, value := place{"whatsmeow_sessions", ourJID.String(), ada}, make([]byte, 2048)
	for b.Loop() {
		sealed := r.seal(value, at)
		if _, err := r.open(sealed, at); err != nil {
			b.Fatal(err)
		}
	}
}
