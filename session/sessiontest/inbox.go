package sessiontest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

// patience is how long a case waits for an event that must happen.
const patience = 20 * time.Second

// An inbox is a handler that records its calls.
type inbox struct {
	mu       sync.Mutex
	calls    []pingr.Message // every call, including refused ones
	messages []pingr.Message // the accepted messages
	refuse   func(n int, m pingr.Message) error
	changed  chan struct{}
}

// listen starts a Listen that ends with the test, and returns its inbox.
// refuse, if not nil, decides the fate of the n-th call (from 1).
func listen(t *testing.T, s pingr.Session, refuse func(n int, m pingr.Message) error) *inbox {
	t.Helper()
	in := &inbox{refuse: refuse, changed: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Listen(ctx, in.handle) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			require.ErrorIs(t, err, context.Canceled, "Listen says why it returned")
		case <-time.After(patience):
			t.Error("Listen did not return when its context ended")
		}
	})
	return in
}

func (in *inbox) handle(_ context.Context, m pingr.Message) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.calls = append(in.calls, m)
	close(in.changed)
	in.changed = make(chan struct{})
	if in.refuse != nil {
		if err := in.refuse(len(in.calls), m); err != nil {
			return err
		}
	}
	in.messages = append(in.messages, m)
	return nil
}

// wait returns the accepted messages once there are n of them.
func (in *inbox) wait(t *testing.T, n int) []pingr.Message {
	t.Helper()
	deadline := time.After(patience)
	for {
		in.mu.Lock()
		got := append([]pingr.Message(nil), in.messages...)
		changed := in.changed
		in.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-changed:
		case <-deadline:
			require.FailNowf(t, "messages did not arrive", "%d of %d", len(got), n)
		}
	}
}

// one returns the only message.
func (in *inbox) one(t *testing.T) pingr.Message {
	t.Helper()
	got := in.wait(t, 1)
	require.Len(t, got, 1)
	return got[0]
}

// refused returns how often the handler refused a message.
func (in *inbox) refused() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.calls) - len(in.messages)
}

// next waits for the next message that the phone shows.
func next(t *testing.T, p Phone) Reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := p.Next(ctx)
	require.NoError(t, err, "a reply is shown")
	return r
}

// send sends a message and expects success.
func send(t *testing.T, s pingr.Session, m pingr.Outgoing) {
	t.Helper()
	require.NoError(t, trySend(t, s, m))
}

func trySend(t *testing.T, s pingr.Session, m pingr.Outgoing) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s.Send(ctx, m)
}

var errRefused = errors.New("the store is down")
