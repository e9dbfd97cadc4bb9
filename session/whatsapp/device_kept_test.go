package whatsapp

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
)

const week, day = 7 * 24 * time.Hour, 24 * time.Hour

var (
	adaNumber = types.NewJID("919876543210", types.DefaultUserServer)
	adaLID    = types.NewJID("100200300", types.HiddenUserServer)
)

// rows counts the rows of a table of whatsmeow's.
func rows(t *testing.T, db *database, table string) (n int) {
	t.Helper()
	require.NoError(t, db.sql.QueryRow("SELECT count(*) FROM whatsmeow_"+table).Scan(&n))
	return n
}

// A sent message that nobody confirms is written once, after its time.
func TestOutboxWritesWhatIsNotDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		written := make(chan string, 10)
		o := newOutbox(func(rest []outgoing) {
			for _, m := range rest {
				written <- m.id
			}
		})
		for _, id := range []string{"delivered", "lost"} {
			o.add(outgoing{chat: adaLID, id: id})
		}
		o.delivered([]string{"delivered", "unknown"})
		time.Sleep(outboxTime - time.Nanosecond)
		synctest.Wait()
		assert.Empty(t, written)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		require.Len(t, written, 1)
		assert.Equal(t, "lost", <-written)
		time.Sleep(time.Hour)
		o.add(outgoing{chat: adaLID, id: "later"})
		time.Sleep(outboxTime)
		synctest.Wait()
		require.Len(t, written, 1)
		assert.Equal(t, "later", <-written)
		o.add(outgoing{chat: adaLID, id: "last"})
		o.close()
		require.Len(t, written, 1)
		assert.Equal(t, "last", <-written)
	})
}

// From the outbox to the disk there is no moment at which a message is nowhere.
func TestSentMessageIsFoundOnItsWayToTheDisk(t *testing.T) {
	d, _, _ := openDevice(t)
	byHand(d)
	require.NoError(t, d.AddOutgoingEvent(t.Context(), adaLID, "3EB0", "wa", []byte("here")))
	d.outbox.empty()
	_, plaintext, err := d.GetOutgoingEvent(t.Context(), adaLID, adaNumber, "3EB0")
	require.NoError(t, err)
	assert.Equal(t, "here", string(plaintext))
}

// The texts of sent messages go when nobody can ask for them any more, and are
// looked for once an hour, not at every send.
func TestOldSentMessagesAreDeleted(t *testing.T) {
	d, db, _ := openDevice(t)
	ctx := t.Context()
	write := func(id string, age time.Duration) {
		t.Helper()
		require.NoError(t, d.AllSessionSpecificStores.AddOutgoingEvent(ctx, adaLID, id, "wa", []byte("a login link")))
		_, err := db.sql.Exec(`UPDATE whatsmeow_retry_buffer SET timestamp = $1 WHERE message_id = $2`,
			time.Now().Add(-age).UnixMilli(), id)
		require.NoError(t, err)
	}
	write("new", day)
	write("old", 15*day)
	require.NoError(t, d.DeleteOldOutgoingEvents(ctx))
	assert.Equal(t, 1, rows(t, db, "retry_buffer"))
	write("old", 15*day)
	require.NoError(t, d.DeleteOldOutgoingEvents(ctx))
	assert.Equal(t, 2, rows(t, db, "retry_buffer"), "it was looked for just now")
	d.purged.Store(time.Now().Add(-purgeEvery).UnixNano())
	require.NoError(t, d.DeleteOldOutgoingEvents(ctx))
	assert.Equal(t, 1, rows(t, db, "retry_buffer"))
}

// What whatsmeow would keep about people reaches no table.
func TestNothingIsKeptOfPeople(t *testing.T) {
	d, db, _ := openDevice(t)
	ctx := t.Context()
	_, _, err := d.PutPushName(ctx, adaLID, "Ada")
	require.NoError(t, err)
	_, _, err = d.PutBusinessName(ctx, adaLID, "Ada's shop")
	require.NoError(t, err)
	require.NoError(t, d.PutContactName(ctx, adaLID, "Ada Lovelace", "Ada"))
	require.NoError(t, d.PutAllContactNames(ctx, []store.ContactEntry{{
		JID: adaLID, FirstName: "Ada", FullName: "Ada Lovelace",
	}}))
	require.NoError(t, d.PutManyRedactedPhones(ctx, []store.RedactedPhoneEntry{{JID: adaLID, RedactedPhone: "+91…10"}}))
	require.NoError(t, d.PutMessageSecret(ctx, adaLID, adaLID, "3EB0", make([]byte, 32)))
	require.NoError(t, d.PutMessageSecrets(ctx, []store.MessageSecretInsert{{
		Chat: adaLID, Sender: adaLID, ID: "3EB0", Secret: make([]byte, 32),
	}}))
	require.NoError(t, d.journal.flush(ctx))
	assert.Zero(t, rows(t, db, "contacts"))
	assert.Zero(t, rows(t, db, "message_secrets"))

	who, err := d.GetContact(ctx, adaLID)
	require.NoError(t, err)
	assert.Zero(t, who)
	all, err := d.GetAllContacts(ctx)
	require.NoError(t, err)
	assert.Empty(t, all)
	secret, _, err := d.GetMessageSecret(ctx, adaLID, adaLID, "3EB0")
	require.NoError(t, err)
	assert.Empty(t, secret)
}

// The keys of a device that is gone leave nothing behind, whatever was still to be
// written.
func TestErasedKeysLeaveNothing(t *testing.T) {
	for name, erase := range map[string]func(context.Context, *database, *device) error{
		"by us": func(ctx context.Context, db *database, d *device) error {
			d.close()
			return db.where.eraseDevice(ctx, claimOf(d), ourJID)
		},
		"by whatsmeow, told by WhatsApp": func(ctx context.Context, db *database, d *device) error {
			c := &container{database: db, claim: claimOf(d)}
			c.device.Store(d)
			jid := ourJID
			return c.DeleteDevice(ctx, &store.Device{ID: &jid})
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, db, failed := openDevice(t)
			ctx := t.Context()
			byHand(d)
			n := byte(0)
			fill := func() {
				n++
				d.journal.change(func(c *changes) {
					c.sessions[ada], c.identities[ada] = []byte("s"), &[32]byte{1}
					c.senderKeys[senderKey{"1@g.us", ada}] = []byte("k")
					c.events[[32]byte{n}] = event{[]byte("login"), time.Unix(1, 0)}
					c.outgoing = append(c.outgoing, outgoing{adaLID, fmt.Sprint(n), "wa", []byte("a login link")})
				})
			}
			fill()
			_, err := d.GenOnePreKey(ctx)
			require.NoError(t, err)
			require.NoError(t, d.PutPrivacyTokens(ctx, store.PrivacyToken{
				User: adaLID, Token: []byte("t"), Timestamp: time.Unix(5, 0),
			}))
			require.NoError(t, d.PutNCTSalt(ctx, []byte("salt")))
			require.NoError(t, d.journal.flush(ctx))
			fill() // and this waits
			require.NoError(t, erase(ctx, db, d))
			fill() // last words
			require.ErrorIs(t, d.journal.flush(ctx), ErrClosed, "nothing may leave that is not written")
			for _, table := range []string{
				"device", "sessions", "identity_keys", "sender_keys", "pre_keys",
				"event_buffer", "retry_buffer", "privacy_tokens", "nct_salt",
			} {
				assert.Zero(t, rows(t, db, table), table)
			}
			assert.Empty(t, *failed)
		})
	}
}

// What is kept of a session's chats and missed messages is that session's own,
// and goes with it.
func TestWhatIsKnownOfChatsIsTheSessionsOwn(t *testing.T) {
	db := openAny(t)
	defer db.close()
	ctx, now := t.Context(), time.Now()
	for i, session := range []string{"one", "two"} {
		timer := chatTimer{uint32(i + 1), now}
		require.NoError(t, db.setTimer(ctx, session, []string{"ada@lid", "ada@s.whatsapp.net"}, timer))
		require.NoError(t, db.putMissed(ctx, session, "ada@lid", "3EB0"+session, now))
	}
	check := func(session, other string, seconds uint32) {
		t.Helper()
		timers, err := db.timers(ctx, session)
		require.NoError(t, err)
		assert.Equal(t, seconds, timers["ada@lid"].seconds)
		for id, want := range map[string]bool{"3EB0" + session: seconds != 0, "3EB0" + other: false, "3EB0": false} {
			found, err := db.hasMissed(ctx, session, "ada@lid", id)
			require.NoError(t, err)
			assert.Equal(t, want, found, id)
		}
		found, err := db.hasMissed(ctx, session, "bob@lid", "3EB0"+session)
		require.NoError(t, err)
		assert.False(t, found)
	}
	check("one", "two", 1)
	check("two", "one", 2)
	require.NoError(t, db.forgetSession(ctx, "one"))
	check("one", "two", 0)
	check("two", "one", 2)
}

// A missed message may be answered by the phone for as long as WhatsApp keeps its
// queue, and is forgotten then.
func TestMissedMessagesAreForgottenInTime(t *testing.T) {
	db := openAny(t)
	defer db.close()
	ctx, now := t.Context(), time.Now()
	for _, days := range []int{14, 16} {
		require.NoError(t, db.putMissed(ctx, "shop", "ada@lid", fmt.Sprint(days), now.Add(-time.Duration(days)*day)))
	}
	require.NoError(t, db.putMissed(ctx, "shop", "ada@lid", "0", now))
	for id, want := range map[string]bool{"0": true, "14": true, "16": false} {
		found, err := db.hasMissed(ctx, "shop", "ada@lid", id)
		require.NoError(t, err)
		assert.Equal(t, want, found, "%s days old", id)
	}
}

// The file of keys is for its owner alone, also in a directory that was there
// before; what is deleted is overwritten; and a power cut leaves it whole.
func TestFileOfKeys(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	file := filepath.Join(dir, "whatsapp.db")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	db, err := openDatabase(t.Context(), dir)
	require.NoError(t, err)
	defer db.close()
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	for pragma, want := range map[string]string{
		"secure_delete": "2", "synchronous": "1", "journal_mode": "wal", "foreign_keys": "1", "busy_timeout": "10000",
	} {
		var got string
		require.NoError(t, db.sql.QueryRow("PRAGMA "+pragma).Scan(&got))
		assert.Equal(t, want, got, pragma)
	}
}

// A file of an earlier version, which did not know when a timer was told, is read.
func TestTimersOfAnOlderVersion(t *testing.T) {
	dir := t.TempDir()
	db, err := openDatabase(t.Context(), dir)
	require.NoError(t, err)
	_, err = db.sql.Exec(
		`ALTER TABLE pingr_timer DROP COLUMN told; INSERT INTO pingr_timer VALUES ('shop', 'ada@lid', 86400)`,
	)
	require.NoError(t, err)
	require.NoError(t, db.close())
	for range 2 {
		db, err = openDatabase(t.Context(), dir)
		require.NoError(t, err)
		timers, err := db.timers(t.Context(), "shop")
		require.NoError(t, err)
		assert.Equal(t, uint32(86400), timers["ada@lid"].seconds)
		require.NoError(t, db.close())
	}
}
