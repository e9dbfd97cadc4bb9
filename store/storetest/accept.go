package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

var acceptTests = []test{
	{"a new message is first", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
	}},
	{"the same message is first once", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		again := firing("b")
		again.Message = message("3EB0a")
		known(t, s, again)
		assert.Equal(t, []string{"a"}, ids(claim(t, s, other, after(60))), "and is stored once")
	}},
	{"everything comes back as it was", func(t *testing.T, s Store) {
		f := firing("a")
		f.Message.LID, f.Message.Type, f.Message.Forwarded = lid, "image", true
		f.Person = asha(lid)
		assert.Equal(t, f, accept(t, s, f, free))
		assert.Equal(t, []pingr.Firing{f}, claim(t, s, me, t0))
	}},
	{"zero times stay zero", func(t *testing.T, s Store) {
		f := firing("a")
		f.Message.Time, f.Message.Arrived, f.Trigger.CreatedAt = time.Time{}, time.Time{}, time.Time{}
		accept(t, s, f, free)
		got := claim(t, s, me, t0)
		require.Len(t, got, 1)
		assert.True(t, got[0].Message.Time.IsZero())
		assert.True(t, got[0].Message.Arrived.IsZero())
		assert.True(t, got[0].Trigger.CreatedAt.IsZero())
		assert.True(t, got[0].DecidedAt.IsZero())
	}},
	{"the state is accepted, whatever the caller says", func(t *testing.T, s Store) {
		f := firing("a")
		f.State = pingr.StateDone
		accept(t, s, f, free)
		assert.Equal(t, pingr.StateAccepted, stands(t, s, "a").State)
	}},
	{"another message id is another message", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		accept(t, s, firing("b"), mine)
	}},
	{"the same id from another person is another message", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		f := firing("b")
		f.Message = pingr.Message{ID: "3EB0a", Chat: "4917@s.whatsapp.net", Sender: "4917@s.whatsapp.net", Phone: "4917"}
		accept(t, s, f, mine)
	}},
	{"the same id in a group is another message", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		f := firing("b")
		f.Message = message("3EB0a")
		f.Message.Chat = "1203630@g.us"
		accept(t, s, f, mine)
	}},
	{"the same message on another session is another message", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		f := firing("b")
		f.Message, f.Session = message("3EB0a"), "second"
		accept(t, s, f, mine)
	}},
	{"session and key do not run into each other", func(t *testing.T, s Store) {
		f := firing("a")
		f.Session, f.Message = "s", pingr.Message{ID: "1", Chat: "x@y", Sender: "x@y"}
		accept(t, s, f, mine)
		g := firing("b")
		g.Session, g.Message = "sx@y", pingr.Message{ID: "1", Chat: "x@y", Sender: "x@y"}
		accept(t, s, g, mine)
	}},
	{"nor do they where a name holds what separates them", func(t *testing.T, s Store) {
		f := firing("a")
		f.Session, f.Message = "s", pingr.Message{ID: "1", Chat: "p|q@g.us", Sender: "x@y"}
		accept(t, s, f, mine)
		g := firing("b")
		g.Session, g.Message = "s|p", pingr.Message{ID: "1", Chat: "q@g.us", Sender: "x@y"}
		accept(t, s, g, mine)
	}},
	{"a message by number is known when it comes by number and LID", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		known(t, s, under("b", "3EB0a", phone, lid))
	}},
	{"a message by LID is known when it comes by number and LID", func(t *testing.T, s Store) {
		accept(t, s, under("a", "M", "", lid), mine)
		known(t, s, under("b", "M", phone, lid))
	}},
	{"a message by both is known by either", func(t *testing.T, s Store) {
		accept(t, s, under("a", "M", phone, lid), mine)
		known(t, s, under("b", "M", "", lid))
		known(t, s, under("c", "M", phone, ""))
	}},
	{"a third arrival is known by the name that the second brought", func(t *testing.T, s Store) {
		accept(t, s, under("a", "M", "", lid), mine)
		known(t, s, under("b", "M", phone, lid))
		known(t, s, under("c", "M", phone, ""))
	}},
	{"and the other way round", func(t *testing.T, s Store) {
		accept(t, s, under("a", "M", phone, ""), mine)
		known(t, s, under("b", "M", phone, lid))
		known(t, s, under("c", "M", "", lid))
	}},
	{"in a group too", func(t *testing.T, s Store) {
		in := func(f pingr.Firing) pingr.Firing {
			f.Message.Chat = "1203630@g.us"
			return f
		}
		accept(t, s, in(under("a", "M", "", lid)), mine)
		known(t, s, in(under("b", "M", phone, lid)))
		known(t, s, in(under("c", "M", phone, "")))
	}},
	{"a finished message is still known", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		finish(t, s, pingr.Outcome{Firing: "a", At: t0, Kind: pingr.Replied})
		again := firing("b")
		again.Message = message("3EB0a")
		known(t, s, again)
		assert.Empty(t, claim(t, s, me, after(1000)))
	}},
	{"an event id is taken once", func(t *testing.T, s Store) {
		accept(t, s, firing("a"), mine)
		f := firing("a")
		f.Message = message("another")
		_, _, err := s.Accept(t.Context(), f, mine)
		require.Error(t, err)
		assert.Equal(t, "3EB0a", stands(t, s, "a").Message.ID, "the first stays as it is")
		f.ID = "b"
		accept(t, s, f, mine)
	}},
	{"the default account's id is empty", func(t *testing.T, s Store) {
		f := firing("a")
		f.Account, f.Session = "", pingr.DefaultSession
		accept(t, s, f, free)
		assert.Equal(t, []pingr.Firing{f}, claim(t, s, me, t0))
		f.ID = "b"
		known(t, s, f)
	}},
}

// under returns a firing of a message that names its sender by number, LID or
// both.
func under(id, message, phone, lid string) pingr.Firing {
	f := firing(id)
	f.Message = pingr.Message{ID: message, Phone: phone, LID: lid, Text: "login"}
	f.Message.Sender = lid
	if lid == "" {
		f.Message.Sender = phone + "@s.whatsapp.net"
	}
	f.Message.Chat = f.Message.Sender
	return f
}
