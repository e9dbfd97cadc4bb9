package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

var eventTests = []test{
	{"none", func(t *testing.T, s Store) {
		assert.Empty(t, due(t, s, me, after(1000)))
	}},
	{"those that wait are counted, due, leased or neither", func(t *testing.T, s Store) {
		for i, id := range []string{"a", "b", "c"} {
			p := pending(id)
			p.Next = after(i)
			enqueue(t, s, p)
		}
		require.Len(t, due(t, s, me, after(1)), 2)
		require.NoError(t, s.Delivered(t.Context(), "a"))
		require.NoError(t, s.Retry(t.Context(), "b", 2, after(9)))
		n, err := s.Undelivered(t.Context())
		require.NoError(t, err)
		assert.EqualValues(t, 2, n)
	}},
	{"an event comes back whole when it is due", func(t *testing.T, s Store) {
		enqueue(t, s, full(t, pending("a"), "Event.Reason", "Event.Kind", "Event.ExpiresAt", "Event.Simulated",
			"Event.Attempt", "PendingEvent.Scheduled", "PendingEvent.GivenUp"))
		assert.Empty(t, due(t, s, me, after(5).Add(-time.Millisecond)))
		assert.Equal(t, []pingr.PendingEvent{pending("a")}, due(t, s, me, after(5)))
	}},
	{"an event of a session comes back whole", func(t *testing.T, s Store) {
		p := pingr.PendingEvent{Account: "", Attempt: 1, Next: t0, Event: pingr.Event{
			Type: pingr.EventSessionDisconnected, Session: session, ID: "a", Reason: 402, Kind: "terminal",
			ExpiresAt: after(900).UnixMilli(), Timestamp: t0.UnixMilli(), Simulated: true, Attempt: 1,
		}}
		enqueue(t, s, full(t, p, "PendingEvent.Account", "Event.Account", "Event.From", "Event.Message", "Event.Trigger",
			"Event.AutoReply", "PendingEvent.Scheduled", "PendingEvent.GivenUp"))
		assert.Equal(t, []pingr.PendingEvent{p}, due(t, s, me, t0))
	}},
	{"an event id is queued once", func(t *testing.T, s Store) {
		enqueue(t, s, pending("a"))
		twin := pending("a")
		twin.Attempt, twin.Next = 7, t0
		enqueue(t, s, twin)
		assert.Equal(t, []pingr.PendingEvent{pending("a")}, due(t, s, me, after(5)), "the first stays")
	}},
	{"a leased event is nobody else's until the lease ends", func(t *testing.T, s Store) {
		enqueue(t, s, pending("a"))
		require.Len(t, due(t, s, me, after(5)), 1)
		assert.Empty(t, due(t, s, other, after(64)))
		assert.Empty(t, due(t, s, me, after(64)))
		assert.Len(t, due(t, s, other, after(65)), 1)
	}},
	{"oldest first", func(t *testing.T, s Store) {
		for id, next := range map[string]int{"b": 1, "a": 2, "c": 3} {
			p := pending(id)
			p.Next = after(next)
			enqueue(t, s, p)
		}
		assert.Equal(t, []string{"b", "a", "c"}, eventIDs(due(t, s, me, after(5))))
	}},
	{"no more than max", func(t *testing.T, s Store) {
		for i := 4; i >= 0; i-- {
			p := pending(fmt.Sprint(i))
			p.Next = after(i)
			enqueue(t, s, p)
		}
		l := pingr.Lease{Holder: me, Until: after(60)}
		for _, want := range [][]string{{"0", "1"}, {"2", "3"}, {"4"}, {}} {
			events, err := s.Due(t.Context(), l, after(9), nil, 2)
			require.NoError(t, err)
			assert.Equal(t, want, eventIDs(events))
		}
	}},
	{"accounts in skip are passed over, not lost", func(t *testing.T, s Store) {
		for i, a := range []string{"x", "y", "", "x"} {
			p := pending(fmt.Sprint(i))
			p.Account, p.Next = a, after(i)
			enqueue(t, s, p)
		}
		assert.Equal(t, []string{"1"}, eventIDs(due(t, s, me, after(5), "x", "")))
		assert.Equal(t, []string{"0", "2", "3"}, eventIDs(due(t, s, me, after(5))))
	}},
	{"a failed attempt moves it", func(t *testing.T, s Store) {
		enqueue(t, s, pending("a"))
		due(t, s, me, after(5))
		require.NoError(t, s.Retry(t.Context(), "a", 3, after(300)))
		assert.Empty(t, due(t, s, other, after(299)))
		moved := pending("a")
		moved.Attempt, moved.Next = 3, after(300)
		assert.Equal(t, []pingr.PendingEvent{moved}, due(t, s, other, after(300)))
	}},
	{"an attempt ends the lease", func(t *testing.T, s Store) {
		enqueue(t, s, pending("a"))
		due(t, s, me, after(5))
		require.NoError(t, s.Retry(t.Context(), "a", 2, after(5)))
		assert.Len(t, due(t, s, other, after(5)), 1)
	}},
	{"an event is put back as it was", func(t *testing.T, s Store) {
		enqueue(t, s, pending("a"))
		due(t, s, me, after(5))
		require.NoError(t, s.PutBack(t.Context(), "a", after(7)))
		assert.Empty(t, due(t, s, other, after(6)))
		back := pending("a")
		back.Next = after(7)
		assert.Equal(t, []pingr.PendingEvent{back}, due(t, s, other, after(7)))
	}},
	{"a delivered event is gone", func(t *testing.T, s Store) {
		enqueue(t, s, pending("a"))
		enqueue(t, s, pending("b"))
		due(t, s, me, after(5))
		require.NoError(t, s.Delivered(t.Context(), "a"))
		assert.Equal(t, []string{"b"}, eventIDs(due(t, s, other, after(1000))))
	}},
	{"an attempt at what is gone is no error", func(t *testing.T, s Store) {
		require.NoError(t, s.Delivered(t.Context(), "a"))
		require.NoError(t, s.Retry(t.Context(), "a", 2, after(1)))
		require.NoError(t, s.PutBack(t.Context(), "a", after(1)))
		assert.Empty(t, due(t, s, me, after(1000)))
	}},
	{"a given-up event is kept for a week, for whoever hastens it", func(t *testing.T, s Store) {
		week := after(7 * 86400)
		for _, id := range []string{"revived", "forgotten"} {
			enqueue(t, s, pending(id))
		}
		refusedAtOnce := pending("at once")
		refusedAtOnce.GivenUp = t0
		enqueue(t, s, refusedAtOnce)
		require.Len(t, due(t, s, me, after(5)), 2)
		for _, id := range []string{"revived", "forgotten"} {
			require.NoError(t, s.GiveUp(t.Context(), id, 9, t0))
		}
		assert.Empty(t, due(t, s, me, after(9999999)), "nobody tries it again by himself")
		n, err := s.Undelivered(t.Context())
		require.NoError(t, err)
		assert.Zero(t, n)

		assert.Equal(t, 0, purge(t, s, week, t0, t0), "not yet")
		for _, id := range []string{"revived", "at once"} {
			require.NoError(t, s.MakeDue(t.Context(), owner, id, after(6)))
		}
		whole := pending("revived")
		whole.Attempt, whole.Next = 9, after(6)
		refusedAtOnce.Next, refusedAtOnce.GivenUp = after(6), time.Time{}
		assert.ElementsMatch(t, []pingr.PendingEvent{whole, refusedAtOnce}, due(t, s, me, after(6)))

		assert.Equal(t, 1, purge(t, s, week.Add(time.Millisecond), t0, t0))
		require.ErrorIs(t, s.MakeDue(t.Context(), owner, "forgotten", week), hosted.ErrNotFound)
	}},
	{"what waits of an account is hastened together, soonest first", func(t *testing.T, s Store) {
		add := func(id, account string, next int) {
			p := pending(id)
			p.Account, p.Next = account, after(next)
			enqueue(t, s, p)
		}
		add("late", "acc", 900)
		add("later", "acc", 950)
		add("soon", "acc", 300)
		add("due already", "acc", 1)
		add("another's", "acc_other", 300)
		add("given up", "acc", 200)
		add("leased", "acc", 2)
		require.NoError(t, s.GiveUp(t.Context(), "given up", 3, after(0)))
		n, err := s.MakeAllDue(t.Context(), "acc", after(2).Add(-time.Millisecond), 0)
		require.NoError(t, err)
		assert.Zero(t, n)
		require.ElementsMatch(t, []string{"due already", "leased"}, eventIDs(due(t, s, me, after(2))))
		require.NoError(t, s.Delivered(t.Context(), "due already"))
		n, err = s.MakeAllDue(t.Context(), "acc", after(10), 2)
		require.NoError(t, err)
		assert.Equal(t, 2, n)
		assert.ElementsMatch(t, []string{"soon", "late"}, eventIDs(due(t, s, other, after(10))))
		n, err = s.MakeAllDue(t.Context(), "acc", after(10), 9)
		require.NoError(t, err)
		assert.Equal(t, 1, n)
		assert.Equal(t, []string{"later"}, eventIDs(due(t, s, other, after(10))))
	}},
	{"an event is brought forward once, until its attempt changes", func(t *testing.T, s Store) {
		p := pending("a")
		p.Account, p.Next = "acc", after(900)
		enqueue(t, s, p)
		hastened := func(at, want int) {
			t.Helper()
			n, err := s.MakeAllDue(t.Context(), "acc", after(at), 9)
			require.NoError(t, err)
			assert.Equal(t, want, n)
		}
		hastened(1, 1)
		hastened(0, 0)
		got := due(t, s, me, after(1))
		require.Len(t, got, 1)
		assert.True(t, got[0].Scheduled.Equal(after(900)))
		require.NoError(t, s.PutBack(t.Context(), "a", after(2)), "given back for want of room")
		got = due(t, s, me, after(2))
		require.Len(t, got, 1)
		assert.True(t, got[0].Scheduled.Equal(after(900)))
		require.NoError(t, s.PutBack(t.Context(), "a", got[0].Scheduled), "put back")
		hastened(3, 0)
		assert.Empty(t, due(t, s, me, after(899)))
		got = due(t, s, me, after(900))
		require.Len(t, got, 1)
		assert.True(t, got[0].Scheduled.IsZero())
		require.NoError(t, s.Retry(t.Context(), "a", p.Attempt+1, after(2000)))
		hastened(1000, 1)
	}},
	{"giving up what is gone is no error", func(t *testing.T, s Store) {
		require.NoError(t, s.GiveUp(t.Context(), "a", 2, t0))
	}},
	{"an event that is gone may be queued again", func(t *testing.T, s Store) {
		enqueue(t, s, pending("a"))
		require.NoError(t, s.Delivered(t.Context(), "a"))
		enqueue(t, s, pending("a"))
		assert.Len(t, due(t, s, me, after(5)), 1)
	}},
}

var deliveryTests = []test{
	{"a row comes back whole", func(t *testing.T, s Store) {
		full(t, delivery("a", t0))
		d := delivery("a", t0)
		deliver(t, s, d)
		assert.Equal(t, []pingr.Delivery{d}, deliveries(t, s, owner))
	}},
	{"accounts see their own", func(t *testing.T, s Store) {
		d := delivery("a", t0)
		d.Account = ""
		deliver(t, s, d)
		assert.Empty(t, deliveries(t, s, owner))
		assert.Len(t, deliveries(t, s, ""), 1)
	}},
	{"thousands at once are all there", func(t *testing.T, s Store) {
		for i := range 5000 {
			deliver(t, s, delivery(fmt.Sprint(i), after(i)))
		}
		assert.Len(t, deliveries(t, s, owner), 5000)
	}},
}

var purgeTests = []test{
	{"an empty store", func(t *testing.T, s Store) {
		assert.Equal(t, 0, purge(t, s, t0, t0, t0))
	}},
	{"finished firings and their keys go when they are old", func(t *testing.T, s Store) {
		accept(t, s, under("a", "M", phone, lid), mine)
		finish(t, s, pingr.Outcome{Firing: "a", At: after(1), Kind: pingr.Replied})
		assert.Equal(t, 0, purge(t, s, t0, t0, t0), "what is from then is not from before then")
		known(t, s, under("b", "M", phone, lid))
		assert.Equal(t, 3, purge(t, s, t0, after(1), t0), "one row and two keys")
		_, _, err := s.Decide(t.Context(), decision("a"))
		require.Error(t, err)
		accept(t, s, under("c", "M", phone, lid), mine)
	}},
	{"unfinished firings and their keys stay", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		assert.Equal(t, 0, purge(t, s, after(1000), after(1000), after(1000)))
		again := firing("b")
		again.Message = message("3EB0a")
		known(t, s, again)
		assert.Equal(t, []string{"a"}, ids(claim(t, s, other, after(1000))))
	}},
	{"young and old among each other", func(t *testing.T, s Store) {
		const n = 1500 // more than one chunk of any store
		for i := range n {
			f := firing(fmt.Sprint(i))
			f.AcceptedAt = after(i)
			accept(t, s, f, mine)
			if i%3 != 0 {
				finish(t, s, pingr.Outcome{Firing: f.ID, At: after(i), Kind: pingr.Replied})
			}
		}
		gone := purge(t, s, t0, after(n/2), t0)
		assert.GreaterOrEqual(t, gone, n/2*2/3, "keys may wait for older firings to be finished")
		assert.Len(t, claimUpTo(t, s, pingr.Lease{Holder: other, Until: after(9999)}, after(5000), n), n/3)
		_, _, err := s.Decide(t.Context(), decision(fmt.Sprint(n/2-1)))
		require.Error(t, err, "old and done")
		assert.Equal(t, pingr.StateDone, stands(t, s, fmt.Sprint(n/2+1)).State, "young and done")
	}},
	{"old ones behind many that stay", func(t *testing.T, s Store) {
		const many = 1100 // more than two chunks of any store
		for i := range many {
			accept(t, s, firing(fmt.Sprint(i)), mine)
		}
		accept(t, s, firing("old"), mine)
		finish(t, s, pingr.Outcome{Firing: "old", At: after(1), Kind: pingr.Replied})
		purge(t, s, t0, after(1), t0)
		_, _, err := s.Decide(t.Context(), decision("old"))
		require.Error(t, err)
		assert.Equal(t, pingr.StateAccepted, stands(t, s, "0").State)
	}},
	{"limits go when they have ended", func(t *testing.T, s Store) {
		for i := range 1500 {
			l := cooldown(after(i))
			l.Key += fmt.Sprint("/", i)
			require.NoError(t, s.Reserve(t.Context(), after(i), l))
		}
		assert.Equal(t, 1000, purge(t, s, after(1060), t0, t0))
		l := cooldown(after(1060))
		l.Key += "/1000"
		require.NoError(t, s.Peek(t.Context(), after(1060), l), "just ended, not yet before")
		l.Key = cooldown(t0).Key + "/1001"
		refused(t, s.Peek(t.Context(), after(1060), l), pingr.Cooldown, after(1061))
	}},
	{"deliveries go when they are old", func(t *testing.T, s Store) {
		for i := range 1500 {
			deliver(t, s, delivery(fmt.Sprint(i), after(i)))
		}
		assert.Equal(t, 1000, purge(t, s, t0, t0, after(1000)))
		assert.Len(t, deliveries(t, s, owner), 500)
	}},
	{"queued events stay", func(t *testing.T, s Store) {
		enqueue(t, s, pending("a"))
		assert.Equal(t, 0, purge(t, s, after(9999), after(9999), after(9999)))
		assert.Len(t, due(t, s, me, after(9999)), 1)
	}},
	{"triggers and sessions stay", func(t *testing.T, s Store) {
		save(t, s, login)
		require.NoError(t, s.SaveSession(t.Context(), record("main")))
		assert.Equal(t, 0, purge(t, s, after(9999), after(9999), after(9999)))
		finds(t, s, "login", "trg_login")
	}},
}

func enqueue(t *testing.T, s Store, p pingr.PendingEvent) {
	t.Helper()
	require.NoError(t, s.Enqueue(t.Context(), p))
}

func delivery(id string, at time.Time) pingr.Delivery {
	return pingr.Delivery{
		ID: id, Account: owner, Session: session, EventID: "evt_" + id, Event: pingr.EventMessageReceived,
		URL: "https://x.test/hook", Status: "failed", HTTPStatus: 503,
		DynamicReply: true, NoReply: pingr.NoReplyAnswered, Attempt: 3,
		Duration: 8123 * time.Millisecond, Error: "status 503", At: at,
	}
}

func deliver(t *testing.T, s Store, d pingr.Delivery) {
	t.Helper()
	require.NoError(t, s.LogDelivery(t.Context(), d))
}

// deliveries returns the newest rows of an account's delivery log, newest first.
func deliveries(t *testing.T, s Store, owner string) []pingr.Delivery {
	t.Helper()
	page, err := s.DeliveryPage(t.Context(), hosted.DeliveryQuery{Account: owner, Limit: 10_000})
	require.NoError(t, err)
	rows := make([]pingr.Delivery, 0, len(page.Rows))
	for _, row := range page.Rows {
		rows = append(rows, row.Delivery)
	}
	return rows
}

func purge(t *testing.T, s Store, now, keys, deliveries time.Time) int {
	t.Helper()
	n, err := s.Purge(t.Context(), now, keys, deliveries)
	require.NoError(t, err)
	return n
}
