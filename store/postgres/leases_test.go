package postgres_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/internal/pgtest"
	"github.com/heypingr/pingr/store/postgres"
)

// nodes are processes that share a database with so many sessions.
type nodes struct {
	*testing.T
	url   string
	store *postgres.Store
}

func newNodes(t *testing.T, sessions int) *nodes {
	t.Helper()
	url := pgtest.New(t, fast...).URL(t)
	n := &nodes{t, url, open(t, url)}
	for i := range sessions {
		require.NoError(t, n.store.SaveSession(t.Context(), pingr.SessionRecord{ID: fmt.Sprintf("s%03d", i)}))
	}
	return n
}

func (n *nodes) join(id string) *postgres.Store {
	n.Helper()
	s, err := postgres.Open(n.Context(), postgres.Config{URL: n.url, Node: id, MaxConns: 4})
	require.NoError(n, err)
	n.Cleanup(func() { require.NoError(n, s.Close()) })
	require.NoError(n, s.Join(n.Context(), postgres.Node{ID: id}))
	return s
}

func (n *nodes) beat(id string) []postgres.Lease {
	n.Helper()
	leases, err := n.store.Beat(n.Context(), id)
	require.NoError(n, err)
	return leases
}

// silent makes a node look as if it had not beaten for so long.
func (n *nodes) silent(id string, d time.Duration) {
	n.Helper()
	n.store.Exec(n.T, fmt.Sprintf(`UPDATE nodes SET seen_at = clock_timestamp() - interval '%d ms' WHERE id = '%s'`,
		d.Milliseconds(), id))
}

func sessions(leases []postgres.Lease) (ids []string) {
	for _, l := range leases {
		ids = append(ids, l.Session)
	}
	return ids
}

// Nodes share fairly, and what one has nobody else has.
func TestNodesShareTheSessions(t *testing.T) {
	n := newNodes(t, 10)
	n.join("a")
	assert.Len(t, n.beat("a"), 10, "alone it has all")
	n.join("b")
	assert.Empty(t, n.beat("b"), "nothing is free")
	for _, l := range n.beat("a")[:7] {
		require.NoError(t, n.store.Free(t.Context(), "a", l))
	}
	var wg sync.WaitGroup
	held := make([][]postgres.Lease, 2)
	for i, id := range []string{"a", "b"} {
		wg.Go(func() { held[i], _ = n.store.Beat(context.WithoutCancel(t.Context()), id) })
	}
	wg.Wait()
	all := map[string]int{}
	for _, l := range append(n.beat("a"), n.beat("b")...) {
		all[l.Session]++
	}
	assert.Len(t, all, 10)
	for id, times := range all {
		assert.Equal(t, 1, times, id)
	}
	assert.Len(t, n.beat("a"), 5)
	assert.Len(t, n.beat("b"), 5)
}

// I2: an epoch is another one whenever a session changes hands, also when it is
// deleted and created again.
func TestEpochsGrow(t *testing.T) {
	n := newNodes(t, 1)
	n.join("a")
	last := n.beat("a")[0]
	assert.Equal(t, last, n.beat("a")[0], "a lease is not written at a beat")
	for range 3 {
		require.NoError(t, n.store.Free(t.Context(), "a", last))
		require.NoError(t, n.store.Free(t.Context(), "a", last), "it is free already")
		next := n.beat("a")[0]
		assert.Greater(t, next.Epoch, last.Epoch)
		last = next
	}
	n.store.Exec(t, `DELETE FROM leases`)
	n.join("b")
	assert.Greater(t, n.beat("b")[0].Epoch, last.Epoch)
}

// A node that is silent for 8 s is dead: its sessions go to others at once, with
// what it was at work on, and it learns of it.
func TestADeadNodesSessionsAreClaimed(t *testing.T) {
	n := newNodes(t, 2)
	dead := n.join("dead")
	require.Len(t, n.beat("dead"), 2)
	working := pingr.Lease{Holder: "engine of the dead", Until: now.Add(time.Hour)}
	require.NoError(t, dead.SaveSession(t.Context(), pingr.SessionRecord{ID: "main"}))
	n.store.Exec(t, `INSERT INTO leases (session, node) VALUES ('main', 'dead')`)
	require.NoError(t, accept(t, dead, "evt", working))

	alive := n.join("alive")
	n.silent("dead", postgres.DeadAfter-2*time.Second)
	assert.Empty(t, n.beat("alive"))
	n.silent("dead", postgres.DeadAfter+time.Second)
	assert.Equal(t, []string{"main", "s000", "s001"}, sessions(n.beat("alive")))
	firings, err := alive.Claim(t.Context(), pingr.Lease{Holder: "me", Until: now.Add(time.Hour)}, now, nil, 10)
	require.NoError(t, err)
	require.Len(t, firings, 1, "before the dead engine's own lease has ended")
	assert.Equal(t, 1, firings[0].Attempt, "it may have asked the webhook")

	_, err = n.store.Beat(t.Context(), "dead")
	require.ErrorIs(t, err, postgres.ErrDead)
	require.Error(t, n.store.Join(t.Context(), postgres.Node{ID: "dead"}), "an id is used once")
}

// I6: only the holder of the lease writes the record.
func TestOnlyTheHolderSavesASession(t *testing.T) {
	n := newNodes(t, 1)
	n.join("a")
	before := n.beat("a")[0]
	record := pingr.SessionRecord{ID: before.Session, Name: "by the holder"}
	require.NoError(t, n.store.SaveOwnSession(t.Context(), record, before.Epoch))
	require.NoError(t, n.store.Free(t.Context(), "a", before))
	after := n.beat("a")[0]
	record.Name = "by somebody who was"
	require.ErrorContains(t, n.store.SaveOwnSession(t.Context(), record, before.Epoch), "PF001")
	all, err := n.store.Sessions(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "by the holder", all[0].Name)
	require.NoError(t, n.store.SaveOwnSession(t.Context(), record, after.Epoch))
}

// T6: a node that stops inside a transaction that holds the lease's row does not
// stop others from claiming it.
func TestAStoppedTransactionHoldsNoLease(t *testing.T) {
	n := newNodes(t, 1)
	stopped := n.join("stopped")
	held := n.beat("stopped")[0]
	ended := stopped.Begin(t, `SELECT pingr_fence($1, $2)`, held.Session, held.Epoch)
	n.join("alive")
	n.silent("stopped", postgres.DeadAfter+time.Second)
	began := time.Now()
	require.Eventually(t, func() bool {
		leases, err := n.store.Beat(t.Context(), "alive")
		return err == nil && len(leases) == 1
	}, 10*time.Second, 10*time.Millisecond)
	assert.Less(t, time.Since(began), 2*time.Second, "its connection was ended, not waited for")
	assert.Error(t, ended(), "what it does when it runs again is refused")
}

// Who waits for free sessions hears of each at once, not at its next beat.
func TestAFreedSessionIsHeardOf(t *testing.T) {
	n := newNodes(t, 1)
	n.join("a")
	held := n.beat("a")[0]
	ctx, stop := context.WithCancel(t.Context())
	heard := make(chan struct{}, 10)
	var listening sync.WaitGroup
	listening.Go(func() { n.store.Freed(ctx, func() { heard <- struct{}{} }) })
	defer listening.Wait()
	defer stop()
	require.Eventually(t, func() bool { return n.store.Listens(t) }, 20*time.Second, 5*time.Millisecond)
	require.NoError(t, n.store.Free(t.Context(), "a", postgres.Lease{Session: held.Session, Epoch: held.Epoch - 1}))
	require.NoError(t, n.store.Free(t.Context(), "a", held))
	select {
	case <-heard:
	case <-time.After(20 * time.Second):
		require.Fail(t, "nobody heard of it")
	}
	assert.Empty(t, heard, "what was not the node's was not freed")
}
