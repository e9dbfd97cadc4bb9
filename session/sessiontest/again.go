package sessiontest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

func refusedComesAgain(t *testing.T, h Harness) {
	in := listen(t, h.Session(), func(n int, _ pingr.Message) error {
		if n == 1 {
			return errRefused
		}
		return nil
	})
	alice := h.Phone(t, PhoneConfig{})
	id := alice.Send(t, Message{Text: "login"})
	m := in.one(t)
	assert.Equal(t, id, m.ID)
	assert.Equal(t, "login", m.Text)
	assert.Equal(t, 1, in.refused())
}

func panicComesAgain(t *testing.T, h Harness) {
	in := listen(t, h.Session(), func(n int, _ pingr.Message) error {
		if n == 1 {
			panic("a bug in the handler")
		}
		return nil
	})
	alice := h.Phone(t, PhoneConfig{})
	id := alice.Send(t, Message{Text: "login"})
	assert.Equal(t, id, in.one(t).ID)
}

func refusedSurvivesReconnect(t *testing.T, h Harness) {
	open := make(chan struct{})
	in := listen(t, h.Session(), func(int, pingr.Message) error {
		select {
		case <-open:
			return nil
		default:
			return errRefused
		}
	})
	alice := h.Phone(t, PhoneConfig{})
	id := alice.Send(t, Message{Text: "login"})
	require.Eventually(t, func() bool { return in.refused() > 0 }, patience, time.Millisecond)
	h.Cut(t)
	close(open)
	h.Restore(t)
	assert.Equal(t, id, in.one(t).ID)
}

func refusedHoldsNobodyUp(t *testing.T, h Harness) {
	in := listen(t, h.Session(), func(_ int, m pingr.Message) error {
		if m.Text == "poison" {
			return errRefused
		}
		return nil
	})
	alice, bob := h.Phone(t, PhoneConfig{}), h.Phone(t, PhoneConfig{})
	alice.Send(t, Message{Text: "poison"})
	require.Eventually(t, func() bool { return in.refused() > 0 }, patience, time.Millisecond)
	id := bob.Send(t, Message{Text: "login"})
	assert.Equal(t, id, in.one(t).ID)
}

func listenEnds(t *testing.T, h Harness) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- h.Session().Listen(ctx, func(context.Context, pingr.Message) error { return nil })
	}()
	cancel()
	select {
	case err := <-done:
		require.ErrorIs(t, err, context.Canceled)
	case <-time.After(patience):
		t.Fatal("Listen did not return")
	}

	// A message that arrives while nobody listens is not acknowledged. The next listener gets it.
	alice := h.Phone(t, PhoneConfig{})
	id := alice.Send(t, Message{Text: "anybody there?"})
	in := listen(t, h.Session(), nil)
	assert.Equal(t, id, in.one(t).ID)
}

func ends(t *testing.T, h Harness) {
	s := h.Session()
	alice := h.Phone(t, PhoneConfig{})
	first := alice.Send(t, Message{Text: "hi"})
	came, done := make(chan pingr.Message, 1), make(chan error, 1)
	go func() {
		done <- s.Listen(context.Background(), func(_ context.Context, m pingr.Message) error {
			came <- m
			return nil
		})
	}()
	select {
	case m := <-came:
		require.Equal(t, first, m.ID)
	case <-time.After(patience):
		t.Fatal("the message did not arrive")
	}
	h.End(t)
	select {
	case err := <-done:
		require.Error(t, err)
	case <-time.After(patience):
		t.Fatal("Listen did not return")
	}
	err := trySend(t, s, pingr.Outgoing{ID: "3EB0LATE", To: alice.Number() + "@s.whatsapp.net", Text: "too late"})
	saysOnly(t, err, pingr.ErrSessionUnavailable)
	assert.Empty(t, alice.Shown())

	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.Error(t, s.Listen(ctx, func(context.Context, pingr.Message) error { return nil }))
	require.NoError(t, ctx.Err(), "it returned at once")
}

func listenOnce(t *testing.T, h Harness) {
	in := listen(t, h.Session(), nil)
	alice := h.Phone(t, PhoneConfig{})
	alice.Send(t, Message{Text: "hi"})
	in.wait(t, 1) // the first one is listening now
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := h.Session().Listen(ctx, func(context.Context, pingr.Message) error { return nil })
	require.Error(t, err)
	require.NoError(t, ctx.Err(), "it returned at once")
}
