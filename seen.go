package pingr

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"sync"
	"time"
)

// Seen remembers the deliveries that a [WebhookHandler] received, so that each
// is taken once: Pingr signs every attempt again, so whoever sends the same
// bytes twice is not Pingr.
type Seen interface {
	// Add remembers a key for at least life and reports whether it was new. That
	// is one atomic step among all the processes that receive the webhook: with
	// Redis SET … NX, with SQL an INSERT that a primary key refuses. The key is 64
	// hex digits. Add is safe for concurrent use.
	Add(ctx context.Context, key string, life time.Duration) (isNew bool, err error)
}

const (
	// seenLife covers a body that is stamped five minutes ahead, verifies for
	// five more, and meets a process whose clock is another five behind.
	seenLife = 3 * tolerance
	// maxSeen is what SeenInMemory holds: 111 deliveries a second, in 15 MB.
	maxSeen = 100_000
)

var errSeenFull = errors.New("SeenInMemory is full: 100,000 deliveries within 15 minutes need a store of your own")

// SeenInMemory is the [Seen] of a program of one process. It forgets when the
// process ends, and what was signed up to five minutes before can then be sent
// again; a site that must withstand that, or has several processes, needs a
// store of its own. It holds 100,000 deliveries and refuses more until the
// oldest end. The zero value works; it must not be copied.
type SeenInMemory struct {
	mu    sync.Mutex
	until map[string]time.Time
	swept time.Time
}

// Add implements [Seen].
func (s *SeenInMemory) Add(_ context.Context, key string, life time.Duration) (isNew bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.until == nil {
		s.until = map[string]time.Time{}
	}
	if now.Sub(s.swept) >= time.Second {
		s.swept = now
		maps.DeleteFunc(s.until, func(_ string, end time.Time) bool { return !now.Before(end) })
	}
	switch end, held := s.until[key]; {
	case held && now.Before(end):
		return false, nil
	case !held && len(s.until) >= maxSeen:
		return false, errSeenFull
	}
	s.until[key] = now.Add(life)
	return true, nil
}

// seenKey is the same for every signature and header that a body can come with:
// its timestamp and id make it one attempt's.
func seenKey(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
