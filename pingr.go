// Package pingr makes WhatsApp the login button: a person texts a phrase to a
// business's own number, the business's backend is asked what to answer, and
// the answer (a magic link) goes back as a WhatsApp message.
//
// An [Engine] does that over three things that can be replaced: a [Session]
// (one linked number: session/whatsapp, session/sim), a [Store] (what must
// survive a crash: store/sqlite, store/postgres; store/memory for tests) and a
// [Dispatcher] (the backend: [DispatcherFunc] for plain Go, [HTTPDispatcher] for
// a signed webhook).
//
//	message → trigger → stored → webhook → limits and text fixed → sent → outcome
//
// Every arrow is a row in the Store, so that a crash anywhere resumes at the
// next start and ends in exactly one visible reply or in one recorded reason.
//
// A backend that only receives webhooks needs [WebhookHandler] or
// [VerifyWebhook], [NewChallengeCode], [ExtractChallengeCode] and [LoginLink];
// they link neither WhatsApp nor SQL into the program.
package pingr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// Version is the version of this module, as it stands in user-agent headers.
const Version = "0.1.0"

// DefaultSession is the id of the session of a program that has only one.
const DefaultSession = "default"

// Config is what an Engine is made of. Only Store is required; the zero value
// of every other field is its default.
type Config struct {
	// Store keeps what must not be forgotten.
	Store Store
	// Dispatcher is the backend. Nil: there is none, and every reply is static.
	Dispatcher Dispatcher
	// Session is the number of a program that has only one; Run serves it under
	// SessionID and the default account. Programs with more call Serve.
	Session Session
	// SessionID is the id of Session; empty is [DefaultSession].
	SessionID string
	// Settings are those of every account that Accounts does not know better.
	Settings Settings
	// Accounts looks up the settings of an account, once a firing. Nil: Settings
	// hold for all.
	Accounts func(ctx context.Context, account string) (Settings, error)
	// InFlight is how many firings of one account are worked on at once, at most:
	// what waits for an endpoint that hangs keeps nobody else waiting until so many
	// do. Retries have a few places of their own. A backend that lets most attempts
	// wait for nothing is asked by 8 at once, and everybody else gets the static
	// reply without being asked for. Default 1024.
	InFlight int
	// MaxInFlight is how many firings of all accounts are, some 50 KB each while
	// their endpoints hang. One account gets half of it, two a third each, and so
	// on; every account may have 8 all the same, so that hundreds whose endpoints
	// hang leave room for the next one. Default 2048.
	MaxInFlight int
	// RetrySchedule are the waits before the second, third, … attempt to deliver
	// an event, each with 10 % jitter; after the last it is given up. When the
	// backend takes another event of the account, those that wait are tried at
	// once. Default: 1, 5, 15, 30 and 60 s, 5 and 30 min, 2, 5, 10 and 10 h.
	RetrySchedule []time.Duration
	// DispatchTimeout is how long the backend may take before the static reply
	// is sent. Default 8 s.
	DispatchTimeout time.Duration
	// ReplyDeadline is how long a reply is tried while the session is away; a
	// login link is of no use later. Default 10 minutes.
	ReplyDeadline time.Duration
	// StopGrace is how long Run lets work in flight finish when it is told to
	// stop; what is left resumes at the next start. Default 10 s.
	StopGrace time.Duration
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Log gets one line a firing, with ids, outcome and milliseconds, never a
	// phone, a text or a secret. Nil discards.
	Log *slog.Logger
}

// Settings are an account's own choices. The zero
// value holds the documented defaults.
type Settings struct {
	// Cooldown is the least time between two messages to one number; zero is
	// 60 s, negative is none.
	Cooldown time.Duration
	// NoPhoneReply answers people whose number is hidden; empty does not.
	NoPhoneReply string
	// GroupReply is where a reply to a group message goes; empty is
	// GroupPrivate.
	GroupReply GroupReply
	// MaxMessageAge is how old a message may be to be answered; zero is 300 s.
	MaxMessageAge time.Duration
	// MonthlyQuota is how many messages a calendar month (UTC) holds; 0 counts
	// without refusing, and so does a plan that allows overage.
	MonthlyQuota int64
}

// GroupReply says what becomes of a message written in a group.
type GroupReply string

const (
	// GroupPrivate answers the sender in private: a login link is nobody else's.
	GroupPrivate GroupReply = "private"
	// GroupPublic answers in the group.
	GroupPublic GroupReply = "group"
	// GroupOff lets no trigger fire in groups.
	GroupOff GroupReply = "off"
)

// An Engine answers the messages of any number of sessions of any number of
// accounts. Make it with [New], start it with Run. All methods are safe for
// concurrent use.
type Engine struct {
	cfg    Config
	holder string // names this engine in leases
	// first are the places for firings, retries those for events told again.
	first, retries *gate
	endpoints      *endpoints
	wake           chan struct{}
	begun          chan struct{} // closed when Run has begun

	mu       sync.Mutex
	sessions map[string]*served
	atWork   map[string]bool // ids of firings that a goroutine has
	work     context.Context // ends when Run gives up on work in flight; nil when not running
	inflight sync.WaitGroup
}

// New checks c and returns an engine that does nothing until Run is called. It
// reports every problem of c at once.
func New(c Config) (*Engine, error) {
	var problems []error
	if c.Store == nil {
		problems = append(problems, errors.New("no Config.Store: use store/sqlite, or store/memory to try it"))
	}
	for name, n := range map[string]int{"InFlight": c.InFlight, "MaxInFlight": c.MaxInFlight} {
		if n < 0 {
			problems = append(problems, fmt.Errorf("%s is %d; it must not be negative", "Config."+name, n))
		}
	}
	switch c.Settings.GroupReply {
	case "", GroupPrivate, GroupPublic, GroupOff:
	default:
		problems = append(problems, fmt.Errorf("Config.Settings.GroupReply is %q; it must be private, group or off", c.Settings.GroupReply))
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("pingr.New: %w", errors.Join(problems...))
	}
	setDefaults(&c)
	return &Engine{
		cfg:       c,
		holder:    newID("run_"),
		first:     newGate(leastFirst, c.InFlight, c.MaxInFlight),
		retries:   newGate(leastRetries, mostRetries, totalRetries),
		endpoints: newEndpoints(),
		wake:      make(chan struct{}, 1),
		begun:     make(chan struct{}),
		sessions:  map[string]*served{},
		atWork:    map[string]bool{},
	}, nil
}

func setDefaults(c *Config) {
	setDefault(&c.SessionID, DefaultSession)
	setDefault(&c.InFlight, 1024)
	setDefault(&c.MaxInFlight, 2048)
	setDefault(&c.DispatchTimeout, 8*time.Second)
	setDefault(&c.ReplyDeadline, 10*time.Minute)
	setDefault(&c.StopGrace, 10*time.Second)
	if c.RetrySchedule == nil {
		c.RetrySchedule = []time.Duration{
			time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute,
			2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour,
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Run works until ctx ends: it serves Config.Session, resumes what an earlier
// run left unfinished and delivers events again when they are due. When ctx
// ends it lets work in flight finish for Config.StopGrace, and returns nil. It
// returns an error when Config.Session can never receive again, or when Run is
// called twice.
func (e *Engine) Run(ctx context.Context) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	if !e.begin(work) {
		return errors.New("engine is running already")
	}

	listening, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var listener sync.WaitGroup
	listener.Go(func() { e.purge(listening) })
	if e.cfg.Session != nil {
		listener.Go(func() {
			if err := e.Serve(listening, "", e.cfg.SessionID, e.cfg.Session); err != nil {
				stop(err)
			}
		})
	}
	e.poll(listening)

	stop(nil)
	e.end(cancel)
	listener.Wait()
	if cause := context.Cause(listening); ctx.Err() == nil && cause != nil && !errors.Is(cause, context.Canceled) {
		return fmt.Errorf("session %s: %w", e.cfg.SessionID, cause)
	}
	return nil
}

func (e *Engine) begin(work context.Context) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.work != nil {
		return false
	}
	e.work = work
	select {
	case <-e.begun: // by an earlier Run
	default:
		close(e.begun)
	}
	return true
}

// Running is closed once Run has begun: from then on [Engine.Send] sends.
func (e *Engine) Running() <-chan struct{} { return e.begun }

// end refuses new work and waits for the old, at most StopGrace.
func (e *Engine) end(cancel context.CancelFunc) {
	e.mu.Lock()
	e.work = nil
	e.mu.Unlock()
	timer := time.AfterFunc(e.cfg.StopGrace, cancel)
	defer timer.Stop()
	e.inflight.Wait()
}

func (e *Engine) running() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.work != nil
}

// spawn runs f in a goroutine that Run waits for; it reports false, and runs
// nothing, when the engine is not running.
func (e *Engine) spawn(f func(context.Context)) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	work := e.work
	if work == nil {
		return false
	}
	e.inflight.Go(func() {
		var panicked error // is logged; what f had is taken up when its lease ends
		defer e.survive(&panicked)
		f(work)
	})
	return true
}

// survive makes an error of a panic in what is plugged in, be it the Store,
// Accounts or a Session: one firing must not end all others. It is deferred. The
// panic's value is left out, for it may hold what must not be logged.
func (e *Engine) survive(err *error) {
	if recover() == nil {
		return
	}
	*err = errors.New("panicked")
	e.cfg.Log.Error("panic", "stack", string(debug.Stack()))
}

// Notify queues an event that no firing causes, such as session.disconnected,
// for the account's backend. It is durable when Notify returns; an event
// without an ID gets one.
func (e *Engine) Notify(ctx context.Context, account string, event Event) error {
	if e.cfg.Dispatcher == nil {
		return nil // nobody is told
	}
	if event.ID == "" {
		event.ID = newID("evt_")
	}
	now := e.cfg.Now()
	if event.Timestamp == 0 {
		event.Timestamp = now.UnixMilli()
	}
	err := e.cfg.Store.Enqueue(ctx, PendingEvent{Event: event, Account: account, Attempt: 1, Next: now})
	if err != nil {
		return fmt.Errorf("queue %s: %w", event.Type, err)
	}
	e.poke()
	return nil
}

func (e *Engine) settings(ctx context.Context, account string) (_ Settings, err error) {
	defer e.survive(&err)
	if e.cfg.Accounts == nil {
		return e.cfg.Settings, nil
	}
	s, err := e.cfg.Accounts(ctx, account)
	if err != nil {
		return Settings{}, fmt.Errorf("settings: %w", err)
	}
	return s, nil
}
