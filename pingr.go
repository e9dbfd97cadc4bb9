// Package pingr makes WhatsApp the login button. A person texts a phrase to a
// business's own number, Pingr asks the business's backend what to answer, and
// the answer (a magic link) goes back as a WhatsApp message.
//
// An [Engine] does this with three replaceable parts:
//
//   - a [Session], one linked number: session/whatsapp, or session/sim in process;
//   - a [Store], everything that must survive a crash: store/sqlite,
//     store/postgres, or store/memory for tests;
//   - a [Dispatcher], the backend: [DispatcherFunc] for plain Go, or
//     [HTTPDispatcher] for a signed webhook.
//
// A message passes through these steps:
//
//	message → trigger → stored → webhook → limits and text fixed → sent → outcome
//
// Every arrow is a row in the Store. After a crash, the next start resumes
// wherever the last one stopped, and every message ends in exactly one visible
// reply or one recorded reason.
//
// A backend that only receives webhooks needs [WebhookHandler] or
// [VerifyWebhook], [NewChallengeCode], [ExtractChallengeCode] and [LoginLink].
// They link neither WhatsApp nor SQL into the program.
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

// Version is the version of this module, as sent in User-Agent headers.
const Version = "0.1.0"

// DefaultSession is the session id of a program that has only one session.
const DefaultSession = "default"

// Config configures an Engine. Only Store is required. The zero value of every
// other field selects its default.
type Config struct {
	// Store keeps everything that must survive a crash.
	Store Store
	// Dispatcher asks the backend. If nil, there is no backend, every reply is
	// static, and events are dropped. Ignored if Accounts is set.
	Dispatcher Dispatcher
	// Session is the number of a program that has only one. Run serves it under
	// SessionID and the default account. Programs with more sessions call Attach.
	Session Session
	// SessionID is the id of Session. Defaults to [DefaultSession].
	SessionID string
	// Settings apply to every account when Accounts is nil; otherwise they are
	// ignored.
	Settings Settings
	// Accounts, if not nil, returns an account's settings and backend. It is called
	// once per firing, and again if the firing is taken up again; once per later
	// attempt to deliver an event; and once per Send. What it returned applies until
	// that work ends. It must be safe for concurrent use.
	Accounts func(ctx context.Context, account string) (Account, error)
	// Observer is told what the engine does.
	Observer Observer
	// InFlight is the most firings of one account that are worked on at once. An
	// endpoint that hangs delays others only when this many firings wait for it.
	// Retries have a few places of their own. Once most attempts at a backend time
	// out, only 8 firings at a time ask it; the rest get the static reply without
	// asking. Defaults to 1024.
	InFlight int
	// MaxInFlight is the most firings of all accounts that are worked on at once;
	// each takes some 50 KB while its endpoint hangs. A single account gets half
	// of it, two accounts a third each, and so on. Every account may have 8
	// regardless, so hundreds of accounts whose endpoints hang still leave room
	// for the next one. Defaults to 2048.
	MaxInFlight int
	// SendRate is the most messages that one session sends a second; a fraction is
	// allowed. Replies beyond it wait for their turn. A number that answers
	// hundreds of people a second may look like a robot to WhatsApp. Defaults to
	// no limit.
	SendRate float64
	// BacklogRate is the most replies a second that one session sends to messages
	// that took 10 s or longer to arrive, as after an outage. Defaults to 40.
	BacklogRate float64
	// RetrySchedule holds the waits before the second, third, … attempt to deliver
	// an event, each with ±10 % jitter. After the last attempt the event is given
	// up. When the backend takes another event of the account, the waiting ones
	// are tried at once. Defaults to 1, 5, 15, 30 and 60 s, 5 and 30 min, 2, 5, 10
	// and 10 h.
	RetrySchedule []time.Duration
	// DispatchTimeout is how long the backend may take before the static reply is
	// sent. Defaults to 8 s.
	DispatchTimeout time.Duration
	// ReplyDeadline is how long the engine tries to send a reply while the session
	// is away; nobody needs a login link later. Defaults to 10 minutes.
	ReplyDeadline time.Duration
	// PairAge is how long a LID and a number that WhatsApp named together are taken
	// to be the same person's when a message names only one of them. Later,
	// WhatsApp must name them again. Longer is riskier: an operator may have given
	// the number to somebody else. A negative value believes only the message
	// itself. Defaults to a day.
	PairAge time.Duration
	// StopGrace is how long Run waits for work in flight after ctx ends. What is
	// left resumes at the next start. Defaults to 10 s.
	StopGrace time.Duration
	// Now returns the current time. Defaults to time.Now.
	Now func() time.Time
	// Log gets one line per firing, with ids, outcome and milliseconds, and never
	// a phone, a text or a secret. If nil, logs are discarded.
	Log *slog.Logger
}

// An Engine answers the messages of any number of sessions of any number of
// accounts. Create one with [New] and start it with Run. All methods are safe
// for concurrent use.
type Engine struct {
	cfg    Config
	holder string // identifies this engine in leases
	// first holds the places for firings, retries those for repeated deliveries.
	first, retries *gate
	endpoints      *endpoints
	order          *order
	lookups        lookups
	wake           chan struct{}
	begun          chan struct{} // closed when Run has begun

	mu       sync.Mutex
	sessions map[string]*attachedSession
	// receiving ends when the sessions of Attach receive no more; nil when Run is
	// not running.
	receiving context.Context
	questions *questions
	atWork    map[string]int  // ids of firings, by the goroutines that are working on each
	work      context.Context // ends when Run stops waiting for work in flight; nil when not running
	inflight  sync.WaitGroup
	// receivers are the goroutines that receive from the sessions of Attach.
	receivers sync.WaitGroup
}

// New checks c and returns an engine that does nothing until Run is called. The
// error lists every problem of c.
func New(c Config) (*Engine, error) {
	var problems []error
	if c.Store == nil {
		problems = append(problems, errors.New("Config.Store is missing: use store/sqlite, or store/memory to try Pingr"))
	}
	for name, n := range map[string]int{"InFlight": c.InFlight, "MaxInFlight": c.MaxInFlight} {
		if n < 0 {
			problems = append(problems, fmt.Errorf("%s is %d; it must not be negative", "Config."+name, n))
		}
	}
	for name, r := range map[string]float64{"SendRate": c.SendRate, "BacklogRate": c.BacklogRate} {
		if !(r >= 0) { // NaN too
			problems = append(problems, fmt.Errorf("%s is %v; it must not be negative", "Config."+name, r))
		}
	}
	switch c.Settings.GroupReply {
	case "", GroupPrivate, GroupPublic, GroupOff:
	default:
		err := fmt.Errorf("Config.Settings.GroupReply is %q; it must be private, group or off", c.Settings.GroupReply)
		problems = append(problems, err)
	}
	switch c.Settings.HiddenNumbers {
	case "", HiddenRefuse, HiddenAsk, HiddenPass:
	default:
		err := fmt.Errorf("Config.Settings.HiddenNumbers is %q; it must be refuse, ask or pass", c.Settings.HiddenNumbers)
		problems = append(problems, err)
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("pingr.New: %w", errors.Join(problems...))
	}
	setDefaults(&c)
	return &Engine{
		cfg:       c,
		holder:    NewID("run_"),
		first:     newGate(leastFirst, c.InFlight, c.MaxInFlight),
		retries:   newGate(leastRetries, mostRetries, totalRetries),
		endpoints: newEndpoints(),
		order:     newOrder(),
		wake:      make(chan struct{}, 1),
		begun:     make(chan struct{}),
		sessions:  map[string]*attachedSession{},
		atWork:    map[string]int{},
		questions: newQuestions(),
	}, nil
}

func setDefaults(c *Config) {
	setDefault(&c.SessionID, DefaultSession)
	setDefault(&c.InFlight, 1024)
	setDefault(&c.MaxInFlight, 2048)
	setDefault(&c.BacklogRate, 40)
	setDefault(&c.DispatchTimeout, 8*time.Second)
	setDefault(&c.ReplyDeadline, 10*time.Minute)
	setDefault(&c.PairAge, 24*time.Hour)
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

// Run works until ctx ends. It serves Config.Session and the sessions of Attach,
// resumes what an earlier run left unfinished, and repeats deliveries when they
// are due. When ctx ends,
// Run waits up to Config.StopGrace for work in flight and returns nil. It
// returns an error if Config.Session can never receive again, or if another Run
// is in progress.
func (e *Engine) Run(ctx context.Context) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	listening, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if !e.begin(work, listening) {
		return errors.New("engine is already running")
	}

	var listener sync.WaitGroup
	listener.Go(func() { e.purge(listening) })
	if e.cfg.Session != nil {
		listener.Go(func() {
			if err := e.listen(listening, "", e.cfg.SessionID, e.cfg.Session); err != nil {
				stop(err)
			}
		})
	}
	e.poll(listening)

	stop(nil)
	e.end(cancel)
	listener.Wait()
	e.receivers.Wait()
	if cause := context.Cause(listening); ctx.Err() == nil && cause != nil && !errors.Is(cause, context.Canceled) {
		return fmt.Errorf("session %s: %w", e.cfg.SessionID, cause)
	}
	return nil
}

func (e *Engine) begin(work, receiving context.Context) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.work != nil {
		return false
	}
	e.work, e.receiving = work, receiving
	if e.cfg.Session != nil {
		e.attach(e.cfg.SessionID, e.newAttachedSession("", e.cfg.Session)) // before anybody learns that Send works
	}
	for id, s := range e.sessions {
		e.receiveFrom(id, s)
	}
	select {
	case <-e.begun: // by an earlier Run
	default:
		close(e.begun)
	}
	return true
}

// Started returns a channel that is closed once Run has begun. From then on
// [Engine.Send] works.
func (e *Engine) Started() <-chan struct{} { return e.begun }

// end refuses new work and waits at most StopGrace for work in flight.
func (e *Engine) end(cancel context.CancelFunc) {
	e.mu.Lock()
	e.work, e.receiving = nil, nil
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

// spawn runs f in a goroutine that Run waits for. It returns false, without
// running f, when the engine is not running.
func (e *Engine) spawn(f func(context.Context)) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	work := e.work
	if work == nil {
		return false
	}
	e.inflight.Go(func() {
		var panicked error // already logged; f's work is taken up when its lease ends
		defer e.survive(&panicked)
		f(work)
	})
	return true
}

// survive turns a panic into an error. It is deferred around calls to what is
// plugged in (the Store, Accounts, a Session), so that one firing cannot end
// all others. The panic's value is left out, for it may hold what must not be
// logged.
func (e *Engine) survive(err *error) {
	if recover() == nil {
		return
	}
	*err = errors.New("panicked")
	e.cfg.Log.Error("panic", "stack", string(debug.Stack()))
}

// Notify queues an event that no firing causes, such as session.disconnected,
// for the account's backend. The event is durable when Notify returns nil. An
// event without an ID gets one. If the account has no backend, or its backend
// does not want such events, the event is dropped.
func (e *Engine) Notify(ctx context.Context, account string, event Event) error {
	if e.cfg.Dispatcher == nil && e.cfg.Accounts == nil {
		return nil // there is no backend to tell
	}
	if event.ID == "" {
		event.ID = NewID("evt_")
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
