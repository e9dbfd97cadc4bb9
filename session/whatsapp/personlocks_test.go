package whatsapp

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPersonsAreLockedByPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPersons()
		ctx := context.Background()
		require.NoError(t, p.acquire(ctx, "ada"))
		require.NoError(t, p.acquire(ctx, "bob"), "others are free")

		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		require.ErrorIs(t, p.acquire(short, "ada"), context.DeadlineExceeded)

		second := make(chan struct{})
		go func() { assert.NoError(t, p.acquire(ctx, "ada")); close(second) }()
		synctest.Wait()
		select {
		case <-second:
			t.Fatal("two hold one lock")
		default:
		}
		p.release("ada")
		<-second
		p.release("ada")
		p.release("bob")
		assert.Empty(t, p.locks, "nothing is kept of who is done")
	})
}

// Everybody takes locks in one order, so that two sends to the same two people
// never wait for each other.
func TestLocksAreTakenInOneOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPersons()
		require.NoError(t, p.acquire(t.Context(), "ada"))
		var work sync.WaitGroup
		for _, people := range [][]string{{"ada", "bob", "ada"}, {"bob", "ada"}} {
			work.Go(func() {
				h := &holder{persons: p}
				assert.NoError(t, h.take(t.Context(), people...))
				assert.NoError(t, h.take(t.Context(), people[0]), "again is no second lock")
				h.drop()
			})
			synctest.Wait()
		}
		p.release("ada")
		work.Wait()
		assert.Empty(t, p.locks)
	})
}

// One person is one lock, by whichever name.
func TestPersonIsKnownByBothNames(t *testing.T) {
	d, db, _ := openDevice(t)
	assert.Equal(t, adaNumber.User, d.person(adaNumber.User+":0"), "the LID is not known yet")
	require.NoError(t, db.keys.LIDMap.PutLIDMapping(t.Context(), adaLID, adaNumber))
	assert.Equal(t, d.person(ada), d.person(adaNumber.User+":7"))
}

// A decryption that only asks whether there is a session goes on to load it.
func TestAskingForASessionLocksItsPerson(t *testing.T) {
	d, _, _ := openDevice(t)
	require.NoError(t, d.DoDecryptionTxn(t.Context(), func(ctx context.Context) error {
		_, err := d.HasSession(ctx, ada)
		assert.Equal(t, []string{"100200300@lid"}, holderOf(ctx).held)
		return err
	}))
	assert.Empty(t, d.persons.locks)
}

func TestLeaseEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPersons()
		l := &leases{persons: p, open: make(map[string]*lease)}
		require.NoError(t, l.begin(t.Context(), ada, "ada"))
		start := time.Now()
		require.NoError(t, l.begin(t.Context(), ada, "ada"), "after the first one's time")
		assert.Equal(t, leaseTime, time.Since(start))
		l.end(ada)
		l.end(ada)
		assert.Empty(t, p.locks)
		time.Sleep(2 * leaseTime)
		assert.Empty(t, p.locks)
	})
}

func TestPersonOf(t *testing.T) {
	lids := map[string]string{"919876543210": "100200300"}
	lidOf := func(number string) string { return lids[number] }
	assert.Equal(t, "100200300@lid", personOf("100200300_1:0", lidOf))
	assert.Equal(t, "100200300@lid", personOf("100200300_1:12", lidOf), "one lock for all devices")
	assert.Equal(t, "100200300@lid", personOf("919876543210:0", lidOf), "and for both names")
	assert.Equal(t, "15550100002", personOf("15550100002:0", lidOf))
}
