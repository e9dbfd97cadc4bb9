//go:build !race

package whatsapp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/whatsapptest"
)

// What whatsmeow does by itself unless it is told otherwise, and what it does only
// when it is told.
func TestWhatWhatsmeowIsTold(t *testing.T) {
	w := newCalmWorld(t)
	s, _ := w.link("sess_told")
	c := s.line.client
	assert.False(t, c.EnableAutoReconnect, "the session connects again, with pauses that grow")
	assert.True(t, c.DisableLoginAutoReconnect, "also after linking")
	assert.True(t, c.SynchronousAck, "nothing is acknowledged before it is stored")
	assert.True(t, c.EnableDecryptedEventBuffer, "what was refused can be decrypted again")
	assert.True(t, c.AutomaticMessageRerequestFromPhone, "what its sender never sends again our phone has")
	assert.True(t, c.UseRetryMessageStore, "what was sent can be sent again after a restart")
	assert.True(t, c.ManualHistorySyncDownload, "old chats are nobody's business")
}

// Only an answer counts as a connection that is up: not a socket that is silent, or
// closed, or that closes under the question.
func TestPing(t *testing.T) {
	w := newCalmWorld(t)
	s, device := w.link("sess_ping")
	l := s.line
	assert.True(t, l.ping(patience))
	device.Silence(true)
	assert.False(t, l.ping(50*time.Millisecond))
	answered := make(chan bool)
	go func() { answered <- l.ping(patience) }()
	time.Sleep(100 * time.Millisecond) // it is asked; if not, it is asked of a closed one
	l.hangUp()
	assert.False(t, receive(t, answered))
	assert.False(t, l.ping(patience))
}

// A login counts once a round trip succeeded.
func TestLoginThatIsNotAnswered(t *testing.T) {
	w := newCalmWorld(t)
	s, device := w.link("sess_mute")
	w.pool.timing.ping = 50 * time.Millisecond
	device.Silence(true)
	s.verify(s.line)
	assert.Equal(t, pingr.SessionDisconnected, s.Record().State)
	assert.Contains(t, s.Record().Detail, "did not answer")
	device.Silence(false)
}

// A socket that closed without a word is found.
func TestClosedSocketIsFound(t *testing.T) {
	w := newCalmWorld(t)
	s, device := w.link("sess_closed")
	logins := device.Logins()
	s.line.client.Disconnect() // of which it tells nobody
	s.checkHealth()
	require.NoError(t, device.WaitLogins(t.Context(), logins+1))
	w.untilState(s, pingr.SessionConnected)
}

// A message that was refused while the session was connecting is asked for once it
// is up. The connection that is made for it forgets it.
func TestRefusedWhileConnecting(t *testing.T) {
	w := newCalmWorld(t)
	s, device := w.link("sess_early")
	w.listen(s)
	require.True(t, s.apply(input{kind: inputDial}))
	s.mu.Lock()
	s.refusals.since = true
	s.mu.Unlock()
	s.verify(s.line)
	s.mu.Lock()
	assert.Equal(t, pingr.SessionConnected, s.record.State)
	require.NotNil(t, s.refusals.timer, "it is asked for again")
	s.mu.Unlock()

	logins := device.Logins()
	require.NoError(t, s.Reconnect())
	require.NoError(t, device.WaitLogins(t.Context(), logins+1))
	w.untilState(s, pingr.SessionConnected)
	s.mu.Lock()
	defer s.mu.Unlock()
	assert.False(t, s.refusals.since)
	assert.Nil(t, s.refusals.timer)
}

// A sent message whose recipient has not confirmed it outlasts the process.
func TestCloseKeepsWhatMayBeAskedForAgain(t *testing.T) {
	w := newWorld(t)
	s, _ := w.link("sess_kept")
	in := w.listen(s)
	alice := w.server.NewPhone(whatsapptest.PhoneConfig{Quiet: true})
	_, err := alice.Send(t.Context(), w.shop.Number(), "login")
	require.NoError(t, err)
	m := receive(t, in)
	require.NoError(t, s.Send(t.Context(), pingr.Outgoing{ID: "3EB0KEPT", To: m.Sender, Text: "here"}))
	require.NoError(t, w.pool.Close())
	w.open()
	var kept int
	require.NoError(
		t,
		w.pool.database.sql.QueryRow(`SELECT count(*) FROM whatsmeow_retry_buffer WHERE message_id = '3EB0KEPT'`).Scan(&kept),
	)
	assert.Equal(t, 1, kept)
}

// Keys that are damaged go when the session is linked again.
func TestDamagedKeysAreErased(t *testing.T) {
	w := newWorld(t)
	w.link("sess_damaged")
	_, err := w.pool.database.sql.Exec(`UPDATE whatsmeow_device SET identity_key = signed_pre_key`)
	require.NoError(t, err)
	require.NoError(t, w.pool.Close())
	w.open()
	s, _ := w.pool.Get("sess_damaged")
	r := w.untilState(s, pingr.SessionLoggedOut)
	assert.Equal(t, codeDamaged, r.Reason)
	assert.NotEmpty(t, r.Device, "they may be mended yet")
	require.NoError(t, s.Link())
	assert.Zero(t, rows(t, w.pool.database, "device"))
	w.scan(s)
}
