// Package memory stores everything in maps of this process and loses it when
// the process ends. It is for demos and tests. Only Purge limits what it holds:
// a million cooldowns cost hundreds of megabytes of heap here, where
// store/sqlite keeps them in a file.
package memory

import (
	"context"
	"errors"
	"sync"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

// A Store is a [pingr.Store] made of maps under one mutex, with the management
// of triggers and sessions. Create one with [New]. It is safe for concurrent
// use and starts no goroutines.
type Store struct {
	mu         sync.Mutex
	closed     bool
	firings    map[string]*firing // by id
	open       []*firing          // unfinished ones (and some finished), oldest first
	keys       map[messageKey]*firing
	persons    map[personKey]pingr.PersonName
	names      map[string][]string // that a person has or had, by the person's id
	limits     map[string]count
	holds      map[string]hold
	triggers   map[string]pingr.Trigger // by id
	phrases    map[phraseKey]string     // the id of a session's trigger
	events     map[string]*event        // by id
	deliveries []hosted.DeliveryRow
	sessions   map[string]pingr.SessionRecord
	sequence   int
	accounts   map[string]hosted.Account // by id
	apiKeys    map[string]hosted.Key     // by id
	replays    map[replayName]hosted.Replay
	values     map[string][]byte
	counts     map[countKey]*hosted.Counts
	latencies  map[countKey]hosted.Latencies
}

var _ pingr.Store = (*Store)(nil)

var errClosed = errors.New("store is closed")

// New returns an empty Store.
func New() *Store {
	return &Store{
		firings:  map[string]*firing{},
		keys:     map[messageKey]*firing{},
		persons:  map[personKey]pingr.PersonName{},
		names:    map[string][]string{},
		limits:   map[string]count{},
		holds:    map[string]hold{},
		triggers: map[string]pingr.Trigger{},
		phrases:  map[phraseKey]string{},
		events:   map[string]*event{},
		sessions: map[string]pingr.SessionRecord{},
		accounts: map[string]hosted.Account{},
		apiKeys:  map[string]hosted.Key{},
		replays:  map[replayName]hosted.Replay{},
		values:   map[string][]byte{},

		counts:    map[countKey]*hosted.Counts{},
		latencies: map[countKey]hosted.Latencies{},
	}
}

// Close makes every later call fail. It never fails itself.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// lock takes the mutex, unless ctx has ended or the store is closed.
func (s *Store) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errClosed
	}
	return nil
}
