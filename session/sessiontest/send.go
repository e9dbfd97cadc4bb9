package sessiontest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

// met adds a person who has written once, so that both sides know each other, and returns the JID to
// reply to.
func met(t *testing.T, h Harness) (Phone, string) {
	t.Helper()
	in := listen(t, h.Session(), nil)
	p := h.Phone(t, PhoneConfig{})
	p.Send(t, Message{Text: "hi"})
	return p, in.one(t).Sender
}

func sameIDShowsOnce(t *testing.T, h Harness) {
	alice, to := met(t, h)
	m := pingr.Outgoing{ID: "3EB0SAME", To: to, Text: "once"}
	send(t, h.Session(), m)
	send(t, h.Session(), m)
	send(t, h.Session(), pingr.Outgoing{ID: "3EB0OTHER", To: to, Text: "last"})
	assert.Equal(t, "once", next(t, alice).Text)
	assert.Equal(t, "last", next(t, alice).Text)
	assert.Len(t, alice.Shown(), 2)
}

func sendWithoutLink(t *testing.T, h Harness) {
	alice, to := met(t, h)
	h.Cut(t)
	m := pingr.Outgoing{ID: "3EB0LATER", To: to, Text: "later"}
	err := trySend(t, h.Session(), m)
	saysOnly(t, err, pingr.ErrSessionUnavailable)
	h.Restore(t)
	send(t, h.Session(), m)
	assert.Equal(t, "later", next(t, alice).Text)
	assert.Len(t, alice.Shown(), 1)
}

func sendRefused(t *testing.T, h Harness) {
	alice, to := met(t, h)
	h.Sends(t, Refuse)
	err := trySend(t, h.Session(), pingr.Outgoing{ID: "3EB0NO", To: to, Text: "no"})
	saysOnly(t, err, pingr.ErrNotSent)
	h.Sends(t, Deliver)
	send(t, h.Session(), pingr.Outgoing{ID: "3EB0YES", To: to, Text: "yes"})
	assert.Equal(t, "yes", next(t, alice).Text)
	assert.Len(t, alice.Shown(), 1)
}

func sendRefusedForNow(t *testing.T, h Harness) {
	alice, to := met(t, h)
	h.Sends(t, RefuseForNow)
	m := pingr.Outgoing{ID: "3EB0NOTYET", To: to, Text: "not yet"}
	err := trySend(t, h.Session(), m)
	saysOnly(t, err, pingr.ErrRefused)
	require.Empty(t, alice.Shown())
	h.Sends(t, Deliver)
	send(t, h.Session(), m)
	assert.Equal(t, "not yet", next(t, alice).Text)
	assert.Len(t, alice.Shown(), 1)
}

func sendUnknown(t *testing.T, h Harness) {
	alice, to := met(t, h)
	h.Sends(t, LoseAck)
	m := pingr.Outgoing{ID: "3EB0MAYBE", To: to, Text: "maybe"}
	ctx, giveUp := context.WithCancel(context.Background())
	defer giveUp()
	sent := make(chan error, 1)
	go func() { sent <- h.Session().Send(ctx, m) }()
	assert.Equal(t, "maybe", next(t, alice).Text)
	giveUp()
	err := <-sent
	saysOnly(t, err)

	// Repeating the send shows nothing twice.
	h.Sends(t, Deliver)
	send(t, h.Session(), m)
	send(t, h.Session(), pingr.Outgoing{ID: "3EB0LAST", To: to, Text: "last"})
	assert.Equal(t, "last", next(t, alice).Text)
	assert.Len(t, alice.Shown(), 2)
}

// saysOnly checks that an error reports this about a message, and nothing else.
func saysOnly(t *testing.T, err error, what ...error) {
	t.Helper()
	require.Error(t, err)
	for _, known := range []error{
		pingr.ErrNotSent, pingr.ErrUnknown, pingr.ErrSessionUnavailable, pingr.ErrRefused, pingr.ErrNotOnWhatsApp,
	} {
		require.Equal(t, slices.Contains(what, known), errors.Is(err, known), "%v: %v", known, err)
	}
}

func sendImpossible(t *testing.T, h Harness) {
	_, to := met(t, h)
	for name, m := range map[string]pingr.Outgoing{
		"no text":         {ID: "3EB01", To: to},
		"too long a text": {ID: "3EB02", To: to, Text: strings.Repeat("é", 4097)},
		"no id":           {To: to, Text: "hi"},
		"no recipient":    {ID: "3EB03", Text: "hi"},
		"not a JID":       {ID: "3EB04", To: "919876543210", Text: "hi"},
		"status":          {ID: "3EB05", To: "status@broadcast", Text: "hi"},
		"a device":        {ID: "3EB06", To: "919876543210:7@s.whatsapp.net", Text: "hi"},
	} {
		assert.ErrorIs(t, trySend(t, h.Session(), m), pingr.ErrNotSent, name)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := h.Session().Send(ctx, pingr.Outgoing{ID: "3EB07", To: to, Text: "hi"})
	require.ErrorIs(t, err, context.Canceled)
}

func disappearing(t *testing.T, h Harness) {
	needs(t, h, Disappearing)
	byNumberAndLID(t, h, timersOf)
}

func timersOf(t *testing.T, h Harness, c PhoneConfig) {
	in := listen(t, h.Session(), nil)
	alice, bob := h.Phone(t, c), h.Phone(t, PhoneConfig{})
	timer := func(to string, p Phone) time.Duration {
		t.Helper()
		id := "3EB0TIMER" + alice.Number() + to
		send(t, h.Session(), pingr.Outgoing{ID: id, To: to, Text: "gone tomorrow"})
		for {
			if r := next(t, p); r.ID == id {
				return r.Timer
			}
		}
	}
	alice.Send(t, Message{Text: "hi", Timer: 24 * time.Hour})
	sender := in.one(t).Sender
	bob.Send(t, Message{Text: "hi"})
	in.wait(t, 2)
	var group string
	if can(t, h, InGroup) {
		group = h.Group(t, alice, bob)
		alice.Send(t, Message{Text: "hi, all", Group: group, Timer: 7 * 24 * time.Hour})
		in.wait(t, 3)
	}
	assert.Equal(t, 24*time.Hour, timer(sender, alice))
	// This is the same chat under the person's other name.
	for _, name := range []string{alice.Number() + "@s.whatsapp.net", alice.LID() + "@lid"} {
		if name != sender && name != "@lid" {
			assert.Equal(t, 24*time.Hour, timer(name, alice), name)
		}
	}
	if group != "" {
		assert.Equal(t, 7*24*time.Hour, timer(group, alice), "a group has one of its own")
	}
	assert.Zero(t, timer(bob.Number()+"@s.whatsapp.net", bob), "another chat has none")
}

func sendToNobody(t *testing.T, h Harness) {
	nobody := h.Nobody(t)
	if nobody == "" {
		t.Skip("this session does not know who has a number")
	}
	err := trySend(t, h.Session(), pingr.Outgoing{ID: "3EB0NOBODY", To: nobody, Text: "anybody there?"})
	saysOnly(t, err, pingr.ErrNotSent, pingr.ErrNotOnWhatsApp)
}

func sendWhileNobodyListens(t *testing.T, h Harness) {
	alice := h.Phone(t, PhoneConfig{})
	to := alice.Number() + "@s.whatsapp.net"
	send(t, h.Session(), pingr.Outgoing{ID: "3EB0FIRST", To: to, Text: "hi"})
	assert.Equal(t, "hi", next(t, alice).Text)
}

func hostileReplies(t *testing.T, h Harness) {
	alice, to := met(t, h)
	for i, text := range []string{"a\x00b", "{{phone}}", "\u202eabc", strings.Repeat("é", 4096), " "} {
		send(t, h.Session(), pingr.Outgoing{ID: fmt.Sprintf("3EB0H%d", i), To: to, Text: text})
		assert.Equal(t, text, next(t, alice).Text)
	}
	send(t, h.Session(), pingr.Outgoing{ID: "3EB0HX", To: to, Text: "bad \xff byte"})
	assert.Equal(t, "bad \uFFFD byte", next(t, alice).Text)
}

// burst is the case that corrupted Signal sessions: one person keeps typing while replies to that
// person go out.
func burst(t *testing.T, h Harness) {
	const n = 400
	s := h.Session()
	alice := h.Phone(t, PhoneConfig{})
	var replies sync.WaitGroup
	var failed errorList
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	arrived := make(chan struct{}, 2*n)
	go func() {
		done <- s.Listen(ctx, func(_ context.Context, m pingr.Message) error {
			replies.Go(func() {
				failed.add(s.Send(context.Background(), pingr.Outgoing{ID: "R" + m.ID, To: m.Sender, Text: "re " + m.Text}))
			})
			arrived <- struct{}{}
			return nil
		})
	}()
	for i := range n {
		alice.Send(t, Message{Text: fmt.Sprintf("message %d", i)})
	}
	deadline := time.After(3 * patience)
	for i := range n {
		select {
		case <-arrived:
		case <-deadline:
			t.Fatalf("%d of %d messages arrived", i, n)
		}
	}
	replies.Wait()
	require.NoError(t, failed.joined())
	require.Eventually(t, func() bool { return len(alice.Shown()) == n }, patience, 5*time.Millisecond,
		"every reply is shown")
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	if u, ok := h.(Undecryptable); ok {
		assert.Zero(t, u.Undecryptable(), "messages that could not be read at first")
	}
}

func strangers(t *testing.T, h Harness) {
	const n = 20
	s := h.Session()
	in := listen(t, s, nil)
	phones := make([]Phone, n)
	var all sync.WaitGroup
	for i := range phones {
		phones[i] = h.Phone(t, PhoneConfig{ByLID: i%2 == 0 && can(t, h, ByLID)})
		all.Go(func() { phones[i].Send(t, Message{Text: "login"}) })
	}
	all.Wait()
	var failed errorList
	for _, m := range in.wait(t, n) {
		all.Go(func() {
			failed.add(trySend(t, s, pingr.Outgoing{ID: "R" + m.ID, To: m.Sender, Text: m.Phone}))
		})
	}
	all.Wait()
	require.NoError(t, failed.joined())
	for _, p := range phones {
		assert.Equal(t, p.Number(), next(t, p).Text, "each gets his own reply")
	}
}

// An errorList collects errors of several goroutines.
type errorList struct {
	mu   sync.Mutex
	errs []error
}

func (l *errorList) add(err error) {
	if err == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errs = append(l.errs, err)
}

func (l *errorList) joined() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.errs...)
}
