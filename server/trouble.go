package server

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// troubleTime is how long an error of the pipeline keeps the server from being
// ready. It is longer than the engine ever waits before a retry, so that what
// fails every time never counts as ready in between.
const troubleTime = 40 * time.Second

// trouble remembers the pipeline's last error. A probe may succeed while a
// message fails.
type trouble struct {
	log *slog.Logger

	mu   sync.Mutex
	what string
	at   time.Time
}

// hear records that something failed, unless the failure was requested, and
// logs it once in a while.
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

// last returns what failed recently, or "".
func (t *trouble) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.what == "" || time.Since(t.at) > troubleTime {
		return ""
	}
	return t.what
}
