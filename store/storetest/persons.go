package storetest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

// says returns a firing of a message, sent and accepted so many seconds after t0, that names its
// sender by number, LID or both.
func says(id string, seconds int, phone, lid string) pingr.Firing {
	f := under(id, id, phone, lid)
	f.AcceptedAt, f.Person = after(seconds), pingr.Person{ID: "per_" + id}
	f.Message.Time, f.Message.Arrived = after(seconds), after(seconds)
	return f
}

const day = 24 * 60 * 60

var personTests = []test{
	{"a person is remembered by either name", func(t *testing.T, s Store) {
		want := pingr.Person{
			ID: "per_a", LIDs: []string{lid}, Phone: phone, Proof: pingr.ProofNetwork, Since: t0, Seen: t0,
		}
		assert.Equal(t, want, accept(t, s, says("a", 0, phone, lid), free).Person)
		assert.Equal(t, want, accept(t, s, says("b", 60, "", lid), free).Person)
		assert.Equal(t, want, accept(t, s, says("c", 60, phone, ""), free).Person)
		for _, name := range []string{phone, lid} {
			got, err := s.Person(t.Context(), owner, name)
			require.NoError(t, err)
			assert.Equal(t, want, got)
		}
	}},
	{"nobody has a name that nobody used", func(t *testing.T, s Store) {
		_, err := s.Person(t.Context(), owner, phone)
		require.ErrorIs(t, err, hosted.ErrNotFound)
	}},
	{"each account knows its own persons", func(t *testing.T, s Store) {
		accept(t, s, says("a", 0, phone, lid), free)
		f := says("b", 60, "", lid)
		f.Account = "other"
		assert.Equal(t, pingr.Person{ID: "per_b", LIDs: []string{lid}}, accept(t, s, f, free).Person)
	}},
	{"a number that changed hands", func(t *testing.T, s Store) {
		accept(t, s, says("a", 0, phone, lid), free)
		want := pingr.Person{
			ID: "per_b", LIDs: []string{"888@lid"}, Phone: phone, Proof: pingr.ProofNetwork, Since: after(100 * day),
			Seen: after(100 * day), Changed: true,
		}
		assert.Equal(t, want, accept(t, s, says("b", 100*day, phone, "888@lid"), free).Person)
		assert.Equal(t, want, stands(t, s, "b").Person, "stored with the firing")
		got, err := s.Person(t.Context(), owner, phone)
		require.NoError(t, err)
		assert.Equal(t, want, got)
		first := accept(t, s, says("c", 101*day, "", lid), free).Person
		assert.Equal(t, pingr.Person{ID: "per_a", LIDs: []string{lid}}, first, "who had it has none now")
	}},
	{"a number that its person left", func(t *testing.T, s Store) {
		accept(t, s, says("a", 0, phone, lid), free)
		got := accept(t, s, says("b", day, "4917", lid), free).Person
		assert.Equal(t, "per_a", got.ID)
		assert.Equal(t, "4917", got.Phone)
		_, err := s.Person(t.Context(), owner, phone)
		require.ErrorIs(t, err, hosted.ErrNotFound)
	}},
	{"a message from a backlog whose number has come to somebody else names no number", func(t *testing.T, s Store) {
		accept(t, s, says("a", 0, phone, lid), free)
		accept(t, s, says("b", 100*day, phone, "888@lid"), free)
		late := says("c", 101*day, phone, lid)
		late.Message.Time = after(99 * day)
		stored := accept(t, s, late, free)
		assert.Equal(t, "per_a", stored.Person.ID)
		assert.Empty(t, stored.Message.Phone)
		assert.Empty(t, stands(t, s, "c").Message.Phone, "stored")
	}},
	{"the last time is stored once an hour", func(t *testing.T, s Store) {
		accept(t, s, says("a", 0, phone, lid), free)
		assert.Equal(t, t0, accept(t, s, says("b", 3599, phone, lid), free).Person.Seen)
		assert.Equal(t, after(3600), accept(t, s, says("c", 3600, phone, lid), free).Person.Seen)
	}},
	{"a message is known under a name that only the person has", func(t *testing.T, s Store) {
		accept(t, s, says("a", 0, phone, lid), free)
		accept(t, s, says("b", 60, phone, ""), free)
		again := says("b", 61, "", lid)
		again.ID = "c"
		known(t, s, again)
	}},
	{"a message that is known still names its sender", func(t *testing.T, s Store) {
		accept(t, s, says("a", 0, "", lid), free)
		again := says("a", 1, phone, lid)
		again.ID = "b"
		known(t, s, again)
		got, err := s.Person(t.Context(), owner, phone)
		require.NoError(t, err)
		assert.Equal(t, "per_a", got.ID)
	}},
	{"64 messages of a new person at once are one person's", func(t *testing.T, s Store) {
		race(t, 64, func(i int) (bool, error) {
			return isFirst(s.Accept(t.Context(), says(fmt.Sprint(i), 0, phone, lid), free))
		})
		ids := map[string]bool{}
		for _, f := range claim(t, s, me, t0) {
			ids[f.Person.ID] = true
		}
		assert.Len(t, ids, 1)
	}},
	{"64 people take one number at once: it is the last one's", func(t *testing.T, s Store) {
		race(t, 64, func(i int) (bool, error) {
			return isFirst(s.Accept(t.Context(), says(fmt.Sprint(i), 0, phone, fmt.Sprint(i, "@lid")), free))
		})
		holder, err := s.Person(t.Context(), owner, phone)
		require.NoError(t, err)
		for i := range 64 {
			p, err := s.Person(t.Context(), owner, fmt.Sprint(i, "@lid"))
			require.NoError(t, err)
			assert.Equal(t, p.ID == holder.ID, p.Phone == phone, "%d", i)
		}
	}},
}
