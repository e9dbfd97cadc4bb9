package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	signallog "go.mau.fi/libsignal/logger"
	"go.mau.fi/whatsmeow/store"
	"google.golang.org/protobuf/proto"

	"github.com/heypingr/pingr"
)

var (
	// ErrNoSession means that there is no session with that id.
	ErrNoSession = errors.New("no such session")
	// ErrExists means that the session id is taken.
	ErrExists = errors.New("session already exists")
	// ErrLinked means that the session is already linked.
	ErrLinked = errors.New("session is already linked")
	// ErrNotLinked means that the session must be linked first.
	ErrNotLinked = errors.New("session is not linked")
	// ErrClosed means that the pool was closed or the session removed.
	ErrClosed = errors.New("session closed")
)

// A Pool holds all sessions of a process. Create one with Open. Its methods are
// safe for concurrent use.
type Pool struct {
	config   Config
	timing   timing
	target   *target
	database *database
	registry Registry
	log      *slog.Logger
	now      func() time.Time
	dials    *dialQueue

	ctx     context.Context
	cancel  context.CancelFunc
	work    sync.WaitGroup
	untrust func()

	mu       sync.RWMutex
	sessions map[string]*Session
	closed   bool
}

// Open opens the file of keys, restores all sessions of the registry and begins
// to connect them. It fails if the directory, the registry or the endpoint
// cannot be used. It does not fail if WhatsApp cannot be reached, or if the
// keys of one session are damaged: that session is logged out, with
// [pingr.ReasonKeysDamaged].
func Open(ctx context.Context, c Config) (*Pool, error) {
	switch {
	case c.Database == "" && c.Dir == "":
		return nil, errors.New("open sessions: no directory given")
	case c.Database != "" && c.Registry == nil:
		return nil, errors.New("open sessions: no registry given")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	quietLibraries()
	target, err := c.Endpoint.check()
	if err != nil {
		return nil, fmt.Errorf("open sessions: %w", err)
	}
	release, err := target.claimTrust()
	if err != nil {
		return nil, fmt.Errorf("open sessions: %w", err)
	}
	database, err := c.openKeys(ctx)
	if err != nil {
		release()
		return nil, fmt.Errorf("open keys: %w", err)
	}
	p := &Pool{
		config: c, timing: c.timing.withDefaults(), target: target, database: database,
		registry: c.Registry, log: c.Log, now: c.Now, untrust: release,
		dials:    newDialQueue(c.DialRate),
		sessions: make(map[string]*Session),
	}
	if database.namesUnread != nil {
		p.log.Error("some names of people cannot be read; the database may be damaged (pingr doctor)", "error",
			unnamed(database.namesUnread))
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	if err := p.restore(ctx); err != nil {
		p.cancel()
		p.work.Wait()
		return nil, errors.Join(fmt.Errorf("restore sessions: %w", err), p.free())
	}
	p.run(p.watch)
	return p, nil
}

// openKeys opens the database of the keys.
func (c Config) openKeys(ctx context.Context) (*database, error) {
	if c.Database != "" {
		return openTables(ctx, c.Database, c.Node, c.Keyring)
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, err
	}
	return openDatabase(ctx, c.Dir)
}

// restore makes the sessions of the registry and connects those that are
// linked.
func (p *Pool) restore(ctx context.Context) error {
	if p.registry == nil {
		own, err := newOwnRegistry(ctx, p.database)
		if err != nil {
			return err
		}
		p.registry = own
	}
	if p.config.Node != "" {
		return nil
	}
	records, err := p.registry.Sessions(ctx)
	if err != nil {
		return err
	}
	for _, record := range records {
		claim, err := p.database.where.claim(ctx, record.ID)
		if err != nil {
			return fmt.Errorf("session %s: claim it: %w", record.ID, err)
		}
		s, err := newSession(ctx, p, record, claim)
		if err != nil {
			return err
		}
		p.sessions[record.ID] = s
	}
	for _, s := range p.sessions {
		s.start()
	}
	return nil
}

// quietLibraries sets what is global to the process: the name that the phone
// shows for us, and silence instead of libsignal's lines on stdout, which
// report expected failures and name people.
var quietLibraries = sync.OnceFunc(func() {
	store.DeviceProps.Os = proto.String("Pingr")
	var silent signallog.Loggable = silence{}
	signallog.Setup(&silent)
})

type silence struct{}

func (silence) Debug(string, string)   {}
func (silence) Info(string, string)    {}
func (silence) Warning(string, string) {}
func (silence) Error(string, string)   {}
func (silence) Configure(string)       {}

// scope is what may follow a session's id and a colon.
var scope = regexp.MustCompile(`^[a-z0-9_-]{1,64}$`)

func checkID(id string) error {
	name, after, scoped := strings.Cut(id, ":")
	if err := pingr.CheckSessionID(name); err != nil {
		return err
	}
	if scoped && !scope.MatchString(after) {
		return errors.New("the scope behind the colon must be 1 to 64 characters: a-z, 0-9, _ and -")
	}
	return nil
}

// Add adds a session and begins to link it. The record needs an ID; State and
// everything that only linking determines are overwritten. Add returns
// [ErrExists] if the id is taken.
func (p *Pool) Add(ctx context.Context, record pingr.SessionRecord) (*Session, error) {
	if err := checkID(record.ID); err != nil {
		return nil, fmt.Errorf("add session %q: %w", record.ID, err)
	}
	record.State, record.Reason, record.Detail = pingr.SessionPairing, 0, ""
	record.Device, record.Phone, record.Reported = "", "", false
	if record.CreatedAt.IsZero() {
		record.CreatedAt = p.now()
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	if p.sessions[record.ID] != nil {
		p.mu.Unlock()
		return nil, fmt.Errorf("add session: %w", ErrExists)
	}
	s, err := p.create(ctx, record)
	if err == nil {
		p.sessions[record.ID] = s
	}
	p.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("add session: %w", err)
	}
	if err := s.save(ctx, record); err != nil {
		p.mu.Lock()
		delete(p.sessions, record.ID)
		p.mu.Unlock()
		s.close()
		return nil, fmt.Errorf("add session: %w", err)
	}
	return s, s.Link()
}

// create makes a session that is new.
func (p *Pool) create(ctx context.Context, record pingr.SessionRecord) (*Session, error) {
	claim, err := p.database.where.claim(ctx, record.ID)
	if err != nil {
		return nil, err
	}
	return newSession(ctx, p, record, claim)
}

// Get returns the session with that id, and reports whether there is one.
func (p *Pool) Get(id string) (*Session, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	s, ok := p.sessions[id]
	return s, ok
}

// List returns all sessions, ordered by id.
func (p *Pool) List() []*Session {
	p.mu.RLock()
	defer p.mu.RUnlock()
	all := make([]*Session, 0, len(p.sessions))
	for _, s := range p.sessions {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *Session) int { return strings.Compare(a.id, b.id) })
	return all
}

// Remove unlinks a session at WhatsApp, if WhatsApp can be reached within ctx
// and a few seconds, and deletes the session and its keys.
func (p *Pool) Remove(ctx context.Context, id string) error {
	s, ok := p.Get(id)
	if !ok {
		return fmt.Errorf("remove session: %w", ErrNoSession)
	}
	if err := s.unlink(ctx); err != nil {
		p.log.Warn("session could not be unlinked at WhatsApp; it is deleted here", "session", id)
	}
	p.mu.Lock()
	delete(p.sessions, id)
	p.mu.Unlock()
	s.close()
	// The end of ctx is ignored here: half a session would be back at the next
	// start.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), effectTimeout)
	defer cancel()
	err := s.eraseKeys(ctx)
	err = errors.Join(err, p.database.forgetSession(ctx, id), s.forget(ctx), p.database.where.drop(ctx, s.claim))
	if err != nil {
		return fmt.Errorf("remove session: %w", err)
	}
	return nil
}

// Reconnect connects a session again. See [Session.Reconnect].
func (p *Pool) Reconnect(id string) error {
	s, ok := p.Get(id)
	if !ok {
		return fmt.Errorf("reconnect session: %w", ErrNoSession)
	}
	return s.Reconnect()
}

// Undecryptable returns how many messages, of all sessions since Open, could
// not be read when they first arrived. WhatsApp is asked for each of them
// again.
func (p *Pool) Undecryptable() uint64 {
	var n uint64
	for _, s := range p.List() {
		n += s.Undecryptable()
	}
	return n
}

// Close disconnects all sessions and returns when nothing of the pool runs any
// more. Listen then returns [ErrClosed].
func (p *Pool) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	p.mu.Unlock()
	var all sync.WaitGroup
	for _, s := range p.List() {
		all.Go(s.close)
	}
	all.Wait()
	p.cancel()
	p.work.Wait()
	return p.free()
}

// free releases what Open took.
func (p *Pool) free() error {
	err := p.database.close()
	p.untrust()
	return err
}

// run runs f in a goroutine that Close waits for.
func (p *Pool) run(f func()) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if !p.closed {
		p.work.Go(f)
	}
}

// watch is the pool's one health check, which checks all sessions in turn.
func (p *Pool) watch() {
	health, probe := time.NewTicker(p.timing.health), time.NewTicker(p.timing.probe)
	defer health.Stop()
	defer probe.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-health.C:
			for _, s := range p.List() {
				s.checkHealth()
			}
		case <-probe.C:
			for _, s := range p.List() {
				s.checkDatabase()
			}
		}
	}
}

var _ io.Closer = (*Pool)(nil)

// advice is Config.Advice of a record.
func (p *Pool) advice(r pingr.SessionRecord) string {
	if p.config.Advice == nil {
		return r.Detail
	}
	return p.config.Advice(r)
}
