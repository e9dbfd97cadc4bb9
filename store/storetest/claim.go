package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

var claimTests = []test{
	{"an empty store has nothing", func(t *testing.T, s Store) {
		assert.Empty(t, claim(t, s, me, t0))
	}},
	{"a held firing is nobody else's", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		assert.Empty(t, claim(t, s, other, after(59)))
	}},
	{"a lease ends at its end, not after", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		assert.Empty(t, claim(t, s, other, after(60).Add(-time.Millisecond)))
		assert.Len(t, claim(t, s, other, after(60)), 1)
	}},
	{"a claimed firing is held", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), free)
		assert.Len(t, claim(t, s, me, t0), 1)
		assert.Empty(t, claim(t, s, other, t0))
		assert.Empty(t, claim(t, s, me, t0), "by the same holder too")
		assert.True(t, keep(t, s, "a", me, "", mine))
	}},
	{"oldest first", func(t *testing.T, s Store) {
		for _, id := range []string{"b", "a", "c"} {
			accept(t, s, firing(id), free)
		}
		assert.Equal(t, []string{"b", "a", "c"}, ids(claim(t, s, me, t0)))
	}},
	{"no more than max, and the rest the next time", func(t *testing.T, s Store) {
		for i := range 7 {
			accept(t, s, firing(fmt.Sprint(i)), free)
		}
		assert.Equal(t, []string{"0", "1", "2"}, ids(claimUpTo(t, s, mine, t0, 3)))
		assert.Equal(t, []string{"3", "4", "5"}, ids(claimUpTo(t, s, mine, t0, 3)))
		assert.Equal(t, []string{"6"}, ids(claimUpTo(t, s, mine, t0, 3)))
		assert.Empty(t, claimUpTo(t, s, mine, t0, 3))
	}},
	{"max 0 takes nothing", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), free)
		assert.Empty(t, claimUpTo(t, s, mine, t0, 0))
		assert.Len(t, claimUpTo(t, s, mine, t0, 1), 1)
	}},
	{"accounts in skip are passed over, not lost", func(t *testing.T, s Store) {
		for i, a := range []string{"x", "y", "", "x", "z"} {
			f := firing(fmt.Sprint(i))
			f.Account = a
			accept(t, s, f, free)
		}
		assert.Equal(t, []string{"1", "4"}, ids(claim(t, s, me, t0, "x", "")))
		assert.Equal(t, []string{"0", "2", "3"}, ids(claim(t, s, me, t0)))
	}},
	{"skip leaves room for others within max", func(t *testing.T, s Store) {
		for i := range 20 {
			accept(t, s, firing(fmt.Sprint(i)), free)
		}
		f := firing("other")
		f.Account = "small"
		accept(t, s, f, free)
		assert.Equal(t, []string{"other"}, ids(claimUpTo(t, s, mine, t0, 1, owner)))
	}},
	{"a long skip list", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), free)
		skip := make([]string, 0, 1001)
		for i := range 1000 {
			skip = append(skip, fmt.Sprint("acc", i))
		}
		assert.Empty(t, claim(t, s, me, t0, append(skip, owner)...))
		assert.Len(t, claim(t, s, me, t0, skip...), 1)
	}},
	{"finished firings are not claimed", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), free)
		finish(t, s, pingr.Outcome{Firing: "a", At: t0, Kind: pingr.Expired})
		assert.Empty(t, claim(t, s, me, after(1000)))
	}},
	{"a crash while the webhook is asked counts as an attempt", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		got := claim(t, s, other, after(60))
		require.Len(t, got, 1)
		assert.Equal(t, 1, got[0].Attempt)
		assert.Equal(t, pingr.StateAccepted, got[0].State)
		assert.Equal(t, 1, stands(t, s, "a").Attempt, "stored")
		assert.Equal(t, 2, only(t, claim(t, s, me, after(120))).Attempt, "a second crash")
	}},
	{"what was only queued was not attempted", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), free)
		assert.Equal(t, 0, only(t, claim(t, s, me, t0)).Attempt)
	}},
	{"a crash while sending leaves the send unknown", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		decide(t, s, decision("a"))
		got := claim(t, s, other, after(60))
		require.Len(t, got, 1)
		assert.Equal(t, pingr.StateUnknown, got[0].State)
		assert.Equal(t, 0, got[0].Attempt, "the webhook is not asked again")
		assert.Equal(t, "https://x.test/a", got[0].Text, "the same text")
		assert.Equal(t, pingr.StateUnknown, stands(t, s, "a").State, "stored")
	}},
	{"a send given back before it was made is not unknown", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		decide(t, s, decision("a"))
		require.True(t, keep(t, s, "a", me, "", pingr.Lease{Until: after(5)}))
		got := claim(t, s, other, after(5))
		require.Len(t, got, 1)
		assert.Equal(t, pingr.StateDecided, got[0].State)
	}},
	{"unknown stays unknown", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		decide(t, s, decision("a"))
		require.True(t, keep(t, s, "a", me, pingr.StateUnknown, pingr.Lease{Until: after(5)}))
		assert.Equal(t, pingr.StateUnknown, only(t, claim(t, s, other, after(5))).State)
		assert.Equal(t, pingr.StateUnknown, only(t, claim(t, s, me, after(500))).State)
	}},
	{"a claimed decision comes whole", func(t *testing.T, s Store) {
		want := firing("a")
		want.Message.LID, want.Message.Type, want.Message.Forwarded = lid, "image", true
		want.Message.Earlier = "4917"
		want.Person = asha(lid)
		accept(t, s, want, mine)
		d := decision("a")
		d.Limits = []pingr.Limit{cooldown(d.At), quota(10)}
		decide(t, s, d)
		want.State, want.Text, want.Source, want.Limits, want.DecidedAt = pingr.StateUnknown, d.Text, d.Source, d.Limits, d.At
		full(t, want, "Firing.Attempt", "Firing.Outcome", "Firing.Reason", "Person.Changed",
			"Firing.Asked", "Firing.AskUntil", "Firing.Answer", "Message.Card")
		assert.Equal(t, []pingr.Firing{want}, claim(t, s, other, after(60)))
	}},
	{"a clock that goes back claims nothing early", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		assert.Empty(t, claim(t, s, other, after(-3600)))
		assert.Len(t, claim(t, s, other, after(60)), 1)
	}},
}

var keepTests = []test{
	{"the holder keeps", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		assert.True(t, keep(t, s, "a", me, "", pingr.Lease{Holder: me, Until: after(120)}))
		assert.Empty(t, claim(t, s, other, after(119)))
		assert.Len(t, claim(t, s, other, after(120)), 1)
	}},
	{"nobody else does", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		assert.False(t, keep(t, s, "a", other, "", pingr.Lease{Holder: other, Until: after(120)}))
		assert.Len(t, claim(t, s, other, after(60)), 1, "nothing changed")
	}},
	{"who lost the row to a claim does not", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		claim(t, s, other, after(60))
		assert.False(t, keep(t, s, "a", me, pingr.StateUnknown, mine))
		assert.Equal(t, pingr.StateAccepted, stands(t, s, "a").State)
	}},
	{"who is late but was not replaced does", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		claim(t, s, other, after(59))
		assert.True(t, keep(t, s, "a", me, "", pingr.Lease{Holder: me, Until: after(120)}))
	}},
	{"nobody holds a queued row", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), free)
		assert.False(t, keep(t, s, "a", "", "", mine))
		assert.False(t, keep(t, s, "a", me, "", mine))
	}},
	{"a lease that has ended gives the row back", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		assert.True(t, keep(t, s, "a", me, "", pingr.Lease{Until: t0}))
		assert.Equal(t, []string{"a"}, ids(claim(t, s, other, t0)))
	}},
	{"giving back without a holder counts no attempt", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		keep(t, s, "a", me, "", pingr.Lease{Until: t0})
		assert.Equal(t, 0, only(t, claim(t, s, other, t0)).Attempt)
	}},
	{"with a state", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		decide(t, s, decision("a"))
		assert.True(t, keep(t, s, "a", me, pingr.StateUnknown, mine))
		assert.Equal(t, pingr.StateUnknown, stands(t, s, "a").State)
	}},
	{"a finished firing is not kept", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		finish(t, s, pingr.Outcome{Firing: "a", At: t0, Kind: pingr.Replied})
		assert.False(t, keep(t, s, "a", me, pingr.StateUnknown, mine))
		assert.Equal(t, pingr.StateDone, stands(t, s, "a").State)
	}},
	{"an unknown firing is not held", func(t *testing.T, s Store) {
		assert.False(t, keep(t, s, "a", me, "", mine))
	}},
}
