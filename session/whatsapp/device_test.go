package whatsapp

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/types"
)

var (
	ourJID = types.NewADJID("15550100001", 0, 7)
	ada    = "100200300_1:0"
	adaWeb = "100200300_1:3"
	bob    = "100200301_1:0"
)

// openDevice makes a linked device on a real database. failed collects what
// the database's errors were.
func openDevice(t *testing.T) (d *device, db *database, failed *[]error) {
	t.Helper()
	db = openAny(t)
	anything := func([]byte) bool { return true }
	db.sound = soundness{anything, anything} // the sessions of these tests are words
	t.Cleanup(func() { assert.NoError(t, db.close()) })
	failed = new([]error)
	var mu sync.Mutex
	d = saveDevice(t, db, func(err error) {
		mu.Lock()
		defer mu.Unlock()
		*failed = append(*failed, err)
	})
	return d, db, failed
}

// openAny opens an empty database: a file, or PostgreSQL if the tests run there.
func openAny(t *testing.T) *database {
	t.Helper()
	var db *database
	var err error
	if url := tables(t); url != "" {
		db, err = openTables(t.Context(), url, "", testRing(t))
	} else {
		db, err = openDatabase(t.Context(), t.TempDir())
	}
	require.NoError(t, err)
	return db
}

// saveDevice stores the keys of a device that has just been linked.
func saveDevice(t *testing.T, db *database, onError func(error)) *device {
	t.Helper()
	claimed, err := db.where.claim(t.Context(), "sess")
	require.NoError(t, err)
	keys, c := db.newKeys(claimed, onError)
	jid := ourJID
	keys.ID = &jid
	keys.Account = signedAccount()
	require.NoError(t, keys.Save(t.Context()))
	d := c.device.Load()
	require.NotNil(t, d, "a device that was just saved is wrapped")
	t.Cleanup(d.journal.discard)
	return d
}

// fill lets nothing be written to tables until mend is called.
func fill(t *testing.T, db *database, tables ...string) (mend func()) {
	t.Helper()
	exec := func(statement string) {
		_, err := db.sql.Exec(statement)
		require.NoError(t, err)
	}
	_, shared := db.where.(*keyTables)
	if shared {
		exec(`CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE disk_full; END'`)
	}
	var drops []string
	for _, table := range tables {
		for _, verb := range []string{"INSERT", "UPDATE"} {
			name := "full_" + table + verb
			make, drop := `CREATE TRIGGER `+name+` BEFORE `+verb+` ON `+table, `DROP TRIGGER `+name
			if shared {
				make, drop = make+` FOR EACH ROW EXECUTE FUNCTION fail()`, drop+` ON `+table
			} else {
				make += ` BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END`
			}
			exec(make)
			drops = append(drops, drop)
		}
	}
	return func() {
		for _, drop := range drops {
			exec(drop)
		}
	}
}

// claimOf returns the claim with which a device writes.
func claimOf(d *device) claim {
	if inner, ok := d.journal.inner.(soundStore).deviceStore.(*deviceTables); ok {
		return inner.claim
	}
	return claim{}
}

// signedAccount is what a phone gives a device, signed by nobody.
func signedAccount() *waAdv.ADVSignedDeviceIdentity {
	return &waAdv.ADVSignedDeviceIdentity{
		Details: []byte{1}, AccountSignature: make([]byte, 64),
		AccountSignatureKey: make([]byte, 32), DeviceSignature: make([]byte, 64),
	}
}

// reopen is the device as another process finds it.
func reopen(t *testing.T, db *database) *device {
	t.Helper()
	other := &database{sql: db.sql, keys: db.keys, where: db.where, cache: newCache(), sound: db.sound}
	held := claim{session: "sess"}
	if _, shared := db.where.(*keyTables); shared { // it only reads, and takes nothing away
		require.NoError(t, db.sql.QueryRow(`SELECT epoch FROM leases WHERE session = 'sess'`).Scan(&held.epoch))
	}
	keys, c, err := other.loadKeys(t.Context(), held, ourJID, func(error) {})
	require.NoError(t, err)
	require.NotNil(t, keys)
	t.Cleanup(c.device.Load().journal.discard)
	return c.device.Load()
}

// The race that corrupts sessions, without a network: sends and decryptions of
// one person each load a counter, add one and store it.
func TestSendsAndDecryptionsOfOnePersonDoNotOverlap(t *testing.T) {
	d, _, failed := openDevice(t)
	ctx := t.Context()
	count := func(session []byte) byte {
		if session == nil {
			return 0
		}
		return session[0]
	}
	const rounds = 40
	var work sync.WaitGroup
	work.Go(func() { // decryptions
		for range rounds {
			assert.NoError(t, d.DoDecryptionTxn(ctx, func(ctx context.Context) error {
				s, err := d.GetSession(ctx, ada)
				if err != nil {
					return err
				}
				return d.PutSession(ctx, ada, []byte{count(s) + 1})
			}))
		}
	})
	work.Go(func() { // sends, to both of her devices
		for range rounds {
			h := &holder{persons: d.persons, recipient: ada}
			send := withHolder(ctx, h)
			all, err := d.GetManySessions(send, []string{ada, adaWeb})
			assert.NoError(t, err)
			assert.NoError(t, d.PutManySessions(send, map[string][]byte{
				ada: {count(all[ada]) + 1}, adaWeb: {count(all[adaWeb]) + 1},
			}))
			assert.True(t, h.sealed)
			h.drop()
		}
	})
	work.Go(func() { // answers to retry receipts, which know nothing of holders
		for range rounds {
			s, err := d.GetSession(ctx, ada)
			assert.NoError(t, err)
			assert.NoError(t, d.PutSession(ctx, ada, []byte{count(s) + 1}))
		}
	})
	work.Wait()
	s, err := d.session(ctx, ada, false)
	require.NoError(t, err)
	assert.Equal(t, byte(3*rounds), count(s), "no step is lost")
	assert.Empty(t, *failed)
	assert.Empty(t, d.persons.locks)
}

func TestSentMessageIsKeptOnlyUntilItIsDelivered(t *testing.T) {
	d, db, _ := openDevice(t)
	ctx := t.Context()
	chat := types.NewJID("100200300", types.HiddenUserServer)
	for _, id := range []string{"read", "lost"} {
		require.NoError(t, d.AddOutgoingEvent(ctx, chat, id, "wa", []byte(id)))
	}
	find := func(d *device, id string) string {
		_, plaintext, err := d.GetOutgoingEvent(ctx, types.NewJID("919876543210", types.DefaultUserServer), chat, id)
		if err != nil {
			return ""
		}
		return string(plaintext)
	}
	assert.Equal(t, "read", find(d, "read"), "by either name of the chat")
	d.outbox.delivered([]string{"read"})
	assert.Empty(t, find(d, "read"))
	d.close()
	var texts int
	require.NoError(t, db.sql.QueryRow(`SELECT count(*) FROM whatsmeow_retry_buffer`).Scan(&texts))
	assert.Equal(t, 1, texts, "what was delivered never reached the disk")
	assert.Equal(t, "lost", find(reopen(t, db), "lost"), "what was not can be sent again after a restart")
}

// Who asks again for a message is answered for the chat that it was sent to, and
// no other: its id alone is no proof, for whoever got a message knows ids.
func TestSentMessageIsFoundInItsOwnChatOnly(t *testing.T) {
	d, db, _ := openDevice(t)
	ctx := t.Context()
	lid, number := types.NewJID("100200300", types.HiddenUserServer), types.NewJID("919876543210", types.DefaultUserServer)
	group := types.NewJID("120363000000000001", types.GroupServer)
	require.NoError(t, d.AddOutgoingEvent(ctx, lid, "private", "wa", []byte("a login link")))
	require.NoError(t, d.AddOutgoingEvent(ctx, group, "shared", "wa", []byte("for all")))
	check := func(d *device) {
		t.Helper()
		for _, c := range []struct {
			name      string
			chat, alt types.JID
			id, want  string
		}{
			{"by the name it was sent to", lid, number, "private", "a login link"},
			{"by the other name", number, lid, "private", "a login link"},
			{
				"another person", types.NewJID("100200301", types.HiddenUserServer),
				types.NewJID("919876543211", types.DefaultUserServer), "private", "",
			},
			{
				"another person without another name", types.NewJID("919876543211", types.DefaultUserServer), types.EmptyJID,
				"private", "",
			},
			{"a group", group, types.EmptyJID, "private", ""},
			{"the number of that LID's digits", types.NewJID(lid.User, types.DefaultUserServer), types.EmptyJID, "private", ""},
			{"its group", group, types.EmptyJID, "shared", "for all"},
			{"a group's message in private", lid, number, "shared", ""},
			{"another group", types.NewJID("120363000000000002", types.GroupServer), types.EmptyJID, "shared", ""},
			{"another id", lid, number, "other", ""},
		} {
			_, plaintext, err := d.GetOutgoingEvent(ctx, c.chat, c.alt, c.id)
			assert.Equal(t, c.want, string(plaintext), c.name)
			assert.Equal(t, c.want == "", err != nil, c.name)
		}
	}
	check(d) // while they are in memory
	d.close()
	check(reopen(t, db)) // and from the disk
}

func TestSendThatReachesNoDeviceIsRefused(t *testing.T) {
	d, _, _ := openDevice(t)
	h := &holder{persons: d.persons, recipient: ada}
	err := d.PutManySessions(withHolder(t.Context(), h), map[string][]byte{bob: []byte("own phone")})
	require.ErrorIs(t, err, errNoDevice)
	assert.False(t, h.sealed)
}

// Once its ciphertext exists a send holds nobody up, whatever it still does.
func TestSealedSendHoldsNobody(t *testing.T) {
	d, _, _ := openDevice(t)
	h := &holder{persons: d.persons, recipient: ada}
	ctx := withHolder(t.Context(), h)
	_, err := d.GetManySessions(ctx, []string{ada, bob})
	require.NoError(t, err)
	assert.Len(t, d.persons.locks, 2)
	require.NoError(t, d.PutManySessions(ctx, map[string][]byte{ada: []byte("step"), bob: []byte("step")}))
	assert.Empty(t, d.persons.locks)
	_, err = d.GetSession(ctx, ada)
	require.NoError(t, err)
	require.NoError(t, d.PutSession(ctx, ada, []byte("next")))
	assert.Empty(t, d.persons.locks)
}

func TestFailedDecryptionChangesNothing(t *testing.T) {
	d, _, failed := openDevice(t)
	ctx := t.Context()
	require.NoError(t, d.PutSession(ctx, ada, []byte("before")))
	boom := errors.New("cannot be decrypted")
	err := d.DoDecryptionTxn(ctx, func(ctx context.Context) error {
		require.NoError(t, d.PutSession(ctx, ada, []byte("after")))
		require.NoError(t, d.PutIdentity(ctx, ada, [32]byte{1}))
		require.NoError(t, d.RemovePreKey(ctx, 1))
		s, err := d.GetSession(ctx, ada)
		require.NoError(t, err)
		require.Equal(t, "after", string(s), "it sees its own changes")
		return boom
	})
	require.ErrorIs(t, err, boom)
	s, err := d.session(ctx, ada, false)
	require.NoError(t, err)
	assert.Equal(t, "before", string(s))
	trusted, err := d.IsTrustedIdentity(ctx, ada, [32]byte{2})
	require.NoError(t, err)
	assert.True(t, trusted, "the key was not kept")
	assert.Empty(t, *failed, "a message that cannot be read is not the database's fault")
}

func TestDecryptedMessageIsKeptUntilItsHandlerSucceeds(t *testing.T) {
	d, db, _ := openDevice(t)
	ctx := t.Context()
	refused, taken := [32]byte{1}, [32]byte{2}
	for _, hash := range [][32]byte{refused, taken} {
		require.NoError(t, d.DoDecryptionTxn(ctx, func(ctx context.Context) error {
			return d.PutBufferedEvent(ctx, hash, []byte("login"), time.Unix(1, 0))
		}))
	}
	require.NoError(t, d.ClearBufferedEventPlaintext(ctx, taken))
	check := func(d *device) {
		t.Helper()
		e, err := d.GetBufferedEvent(ctx, refused)
		require.NoError(t, err)
		require.NotNil(t, e)
		assert.Equal(t, "login", string(e.Plaintext))
		e, err = d.GetBufferedEvent(ctx, taken)
		require.NoError(t, err)
		assert.Nil(t, e)
	}
	check(d)
	require.NoError(t, d.journal.flush(ctx))
	check(d)
	other := reopen(t, db)
	check(other)
	require.NoError(t, other.ClearBufferedEventPlaintext(ctx, refused))
	require.NoError(t, other.journal.flush(ctx))
	assert.Empty(t, other.journal.stored)
	var kept int
	require.NoError(
		t, db.sql.QueryRow(`SELECT count(*) FROM whatsmeow_event_buffer WHERE plaintext IS NOT NULL`).Scan(&kept),
	)
	assert.Zero(t, kept, "no text stays")
}

func TestDecryptionIsWrittenSoon(t *testing.T) {
	d, db, _ := openDevice(t)
	require.NoError(t, d.DoDecryptionTxn(t.Context(), func(ctx context.Context) error {
		return d.PutSession(ctx, ada, []byte("step"))
	}))
	require.Eventually(t, func() bool {
		var n int
		return db.sql.QueryRow(`SELECT count(*) FROM whatsmeow_sessions`).Scan(&n) == nil && n == 1
	}, patience, time.Millisecond)
}

func TestDatabaseErrorIsToldOnceAndMendedLater(t *testing.T) {
	d, db, failed := openDevice(t)
	ctx := t.Context()
	mend := fill(t, db, "whatsmeow_sessions")
	for range 2 {
		require.Error(t, d.PutSession(ctx, ada, []byte("step")))
	}
	require.Len(t, *failed, 1)
	err := d.DoDecryptionTxn(ctx, func(context.Context) error { t.Fatal("not while it is failing"); return nil })
	require.ErrorIs(t, err, context.Canceled, "whatsmeow leaves such a message unacknowledged")
	assert.False(t, d.recovered(ctx))

	mend()
	assert.True(t, d.recovered(ctx))
	s, err := reopen(t, db).session(ctx, ada, false)
	require.NoError(t, err)
	assert.Equal(t, "step", string(s), "what could not be written is not forgotten")
}

func TestNewKeysOfAPersonReplaceTheOld(t *testing.T) {
	d, db, _ := openDevice(t)
	ctx := t.Context()
	require.NoError(t, d.PutSession(ctx, ada, []byte("old")))
	require.NoError(t, d.PutIdentity(ctx, ada, [32]byte{1}))
	trusted, err := d.IsTrustedIdentity(ctx, ada, [32]byte{2})
	require.NoError(t, err)
	require.False(t, trusted)
	// whatsmeow names a LID without the _1 of its address.
	require.NoError(t, d.DeleteAllSessions(ctx, "100200300"))
	require.NoError(t, d.DeleteAllIdentities(ctx, "100200300"))
	for _, dev := range []*device{d, reopen(t, db)} {
		s, err := dev.session(ctx, ada, false)
		require.NoError(t, err)
		assert.Nil(t, s)
		trusted, err = dev.IsTrustedIdentity(ctx, ada, [32]byte{2})
		require.NoError(t, err)
		assert.True(t, trusted)
	}
}

func TestSessionsByNumberMoveToTheLID(t *testing.T) {
	d, db, _ := openDevice(t)
	ctx := t.Context()
	move := func(d *device, want string) {
		t.Helper()
		sessionIs("")(t, ctx, d) // known before it moves
		require.NoError(t, d.MigratePNToLID(ctx, adaNumber, adaLID))
		for _, dev := range []*device{d, reopen(t, db)} {
			s, err := dev.session(ctx, ada, false)
			require.NoError(t, err)
			assert.Equal(t, want, string(s))
			s, err = dev.session(ctx, "919876543210:0", false)
			require.NoError(t, err)
			assert.Nil(t, s)
		}
		require.NoError(t, d.DeleteSession(ctx, ada))
		require.NoError(t, d.journal.flush(ctx))
	}
	for _, put := range []func(*device) error{
		func(d *device) error { return d.PutSession(ctx, "919876543210:0", []byte("step")) },
		func(d *device) error {
			return d.PutManySessions(ctx, map[string][]byte{"919876543210:0": []byte("step")})
		},
	} {
		d, _, _ := openDevice(t)
		assert.False(t, d.numbered.Load(), "a new device has none")
		require.NoError(t, put(d))
		assert.True(t, d.numbered.Load())
	}
	require.NoError(t, d.PutSession(ctx, "919876543210:0", []byte("step")))
	require.NoError(t, db.keys.LIDMap.PutLIDMapping(ctx, adaLID, adaNumber))
	move(d, "step")

	require.NoError(t, d.PutManySessions(ctx, map[string][]byte{"919876543210:0": []byte("kept")}))
	d = reopen(t, db)
	assert.True(t, d.numbered.Load(), "another process knows that there are some")
	move(d, "kept")
}

// Keys of groups and identities by number are moved too, so they count alone.
func TestWhatIsByNumberIsKnownAfterARestart(t *testing.T) {
	for name, put := range map[string]func(context.Context, *device) error{
		"nothing":   func(context.Context, *device) error { return nil },
		"a session": func(ctx context.Context, d *device) error { return d.PutSession(ctx, "919876543210:0", []byte("s")) },
		"an identity": func(ctx context.Context, d *device) error {
			return d.PutIdentity(ctx, "919876543210:0", [32]byte{1})
		},
		"a group's key": func(ctx context.Context, d *device) error {
			return d.PutSenderKey(ctx, "1@g.us", "919876543210:0", []byte("s"))
		},
	} {
		d, db, _ := openDevice(t)
		require.NoError(t, d.PutSession(t.Context(), ada, []byte("by LID")), name)
		require.NoError(t, put(t.Context(), d), name)
		require.NoError(t, d.journal.flush(t.Context()), name)
		assert.Equal(t, name != "nothing", reopen(t, db).numbered.Load(), name)
	}
}
