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

// node opens the pool of one of the processes that share the world's database.
func (w *world) node(name string) *Pool {
	w.t.Helper()
	c := w.config
	c.Node = name
	c.timing.grace, c.timing.report = time.Minute, time.Minute
	pool, err := Open(w.t.Context(), c)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { assert.NoError(w.t, pool.Close()) })
	return pool
}

// give gives a session's lease to a node, which adopts it.
func (w *world) give(id string, to *Pool) *Session {
	w.t.Helper()
	var epoch int64
	require.NoError(w.t, to.database.sql.QueryRow(`
		UPDATE leases SET node = $2, epoch = nextval('lease_epochs') WHERE session = $1 RETURNING epoch`,
		id, to.config.Node).Scan(&epoch))
	ready := false
	s, err := to.Adopt(w.t.Context(), w.saved(id), epoch, func(*Session) { ready = true })
	require.NoError(w.t, err)
	assert.True(w.t, ready)
	assert.Equal(w.t, epoch, s.Epoch())
	w.untilState(s, pingr.SessionConnected)
	return s
}

// A number goes to and fro between two processes. What a process had in memory
// when it let go is older than what the other has written since: with it, people
// and we could not read each other any more.
func TestANumberComesBack(t *testing.T) {
	w, _ := newTableWorld(t)
	require.NoError(t, w.pool.Close())
	nodes := []*Pool{w.node("a"), w.node("b")}
	w.pool = nodes[0]
	s, _ := w.link("sess_back")
	alice := w.server.NewPhone(whatsapptest.PhoneConfig{})
	bob := w.server.NewPhone(whatsapptest.PhoneConfig{Addressing: whatsapptest.LIDOnly})
	for turn := range 5 {
		for range 2 {
			converse(t, w, s, w.shop, alice)
			converse(t, w, s, w.shop, bob)
		}
		from, to := nodes[turn%2], nodes[(turn+1)%2]
		if turn%2 == 0 {
			require.NoError(t, from.Release(t.Context(), "sess_back"))
		} // otherwise it loses the session while it serves it
		s = w.give("sess_back", to)
		w.untilGone(from, "sess_back")
	}
	converse(t, w, s, w.shop, alice)
	converse(t, w, s, w.shop, bob)
	assert.Zero(t, w.server.Ledger().Undecryptable(), "at people")
	assert.Zero(t, s.Undecryptable(), "at us")
	assert.Zero(t, s.Retries())
	assert.Empty(t, w.events.events, "nobody hears of a number that only moves")
}

// A session that is new to one node may be another's.
func TestASessionOfAnotherNodeIsNotAddedAgain(t *testing.T) {
	w, _ := newTableWorld(t)
	require.NoError(t, w.pool.Close())
	a, b := w.node("a"), w.node("b")
	_, err := a.Add(t.Context(), pingr.SessionRecord{ID: "shop"})
	require.NoError(t, err)
	_, err = b.Add(t.Context(), pingr.SessionRecord{ID: "shop"})
	require.ErrorIs(t, err, ErrExists)
	require.NoError(t, a.Remove(t.Context(), "shop"))
	_, err = b.Add(t.Context(), pingr.SessionRecord{ID: "shop"})
	require.NoError(t, err)
	assert.Empty(t, a.List())
	assert.Len(t, b.List(), 1)
}

// A node adopts nothing by itself, and the same lease once.
func TestAdoptTwice(t *testing.T) {
	w, _ := newTableWorld(t)
	w.link("sess_twice")
	require.NoError(t, w.pool.Close())
	node := w.node("a")
	require.Empty(t, node.List())
	first := w.give("sess_twice", node)
	again, err := node.Adopt(t.Context(), w.saved("sess_twice"), first.Epoch(), nil)
	require.NoError(t, err)
	assert.Same(t, first, again)
	next := w.give("sess_twice", node) // under another epoch
	assert.NotSame(t, first, next)
	assert.ErrorIs(t, first.Reconnect(), ErrClosed)
	node.LetGo()
	assert.Empty(t, node.List())
	require.ErrorIs(t, node.Release(t.Context(), "sess_twice"), ErrNoSession)
}
