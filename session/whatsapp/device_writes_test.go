package whatsapp

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow/types"
)

// byHand keeps the journal from writing by itself for a while.
func byHand(d *device) {
	d.journal.mu.Lock()
	defer d.journal.mu.Unlock()
	if d.journal.timer != nil {
		d.journal.timer.Stop()
	}
	d.journal.timer = time.NewTimer(time.Hour)
}

// whileWritten runs f as if what waits were being written.
func whileWritten(d *device, f func()) {
	swap := func(waiting, writing *changes) {
		d.journal.mu.Lock()
		defer d.journal.mu.Unlock()
		d.journal.waiting, d.journal.writing = waiting, writing
	}
	waiting := d.journal.waiting
	swap(newChanges(), waiting)
	f()
	waiting.add(d.journal.waiting)
	swap(waiting, nil)
}

func sessionIs(want string) func(*testing.T, context.Context, *device) {
	return func(t *testing.T, ctx context.Context, d *device) {
		t.Helper()
		got, err := d.GetSession(ctx, ada)
		require.NoError(t, err)
		d.leases.end(ada)
		assert.Equal(t, want, string(got))
		there, err := d.HasSession(ctx, ada)
		require.NoError(t, err)
		assert.Equal(t, want != "", there)
	}
}

// identityIs checks whose key is trusted; 0 is nobody's yet, so that any is.
func identityIs(want byte) func(*testing.T, context.Context, *device) {
	return func(t *testing.T, ctx context.Context, d *device) {
		t.Helper()
		for _, key := range []byte{1, 2} {
			trusted, err := d.IsTrustedIdentity(ctx, ada, [32]byte{key})
			require.NoError(t, err)
			assert.Equal(t, want == 0 || want == key, trusted, "key %d", key)
		}
	}
}

func groupKeyIs(want string) func(*testing.T, context.Context, *device) {
	return func(t *testing.T, ctx context.Context, d *device) {
		t.Helper()
		got, err := d.GetSenderKey(ctx, "1@g.us", ada)
		require.NoError(t, err)
		assert.Equal(t, want, string(got))
	}
}

// Whatever a message changes is found at once, while it is being written, and by
// the next process; what it had changed before is not.
func TestChangesAreFoundFromTheMomentTheyAreMade(t *testing.T) {
	type change = func(context.Context, *device) error
	session := func(s string) change {
		return func(ctx context.Context, d *device) error { return d.PutSession(ctx, ada, []byte(s)) }
	}
	identity := func(key byte) change {
		return func(ctx context.Context, d *device) error { return d.PutIdentity(ctx, ada, [32]byte{key}) }
	}
	groupKey := func(s string) change {
		return func(ctx context.Context, d *device) error { return d.PutSenderKey(ctx, "1@g.us", ada, []byte(s)) }
	}
	for _, c := range []struct {
		name    string
		changes []change // all but the last are written before
		want    func(*testing.T, context.Context, *device)
	}{
		{"a session", []change{session("new")}, sessionIs("new")},
		{"its next step", []change{session("old"), session("new")}, sessionIs("new")},
		{"a session that is deleted", []change{session("old"), func(ctx context.Context, d *device) error {
			return d.DeleteSession(ctx, ada)
		}}, sessionIs("")},
		{"an identity", []change{identity(1)}, identityIs(1)},
		{"a new identity", []change{identity(1), identity(2)}, identityIs(2)},
		{"an identity that is new for a moment", []change{identity(1), func(ctx context.Context, d *device) error {
			return errors.Join(identity(2)(ctx, d), identity(1)(ctx, d))
		}}, identityIs(1)},
		{"an identity that is forgotten", []change{identity(1), func(ctx context.Context, d *device) error {
			return d.DeleteIdentity(ctx, ada)
		}}, identityIs(0)},
		{"a group's key", []change{groupKey("new")}, groupKeyIs("new")},
		{"its next step", []change{groupKey("old"), groupKey("new")}, groupKeyIs("new")},
		{
			"a one-time key that is used",
			[]change{func(ctx context.Context, d *device) error {
				key, err := d.GenOnePreKey(ctx)
				if err == nil && key.KeyID != 1 {
					err = errors.New("not the first")
				}
				return err
			}, func(ctx context.Context, d *device) error { return d.RemovePreKey(ctx, 1) }},
			func(t *testing.T, ctx context.Context, d *device) {
				t.Helper()
				key, err := d.GetPreKey(ctx, 1)
				require.NoError(t, err)
				assert.Nil(t, key)
			},
		},
	} {
		for how, run := range map[string]func(context.Context, *device, change) error{
			"alone": func(ctx context.Context, d *device, do change) error { return do(ctx, d) },
			"in a decryption": func(ctx context.Context, d *device, do change) error {
				return d.DoDecryptionTxn(ctx, func(ctx context.Context) error {
					err := do(ctx, d)
					c.want(t, ctx, d) // it sees its own changes
					return err
				})
			},
		} {
			t.Run(c.name+", "+how, func(t *testing.T) {
				d, db, failed := openDevice(t)
				ctx, last := t.Context(), len(c.changes)-1
				for _, do := range c.changes[:last] {
					require.NoError(t, do(ctx, d))
					require.NoError(t, d.journal.flush(ctx))
				}
				byHand(d)
				require.NoError(t, run(ctx, d, c.changes[last]))
				c.want(t, ctx, d)
				whileWritten(d, func() { c.want(t, ctx, d) })
				require.NoError(t, d.journal.flush(ctx))
				c.want(t, ctx, d)
				c.want(t, ctx, reopen(t, db))
				assert.Empty(t, *failed)
			})
		}
	}
}

// What is encrypted with a step leaves only once the step is on disk, also when
// who asked for it has given up: used twice, a key gives its messages away.
func TestSendingStepIsOnDiskBeforeItLeaves(t *testing.T) {
	for _, c := range []struct {
		name string
		send func(context.Context, *device) error
		want func(*testing.T, context.Context, *device)
	}{
		{"a message", func(ctx context.Context, d *device) error {
			return d.PutManySessions(withHolder(ctx, &holder{persons: d.persons}), map[string][]byte{ada: []byte("step")})
		}, sessionIs("step")},
		{"an answer to a retry receipt", func(ctx context.Context, d *device) error {
			return d.PutSession(ctx, ada, []byte("step"))
		}, sessionIs("step")},
		{"a message to a group", func(ctx context.Context, d *device) error {
			return d.PutSenderKey(ctx, "1@g.us", ada, []byte("step"))
		}, groupKeyIs("step")},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, db, failed := openDevice(t)
			byHand(d)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			require.NoError(t, c.send(ctx, d))
			c.want(t, t.Context(), reopen(t, db))
			assert.Empty(t, *failed)
		})
	}
}

// A failingStore fails its next transaction, after meanwhile has run.
type failingStore struct {
	deviceStore
	meanwhile func()
}

var errFull = errors.New("the disk is full")

func (s *failingStore) apply(ctx context.Context, c *changes) error {
	meanwhile := s.meanwhile
	if s.meanwhile = nil; meanwhile == nil {
		return s.deviceStore.apply(ctx, c)
	}
	meanwhile()
	return errFull
}

// What changes while a write fails is newer than what could not be written.
func TestChangesDuringAWriteThatFails(t *testing.T) {
	d, db, failed := openDevice(t)
	ctx := t.Context()
	inner := &failingStore{deviceStore: d.journal.inner}
	d.journal.inner = inner
	byHand(d)
	taken, kept := [32]byte{1}, [32]byte{2}
	d.journal.change(func(c *changes) {
		c.sessions[ada], c.sessions[bob] = []byte("old"), []byte("only")
		c.identities[ada], c.senderKeys[senderKey{"1@g.us", ada}] = &[32]byte{1}, []byte("old")
		c.events[taken], c.events[kept] = event{[]byte("login"), time.Unix(1, 0)}, event{[]byte("login"), time.Unix(1, 0)}
		c.outgoing = append(c.outgoing, outgoing{types.NewJID("1", types.HiddenUserServer), "first", "wa", []byte("x")})
	})
	inner.meanwhile = func() {
		sessionIs("old")(t, ctx, d)
		d.journal.change(func(c *changes) {
			c.sessions[ada] = []byte("new")
			c.identities[ada], c.senderKeys[senderKey{"1@g.us", ada}] = &[32]byte{2}, []byte("new")
			c.outgoing = append(c.outgoing, outgoing{types.NewJID("1", types.HiddenUserServer), "second", "wa", []byte("x")})
		})
		sessionIs("new")(t, ctx, d)
		require.NoError(t, d.ClearBufferedEventPlaintext(ctx, taken))
	}
	require.ErrorIs(t, d.journal.flush(ctx), errFull)
	require.Len(t, *failed, 1)
	check := func(d *device) {
		t.Helper()
		sessionIs("new")(t, ctx, d)
		identityIs(2)(t, ctx, d)
		groupKeyIs("new")(t, ctx, d)
		for hash, want := range map[[32]byte]bool{taken: false, kept: true} {
			e, err := d.GetBufferedEvent(ctx, hash)
			require.NoError(t, err)
			assert.Equal(t, want, e != nil)
		}
		other, err := d.session(ctx, bob, false)
		require.NoError(t, err)
		assert.Equal(t, "only", string(other))
	}
	check(d)
	require.NoError(t, d.journal.flush(ctx))
	check(d)
	check(reopen(t, db))
	for table, want := range map[string]int{"event_buffer WHERE plaintext IS NOT NULL": 1, "retry_buffer": 2} {
		var rows int
		require.NoError(t, db.sql.QueryRow("SELECT count(*) FROM whatsmeow_"+table).Scan(&rows))
		assert.Equal(t, want, rows, table)
	}
}

// When the database fails under a decryption, whatever its caller makes of that:
// the message stays with WhatsApp and the session stops.
func TestDatabaseErrorInADecryption(t *testing.T) {
	for _, c := range []struct {
		table string
		read  func(context.Context, *device) error
	}{
		{"sessions", func(ctx context.Context, d *device) error { _, err := d.GetSession(ctx, ada); return err }},
		{"sessions", func(ctx context.Context, d *device) error { _, err := d.HasSession(ctx, ada); return err }},
		{"identity_keys", func(ctx context.Context, d *device) error {
			_, err := d.IsTrustedIdentity(ctx, ada, [32]byte{1})
			return err
		}},
		{"pre_keys", func(ctx context.Context, d *device) error { _, err := d.GetPreKey(ctx, 1); return err }},
		{
			"sender_keys",
			func(ctx context.Context, d *device) error { _, err := d.GetSenderKey(ctx, "1@g.us", ada); return err },
		},
	} {
		d, db, failed := openDevice(t)
		_, err := db.sql.Exec("ALTER TABLE whatsmeow_" + c.table + " RENAME TO gone")
		require.NoError(t, err)
		given, cancel := context.WithCancel(t.Context())
		cancel()
		require.Error(t, c.read(given, d), c.table)
		assert.Empty(t, *failed, "%s: who gave up learns nothing of the database", c.table)
		d.leases.end(ada)
		for _, made := range []error{nil, errors.New("cannot be decrypted")} {
			err = d.DoDecryptionTxn(t.Context(), func(ctx context.Context) error {
				require.Error(t, c.read(ctx, d), c.table)
				return made
			})
			require.ErrorIs(t, err, context.Canceled, "%s: whatsmeow leaves it unacknowledged", c.table)
			require.Len(t, *failed, 1, c.table)
		}
	}
	d, db, failed := openDevice(t)
	require.NoError(t, d.PutBufferedEvent(t.Context(), [32]byte{1}, []byte("login"), time.Unix(1, 0)))
	require.NoError(t, d.journal.flush(t.Context()))
	_, err := db.sql.Exec("ALTER TABLE whatsmeow_event_buffer RENAME TO gone")
	require.NoError(t, err)
	_, err = d.GetBufferedEvent(t.Context(), [32]byte{1})
	require.ErrorIs(t, err, context.Canceled, "what was decrypted before cannot be decrypted again")
	require.Len(t, *failed, 1)
}
