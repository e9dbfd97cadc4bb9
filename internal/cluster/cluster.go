// Package cluster lets any of the processes that share a PostgreSQL database
// serve any session. A [Member] beats, adopts the sessions whose leases it gets,
// and lets go of those whose leases it loses.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/whatsapp"
	"github.com/heypingr/pingr/store/postgres"
)

// Config says what a member works with.
type Config struct {
	// Name is that of the process, in the configurations of Store and Pool too. It
	// is used by no other process, now or later.
	Name string
	// Address is where other members reach this one, and Version the program's.
	Address, Version string
	// Store and Pool use one database.
	Store *postgres.Store
	Pool  *whatsapp.Pool
	// Adopted is called with each session that the member adopts, before it
	// connects, and Left with the id of each that the member is about to release. The
	// pool itself reports a session that is lost.
	Adopted func(*whatsapp.Session)
	Left    func(id string)
	Log     *slog.Logger

	beats time.Duration
}

const (
	// uncertain is the age of the last beat at which a member stops serving: others
	// will take it for dead soon, and may have done so if it was paused.
	uncertain = 6 * time.Second
	// adoptions is how many sessions are adopted at a time.
	adoptions = 16
	// releases is how many sessions are released at a time.
	releases = 8
	// leaveTimeout bounds a draining.
	leaveTimeout = 30 * time.Second
)

// A Member is this process among those that share the database. Create one with
// [Join].
type Member struct {
	Config
	incarnation int
	last        time.Time // when the last beat that succeeded began
}

// Join makes this process a member. Others count on it from now on, so
// [Member.Run] must follow at once.
func Join(ctx context.Context, c Config) (*Member, error) {
	if c.beats == 0 {
		c.beats = postgres.Beats
	}
	m := &Member{Config: c}
	if err := m.join(ctx); err != nil {
		return nil, err
	}
	return m, nil
}

// id is that of the current incarnation. A dead one is never used again.
func (m *Member) id() string { return postgres.Incarnation(m.Name, m.incarnation) }

func (m *Member) join(ctx context.Context) error {
	m.incarnation++
	err := m.Store.Join(ctx, postgres.Node{ID: m.id(), Address: m.Address, Version: m.Version})
	if err != nil {
		return err
	}
	m.Pool.ServeAs(m.id())
	m.last = time.Now()
	return nil
}

// Run beats until ctx ends. It then releases all sessions, and returns when
// others can have them.
func (m *Member) Run(ctx context.Context) error {
	tick := time.NewTicker(m.beats)
	defer tick.Stop()
	freed := make(chan struct{}, 1)
	var listening sync.WaitGroup
	defer listening.Wait()
	listening.Go(func() {
		m.Store.Freed(ctx, func() {
			select {
			case freed <- struct{}{}:
			default:
			}
		})
	})
	for {
		m.beat(ctx)
		select {
		case <-tick.C:
		case <-freed:
		case <-ctx.Done():
			return m.leave(context.WithoutCancel(ctx))
		}
	}
}

func (m *Member) beat(ctx context.Context) {
	m.doubt()
	began := time.Now()
	served := m.Pool.List()
	leases, err := m.Store.Beat(ctx, m.id())
	switch {
	case err == nil:
		m.last = began
		m.reconcile(ctx, leases, served)
	case errors.Is(err, postgres.ErrDead):
		m.Log.Warn("the other nodes took this one for dead; it joins again")
		m.Pool.LetGo()
		if err := m.join(ctx); err != nil {
			m.Log.Error("could not join the nodes", "error", err)
		}
	case ctx.Err() == nil:
		m.Log.Warn("a beat failed", "error", err)
		m.doubt()
	}
}

// doubt stops serving if nobody knows any more who has the leases. A member
// that was paused finds out here first, or by the fence.
func (m *Member) doubt() {
	if time.Since(m.last) > uncertain && len(m.Pool.List()) > 0 {
		m.Log.Error("the database has not answered for some seconds; no number is served until it does")
		m.Pool.LetGo()
	}
}

// reconcile makes the pool serve what the member has leases for. served are the
// sessions that it served before it asked: what was added since is not among the
// leases.
func (m *Member) reconcile(ctx context.Context, leases []postgres.Lease, served []*whatsapp.Session) {
	epochs := make(map[string]int64, len(leases))
	var missing []postgres.Lease
	for _, l := range leases {
		epochs[l.Session] = l.Epoch
		if s, ok := m.Pool.Get(l.Session); !ok || s.Epoch() != l.Epoch {
			missing = append(missing, l)
		}
	}
	for _, s := range served {
		if epochs[s.ID()] != s.Epoch() {
			m.Pool.LetGoOf(s)
		}
	}
	if len(missing) == 0 {
		return
	}
	records, err := m.Store.Sessions(ctx)
	if err != nil {
		m.Log.Error("could not read the sessions to adopt", "error", err)
		return
	}
	known := make(map[string]pingr.SessionRecord, len(records))
	for _, r := range records {
		known[r.ID] = r
	}
	each(missing, adoptions, func(l postgres.Lease) {
		record, ok := known[l.Session]
		if !ok {
			return // it is just being added, or was just removed
		}
		if _, err := m.Pool.Adopt(ctx, record, l.Epoch, m.Adopted); err != nil {
			m.Log.Error("could not adopt a session", "session", l.Session, "error", err)
		}
	})
}

// leave releases all sessions and ends the member.
func (m *Member) leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	err := m.Store.Drain(ctx, m.id())
	var mu sync.Mutex
	each(m.Pool.List(), releases, func(s *whatsapp.Session) {
		if m.Left != nil {
			m.Left(s.ID())
		}
		released := m.Pool.Release(ctx, s.ID())
		if released == nil {
			released = m.Store.Free(ctx, m.id(), postgres.Lease{Session: s.ID(), Epoch: s.Epoch()})
		}
		mu.Lock()
		defer mu.Unlock()
		err = errors.Join(err, released)
	})
	if err = errors.Join(err, m.Store.Leave(ctx, m.id())); err != nil {
		return fmt.Errorf("leave the nodes: %w", err)
	}
	return nil
}

// each calls f for all, some at a time.
func each[T any](all []T, atATime int, f func(T)) {
	var work sync.WaitGroup
	free := make(chan struct{}, atATime)
	for _, one := range all {
		free <- struct{}{}
		work.Go(func() {
			defer func() { <-free }()
			f(one)
		})
	}
	work.Wait()
}
