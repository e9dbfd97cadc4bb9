package server

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// troubleTime is how long an error of the pipeline keeps the server from being
// ready: longer than the engine ever waits before it tries again, so that what
// fails every time is never called ready in between.
const troubleTime = 40 * time.Second

// trouble remembers what the pipeline's last error was. A probe of one message's
// way may go well while another message's fails.
type trouble struct {
	log *slog.Logger

	mu   sync.Mutex
	what string
	at   time.Time
}

// hear notes that something failed, unless that was asked for, and logs it, once
// in a while.
func (t *trouble) hear(what string, err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if what != t.what || time.Since(t.at) > troubleTime {
		t.log.Error(what+" failed", "error", err)
	}
	t.what, t.at = what, time.Now()
}

// last is what failed not long ago, or empty.
func (t *trouble) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.what == "" || time.Since(t.at) > troubleTime {
		return ""
	}
	return t.what
}
