package login

import (
	"context"
	"strconv"
	"sync"
	"time"
)

// State is what a flow must remember: strings by key, each with a life after
// which it is gone. Every operation is atomic, also between processes, and safe
// for concurrent use. examples/README.md lists keys and values.
type State interface {
	// Get returns the value of a key; ok is false if there is none.
	Get(ctx context.Context, key string) (value string, ok bool, err error)
	// Set writes a value, whatever was there.
	Set(ctx context.Context, key, value string, life time.Duration) error
	// Add writes a value if there is none, and reports whether it did.
	Add(ctx context.Context, key, value string, life time.Duration) (bool, error)
	// Swap replaces a value that is still old, and reports whether it did. The
	// value's life goes on.
	Swap(ctx context.Context, key, old, value string) (bool, error)
	// Commit makes all changes if every value is still the old one, and otherwise
	// none. It reports whether it did.
	Commit(ctx context.Context, changes ...Change) (bool, error)
	// Take returns a value and deletes it.
	Take(ctx context.Context, key string) (value string, ok bool, err error)
	// Count adds one to a number and returns it. Its life begins with the first.
	Count(ctx context.Context, key string, life time.Duration) (int, error)
}

// A Change is what Commit does to one value.
type Change struct {
	Key string
	// Old is the value that must be there, and New the value that replaces it.
	// Empty means no value.
	Old, New string
	// Life begins now. 0 leaves it as it is if there was a value.
	Life time.Duration
}

// Memory is the State of a program of one process. The zero value is ready to
// use.
type Memory struct {
	// Now returns the current time. Defaults to time.Now.
	Now func() time.Time

	mu    sync.Mutex
	held  map[string]held
	swept time.Time
}

type held struct {
	value string
	until time.Time
}

// Get implements [State].
func (m *Memory) Get(_ context.Context, key string) (value string, ok bool, err error) {
	defer m.lock()()
	h, ok := m.find(key)
	return h.value, ok, nil
}

// Set implements [State].
func (m *Memory) Set(_ context.Context, key, value string, life time.Duration) error {
	defer m.lock()()
	m.held[key] = held{value, m.now().Add(life)}
	return nil
}

// Add implements [State].
func (m *Memory) Add(_ context.Context, key, value string, life time.Duration) (bool, error) {
	defer m.lock()()
	if _, ok := m.find(key); ok {
		return false, nil
	}
	m.held[key] = held{value, m.now().Add(life)}
	return true, nil
}

// Swap implements [State].
func (m *Memory) Swap(_ context.Context, key, old, value string) (bool, error) {
	defer m.lock()()
	h, ok := m.find(key)
	if !ok || h.value != old {
		return false, nil
	}
	m.held[key] = held{value, h.until}
	return true, nil
}

// Commit implements [State].
func (m *Memory) Commit(_ context.Context, changes ...Change) (bool, error) {
	defer m.lock()()
	for _, c := range changes {
		if h, ok := m.find(c.Key); ok != (c.Old != "") || (ok && h.value != c.Old) {
			return false, nil
		}
	}
	for _, c := range changes {
		until := m.held[c.Key].until
		if c.Life > 0 {
			until = m.now().Add(c.Life)
		}
		m.held[c.Key] = held{c.New, until}
		if c.New == "" {
			delete(m.held, c.Key)
		}
	}
	return true, nil
}

// Take implements [State].
func (m *Memory) Take(_ context.Context, key string) (value string, ok bool, err error) {
	defer m.lock()()
	h, ok := m.find(key)
	delete(m.held, key)
	return h.value, ok, nil
}

// Count implements [State].
func (m *Memory) Count(_ context.Context, key string, life time.Duration) (int, error) {
	defer m.lock()()
	h, ok := m.find(key)
	if !ok {
		h = held{"0", m.now().Add(life)}
	}
	n, _ := strconv.Atoi(h.value)
	m.held[key] = held{strconv.Itoa(n + 1), h.until}
	return n + 1, nil
}

func (m *Memory) now() time.Time {
	if m.Now == nil {
		return time.Now()
	}
	return m.Now()
}

// find returns what key holds, unless it is over. The caller holds mu.
func (m *Memory) find(key string) (h held, ok bool) {
	h, ok = m.held[key]
	return h, ok && m.now().Before(h.until)
}

// lock locks and returns what unlocks. Once a second it deletes what is over,
// so that what strangers cause does not pile up.
func (m *Memory) lock() (unlock func()) {
	m.mu.Lock()
	now := m.now()
	if m.held == nil {
		m.held = map[string]held{}
	}
	if now.Sub(m.swept) >= time.Second {
		m.swept = now
		for key, h := range m.held {
			if !now.Before(h.until) {
				delete(m.held, key)
			}
		}
	}
	return m.mu.Unlock
}
