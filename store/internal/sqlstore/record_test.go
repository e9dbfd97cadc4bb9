package sqlstore

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

// Text from strangers comes back byte for byte.
func FuzzRecords(f *testing.F) {
	f.Add("login X4K9MQ", "3EB0A1", "777@lid", int64(1_770_000_000_000), 3)
	f.Add("\x00", "\xff\xfe", "", int64(-1), -1)
	f.Add("", "", "", int64(0), 0)
	f.Fuzz(func(t *testing.T, text, id, jid string, ms int64, n int) {
		at := toTime(ms % (1 << 53))
		firing := pingr.Firing{
			Session: id,
			Message: pingr.Message{ID: id, Chat: jid, Sender: jid, Phone: text, LID: jid, Type: text, Time: at, Arrived: at},
			Trigger: pingr.Trigger{ID: id, Session: id, Phrase: text, Reply: text, Active: n > 0, CreatedAt: at, UpdatedAt: at},
		}
		var got pingr.Firing
		require.NoError(t, readBody(body(firing), &got))
		assert.Equal(t, firing, got)

		limits := []pingr.Limit{{Kind: pingr.Quota, Key: text, Max: ms, Until: at}, {Key: jid}}
		got = pingr.Firing{}
		require.NoError(t, readDecision(decision(pingr.Decision{At: at, Source: pingr.Source(id)}, limits), &got))
		assert.Equal(t, pingr.Firing{DecidedAt: at, Source: pingr.Source(id), Limits: limits}, got)

		event := pingr.Event{
			Type: pingr.EventType(text), Session: id, Reason: n, Kind: text,
			ExpiresAt: ms, Timestamp: ms, ID: id, Simulated: n > 1,
			From:      &pingr.From{Phone: text, JID: jid, Group: n > 2, GroupJID: &jid, LID: jid},
			Message:   &pingr.EventMessage{Text: text, Type: text, ID: id, Timestamp: ms},
			Trigger:   &pingr.EventTrigger{ID: id, Phrase: text},
			AutoReply: &pingr.AutoReply{Status: text, Reason: text, RetryAfter: n},
		}
		read, err := readEvent(eventRecord(event))
		require.NoError(t, err)
		assert.Equal(t, event, read)
	})
}

// A damaged row is an error, not a panic.
func FuzzDamagedRecord(f *testing.F) {
	f.Add(body(pingr.Firing{Session: "main", AcceptedAt: time.Now()}))
	f.Add(eventRecord(pingr.Event{ID: "evt_1", From: &pingr.From{JID: "x"}}))
	f.Add([]byte{0x0a, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		var got pingr.Firing
		_ = readBody(b, &got)
		_ = readDecision(b, &got)
		_, _ = readEvent(b)
	})
}

func TestFieldsOfLaterVersionsAreSkipped(t *testing.T) {
	r := record(eventRecord(pingr.Event{ID: "evt_1"}))
	r.string(99, "new")
	r.int(98, 7)
	inner := record{}
	inner.string(1, "new")
	r.record(97, inner)
	e, err := readEvent(r)
	require.NoError(t, err)
	assert.Equal(t, pingr.Event{ID: "evt_1"}, e)
}

func TestTimesAreWholeMilliseconds(t *testing.T) {
	var f pingr.Firing
	at := time.Date(2026, 5, 1, 12, 0, 0, 123_456_789, time.FixedZone("IST", 19800))
	require.NoError(t, readDecision(decision(pingr.Decision{At: at}, nil), &f))
	assert.Equal(t, time.Date(2026, 5, 1, 6, 30, 0, 123_000_000, time.UTC), f.DecidedAt)
	epoch := time.UnixMilli(0).UTC()
	require.NoError(t, readDecision(decision(pingr.Decision{At: epoch}, nil), &f))
	assert.Equal(t, epoch, f.DecidedAt, "1970 is a time, not none")
}
