package storetest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

const question = "Your number?"

// hidden returns a firing of a message, sent seconds after t0, by a person whose number is hidden.
func hidden(id string, seconds int) pingr.Firing { return says(id, seconds, "", lid) }

// ask moves a firing to StateAsking, for five minutes from t0.
func ask(t *testing.T, s Store, id string) pingr.Firing {
	t.Helper()
	d := decision(id)
	d.Text, d.Source, d.Asked, d.AskUntil = question, pingr.Static, 1, after(300)
	return decide(t, s, d)
}

// answer gives an answer, in a message of its own, seconds after t0.
func answer(t *testing.T, s Store, id string, seconds int, l pingr.Lease) (pingr.Firing, bool) {
	t.Helper()
	f, mine, err := s.Answer(t.Context(), pingr.Answer{
		Account: owner, Session: session, Message: hidden(id, seconds).Message, Text: "+91 " + id, At: after(seconds),
	}, l)
	require.NoError(t, err)
	return f, mine
}

// rest ends the work on a firing that asks.
func rest(t *testing.T, s Store, id, holder string) (pingr.Firing, bool) {
	t.Helper()
	f, answered, err := s.Rest(t.Context(), id, holder, after(300))
	require.NoError(t, err)
	return f, answered
}

var askingTests = []test{
	{"a firing that asks comes back whole", func(t *testing.T, s Store) {
		want := accept(t, s, hidden("a", 0), mine)
		got := ask(t, s, "a")
		want.State, want.Text, want.Source, want.DecidedAt = pingr.StateAsking, question, pingr.Static, after(1)
		want.Asked, want.AskUntil = 1, after(300)
		assert.Equal(t, want, got)
		assert.Equal(t, want, stands(t, s, "a"), "stored")
		assert.Equal(t, want, only(t, claim(t, s, other, after(60))), "and after a crash nothing is unknown")
	}},
	{"it rests until its end", func(t *testing.T, s Store) {
		accept(t, s, hidden("a", 0), mine)
		ask(t, s, "a")
		_, answered := rest(t, s, "a", me)
		assert.False(t, answered)
		assert.Empty(t, claim(t, s, other, after(299)))
		assert.Equal(t, pingr.StateAsking, only(t, claim(t, s, other, after(300))).State)
	}},
	{"an answer to one that rests is the caller's", func(t *testing.T, s Store) {
		accept(t, s, hidden("a", 0), mine)
		ask(t, s, "a")
		rest(t, s, "a", me)
		f, got := answer(t, s, "1", 10, pingr.Lease{Holder: other, Until: after(60)})
		require.True(t, got)
		assert.Equal(t, "+91 1", f.Answer)
		assert.Equal(t, f, stands(t, s, "a"), "stored")
		assert.Empty(t, claim(t, s, me, after(59)))
		assert.Equal(t, f, only(t, claim(t, s, me, after(60))), "after a crash too")
	}},
	{"an answer without room for it is queued", func(t *testing.T, s Store) {
		accept(t, s, hidden("a", 0), mine)
		ask(t, s, "a")
		rest(t, s, "a", me)
		answer(t, s, "1", 10, pingr.Lease{Until: after(10)})
		assert.Equal(t, "+91 1", only(t, claim(t, s, me, after(10))).Answer)
	}},
	{"an answer while the question is being sent is the sender's", func(t *testing.T, s Store) {
		accept(t, s, hidden("a", 0), mine)
		ask(t, s, "a")
		_, got := answer(t, s, "1", 10, pingr.Lease{Holder: other, Until: after(60)})
		assert.False(t, got)
		f, answered := rest(t, s, "a", me)
		assert.True(t, answered)
		assert.Equal(t, "+91 1", f.Answer)
		_, answered = rest(t, s, "a", other)
		assert.False(t, answered, "nobody else's")
	}},
	{"the same message answers once", func(t *testing.T, s Store) {
		accept(t, s, hidden("a", 0), mine)
		ask(t, s, "a")
		answer(t, s, "1", 10, mine)
		d := decision("a")
		d.Asked, d.AskUntil = 2, after(300)
		assert.Empty(t, decide(t, s, d).Answer, "it was a wrong one")
		rest(t, s, "a", me)
		_, again := answer(t, s, "1", 20, mine)
		assert.False(t, again)
		_, next := answer(t, s, "2", 30, mine)
		assert.True(t, next)
	}},
	{"a second answer waits for nothing", func(t *testing.T, s Store) {
		accept(t, s, hidden("a", 0), mine)
		ask(t, s, "a")
		rest(t, s, "a", me)
		answer(t, s, "1", 10, mine)
		_, got := answer(t, s, "2", 11, mine)
		assert.False(t, got)
		assert.Equal(t, "+91 1", stands(t, s, "a").Answer)
	}},
	{"an answer that nobody asked for, comes late, or is another's", func(t *testing.T, s Store) {
		accept(t, s, hidden("a", 0), mine)
		_, got := answer(t, s, "1", 10, mine)
		assert.False(t, got, "nobody asked yet")
		ask(t, s, "a")
		rest(t, s, "a", me)
		_, got = answer(t, s, "2", 300, mine)
		assert.False(t, got, "too late")
		for _, a := range []pingr.Answer{
			{Account: owner, Session: session, Message: says("3", 10, "", "888@lid").Message},
			{Account: owner, Session: "second", Message: hidden("4", 10).Message},
			{Account: "other", Session: session, Message: hidden("5", 10).Message},
		} {
			a.Text, a.At = "x", after(10)
			_, mine, err := s.Answer(t.Context(), a, mine)
			require.NoError(t, err)
			assert.False(t, mine)
		}
		assert.Empty(t, stands(t, s, "a").Answer)
	}},
	{"the latest firing is answered", func(t *testing.T, s Store) {
		for _, id := range []string{"a", "b"} {
			accept(t, s, hidden(id, 0), mine)
			ask(t, s, id)
			rest(t, s, id, me)
		}
		f, _ := answer(t, s, "1", 10, mine)
		assert.Equal(t, "b", f.ID)
	}},
	{"a confirmed number goes on, and gives back what the question took", func(t *testing.T, s Store) {
		accept(t, s, hidden("a", 0), mine)
		d := decision("a")
		d.Asked, d.AskUntil, d.Limits = 1, after(300), []pingr.Limit{cooldown(d.At), quota(1)}
		asked := decide(t, s, d)
		answer(t, s, "1", 10, mine)
		f, confirmed, err := s.Confirm(t.Context(), pingr.Confirmation{
			Firing: "a", Holder: me, At: after(20), LID: lid, Phone: phone, Release: asked.Limits[:1],
		})
		require.NoError(t, err)
		require.True(t, confirmed)
		assert.Equal(t, pingr.StateAccepted, f.State)
		assert.Empty(t, f.Answer+f.Text)
		assert.Equal(t, 1, f.Asked)
		assert.Equal(t, pingr.Person{
			ID: "per_a", LIDs: []string{lid}, Phone: phone, Proof: pingr.ProofConfirmed, Since: after(20), Seen: after(20),
		}, f.Person)
		assert.Equal(t, f, stands(t, s, "a"), "stored")
		require.NoError(t, s.Peek(t.Context(), after(20), cooldown(after(20))))
		refused(t, s.Peek(t.Context(), after(20), quota(1)), pingr.Quota, after(86400))
		_, again := answer(t, s, "2", 30, mine)
		assert.False(t, again, "it asks no longer")
		assert.Equal(t, pingr.StateDecided, decide(t, s, decision("a")).State)
	}},
	{"only the holder confirms", func(t *testing.T, s Store) {
		accept(t, s, hidden("a", 0), mine)
		_, confirmed, err := s.Confirm(t.Context(), pingr.Confirmation{
			Firing: "a", Holder: other, At: after(20), LID: lid, Phone: phone,
		})
		require.NoError(t, err)
		assert.False(t, confirmed)
		assert.Empty(t, stands(t, s, "a").Person.Phone)
	}},
	{"limits of the question are kept by the next one", func(t *testing.T, s Store) {
		accept(t, s, hidden("a", 0), mine)
		d := decision("a")
		d.Asked, d.AskUntil, d.Limits = 1, after(300), []pingr.Limit{cooldown(d.At)}
		asked := decide(t, s, d)
		d.Asked, d.Limits, d.Kept = 2, []pingr.Limit{quota(9)}, asked.Limits
		assert.Equal(t, []pingr.Limit{cooldown(d.At), quota(9)}, decide(t, s, d).Limits)
		assert.Len(t, stands(t, s, "a").Limits, 2, "stored")
	}},
	{"the end erases the answer", func(t *testing.T, s Store) {
		accept(t, s, hidden("a", 0), mine)
		ask(t, s, "a")
		answer(t, s, "1", 10, mine)
		finish(t, s, pingr.Outcome{Firing: "a", At: after(20), Kind: pingr.NoPhone})
		assert.Empty(t, stands(t, s, "a").Answer)
		_, got := answer(t, s, "2", 30, mine)
		assert.False(t, got)
	}},
	{"64 answers at once are one", func(t *testing.T, s Store) {
		accept(t, s, hidden("a", 0), mine)
		ask(t, s, "a")
		rest(t, s, "a", me)
		won := race(t, 64, func(int) (bool, error) {
			_, got, err := s.Answer(t.Context(), pingr.Answer{
				Account: owner, Session: session, Message: hidden("1", 10).Message, Text: phone, At: after(10),
			}, mine)
			return got, err
		})
		assert.Equal(t, 1, won)
	}},
}
