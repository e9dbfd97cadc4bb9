package demo

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/whatsapp"
	"github.com/heypingr/pingr/store/sqlite"
	"github.com/heypingr/pingr/whatsapptest"
)

// Config configures a Demo. The zero value is ready to use.
type Config struct {
	// Dir keeps the linked numbers and the chat from run to run. Defaults to a
	// temporary directory that is removed at the end.
	Dir string
	// Listen is a loopback address. Defaults to 127.0.0.1:8090, or any free port
	// if that one is taken.
	Listen string
	// Cooldown is the least time between two replies. Defaults to 5 s, shorter
	// than the engine's minute, so that a person can try twice.
	Cooldown time.Duration
	// Log receives failures. If nil, they are discarded.
	Log *slog.Logger
	// Progress, if not nil, is called for each part that has started.
	Progress func(Part)
}

// A Part is a step of starting.
type Part struct {
	Name string
	Note string
	Took time.Duration
}

// A Demo is the whole demo, running. Create one with Start. Its methods are safe for concurrent use.
type Demo struct {
	config Config
	dir    string
	feed   *feed
	trace  *tracer

	network *whatsapptest.Server
	shop    *whatsapptest.Phone
	person  *whatsapptest.Phone
	store   *sqlite.Store
	engine  *pingr.Engine
	pool    *whatsapp.Pool
	session *whatsapp.Session

	listener net.Listener
	web      *http.Server
	ctx      context.Context
	cancel   context.CancelFunc
	work     sync.WaitGroup
	once     sync.Once
	closed   error
}

// Start starts everything and returns when the number is linked and the page can be opened. If it
// fails, it leaves nothing behind.
func Start(ctx context.Context, c Config) (*Demo, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Cooldown == 0 {
		c.Cooldown = 5 * time.Second
	}
	d := &Demo{config: c, feed: newFeed()}
	d.trace = newTracer(func(e Entry) { d.feed.publish("step", e) })
	d.ctx, d.cancel = context.WithCancel(context.Background())
	if err := d.start(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// start starts one part after the other.
func (d *Demo) start(ctx context.Context) error {
	secret := pingr.NewSecret()
	for _, part := range []struct {
		name string
		run  func() (note string, err error)
	}{
		{"page and backend", func() (string, error) { return d.listen(ctx) }},
		{"loopback WhatsApp", func() (string, error) { return d.openNetwork() }},
		{"store", func() (string, error) { return d.openStore(ctx) }},
		{"linked number", func() (string, error) { return d.openSession(ctx, secret) }},
	} {
		began := time.Now()
		note, err := part.run()
		if err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		if d.config.Progress != nil {
			d.config.Progress(Part{part.name, note, time.Since(began)})
		}
	}
	d.work.Go(d.watchPhone)
	d.serve(secret)
	return nil
}

func (d *Demo) listen(ctx context.Context) (string, error) {
	address, free := d.config.Listen, false
	if address == "" {
		address, free = "127.0.0.1:8090", true
	}
	if err := requireLoopback(address); err != nil {
		return "", err
	}
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", address)
	if err != nil && free {
		l, err = listen.Listen(ctx, "tcp", "127.0.0.1:0")
	}
	if err != nil {
		return "", err
	}
	d.listener = l
	return d.URL(), nil
}

// ErrNotLoopback means that the address to listen on can be reached from
// elsewhere. The demo has no authentication.
var ErrNotLoopback = errors.New("the demo only listens on loopback, such as 127.0.0.1:8090")

func requireLoopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("listen address: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return ErrNotLoopback
	}
	return nil
}

func (d *Demo) openNetwork() (string, error) {
	d.dir = d.config.Dir
	state := filepath.Join(d.dir, "whatsapptest.json")
	if d.dir == "" {
		dir, err := os.MkdirTemp("", "pingr-demo-")
		if err != nil {
			return "", err
		}
		d.dir, state = dir, ""
	} else if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return "", err
	}
	return "", d.startNetwork(state)
}

func (d *Demo) openStore(ctx context.Context) (string, error) {
	store, err := sqlite.Open(ctx, sqlite.Config{Dir: d.dir})
	if err != nil {
		return "", err
	}
	d.store = store
	now := time.Now()
	err = store.SaveTrigger(ctx, pingr.Trigger{
		ID: "trg_demo", Session: sessionID, Phrase: phrase, Active: true, CreatedAt: now, UpdatedAt: now,
		Reply: "Hello {{phone}}! Open the login page of " + siteName + " to sign in.",
	})
	return "", err
}

// openSession creates the engine, links the number and starts to answer.
func (d *Demo) openSession(ctx context.Context, secret string) (string, error) {
	engine, err := pingr.New(pingr.Config{
		Store:      d.store,
		Dispatcher: &pingr.HTTPDispatcher{URL: d.URL() + "/webhook", Secret: secret, Transport: d.transport()},
		Observer:   d.trace.observer(),
		Settings:   pingr.Settings{Cooldown: d.config.Cooldown},
		StopGrace:  2 * time.Second,
		Log:        d.config.Log,
	})
	if err != nil {
		return "", err
	}
	d.engine = engine
	d.pool, err = whatsapp.Open(ctx, whatsapp.Config{
		Dir: d.dir, Registry: d.store, Notify: engine.Notify, Log: d.config.Log,
		OnChange: func(r pingr.SessionRecord) { d.feed.publish("session", map[string]any{"state": r.State}) },
		Endpoint: whatsapp.Endpoint{URL: d.network.URL(), CA: d.network.CAPEM(), CertKey: d.network.CertKey()},
	})
	if err != nil {
		return "", err
	}
	how, err := d.link(ctx)
	if err != nil {
		return "", err
	}
	engine.Attach("", sessionID, d.session)
	d.work.Go(func() {
		if err := engine.Run(d.ctx); err != nil {
			d.config.Log.Error("engine stopped", "error", err)
		}
	})
	return how, nil
}

// transport carries the webhooks. Its idle connections end with the demo.
func (d *Demo) transport() *http.Transport {
	t := pingr.NewTransport(nil)
	context.AfterFunc(d.ctx, t.CloseIdleConnections)
	return t
}

// URL returns the address of the page, without a trailing slash.
func (d *Demo) URL() string { return "http://" + d.listener.Addr().String() }

// Send sends a text from the person's phone to the shop, and returns the
// message's id, which is the login's trace.
func (d *Demo) Send(ctx context.Context, text string) (string, error) {
	var b [10]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	// The id is chosen here, so that the clock starts before the message.
	id := "3A" + strings.ToUpper(hex.EncodeToString(b[:]))
	d.feed.publish("message", bubble{ID: id, Mine: true, Text: text, At: time.Now()})
	d.trace.begin(id, "")
	_, err := d.person.SendMessage(ctx, whatsapptest.Outgoing{To: shopNumber, Text: text, ID: id})
	if err != nil {
		return "", fmt.Errorf("send from phone: %w", err)
	}
	return id, nil
}

// A bubble is a message on the phone's screen.
type bubble struct {
	ID   string    `json:"id"`
	Mine bool      `json:"mine"`
	Text string    `json:"text"`
	At   time.Time `json:"at"`
}

// watchPhone publishes what the person's phone shows.
func (d *Demo) watchPhone() {
	for {
		m, err := d.person.Next(d.ctx)
		if err != nil {
			return
		}
		d.trace.shown(m.ID)
		d.feed.publish("message", bubble{ID: m.ID, Text: m.Text, At: m.At})
	}
}

// Close stops everything, and writes the state that Config.Dir keeps. It may
// be called more than once.
func (d *Demo) Close() error {
	d.once.Do(func() { d.closed = d.close() })
	return d.closed
}

func (d *Demo) close() error {
	var errs []error
	d.cancel()
	if d.web != nil {
		errs = append(errs, d.web.Close())
	} else if d.listener != nil {
		errs = append(errs, d.listener.Close())
	}
	d.work.Wait()
	if d.pool != nil {
		errs = append(errs, d.pool.Close())
	}
	if d.store != nil {
		errs = append(errs, d.store.Close())
	}
	if d.network != nil {
		errs = append(errs, d.network.Close())
	}
	if d.config.Dir == "" && d.dir != "" {
		errs = append(errs, os.RemoveAll(d.dir))
	}
	return errors.Join(errs...)
}
