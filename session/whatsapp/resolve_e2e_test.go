//go:build !race

package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/whatsapptest"
)

// Whoever waits for the same number shares one question, and one question is about everybody who
// waits.
func TestResolveAsksOnce(t *testing.T) {
	w := newWorld(t)
	s, _ := w.link("sess_test1")
	w.server.SetLatency(50 * time.Millisecond)
	people := []*whatsapptest.Phone{
		w.server.NewPhone(whatsapptest.PhoneConfig{}), w.server.NewPhone(whatsapptest.PhoneConfig{}),
		w.server.NewPhone(whatsapptest.PhoneConfig{Lookup: whatsapptest.LookupNoLID}),
	}
	var all sync.WaitGroup
	for i := range 30 {
		all.Go(func() {
			p := people[i%len(people)]
			got, err := s.Resolve(t.Context(), p.Number())
			assert.NoError(t, err)
			want := pingr.Resolved{OnWhatsApp: true, Phone: p.Number(), LID: p.LID() + "@lid"}
			if p == people[2] {
				want.LID = ""
			}
			assert.Equal(t, want, got)
		})
	}
	all.Wait()
	asked := map[string]int{}
	for _, l := range w.server.Lookups() {
		for _, number := range l.Numbers {
			asked[number]++
		}
	}
	for _, p := range people {
		assert.Equal(t, 1, asked[p.Number()])
	}
	assert.LessOrEqual(t, len(w.server.Lookups()), 2, "the first, and one for all who came in the meantime")
}

// After WhatsApp has refused a question, it is not asked for a minute.
func TestResolveLimited(t *testing.T) {
	w := newWorld(t)
	s, device := w.link("sess_test1")
	alice := w.server.NewPhone(whatsapptest.PhoneConfig{})
	device.RefuseLookups(429, 1)
	for range 3 {
		_, err := s.Resolve(t.Context(), alice.Number())
		var limited *pingr.ResolveLimitError
		require.ErrorAs(t, err, &limited)
		assert.InDelta(t, askPause.Seconds(), limited.RetryAfter.Seconds(), 10)
	}
	assert.Len(t, w.server.Lookups(), 1)
}

// The pause doubles with each refusal, up to an hour, and ends with an answer.
func TestPausesBetweenQuestions(t *testing.T) {
	n := newNumbers(nil)
	refuse := func(err error) time.Duration {
		n.settle(nil, nil, err)
		return n.pause
	}
	limit := fmt.Errorf("failed to send usync query: %w", whatsmeow.ErrIQRateOverLimit)
	assert.Equal(t, time.Minute, refuse(limit))
	assert.Equal(t, 2*time.Minute, refuse(limit))
	for range 10 {
		refuse(limit)
	}
	assert.Equal(t, time.Hour, refuse(limit))
	assert.Equal(t, time.Hour, refuse(errors.New("the connection broke")))
	assert.Zero(t, refuse(nil))
}

// A session asks about so many numbers a minute and no more.
func TestNumbersAMinute(t *testing.T) {
	n := newNumbers(nil)
	n.asking = true // nobody answers
	for i := range askedPerMinute {
		_, err := n.join(fmt.Sprint(919876500000 + i))
		require.NoError(t, err)
	}
	_, err := n.join("919876500000")
	require.NoError(t, err, "asked already")
	_, err = n.join(fmt.Sprint(919876500000 + askedPerMinute))
	var limited *pingr.ResolveLimitError
	require.ErrorAs(t, err, &limited)
	assert.InDelta(t, 1, limited.RetryAfter.Seconds(), 1)
}

// A caller may give up a question that WhatsApp does not answer.
func TestResolveUnanswered(t *testing.T) {
	w := newCalmWorld(t)
	s, device := w.link("sess_test1")
	alice := w.server.NewPhone(whatsapptest.PhoneConfig{})
	device.Silence(true)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := s.Resolve(ctx, alice.Number())
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// Another error passes: WhatsApp is asked again at once.
func TestResolveRefused(t *testing.T) {
	w := newWorld(t)
	s, device := w.link("sess_test1")
	alice := w.server.NewPhone(whatsapptest.PhoneConfig{})
	device.RefuseLookups(503, 1)
	_, err := s.Resolve(t.Context(), alice.Number())
	require.ErrorIs(t, err, pingr.ErrRefused)
	got, err := s.Resolve(t.Context(), alice.Number())
	require.NoError(t, err)
	assert.True(t, got.OnWhatsApp)
}

// Somebody with a username hides the number, until we have written to it.
func TestNumberOfSomebodyWithAUsername(t *testing.T) {
	w := newWorld(t)
	s, _ := w.link("sess_test1")
	got := w.listen(s)
	alice := w.server.NewPhone(whatsapptest.PhoneConfig{Username: "alice", Lookup: whatsapptest.LookupNoLID})
	write := func() pingr.Message {
		_, err := alice.Send(t.Context(), w.shop.Number(), "login")
		require.NoError(t, err)
		return receive(t, got)
	}
	m := write()
	assert.Empty(t, m.Phone)
	assert.Equal(t, alice.LID()+"@lid", m.LID)
	ready := pingr.Outgoing{ID: "3EB0READY", To: pingr.PhoneJID(alice.Number()), Text: "Your order is ready."}
	require.NoError(t, s.Send(t.Context(), ready)) // by number, for lack of a LID
	assert.Equal(t, alice.Number(), write().Phone)
}

// A number that has moved, and one that somebody else has now, lead to whoever has them.
func TestResolveNumberThatMoved(t *testing.T) {
	w := newWorld(t)
	s, _ := w.link("sess_test1")
	alice := w.server.NewPhone(whatsapptest.PhoneConfig{Number: "553187654321"})
	who := func(phone string) pingr.Resolved {
		who, err := s.Resolve(t.Context(), phone)
		require.NoError(t, err)
		return who
	}
	assert.Equal(t,
		pingr.Resolved{OnWhatsApp: true, Phone: "553187654321", LID: alice.LID() + "@lid"}, who("5531987654321"))
	require.NoError(t, alice.ChangeNumber("5511987654322"))
	assert.Equal(t, pingr.Resolved{Phone: "5531987654321"}, who("5531987654321"))
	bob := w.server.NewPhone(whatsapptest.PhoneConfig{Number: "553187654321"})
	assert.Equal(t, bob.LID()+"@lid", who("5531987654321").LID)
	assert.Equal(t,
		pingr.Resolved{OnWhatsApp: true, Phone: "5511987654322", LID: alice.LID() + "@lid"}, who("551187654322"))
}
