package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

var limitTests = []test{
	{"a cooldown is taken once", func(t *testing.T, s Store) {
		require.NoError(t, s.Reserve(t.Context(), t0, cooldown(t0)))
		refused(t, s.Reserve(t.Context(), after(1), cooldown(after(1))), pingr.Cooldown, after(60))
	}},
	{"it ends at its end, not before", func(t *testing.T, s Store) {
		require.NoError(t, s.Reserve(t.Context(), t0, cooldown(t0)))
		almost := after(60).Add(-time.Millisecond)
		refused(t, s.Reserve(t.Context(), almost, cooldown(almost)), pingr.Cooldown, after(60))
		require.NoError(t, s.Reserve(t.Context(), after(60), cooldown(after(60))))
		refused(t, s.Reserve(t.Context(), after(61), cooldown(after(61))), pingr.Cooldown, after(120))
	}},
	{"a refusal does not prolong it", func(t *testing.T, s Store) {
		require.NoError(t, s.Reserve(t.Context(), t0, cooldown(t0)))
		for i := range 50 {
			require.Error(t, s.Reserve(t.Context(), after(i), cooldown(after(i))))
		}
		require.NoError(t, s.Reserve(t.Context(), after(60), cooldown(after(60))))
	}},
	{"a quota holds so many", func(t *testing.T, s Store) {
		for i := range 5 {
			require.NoError(t, s.Reserve(t.Context(), after(i), quota(5)), i)
		}
		refused(t, s.Reserve(t.Context(), after(9), quota(5)), pingr.Quota, after(86400))
	}},
	{"a period that is running keeps its own end", func(t *testing.T, s Store) {
		require.NoError(t, s.Reserve(t.Context(), t0, quota(2)))
		later := quota(2)
		later.Until = after(99999)
		require.NoError(t, s.Reserve(t.Context(), t0, later))
		refused(t, s.Reserve(t.Context(), t0, later), pingr.Quota, after(86400))
	}},
	{"a new period counts from one", func(t *testing.T, s Store) {
		for range 3 {
			require.NoError(t, s.Reserve(t.Context(), t0, quota(3)))
		}
		next := quota(3)
		next.Until = after(2 * 86400)
		for range 3 {
			require.NoError(t, s.Reserve(t.Context(), after(86400), next))
		}
		refused(t, s.Reserve(t.Context(), after(86400), next), pingr.Quota, after(2*86400))
	}},
	{"keys are counted apart", func(t *testing.T, s Store) {
		for i := range 20 {
			l := cooldown(t0)
			l.Key += fmt.Sprint(i)
			require.NoError(t, s.Reserve(t.Context(), t0, l))
		}
	}},
	{"keys are case-sensitive", func(t *testing.T, s Store) {
		for _, key := range []string{"a", "A", "a ", "ä", "a\u0308"} {
			require.NoError(t, s.Reserve(t.Context(), t0, pingr.Limit{Key: key, Max: 1, Until: after(60)}), key)
		}
	}},
	{"all or none: the last refuses", func(t *testing.T, s Store) {
		require.NoError(t, s.Reserve(t.Context(), t0, quota(1)))
		refused(t, s.Reserve(t.Context(), t0, cooldown(t0), quota(1)), pingr.Quota, after(86400))
		require.NoError(t, s.Reserve(t.Context(), t0, cooldown(t0)), "not taken")
	}},
	{"all or none: the first refuses", func(t *testing.T, s Store) {
		require.NoError(t, s.Reserve(t.Context(), t0, cooldown(t0)))
		refused(t, s.Reserve(t.Context(), t0, cooldown(t0), quota(1)), pingr.Cooldown, after(60))
		require.NoError(t, s.Reserve(t.Context(), t0, quota(1)), "not taken")
	}},
	{"all or none: what was counted before is still counted", func(t *testing.T, s Store) {
		counted := quota(10)
		counted.Key = "counted"
		require.NoError(t, s.Reserve(t.Context(), t0, counted))
		require.NoError(t, s.Reserve(t.Context(), t0, quota(1)))
		for range 5 {
			require.Error(t, s.Reserve(t.Context(), t0, counted, quota(1)))
		}
		for range 9 {
			require.NoError(t, s.Reserve(t.Context(), t0, counted))
		}
		refused(t, s.Reserve(t.Context(), t0, counted), pingr.Quota, after(86400))
	}},
	{"one key twice takes two", func(t *testing.T, s Store) {
		refused(t, s.Reserve(t.Context(), t0, quota(1), quota(1)), pingr.Quota, after(86400))
		require.NoError(t, s.Reserve(t.Context(), t0, quota(2), quota(2)))
		require.Error(t, s.Reserve(t.Context(), t0, quota(2)))
	}},
	{"a hold is one's until it ends or is dropped", func(t *testing.T, s Store) {
		hold(t, s, true, "k", "a", 0)
		hold(t, s, false, "k", "b", 12)
		hold(t, s, true, "other", "b", 12)
		hold(t, s, true, "k", "b", 13)
		require.NoError(t, s.Drop(t.Context(), "k", "a"), "whose hold has ended")
		hold(t, s, false, "k", "c", 14)
		require.NoError(t, s.Drop(t.Context(), "k", "b"))
		hold(t, s, true, "k", "c", 14)
	}},
	{"who has a hold may ask for it again", func(t *testing.T, s Store) {
		hold(t, s, true, "k", "a", 0)
		hold(t, s, true, "k", "a", 5)
		hold(t, s, false, "k", "b", 14)
	}},
	{"a hold is no limit", func(t *testing.T, s Store) {
		key := cooldown(t0).Key
		hold(t, s, true, key, "a", 0)
		require.NoError(t, s.Peek(t.Context(), t0, cooldown(t0)))
		require.NoError(t, s.Reserve(t.Context(), t0, cooldown(t0)))
		hold(t, s, false, key, "b", 0)
		require.NoError(t, s.Drop(t.Context(), key, "a"))
		refused(t, s.Peek(t.Context(), t0, cooldown(t0)), pingr.Cooldown, after(60))
	}},
	{"dropping what nobody holds", func(t *testing.T, s Store) {
		require.NoError(t, s.Drop(t.Context(), "k", "a"))
		hold(t, s, true, "k", "b", 0)
	}},
	{"a hold of a very long name", func(t *testing.T, s Store) {
		key := strings.Repeat("x", 10<<10)
		hold(t, s, true, key, "a", 0)
		hold(t, s, false, key, "b", 0)
		hold(t, s, true, key+"y", "b", 0)
	}},
	{"limits of very long names are apart", func(t *testing.T, s Store) {
		long := func(end string) pingr.Limit {
			l := cooldown(t0)
			l.Key += strings.Repeat("x", 10<<10) + end
			return l
		}
		require.NoError(t, s.Reserve(t.Context(), t0, long("a")))
		require.Error(t, s.Reserve(t.Context(), t0, long("a")))
		require.NoError(t, s.Reserve(t.Context(), t0, long("b")))
		require.NoError(t, s.Release(t.Context(), long("a")))
		require.NoError(t, s.Peek(t.Context(), t0, long("a")))
		require.Error(t, s.Peek(t.Context(), t0, long("b")))
	}},
	{"no limits at all", func(t *testing.T, s Store) {
		require.NoError(t, s.Reserve(t.Context(), t0))
		require.NoError(t, s.Peek(t.Context(), t0))
		require.NoError(t, s.Release(t.Context()))
	}},
	{"a maximum that was lowered refuses, one that was raised lets through", func(t *testing.T, s Store) {
		for range 5 {
			require.NoError(t, s.Reserve(t.Context(), t0, quota(5)))
		}
		require.Error(t, s.Reserve(t.Context(), t0, quota(3)))
		require.NoError(t, s.Reserve(t.Context(), t0, quota(6)))
	}},
	{"release gives one back", func(t *testing.T, s Store) {
		for range 2 {
			require.NoError(t, s.Reserve(t.Context(), t0, quota(2)))
		}
		require.NoError(t, s.Release(t.Context(), quota(2)))
		require.NoError(t, s.Reserve(t.Context(), t0, quota(2)))
		require.Error(t, s.Reserve(t.Context(), t0, quota(2)))
	}},
	{"release gives back what was never taken to nobody", func(t *testing.T, s Store) {
		require.NoError(t, s.Release(t.Context(), quota(1), quota(1)))
		require.NoError(t, s.Reserve(t.Context(), t0, quota(1)))
		require.Error(t, s.Reserve(t.Context(), t0, quota(1)))
	}},
	{"release does not touch a later period", func(t *testing.T, s Store) {
		require.NoError(t, s.Reserve(t.Context(), t0, cooldown(t0)))
		require.NoError(t, s.Reserve(t.Context(), after(60), cooldown(after(60))))
		require.NoError(t, s.Release(t.Context(), cooldown(t0)))
		refused(t, s.Reserve(t.Context(), after(61), cooldown(after(61))), pingr.Cooldown, after(120))
	}},
	{"nor one in which several were taken", func(t *testing.T, s Store) {
		early, late := quota(3), quota(3)
		late.Until = after(2 * 86400)
		require.NoError(t, s.Reserve(t.Context(), t0, early))
		require.NoError(t, s.Reserve(t.Context(), after(86400), late, late, late))
		require.NoError(t, s.Release(t.Context(), early))
		refused(t, s.Reserve(t.Context(), after(86400), late), pingr.Quota, after(2*86400))
	}},
	{"a cooldown taken after a release is a whole one", func(t *testing.T, s Store) {
		require.NoError(t, s.Reserve(t.Context(), t0, cooldown(t0)))
		require.NoError(t, s.Release(t.Context(), cooldown(t0)))
		require.NoError(t, s.Reserve(t.Context(), after(50), cooldown(after(50))))
		refused(t, s.Reserve(t.Context(), after(61), cooldown(after(61))), pingr.Cooldown, after(110))
	}},
	{"release of one of two keeps the other's period", func(t *testing.T, s Store) {
		require.NoError(t, s.Reserve(t.Context(), t0, quota(2), quota(2)))
		require.NoError(t, s.Release(t.Context(), quota(2)))
		later := quota(1)
		later.Until = after(99999)
		refused(t, s.Peek(t.Context(), after(1), later), pingr.Quota, after(86400))
	}},
	{"peek takes nothing", func(t *testing.T, s Store) {
		for range 10 {
			require.NoError(t, s.Peek(t.Context(), t0, cooldown(t0), quota(1)))
		}
		require.NoError(t, s.Reserve(t.Context(), t0, cooldown(t0), quota(1)))
	}},
	{"peek answers as reserve would", func(t *testing.T, s Store) {
		require.NoError(t, s.Reserve(t.Context(), t0, cooldown(t0), quota(2)))
		for i, limits := range [][]pingr.Limit{
			{cooldown(t0)},
			{quota(2)},
			{quota(1)},
			{quota(2), cooldown(t0)},
			{quota(1), cooldown(t0)},
			{quota(2), quota(2)},
			{quota(0)},
		} {
			peek := s.Peek(t.Context(), after(1), limits...)
			reserve := s.Reserve(t.Context(), after(1), limits...)
			assert.Equal(t, reserve, peek, i)
			if reserve == nil {
				require.NoError(t, s.Release(t.Context(), limits...))
			}
		}
	}},
	{"peek at the end of a period", func(t *testing.T, s Store) {
		require.NoError(t, s.Reserve(t.Context(), t0, cooldown(t0)))
		refused(t, s.Peek(t.Context(), after(60).Add(-time.Millisecond), cooldown(after(60))), pingr.Cooldown, after(60))
		require.NoError(t, s.Peek(t.Context(), after(60), cooldown(after(60))))
	}},
	{"a clock that goes back lets nobody in twice", func(t *testing.T, s Store) {
		require.NoError(t, s.Reserve(t.Context(), t0, cooldown(t0)))
		back := after(-3600)
		refused(t, s.Reserve(t.Context(), back, cooldown(back)), pingr.Cooldown, after(60))
		refused(t, s.Peek(t.Context(), back, cooldown(back)), pingr.Cooldown, after(60))
		require.NoError(t, s.Reserve(t.Context(), after(60), cooldown(after(60))))
	}},
	{"accounts are apart, the default one too", func(t *testing.T, s Store) {
		for _, a := range []string{"", "x", "y"} {
			l := pingr.Limit{Kind: pingr.Cooldown, Key: "cooldown/" + a + "/" + phone, Max: 1, Until: after(60)}
			require.NoError(t, s.Reserve(t.Context(), t0, l), a)
			require.Error(t, s.Reserve(t.Context(), t0, l), a)
		}
	}},
}

// hold asks for a hold of 13 s, and asserts whether it is granted.
func hold(t *testing.T, s Store, want bool, key, owner string, second int) {
	t.Helper()
	held, err := s.Hold(t.Context(), key, owner, after(second), after(second+13))
	require.NoError(t, err)
	assert.Equal(t, want, held, "%s at second %d", owner, second)
}
