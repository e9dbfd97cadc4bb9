package storetest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

var decideTests = []test{
	{"fixes the text", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		want := firing("a")
		want.State, want.Text, want.Source, want.DecidedAt = pingr.StateDecided, "https://x.test/a", pingr.Dynamic, after(1)
		assert.Equal(t, want, decide(t, s, decision("a")))
		assert.Equal(t, want, stands(t, s, "a"), "stored")
	}},
	{"returns what is stored, after a first holder's crash and in a period that was running", func(t *testing.T, s Store) {
		running := quota(2)
		require.NoError(t, s.Reserve(t.Context(), t0, running))
		accept(t, s, firing("a"), mine)
		claim(t, s, other, after(60))
		d := decision("a")
		later := running
		later.Until = after(99999)
		d.Holder, d.At, d.Limits = other, after(61), []pingr.Limit{later}
		got := decide(t, s, d)
		assert.Equal(t, 1, got.Attempt)
		assert.Equal(t, []pingr.Limit{running}, got.Limits, "until the end of the period it took from")
		assert.Equal(t, got, stands(t, s, "a"))
	}},
	{"takes the limits", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		d := decision("a")
		d.Limits = []pingr.Limit{cooldown(d.At), quota(1)}
		assert.Equal(t, d.Limits, decide(t, s, d).Limits)
		refused(t, s.Peek(t.Context(), d.At, cooldown(d.At)), pingr.Cooldown, cooldown(d.At).Until)
		refused(t, s.Peek(t.Context(), d.At, quota(1)), pingr.Quota, after(86400))
	}},
	{"the first text stands", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		decide(t, s, decision("a"))
		second := decision("a")
		second.Text = "another"
		assert.Equal(t, "https://x.test/a", decide(t, s, second).Text)
		assert.Equal(t, "https://x.test/a", stands(t, s, "a").Text)
	}},
	{"a second decision takes and queues nothing", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		decide(t, s, decision("a"))
		second, retry := decision("a"), pending("evt_1")
		second.Limits, second.Retry = []pingr.Limit{cooldown(second.At), quota(1)}, &retry
		decide(t, s, second)
		require.NoError(t, s.Peek(t.Context(), second.At, second.Limits...))
		assert.Empty(t, due(t, s, me, after(1000)))
	}},
	{"only the first is told that it decided", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		_, decided, err := s.Decide(t.Context(), decision("a"))
		require.NoError(t, err)
		assert.True(t, decided)
		f, decided, err := s.Decide(t.Context(), decision("a"))
		require.NoError(t, err)
		assert.False(t, decided, "though text and time are the same")
		assert.Equal(t, pingr.StateDecided, f.State)
	}},
	{"a holder who was replaced is told that it did not", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		claim(t, s, other, after(60))
		_, decided, err := s.Decide(t.Context(), decision("a"))
		require.NoError(t, err)
		assert.False(t, decided)
	}},
	{"what was told to be refused is, and takes no limit", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		d := decision("a")
		d.Limits = []pingr.Limit{cooldown(d.At), quota(1)}
		d.Refused = &pingr.LimitError{Kind: pingr.Cooldown, Until: after(48)}
		retry := pending("a")
		d.Retry = &retry
		got, decided, err := s.Decide(t.Context(), d)
		require.NoError(t, err)
		assert.True(t, decided)
		assert.Equal(t, pingr.StateDone, got.State)
		assert.Equal(t, pingr.Cooldown, got.Outcome)
		assert.Empty(t, got.Text)
		require.NoError(t, s.Peek(t.Context(), d.At, d.Limits...))
		events := due(t, s, me, after(5))
		require.Len(t, events, 1)
		assert.Equal(t, &pingr.AutoReply{Status: "suppressed", Reason: "cooldown", RetryAfter: 47}, events[0].Event.AutoReply)
	}},
	{"a refusal is not another's to decide", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		d := decision("a")
		d.Holder, d.Refused = other, &pingr.LimitError{Kind: pingr.Quota, Until: after(48)}
		assert.Equal(t, firing("a"), decide(t, s, d), "unchanged")
	}},
	{"only the holder decides", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		d := decision("a")
		d.Holder, d.Limits = other, []pingr.Limit{quota(1)}
		assert.Equal(t, firing("a"), decide(t, s, d), "unchanged")
		require.NoError(t, s.Peek(t.Context(), d.At, quota(1)))
		assert.Equal(t, pingr.StateDecided, decide(t, s, decision("a")).State)
	}},
	{"nobody decides a queued firing", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), free)
		d := decision("a")
		d.Holder = ""
		assert.Equal(t, pingr.StateAccepted, decide(t, s, d).State)
		d.Refused = &pingr.LimitError{Kind: pingr.Quota, Until: after(48)}
		assert.Equal(t, pingr.StateAccepted, decide(t, s, d).State)
	}},
	{"a holder whose lease ended decides if nobody claimed", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		d := decision("a")
		d.At = after(3600)
		assert.Equal(t, pingr.StateDecided, decide(t, s, d).State)
	}},
	{"a holder who was replaced does not", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		claim(t, s, other, after(60))
		got := decide(t, s, decision("a"))
		assert.Equal(t, pingr.StateAccepted, got.State)
		assert.Empty(t, got.Text)
	}},
	{"refused by the cooldown", refusedCase(0, pingr.Cooldown)},
	{"refused by the quota", refusedCase(1, pingr.Quota)},
	{"refused by the first of two that are used up", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		d := decision("a")
		d.Limits = []pingr.Limit{quota(1), cooldown(d.At)}
		require.NoError(t, s.Reserve(t.Context(), d.At, d.Limits...))
		assert.Equal(t, pingr.Quota, decide(t, s, d).Outcome)
	}},
	{"a limit without maximum counts and never refuses", func(t *testing.T, s Store) {
		for _, id := range []string{"a", "b", "c"} {
			accept(t, s, firing(id), mine)
			d := decision(id)
			d.Limits = []pingr.Limit{quota(0)}
			assert.Equal(t, pingr.StateDecided, decide(t, s, d).State)
		}
		refused(t, s.Peek(t.Context(), t0, quota(3)), pingr.Quota, after(86400))
		require.NoError(t, s.Peek(t.Context(), t0, quota(4)))
	}},
	{"the retry is queued, and says that the reply is decided", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		d, retry := decision("a"), pending("a")
		retry.Event.AutoReply = &pingr.AutoReply{Status: "pending"}
		d.Retry = &retry
		decide(t, s, d)
		want := retry
		want.Event.AutoReply = &pingr.AutoReply{Status: "suppressed", Reason: "answered"}
		want.Event.Timestamp = d.At.UnixMilli()
		assert.Equal(t, []pingr.PendingEvent{want}, due(t, s, me, after(5)))
		assert.Equal(t, "pending", retry.Event.AutoReply.Status, "the caller's is left alone")
	}},
	{"an empty text is a text", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		d := decision("a")
		d.Text, d.Source = "", pingr.Static
		got := decide(t, s, d)
		assert.Equal(t, pingr.StateDecided, got.State)
		assert.Equal(t, pingr.Static, got.Source)
	}},
	{"the lease stays", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		decide(t, s, decision("a"))
		assert.Empty(t, claim(t, s, other, after(59)))
		assert.Len(t, claim(t, s, other, after(60)), 1)
	}},
	{"a firing that is not there is an error", func(t *testing.T, s Store) {
		_, _, err := s.Decide(t.Context(), decision("a"))
		require.Error(t, err)
	}},
}

// refusedCase decides a firing when the limit with that index is used up.
func refusedCase(index int, kind pingr.OutcomeKind) func(*testing.T, Store) {
	return func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		d, retry := decision("a"), pending("a")
		d.Retry = &retry
		d.Limits = []pingr.Limit{cooldown(d.At), quota(1)}
		require.NoError(t, s.Reserve(t.Context(), t0, d.Limits[index]))

		got := decide(t, s, d)
		assert.Equal(t, pingr.StateDone, got.State)
		assert.Equal(t, kind, got.Outcome)
		assert.Empty(t, got.Text)
		assert.Empty(t, got.Message.Text, "erased")
		assert.Empty(t, got.Limits)
		assert.Equal(t, got, stands(t, s, "a"), "stored")

		require.NoError(t, s.Peek(t.Context(), d.At, d.Limits[1-index]), "the other is not taken")
		events := due(t, s, me, after(5))
		require.Equal(t, []string{"a"}, eventIDs(events), "the retry is queued")
		assert.Equal(t, string(kind), events[0].Event.AutoReply.Reason, "and says what refused")
		assert.Empty(t, claim(t, s, other, after(1000)))
	}
}

var finishTests = []test{
	{"records the outcome and erases the texts", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		decide(t, s, decision("a"))
		finish(t, s, pingr.Outcome{Firing: "a", At: after(2), Kind: pingr.Replied, Reason: "dynamic"})
		got := stands(t, s, "a")
		assert.Equal(t, pingr.StateDone, got.State)
		assert.Equal(t, pingr.Replied, got.Outcome)
		assert.Equal(t, "dynamic", got.Reason)
		assert.Equal(t, pingr.Dynamic, got.Source)
		assert.Equal(t, "trg_login", got.Trigger.ID)
		assert.Equal(t, after(1), got.DecidedAt)
		assert.Empty(t, got.Text)
		assert.Empty(t, got.Message.Text)
	}},
	{"from every state", func(t *testing.T, s Store) {
		for i, state := range []pingr.State{pingr.StateAccepted, pingr.StateDecided, pingr.StateUnknown} {
			id := string(state)
			accept(t, s, firing(id), mine)
			if i > 0 {
				decide(t, s, decision(id))
			}
			if i > 1 {
				keep(t, s, id, me, state, mine)
			}
			finish(t, s, pingr.Outcome{Firing: id, At: after(2), Kind: pingr.Failed})
			assert.Equal(t, pingr.StateDone, stands(t, s, id).State, state)
		}
		assert.Empty(t, claim(t, s, other, after(1000)))
	}},
	{"twice changes nothing", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		d := decision("a")
		d.Limits = []pingr.Limit{quota(2)}
		decide(t, s, d)
		require.NoError(t, s.Reserve(t.Context(), after(1), quota(2)))
		finish(t, s, pingr.Outcome{Firing: "a", At: after(2), Kind: pingr.Replied})
		retry := pending("a")
		finish(t, s, pingr.Outcome{
			Firing: "a", At: after(3), Kind: pingr.Failed, Reason: "late", Release: true, Retry: &retry,
		})
		got := stands(t, s, "a")
		assert.Equal(t, pingr.Replied, got.Outcome)
		assert.Empty(t, got.Reason)
		refused(t, s.Peek(t.Context(), after(3), quota(2)), pingr.Quota, after(86400))
		assert.Empty(t, due(t, s, me, after(1000)))
	}},
	{"an outcome of who lost the firing changes nothing", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		d := decision("a")
		d.Limits = []pingr.Limit{quota(1)}
		decide(t, s, d)
		claim(t, s, other, after(60))
		finish(t, s, pingr.Outcome{Firing: "a", Holder: me, At: after(61), Kind: pingr.Failed, Release: true})
		assert.Equal(t, pingr.StateUnknown, stands(t, s, "a").State)
		refused(t, s.Peek(t.Context(), after(61), quota(1)), pingr.Quota, after(86400))
		finish(t, s, pingr.Outcome{Firing: "a", Holder: other, At: after(62), Kind: pingr.Failed})
		assert.Equal(t, pingr.StateDone, stands(t, s, "a").State)
	}},
	{"a reply that was sent is recorded whoever holds the firing", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		decide(t, s, decision("a"))
		claim(t, s, other, after(60))
		finish(t, s, pingr.Outcome{Firing: "a", At: after(61), Kind: pingr.Replied})
		assert.Equal(t, pingr.Replied, stands(t, s, "a").Outcome)
	}},
	{"release gives the limits back", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		d := decision("a")
		d.Limits = []pingr.Limit{cooldown(d.At), quota(1)}
		decide(t, s, d)
		finish(t, s, pingr.Outcome{Firing: "a", At: after(2), Kind: pingr.Failed, Release: true})
		require.NoError(t, s.Reserve(t.Context(), after(2), cooldown(after(2)), quota(1)))
	}},
	{"without release they stay taken", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		d := decision("a")
		d.Limits = []pingr.Limit{cooldown(d.At), quota(1)}
		decide(t, s, d)
		finish(t, s, pingr.Outcome{Firing: "a", At: after(2), Kind: pingr.Failed})
		refused(t, s.Peek(t.Context(), after(2), cooldown(after(2))), pingr.Cooldown, after(61))
		refused(t, s.Peek(t.Context(), after(2), quota(1)), pingr.Quota, after(86400))
	}},
	{"release of an undecided firing gives nothing back", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		require.NoError(t, s.Reserve(t.Context(), t0, cooldown(t0), quota(1)))
		finish(t, s, pingr.Outcome{Firing: "a", At: after(2), Kind: pingr.Expired, Release: true})
		refused(t, s.Peek(t.Context(), after(2), quota(1)), pingr.Quota, after(86400))
	}},
	{"release does not touch a later period", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		d := decision("a")
		d.Limits = []pingr.Limit{cooldown(d.At)}
		decide(t, s, d)
		require.NoError(t, s.Reserve(t.Context(), after(100), cooldown(after(100))))
		finish(t, s, pingr.Outcome{Firing: "a", At: after(101), Kind: pingr.Failed, Release: true})
		refused(t, s.Peek(t.Context(), after(102), cooldown(after(102))), pingr.Cooldown, after(160))
	}},
	{"release gives back to the period that it took from, though that ends later than asked", func(t *testing.T, s Store) {
		long := cooldown(t0)
		long.Max, long.Until = 2, after(3600)
		require.NoError(t, s.Reserve(t.Context(), t0, long))
		accept(t, s, firing("a"), mine)
		d, short := decision("a"), cooldown(t0)
		short.Max = 2
		d.Limits = []pingr.Limit{short}
		decide(t, s, d)
		refused(t, s.Peek(t.Context(), after(1), short), pingr.Cooldown, after(3600))
		finish(t, s, pingr.Outcome{Firing: "a", At: after(2), Kind: pingr.Failed, Release: true})
		require.NoError(t, s.Peek(t.Context(), after(2), short))
	}},
	{"the retry is queued", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		retry := pending("a")
		finish(t, s, pingr.Outcome{Firing: "a", At: after(2), Kind: pingr.Failed, Retry: &retry})
		assert.Equal(t, []pingr.PendingEvent{retry}, due(t, s, me, after(5)))
	}},
	{"a firing that is not there is an error", func(t *testing.T, s Store) {
		require.Error(t, s.Finish(t.Context(), pingr.Outcome{Firing: "a", At: t0, Kind: pingr.Replied}))
	}},
}
