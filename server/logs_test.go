package server

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

// written is the log at the default level, which an operator reads.
type written struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *written) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// read returns the log since the last call.
func (l *written) read() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return l.text.String()
}

// An awayStore fails each look at triggers, and in the way of one whose client has gone.
type awayStore struct {
	Store
	err   error
	leave func()
}

func (s *awayStore) Triggers(ctx context.Context, session string) ([]pingr.Trigger, error) {
	if s.leave != nil {
		s.leave()
		<-ctx.Done()
		return nil, errors.New("interrupted (9)") // as SQLite says it
	}
	if s.err != nil {
		return nil, s.err
	}
	return s.Store.Triggers(ctx, session)
}

// At the default level the log has what somebody must act on, with the route, and
// not what every visitor causes.
func TestTheLogOfRequests(t *testing.T) {
	log := &written{}
	store := &awayStore{}
	w := newWorld(t, func(c *Config) {
		store.Store = c.Store
		c.Store = store
		c.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	})
	assert.Empty(t, log.read(), "a start is nothing to act on")

	ctx, leave := context.WithCancel(t.Context())
	store.leave = leave
	r := httptest.NewRequestWithContext(ctx, "GET", "http://api.example.com/v1/triggers", nil)
	for name, values := range w.who["anna's browser"] {
		r.Header[name] = values
	}
	w.server.ServeHTTP(httptest.NewRecorder(), r)
	require.Error(t, ctx.Err(), "the tab was closed")
	store.leave = nil
	for _, path := range []string{"/nothing", "/v1/nothing", "/v1/sessions/none", "/v1/triggers?page=x"} {
		w.call("anna's browser", "GET", path, "")
	}
	w.call("nobody", "GET", "/v1/triggers", "")
	assert.Empty(t, log.read())

	store.err = errors.New("no disk")
	require.Equal(t, 500, w.call("anna's browser", "GET", "/v1/triggers?session_id=anna-bot", "").Code)
	said := log.read()
	for _, part := range []string{"level=ERROR", `route="GET /v1/triggers"`, "request_id=req_", "no disk"} {
		assert.Contains(t, said, part)
	}
	assert.NotContains(t, said, "anna-bot", "an address may hold what must not be logged")
}
