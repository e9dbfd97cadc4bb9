package whatsapp

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sendTo does what a send to somebody does with the sessions.
func sendTo(t *testing.T, d *device, address, session string) {
	t.Helper()
	h := &holder{persons: d.persons}
	defer h.drop()
	ctx := withHolder(t.Context(), h)
	_, err := d.GetManySessions(ctx, []string{address})
	require.NoError(t, err)
	require.NoError(t, d.PutManySessions(ctx, map[string][]byte{address: []byte(session)}))
}

// decryptFrom decrypts a message whose handler has not ended.
func decryptFrom(t *testing.T, d *device, address, session string, hash byte) {
	t.Helper()
	require.NoError(t, d.DoDecryptionTxn(t.Context(), func(ctx context.Context) error {
		if _, err := d.GetSession(ctx, address); err != nil {
			return err
		}
		if err := d.PutSession(ctx, address, []byte(session)); err != nil {
			return err
		}
		return d.PutBufferedEvent(ctx, [32]byte{hash}, []byte("login"), time.Unix(1, 0))
	}))
}

// onDisk returns a session as the next process finds it, and how many messages are kept for another
// try of their handler.
func onDisk(t *testing.T, db *database, address string) (session string, kept int) {
	t.Helper()
	found, err := reopen(t, db).session(t.Context(), address, false)
	require.NoError(t, err)
	err = db.sql.QueryRow("SELECT count(*) FROM whatsmeow_event_buffer WHERE plaintext IS NOT NULL").Scan(&kept)
	require.NoError(t, err)
	return string(found), kept
}

// While a message is handled, sends to others do not write it: it is written once, when it is done.
func TestSendsLeaveTheMessageThatIsHandled(t *testing.T) {
	d, db, failed := openDevice(t)
	byHand(d)
	decryptFrom(t, d, ada, "received", 1)
	sendTo(t, d, bob, "step")
	session, _ := onDisk(t, db, bob)
	assert.Equal(t, "step", session)
	session, kept := onDisk(t, db, ada)
	assert.Empty(t, session)
	assert.Zero(t, kept)
	sessionIs("received")(t, t.Context(), d)
	e, err := d.GetBufferedEvent(t.Context(), [32]byte{1})
	require.NoError(t, err)
	assert.NotNil(t, e, "it may be needed again")

	require.NoError(t, d.ClearBufferedEventPlaintext(t.Context(), [32]byte{1}))
	sendTo(t, d, bob, "next step")
	session, kept = onDisk(t, db, ada)
	assert.Equal(t, "received", session)
	assert.Zero(t, kept)
	var rows int
	require.NoError(t, db.sql.QueryRow("SELECT count(*) FROM whatsmeow_event_buffer").Scan(&rows))
	assert.Zero(t, rows, "it was never written")
	assert.Empty(t, *failed)
}

// Whoever needs the state after a message writes it, and keeps the message for another try.
func TestWhatWritesTheMessageThatIsHandled(t *testing.T) {
	for name, c := range map[string]struct {
		then func(*testing.T, *device)
		want string
	}{
		"a message to the same person": {func(t *testing.T, d *device) { sendTo(t, d, ada, "answered") }, "answered"},
		"the next message of the same person": {func(t *testing.T, d *device) {
			decryptFrom(t, d, ada, "received more", 2)
			sendTo(t, d, bob, "step")
		}, "received"},
		"the next message of somebody else": {func(t *testing.T, d *device) {
			decryptFrom(t, d, bob, "received", 2)
			sendTo(t, d, "31_1:0", "step")
		}, "received"},
		"a retry for somebody else": {func(t *testing.T, d *device) {
			require.NoError(t, d.PutSession(t.Context(), bob, []byte("step")))
		}, "received"},
		"time":    {func(t *testing.T, d *device) { require.NoError(t, d.journal.flush(t.Context())) }, "received"},
		"the end": {func(_ *testing.T, d *device) { d.close() }, "received"},
	} {
		t.Run(name, func(t *testing.T) {
			d, db, failed := openDevice(t)
			byHand(d)
			decryptFrom(t, d, ada, "received", 1)
			c.then(t, d)
			session, kept := onDisk(t, db, ada)
			assert.Equal(t, c.want, session)
			assert.Equal(t, 1, kept)
			assert.Empty(t, *failed)
		})
	}
}

// A handler that takes longer than flushAfter does not keep its message in memory, although sends
// stop the journal's timer.
func TestSendsDoNotKeepAMessageFromBeingWritten(t *testing.T) {
	d, db, _ := openDevice(t)
	decryptFrom(t, d, ada, "received", 1)
	sendTo(t, d, bob, "step")
	require.Eventually(t, func() bool {
		session, kept := onDisk(t, db, ada)
		return session == "received" && kept == 1
	}, patience, 10*time.Millisecond)
}
