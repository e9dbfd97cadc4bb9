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
// is accepted once. Pingr signs every attempt separately, so a request that repeats
// the same bytes does not come from Pingr.
type Seen interface {
	// Add remembers key for at least life and reports whether it was new. It must
	// be one atomic step across all processes that receive the webhook, such as
	// SET … NX in Redis or an INSERT under a primary key in SQL. The key is 64 hex
	// digits. Add must be safe for concurrent use.
	Add(ctx context.Context, key string, life time.Duration) (isNew bool, err error)
}

const (
	// seenLife covers a body that is stamped five minutes ahead, verifies for five
	// more, and meets a process whose clock is another five behind.
	seenLife = 3 * tolerance
	// maxSeen is what SeenInMemory holds: 111 deliveries a second, in 15 MB.
	maxSeen = 100_000
)

var errSeenFull = errors.New("SeenInMemory is full: 100,000 deliveries within 15 minutes need a store of your own")

// SeenInMemory is a [Seen] for a program of one process. It forgets when the
// process ends; what was signed up to five minutes before can then be sent
// again. A site that must prevent that, or that has several processes, needs a
// store of its own. SeenInMemory holds 100,000 deliveries, and refuses more
// until the oldest expire. The zero value is ready to use. It must not be
// copied.
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

// seenKey returns the key of a body, whatever signature and headers come with
// it. The body's timestamp and id make it unique to one attempt.
func seenKey(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
