//go:build !race

package whatsapp

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/internal/pgtest"
	"github.com/heypingr/pingr/store/memory"
	"github.com/heypingr/pingr/whatsapptest"
)

// newTableWorld is a world whose keys are in PostgreSQL.
func newTableWorld(t *testing.T) (*world, *pgtest.Server) {
	t.Helper()
	server := pgtest.New(t, "-c", "fsync=off")
	w := newWorld(t)
	require.NoError(t, w.pool.Close())
	w.config.Dir, w.config.Database, w.config.Keyring = "", withTables(t, server), testRing(t)
	w.config.Registry = memory.New()
	w.open()
	return w, server
}

// another opens a pool as another process does, which has the sessions from
// then on.
func (w *world) another() *Pool {
	w.t.Helper()
	c := w.config
	c.timing.grace, c.timing.report = time.Minute, time.Minute // it has nothing to say of itself
	pool, err := Open(w.t.Context(), c)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { assert.NoError(w.t, pool.Close()) })
	return pool
}

func (w *world) untilGone(p *Pool, id string) {
	w.t.Helper()
	require.Eventually(w.t, func() bool { _, there := p.Get(id); return !there }, patience, time.Millisecond)
}

// A process that loses a session to another one hangs up, and says nothing:
// neither to the record, nor to the webhook.
func TestAnotherProcessTakesASession(t *testing.T) {
	w, _ := newTableWorld(t)
	s, device := w.link("sess_moved")
	alice := w.server.NewPhone(whatsapptest.PhoneConfig{})
	converse(t, w, s, w.shop, alice)
	old := s.line.keys.device.Load()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s.settle(ctx)
	for len(w.events.events) > 0 {
		<-w.events.events // linking took long
	}

	there := w.another()
	taken, ok := there.Get("sess_moved")
	require.True(t, ok)
	w.until(taken, func(now Snapshot) bool { return now.Record.State == pingr.SessionConnected })
	w.untilGone(w.pool, "sess_moved")
	converse(t, w, taken, w.shop, alice)
	assert.ErrorIs(t, s.Reconnect(), ErrClosed)
	assert.ErrorIs(t, old.PutSession(t.Context(), ada, []byte("stale")), ErrClosed, "it remembers nothing")
	assert.Zero(t, old.cache.sessions.Len()-len(sessionsOf(old.cache, taken.line.keys.device.Load().name)))
	assert.Empty(t, w.events.events, "nobody hears of a number that only moved")
	record := w.saved("sess_moved")
	assert.Equal(t, pingr.SessionConnected, record.State)
	assert.Equal(t, device.JID(), record.Device)
	assert.Zero(t, w.server.Ledger().Undecryptable())
	assert.Zero(t, taken.Undecryptable())
}

func sessionsOf(c *cache, device string) (of []cacheKey) {
	for _, k := range c.sessions.Keys() {
		if k.device == device {
			of = append(of, k)
		}
	}
	return of
}

// I4: who lost a session while it was disconnected does not connect again.
func TestNoDialWithoutTheLease(t *testing.T) {
	w, _ := newTableWorld(t)
	s, device := w.link("sess_lost")
	device.FailLogins(whatsapptest.LoginFailure{Reason: 503})
	device.Drop()
	w.untilState(s, pingr.SessionDisconnected)
	l := s.line
	_, err := w.pool.database.where.claim(t.Context(), "sess_lost")
	require.NoError(t, err)
	w.untilGone(w.pool, "sess_lost")
	dials := l.dials.Load()
	device.FailLogins(whatsapptest.LoginFailure{})
	assert.ErrorIs(t, s.Reconnect(), ErrClosed)
	assert.Equal(t, dials, l.dials.Load())
	assert.False(t, device.Online())
}

// Whatever WhatsApp says to a process that has lost the session, its keys and
// its record stay.
func TestAStaleEndChangesNothing(t *testing.T) {
	for name, end := range map[string]func(*whatsapptest.Device){
		"unlinked": func(d *whatsapptest.Device) { d.FailLogins(whatsapptest.LoginFailure{Reason: 401}); d.Drop() },
		"replaced": func(d *whatsapptest.Device) { d.Replace() },
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := newTableWorld(t)
			s, device := w.link("sess_stale")
			_, err := w.pool.database.where.claim(t.Context(), "sess_stale")
			require.NoError(t, err)
			end(device)
			w.untilGone(w.pool, "sess_stale")
			assert.Equal(t, 1, rows(t, w.pool.database, "device"))
			assert.Equal(t, device.JID(), w.saved(s.ID()).Device)
		})
	}
}

// A process that was paused between its question and its dial replaces us once.
// We have the lease, so we connect again; somebody who does so all the time is
// another program.
func TestReplacedWithTheLease(t *testing.T) {
	w, _ := newTableWorld(t)
	s, device := w.link("sess_replaced")
	for range replacementsAllowed {
		logins := device.Logins()
		device.Replace()
		require.NoError(t, device.WaitLogins(t.Context(), logins+1))
		w.untilState(s, pingr.SessionConnected)
	}
	device.Replace()
	shot := w.until(s, func(now Snapshot) bool {
		return now.Record.Reason == codeReplaced && now.Record.Detail == ends[codeReplaced].detail
	})
	assert.Equal(t, pingr.SessionDisconnected, shot.Record.State)
}

// I5: what was in memory while the database was away is read again, and nothing
// is lost.
func TestTheDatabaseWasAway(t *testing.T) {
	w, server := newTableWorld(t)
	s, _ := w.link("sess_away")
	alice := w.server.NewPhone(whatsapptest.PhoneConfig{})
	converse(t, w, s, w.shop, alice)
	before := s.line.keys.device.Load()
	server.Stop(t)
	require.Error(t, before.PutSession(t.Context(), "1_1:0", []byte("newer than the database")))
	w.until(s, func(now Snapshot) bool { return now.Record.State == pingr.SessionDisconnected })
	server.Start(t)
	w.until(s, func(now Snapshot) bool { return now.Record.State == pingr.SessionConnected })
	after := s.line.keys.device.Load()
	require.NotSame(t, before, after)
	session, err := after.session(t.Context(), "1_1:0", false)
	require.NoError(t, err)
	assert.Nil(t, session, "what was not written is forgotten")
	converse(t, w, s, w.shop, alice)
	assert.Zero(t, w.server.Ledger().Undecryptable())
	assert.Zero(t, s.Undecryptable())
}
