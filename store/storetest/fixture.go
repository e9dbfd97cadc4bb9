package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

const (
	owner   = "acc"
	session = "main"
	me      = "run_me"
	other   = "run_other"
	phone   = "919876543210"
	number  = phone + "@s.whatsapp.net"
	lid     = "777@lid"
)

// t0 is the time at which the cases start.
var t0 = time.UnixMilli(1_770_000_000_123).UTC()

// after is t0 and some seconds.
func after(seconds int) time.Time { return t0.Add(time.Duration(seconds) * time.Second) }

// mine and free are leases of a minute and of nobody.
var (
	mine = pingr.Lease{Holder: me, Until: after(60)}
	free = pingr.Lease{Until: t0}
)

// message returns a message from asha's number. Messages with different ids are
// different.
func message(id string) pingr.Message {
	return pingr.Message{
		ID: id, Chat: number, Sender: number, Phone: phone, Type: "text", Text: "login X4K9MQ",
		Time: after(-2), Arrived: after(-1),
	}
}

// asha is who sends the messages, as known after the first one.
func asha(lids ...string) pingr.Person {
	return pingr.Person{
		ID: "per_asha", LIDs: lids, Phone: phone, Proof: pingr.ProofNetwork, Since: after(-1), Seen: after(-1),
	}
}

// firing returns a firing with a message of its own.
func firing(id string) pingr.Firing {
	return pingr.Firing{
		ID: id, Account: owner, Session: session, Message: message("3EB0" + id), Person: asha(), Trigger: login,
		State: pingr.StateAccepted, AcceptedAt: t0,
	}
}

var login = pingr.Trigger{
	ID: "trg_login", Session: session, Phrase: "login", Reply: "Hello {{phone}}", Active: true,
	CreatedAt: after(-1000), UpdatedAt: after(-500),
}

// decision answers a firing with a dynamic text.
func decision(id string) pingr.Decision {
	return pingr.Decision{Firing: id, Holder: me, At: after(1), Text: "https://x.test/" + id, Source: pingr.Dynamic}
}

// cooldown is a limit of one in a minute; quota is a limit of n until tomorrow.
func cooldown(at time.Time) pingr.Limit {
	return pingr.Limit{Kind: pingr.Cooldown, Key: "cooldown/acc/" + phone, Max: 1, Until: at.Add(time.Minute)}
}

func quota(n int64) pingr.Limit {
	return pingr.Limit{Kind: pingr.Quota, Key: "quota/acc", Max: n, Until: after(86400)}
}

func pending(id string) pingr.PendingEvent {
	groupJID := "1203630@g.us"
	return pingr.PendingEvent{
		Account: owner, Attempt: 2, Next: after(5),
		Event: pingr.Event{
			Type: pingr.EventMessageReceived, Session: session, ID: id, Account: owner, Timestamp: t0.UnixMilli(),
			From: &pingr.From{
				Phone: phone, JID: number, Group: true, GroupJID: &groupJID, LID: lid, Person: "per_asha",
				PhoneSince: t0.UnixMilli(),
			},
			Message: &pingr.EventMessage{
				Text: "login X4K9MQ", Type: "text", ID: "3EB0", Timestamp: t0.UnixMilli(), Forwarded: true,
			},
			Trigger: &pingr.EventTrigger{ID: "trg_login", Phrase: "login"},
			AutoReply: &pingr.AutoReply{
				Status: "suppressed", Reason: "cooldown", RetryAfter: 47,
			},
		},
	}
}

func accept(t *testing.T, s Store, f pingr.Firing, l pingr.Lease) pingr.Firing {
	t.Helper()
	stored, first, err := s.Accept(t.Context(), f, l)
	require.NoError(t, err)
	require.True(t, first, "first")
	return stored
}

// isFirst leaves out what Accept stored.
func isFirst(_ pingr.Firing, first bool, err error) (bool, error) { return first, err }

// known asserts that a firing's message is not new.
func known(t *testing.T, s Store, f pingr.Firing) {
	t.Helper()
	_, first, err := s.Accept(t.Context(), f, mine)
	require.NoError(t, err)
	assert.False(t, first, "first")
}

func claim(t *testing.T, s Store, holder string, now time.Time, skip ...string) []pingr.Firing {
	t.Helper()
	l := pingr.Lease{Holder: holder, Until: now.Add(time.Minute)}
	return claimUpTo(t, s, l, now, 100, skip...)
}

func claimUpTo(t *testing.T, s Store, l pingr.Lease, now time.Time, limit int, skip ...string) []pingr.Firing {
	t.Helper()
	firings, err := s.Claim(t.Context(), l, now, skip, limit)
	require.NoError(t, err)
	return firings
}

func decide(t *testing.T, s Store, d pingr.Decision) pingr.Firing {
	t.Helper()
	f, decided, err := s.Decide(t.Context(), d)
	require.NoError(t, err)
	if decided {
		assert.Equal(t, d.At, f.DecidedAt)
		assert.NotEqual(t, pingr.StateAccepted, f.State)
	}
	if len(f.Limits) == 0 {
		f.Limits = nil
	}
	return f
}

func keep(t *testing.T, s Store, id, holder string, state pingr.State, l pingr.Lease) bool {
	t.Helper()
	held, err := s.Keep(t.Context(), id, holder, state, l)
	require.NoError(t, err)
	return held
}

func finish(t *testing.T, s Store, o pingr.Outcome) {
	t.Helper()
	require.NoError(t, s.Finish(t.Context(), o))
}

// stands returns a firing as it is, through a decision that nobody may make.
func stands(t *testing.T, s Store, id string) pingr.Firing {
	t.Helper()
	return decide(t, s, pingr.Decision{Firing: id, Holder: "nobody", At: t0})
}

func due(t *testing.T, s Store, holder string, now time.Time, skip ...string) []pingr.PendingEvent {
	t.Helper()
	events, err := s.Due(t.Context(), pingr.Lease{Holder: holder, Until: now.Add(time.Minute)}, now, skip, 100)
	require.NoError(t, err)
	return events
}

// only returns the only element.
func only[T any](t *testing.T, all []T) T {
	t.Helper()
	require.Len(t, all, 1)
	return all[0]
}

func ids(firings []pingr.Firing) []string {
	all := make([]string, 0, len(firings))
	for _, f := range firings {
		all = append(all, f.ID)
	}
	return all
}

func eventIDs(events []pingr.PendingEvent) []string {
	all := make([]string, 0, len(events))
	for _, p := range events {
		all = append(all, p.Event.ID)
	}
	return all
}

// refused asserts that err is a refusal by that limit until that time.
func refused(t *testing.T, err error, kind pingr.LimitKind, until time.Time) {
	t.Helper()
	var limit *pingr.LimitError
	require.ErrorAs(t, err, &limit)
	assert.Equal(t, kind, limit.Kind)
	assert.True(t, until.Equal(limit.Until), "until %s, want %s", limit.Until, until)
}
