package pingr_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/sim"
)

// The outcome of a message that the program sends by itself, and of the limits it took.
func TestSend(t *testing.T) {
	tests := []struct {
		name  string
		fault sim.Fault
		want  error
		shown int
		taken bool
	}{
		{"it is shown", sim.None, nil, 1, true},
		{"the session is away: the limits are given back", sim.Away, pingr.ErrSessionUnavailable, 0, false},
		{"nobody has that number: the limits are given back", sim.Nobody, pingr.ErrNotOnWhatsApp, 0, false},
		{"WhatsApp refuses: the limits are given back", sim.Refuse, pingr.ErrNotSent, 0, false},
		{"WhatsApp refuses for now: the limits are given back", sim.RefuseForNow, pingr.ErrRefused, 0, false},
		{"the answer is lost: unknown, the limits stay taken", sim.LoseAck, pingr.ErrUnknown, 1, true},
		{"the message is lost: unknown, the limits stay taken", sim.LoseMessage, pingr.ErrUnknown, 0, true},
		{"no answer for half a minute: unknown", sim.Hang, pingr.ErrUnknown, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.start()
				p := w.person(asha)
				pass(time.Millisecond)
				w.session.SetFault(tt.fault)
				id, err := w.engine.Send(w.Context(), request("hi"))
				require.ErrorIs(t, err, tt.want)
				assert.Regexp(t, `^msg_[0-9a-f]{32}$`, id)
				assert.Len(t, texts(p), tt.shown)

				w.session.SetFault(sim.None)
				if tt.fault == sim.Nobody {
					pass(24 * time.Hour) // that is how long it is known
				}
				_, err = w.engine.Send(w.Context(), request("another"))
				if !tt.taken {
					require.NoError(t, err)
					return
				}
				var limit *pingr.LimitError
				require.ErrorAs(t, err, &limit)
				assert.Equal(t, pingr.Cooldown, limit.Kind)
			})
		})
	}
}

func TestSendAgainIsShownOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		p := w.person(asha)
		pass(time.Millisecond)
		w.session.SetFault(sim.LoseAck)
		id, err := w.engine.Send(w.Context(), request("hi"))
		require.ErrorIs(t, err, pingr.ErrUnknown)
		w.session.SetFault(sim.None)
		again := request("hi")
		again.ID, again.Again = id, true
		_, err = w.engine.Send(w.Context(), again)
		require.NoError(t, err, "the cooldown is its own")
		assert.Equal(t, []string{"hi"}, texts(p))
	})
}

// A send that may have been seen keeps its limits, whatever becomes of its repetition. The caller must
// not take it for unsent.
func TestSendAgainThatFailsIsUnknown(t *testing.T) {
	for name, fault := range map[string]sim.Fault{
		"refused": sim.Refuse, "refused for now": sim.RefuseForNow, "no link": sim.Away, "no answer": sim.LoseAck,
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.start()
				p := w.person(asha)
				pass(time.Millisecond)
				w.session.SetFault(sim.LoseAck)
				id, err := w.engine.Send(w.Context(), request("hi"))
				require.ErrorIs(t, err, pingr.ErrUnknown)
				w.session.SetFault(fault)
				again := request("hi")
				again.ID, again.Again = id, true
				_, err = w.engine.Send(w.Context(), again)
				require.ErrorIs(t, err, pingr.ErrUnknown)
				w.session.SetFault(sim.None)
				_, err = w.engine.Send(w.Context(), request("another"))
				var limit *pingr.LimitError
				require.ErrorAs(t, err, &limit)
				assert.Equal(t, []string{"hi"}, texts(p))
			})
		})
	}
}

// A message that is refused once or twice arrives while the caller waits.
func TestSendThatIsRefusedForAMoment(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		p := w.person(asha)
		pass(time.Millisecond)
		w.session.SetFault(sim.RefuseForNow)
		time.AfterFunc(2*time.Second, func() { w.session.SetFault(sim.None) })
		_, err := w.engine.Send(w.Context(), request("hi"))
		require.NoError(t, err)
		assert.Equal(t, []string{"hi"}, texts(p))
	})
}

// A message that must not leave the process does not, however often the program tries.
func TestSendByWayOfAnotherSession(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		p := w.person(asha)
		pass(time.Millisecond)
		via := &recorder{refuse: 1}
		r := request("hi")
		r.Via, r.Session = via, "unknown"
		_, err := w.engine.Send(w.Context(), r)
		require.NoError(t, err)
		assert.Len(t, via.ids, 2)
		assert.Empty(t, texts(p))
	})
}

func TestSendAndReplyShareTheCooldown(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		p := w.person(asha)
		p.Send("login")
		pass(time.Second)
		_, err := w.engine.Send(w.Context(), request("hi"))
		var limit *pingr.LimitError
		require.ErrorAs(t, err, &limit)
		pass(time.Minute)
		_, err = w.engine.Send(w.Context(), request("hi"))
		require.NoError(t, err)
		assert.Equal(t, []string{"static for " + asha, "hi"}, texts(p))
	})
}

func TestSendRefusesWhatCannotBeSent(t *testing.T) {
	inWorld(t, func(w *world) {
		_, err := w.configured().Send(w.Context(), request("hi"))
		require.ErrorIs(t, err, pingr.ErrSessionUnavailable, "nothing runs")
		w.start()
		pass(time.Millisecond)
		for _, tt := range []struct {
			change func(*pingr.SendRequest)
			want   error
		}{
			{func(r *pingr.SendRequest) { r.To = "0123" }, pingr.ErrPhone},
			{func(r *pingr.SendRequest) { r.Text = "" }, pingr.ErrText},
			{func(r *pingr.SendRequest) { r.Text = strings.Repeat("é", 4097) }, pingr.ErrText},
			{func(r *pingr.SendRequest) { r.Text = "a\x00b" }, pingr.ErrText},
			{func(r *pingr.SendRequest) { r.Text = "a\xff" }, pingr.ErrText},
			{func(r *pingr.SendRequest) { r.Session = "another" }, pingr.ErrSessionUnavailable},
		} {
			r := request("hi")
			tt.change(&r)
			_, err := w.engine.Send(w.Context(), r)
			require.ErrorIs(t, err, tt.want)
		}
		ctx, cancel := context.WithCancel(w.Context())
		cancel()
		w.session.SetFault(sim.Hang)
		_, err = w.engine.Send(ctx, request("hi"))
		require.ErrorIs(t, err, pingr.ErrUnknown, "whoever asked has gone")
		pass(31 * time.Second)
	})
}

func TestSendTakesTheLongestText(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		p := w.person(asha)
		pass(time.Millisecond)
		longest := strings.Repeat("é", 4096)
		_, err := w.engine.Send(w.Context(), request(longest))
		require.NoError(t, err)
		assert.Equal(t, []string{longest}, texts(p))
	})
}

// WhatsApp recognizes a repetition by this id. It must be unique to the account and the request, so that no
// account's message is taken for a repetition of another's.
func TestSendIDsAreTheAccountsOwn(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		via := &recorder{}
		for _, own := range []struct{ account, session, id string }{
			{"acc", "main", "msg_1"},
			{"acc", "second", "msg_1"},
			{"other", "main", "msg_1"},
			{"acc", "main", "msg_2"},
			{"accmsg_", "main", "1"},
		} {
			r := request("hi")
			r.Account, r.Session, r.ID, r.Via = own.account, own.session, own.id, via
			_, err := w.engine.Send(w.Context(), r)
			require.NoError(t, err)
			pass(time.Minute)
		}
		require.Len(t, via.ids, 5)
		assert.Equal(t, via.ids[0], via.ids[1], "by another session: the same message")
		distinct := map[string]bool{}
		for _, id := range via.ids {
			distinct[id] = true
		}
		assert.Len(t, distinct, 4)
	})
}

// recorder keeps the ids of what is sent by it.
type recorder struct {
	pingr.Session
	ids    []string
	refuse int // so many, for now
}

func (r *recorder) Send(_ context.Context, m pingr.Outgoing) error {
	r.ids = append(r.ids, m.ID)
	if len(r.ids) <= r.refuse {
		return pingr.ErrRefused
	}
	return nil
}

func request(text string) pingr.SendRequest {
	return pingr.SendRequest{Account: account, Session: session, To: "+91 98765-43210", Text: text}
}
