package storetest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

// Reopened checks that a store still has everything after it is closed and opened again, as by a
// restart. open opens the same store each time. The first time it is empty.
func Reopened(t *testing.T, open func(t *testing.T) Store) {
	t.Helper()
	_, key := hosted.NewKey(anna().ID, "shop", hosted.Live, t0)
	value := func(s Store, made string) string {
		kept, err := s.LoadOrStoreValue(t.Context(), "signing", func() []byte { return []byte(made) })
		require.NoError(t, err)
		return string(kept)
	}

	s := open(t)
	save(t, s, login)
	accept(t, s, firing("a"), free)
	enqueue(t, s, pending("e"))
	deliver(t, s, delivery("d", t0))
	require.NoError(t, s.Reserve(t.Context(), t0, quota(1)))
	require.NoError(t, s.SaveSession(t.Context(), record(session)))
	require.NoError(t, s.CreateAccount(t.Context(), anna()))
	require.NoError(t, s.CreateKey(t.Context(), key))
	begin(t, s, replay("k", "body", t0))
	value(s, "first")
	require.NoError(t, s.Close())

	s = open(t)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	finds(t, s, "login", login.ID)
	known(t, s, firing("a"))
	assert.Equal(t, []pingr.Firing{firing("a")}, claim(t, s, me, after(1)))
	person, err := s.Person(t.Context(), owner, phone)
	require.NoError(t, err)
	assert.Equal(t, asha(), person)
	assert.Equal(t, pending("e").Event, only(t, due(t, s, me, after(5))).Event)
	assert.Equal(t, delivery("d", t0), only(t, deliveries(t, s, owner)))
	refused(t, s.Reserve(t.Context(), t0, quota(1)), pingr.Quota, quota(1).Until)
	assert.Equal(t, record(session), only(t, sessions(t, s)))
	account, err := s.Account(t.Context(), anna().ID)
	require.NoError(t, err)
	assert.Equal(t, anna(), account)
	keys, err := s.Keys(t.Context(), anna().ID)
	require.NoError(t, err)
	assert.Equal(t, key, only(t, keys))
	_, first := begin(t, s, replay("k", "body", after(1)))
	assert.False(t, first, "a request that was begun")
	assert.Equal(t, "first", value(s, "second"))
}
