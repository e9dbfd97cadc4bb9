package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/store/internal/sqlstore"
	"github.com/heypingr/pingr/store/sqlite"
)

// hold keeps the writer busy until the returned function is called, so that writes in the meantime
// become one batch.
func hold(t *testing.T, s *sqlite.Store) (release func()) {
	t.Helper()
	held, free := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- s.Write(context.Background(), func(sqlstore.Tx) error {
			close(held)
			<-free
			return nil
		})
	}()
	<-held
	return func() {
		close(free)
		require.NoError(t, <-done)
	}
}

func TestFailingOperationsDoNotHarmTheirBatch(t *testing.T) {
	s := open(t, t.TempDir())
	release := hold(t, s)
	var wg sync.WaitGroup
	errs := make([]error, 30)
	runs := make([]int, 30)
	for i := range errs {
		wg.Go(func() {
			errs[i] = s.Write(t.Context(), func(tx sqlstore.Tx) error {
				runs[i]++
				key := []byte(fmt.Sprint(i))
				if _, err := tx.Exec(`INSERT INTO limits (key, taken, until) VALUES ($1, 1, 1)`, key); err != nil {
					return err
				}
				switch i % 10 {
				case 3:
					return errors.New("no")
				case 6:
					panic("a bug")
				case 9:
					_, err := tx.Exec(`INSERT INTO limits (key, taken, until) VALUES ($1, 1, 1)`, []byte(fmt.Sprint(i)))
					return err
				}
				return nil
			})
		})
	}
	release()
	wg.Wait()
	good := 0
	for i, err := range errs {
		switch i % 10 {
		case 3, 6, 9:
			require.Error(t, err, i)
		default:
			require.NoError(t, err, i)
			good++
		}
	}
	n, err := s.Rows(t.Context(), "limits")
	require.NoError(t, err)
	assert.EqualValues(t, good, n, "of the failed ones nothing is left")
}

func TestWhoeverGivesUpWaitingHasChangedNothing(t *testing.T) {
	s := open(t, t.TempDir())
	release := hold(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error, 1)
	go func() { gaveUp <- s.Reserve(ctx, now, benchLimits("1")...) }()
	require.Eventually(t, func() bool { return s.Waiting() == 1 }, eventually, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-gaveUp, context.Canceled)
	release()
	require.NoError(t, s.Close())
	n := rowsAfterReopen(t, s)
	assert.Zero(t, n)
}

// A caller who gives up when the operation is already running gets its outcome. An operation reported
// as not done would be done twice.
func TestWhoeverGivesUpTooLateHearsTheEnd(t *testing.T) {
	s := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	begun, free, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- s.Write(ctx, func(tx sqlstore.Tx) error {
			close(begun)
			<-free
			_, err := tx.Exec(`INSERT INTO limits (key, taken, until) VALUES ($1, 1, 1)`, []byte("k"))
			return err
		})
	}()
	<-begun
	cancel()
	var err error
	select {
	case err = <-ended:
		assert.Fail(t, "told before it ended")
		close(free)
	case <-time.After(tick):
		close(free)
		err = <-ended
	}
	require.NoError(t, err)
	n, err := s.Rows(t.Context(), "limits")
	require.NoError(t, err)
	assert.EqualValues(t, 1, n)
}

func rowsAfterReopen(t *testing.T, closed *sqlite.Store) int64 {
	t.Helper()
	s := open(t, closed.Dir())
	n, err := s.Rows(t.Context(), "limits")
	require.NoError(t, err)
	return n
}

// Operations that wait when the disk is full get the error, and acknowledged ones are kept. Everything
// goes on when there is room again.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	accept(t, s, benchFiring(0))
	require.NoError(t, s.LimitPages(t.Context(), 60))
	var acknowledged []int64
	var refused error
	for i := int64(1); refused == nil && i < 1000; i++ {
		f := benchFiring(i)
		f.Message.Text = longText
		_, _, refused = s.Accept(t.Context(), f, lease)
		if refused == nil {
			acknowledged = append(acknowledged, i)
		}
	}
	require.ErrorContains(t, refused, "full")
	require.NotEmpty(t, acknowledged)
	require.NoError(t, s.Peek(t.Context(), now, benchLimits("1")...), "reading goes on")
	_, _, err := s.Decide(t.Context(), benchDecision(benchFiring(0).ID))
	if err != nil {
		require.ErrorContains(t, err, "full")
	}

	require.NoError(t, s.LimitPages(t.Context(), 1<<30))
	f := benchFiring(int64(len(acknowledged) + 1))
	accept(t, s, f)
	live(t, s, benchFiring(5000))
	require.NoError(t, s.Close())
	s = open(t, dir)
	for _, i := range acknowledged {
		known(t, s, benchFiring(i))
	}
	known(t, s, f)
}

func TestFullDiskOfTheDeliveryLog(t *testing.T) {
	s := open(t, t.TempDir())
	require.NoError(t, s.LimitLogPages(t.Context(), 0))
	var refused error
	logged := 0
	for ; refused == nil && logged < 100_000; logged++ {
		refused = s.LogDelivery(t.Context(), benchDelivery(logged))
	}
	require.ErrorContains(t, refused, "full", "it is bounded")
	_, err := loggedRows(t, s)
	require.ErrorContains(t, err, "full")
	live(t, s, benchFiring(1)) // firings are elsewhere

	require.NoError(t, s.LimitLogPages(t.Context(), 1<<30))
	require.Eventually(t, func() bool {
		rows, err := loggedRows(t, s)
		return err == nil && len(rows) == logged-1
	}, eventually, tick)
}

// Rows that are logged while others are being written are written after them.
func TestDeliveriesThatComeWhileOthersAreWritten(t *testing.T) {
	s := open(t, t.TempDir())
	held, free, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- s.WriteLog(context.Background(), func(sqlstore.Tx) error {
			close(held)
			<-free
			return nil
		})
	}()
	<-held
	require.NoError(t, s.LogDelivery(t.Context(), benchDelivery(1)))
	require.Eventually(t, func() bool { return s.WaitingLog() == 1 }, eventually, time.Millisecond)
	require.NoError(t, s.LogDelivery(t.Context(), benchDelivery(2)))
	close(free)
	require.NoError(t, <-done)
	rows, err := loggedRows(t, s)
	require.NoError(t, err)
	assert.Len(t, rows, 2)
}

func TestDeliveriesAreFlushedOnClose(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for i := range 1000 {
		require.NoError(t, s.LogDelivery(t.Context(), benchDelivery(i)))
	}
	require.NoError(t, s.Close())
	rows, err := loggedRows(t, open(t, dir))
	require.NoError(t, err)
	assert.Len(t, rows, 1000)
}

// Rows that an earlier process logged by a fast clock stay behind later ones, so a reader who pages on
// misses nothing.
func TestDeliveriesAfterAClockThatWasAhead(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	ahead := benchDelivery(1)
	ahead.At = now.Add(time.Hour)
	require.NoError(t, s.LogDelivery(t.Context(), ahead))
	require.NoError(t, s.Close())
	s = open(t, dir)
	require.NoError(t, s.LogDelivery(t.Context(), benchDelivery(2)))
	page, err := s.DeliveryPage(t.Context(), hosted.DeliveryQuery{Account: "acc_1", Limit: 10})
	require.NoError(t, err)
	require.Len(t, page.Rows, 2)
	assert.Equal(t, []string{"dlv_2", "dlv_1"}, []string{page.Rows[0].ID, page.Rows[1].ID})
	assert.False(t, page.Rows[0].Logged.Before(page.Rows[1].Logged))
}

// A chart of any length reads some thousand rows, however many firings there were.
func TestCountsOfAQuarterOfAnHourAreOneRow(t *testing.T) {
	s := open(t, t.TempDir())
	for i := range int64(10) {
		f := benchFiring(i)
		accept(t, s, f)
		require.NoError(t, s.Finish(t.Context(), pingr.Outcome{
			Firing: f.ID, At: now.Add(time.Duration(i) * time.Second), Kind: pingr.Failed,
		}))
	}
	n, err := s.Rows(t.Context(), "counts")
	require.NoError(t, err)
	assert.EqualValues(t, 1, n)
}

// An operation that nobody waits for shares the commit of one that somebody waits for. It is done by
// itself if none comes.
func TestLeisurelyOperationsShareACommit(t *testing.T) {
	s := open(t, t.TempDir())
	put := func(key string) func(sqlstore.Tx) error {
		return func(tx sqlstore.Tx) error {
			_, err := tx.Exec(`INSERT OR REPLACE INTO limits (key, taken, until) VALUES ($1, 1, 1)`, []byte(key))
			return err
		}
	}
	require.NoError(t, s.WriteSoon(t.Context(), put("alone")))
	shared := false
	for try := 0; try < 100 && !shared; try++ {
		key := fmt.Sprint("soon ", try)
		done := make(chan error, 1)
		go func() { done <- s.WriteSoon(t.Context(), put(key)) }()
		time.Sleep(time.Millisecond) // it is waiting, most likely
		require.NoError(t, s.Write(t.Context(), func(tx sqlstore.Tx) error {
			before, err := s.Rows(t.Context(), "limits") // by another connection: what is committed
			if err != nil {
				return err
			}
			var here int64
			err = tx.Query(`SELECT count(*) FROM limits`, func(r sqlstore.Row) error { return r.Scan(&here) })
			shared = here > before
			return err
		}))
		require.NoError(t, <-done)
	}
	assert.True(t, shared)
}

// If another process writes for too long, all waiting callers time out together, not one after the
// other.
func TestWhatCannotBeginFailsTogether(t *testing.T) {
	dir := t.TempDir()
	s, other := open(t, dir), openAdmin(t, dir)
	require.NoError(t, s.Exec(t.Context(), "PRAGMA busy_timeout = 300")) // until the store is at rest
	release := hold(t, other)
	defer release()
	var mu sync.Mutex
	timeouts := map[error]bool{} // operations that failed together have one error
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			err := s.Write(t.Context(), func(sqlstore.Tx) error { return nil })
			assert.ErrorContains(t, err, "begin")
			mu.Lock()
			defer mu.Unlock()
			timeouts[err] = true
		})
	}
	wg.Wait()
	// Two as a rule: the first to come, and all others.
	assert.Less(t, len(timeouts), 5)
}
