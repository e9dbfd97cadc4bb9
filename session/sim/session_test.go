package sim_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/sessiontest"
	"github.com/heypingr/pingr/session/sim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSession(t *testing.T) {
	sessiontest.Run(t, func(*testing.T) sessiontest.Harness {
		return &harness{session: sim.New(sim.Config{})}
	})
}

// A network without hidden ids, groups and timers passes too.
func TestSessionOfABareNetwork(t *testing.T) {
	sessiontest.Run(t, func(*testing.T) sessiontest.Harness {
		return bare{&harness{session: sim.New(sim.Config{})}}
	})
}

// A session that ended says why, to whoever listens and to whoever would, and sends
// nothing.
func TestEnd(t *testing.T) {
	s, ended := sim.New(sim.Config{}), errors.New("unlinked")
	alice := s.NewPhone(sim.PhoneConfig{Number: "919876543210"})
	nothing := func(context.Context, pingr.Message) error { t.Error("something came"); return nil }
	done := make(chan error)
	go func() { done <- s.Listen(t.Context(), nothing) }()
	s.End(ended)
	require.ErrorIs(t, <-done, ended)
	alice.Send("anybody there?")
	require.ErrorIs(t, s.Listen(t.Context(), nothing), ended)
	err := s.Send(t.Context(), pingr.Outgoing{ID: "3EB0", To: alice.JID(), Text: "hi"})
	require.ErrorIs(t, err, pingr.ErrSessionUnavailable)
	assert.Empty(t, alice.Received())
	assert.Equal(t, 1, s.Waiting(), "what nobody took waits")
}

// What is sent while the session is away waits, and comes with its old time; what
// was refused waits too.
func TestAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sim.New(sim.Config{RedeliverAfter: time.Minute})
		alice := s.NewPhone(sim.PhoneConfig{Number: "919876543210"})
		ctx, cancel := context.WithCancel(t.Context())
		came, done := make(chan pingr.Message, 10), make(chan error, 1)
		refuse := errors.New("the store is down")
		go func() {
			done <- s.Listen(ctx, func(_ context.Context, m pingr.Message) error {
				came <- m
				defer func() { refuse = nil }()
				return refuse
			})
		}()
		s.SetFault(sim.Away)
		sent := time.Now()
		alice.Send("login")
		time.Sleep(time.Hour)
		assert.Empty(t, came)
		s.SetFault(sim.None)
		m := <-came
		assert.Equal(t, sent, m.Time)
		assert.Equal(t, sent.Add(time.Hour), m.Arrived)
		time.Sleep(time.Minute - time.Nanosecond)
		assert.Empty(t, came, "refused a moment ago")
		s.Reconnect()
		assert.Equal(t, m.ID, (<-came).ID)
		synctest.Wait()
		assert.Zero(t, s.Waiting())
		cancel()
		<-done
	})
}

// A harness is the simulated network seen by the suite.
type harness struct {
	session *sim.Session
	people  int
}

func (h *harness) Session() pingr.Session { return h.session }

func (h *harness) Phone(_ *testing.T, c sessiontest.PhoneConfig) sessiontest.Phone {
	h.people++
	number, lid := fmt.Sprintf("9198765%05d", h.people), fmt.Sprintf("7700000%08d", h.people)
	return &phone{number: number, lid: lid, Phone: h.session.NewPhone(sim.PhoneConfig{
		Number: number, LID: lid, ByLID: c.ByLID, Hidden: c.Hidden,
	})}
}

func (h *harness) Nobody(*testing.T) string {
	h.session.SetFault(sim.Nobody)
	return "15550109999@s.whatsapp.net"
}

func (h *harness) Group(_ *testing.T, members ...sessiontest.Phone) string {
	phones := make([]*sim.Phone, len(members))
	for i, m := range members {
		phones[i] = m.(*phone).Phone
	}
	return h.session.NewGroup(phones...)
}

func (h *harness) Sends(_ *testing.T, f sessiontest.Fault) {
	h.session.SetFault(map[sessiontest.Fault]sim.Fault{
		sessiontest.Deliver:      sim.None,
		sessiontest.Refuse:       sim.Refuse,
		sessiontest.RefuseForNow: sim.RefuseForNow,
		sessiontest.LoseAck:      sim.LoseAck,
	}[f])
}

func (h *harness) Cut(*testing.T) { h.session.SetFault(sim.Away) }

func (h *harness) Restore(*testing.T) {
	h.session.SetFault(sim.None)
	h.session.Reconnect()
}

func (h *harness) End(*testing.T) { h.session.End(errors.New("removed")) }

// bare is a harness that has only what every network must have.
type bare struct{ *harness }

func (bare) Can(f sessiontest.Form) bool { return f == sessiontest.Plain }

func (bare) Group(t *testing.T, _ ...sessiontest.Phone) string {
	require.FailNow(t, "there are no groups")
	return ""
}

func (b bare) Phone(_ *testing.T, c sessiontest.PhoneConfig) sessiontest.Phone {
	b.people++
	number := fmt.Sprintf("9198765%05d", b.people)
	person := sim.PhoneConfig{Number: number, ByLID: c.ByLID, Hidden: c.Hidden}
	return &phone{number: number, Phone: b.session.NewPhone(person)}
}

type phone struct {
	*sim.Phone
	number, lid string
}

func (p *phone) Number() string { return p.number }
func (p *phone) LID() string    { return p.lid }

func (p *phone) Send(_ *testing.T, m sessiontest.Message) string {
	out := sim.Message{ID: m.ID, Text: m.Text, Group: m.Group, At: m.At, Timer: m.Timer}
	switch m.Form {
	case sessiontest.Plain, sessiontest.Extended, sessiontest.Ephemeral:
	case sessiontest.Forwarded:
		out.Forwarded = true
	case sessiontest.ImageCaption, sessiontest.VideoCaption, sessiontest.DocumentCaption:
		out.Type = string(m.Form)
	default:
		out.Noise = true
	}
	return p.SendMessage(out)
}

func (p *phone) Next(ctx context.Context) (sessiontest.Reply, error) {
	r, err := p.Phone.Next(ctx)
	return sessiontest.Reply{ID: r.ID, Text: r.Text, Timer: r.Timer}, err
}

func (p *phone) Shown() []sessiontest.Reply {
	var shown []sessiontest.Reply
	for _, r := range p.Received() {
		shown = append(shown, sessiontest.Reply{ID: r.ID, Text: r.Text, Timer: r.Timer})
	}
	return shown
}
