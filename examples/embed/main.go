// Command embed signs people in by WhatsApp from inside a Go program: no server
// beside it, no webhook, the backend is a function. Somebody texts "login" to
// the linked number and gets a link that works once.
//
// Run it, scan the QR code with the phone of a number of its own, and write to
// that number from another phone.
package main

import (
	"context"
	"errors"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/mdp/qrterminal/v3"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/whatsapp"
	"github.com/heypingr/pingr/store/sqlite"
)

func main() {
	links := newLinks("http://127.0.0.1:8080", time.Now)
	stopServing, err := serve("127.0.0.1:8080", links)
	if err != nil {
		log.Fatal(err)
	}
	defer stopServing()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	draw := func(code string) { qrterminal.GenerateHalfBlock(code, qrterminal.L, os.Stderr) }
	if err := run(ctx, whatsapp.Config{Dir: "./pingr-data"}, links, draw); err != nil && ctx.Err() == nil {
		log.Print(err)
	}
}

// run answers until ctx ends. show is given each QR code while nobody has
// linked the number.
func run(ctx context.Context, c whatsapp.Config, links *links, show func(code string)) (err error) {
	store, err := sqlite.Open(ctx, sqlite.Config{Dir: c.Dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	err = store.SaveTrigger(ctx, pingr.Trigger{
		ID: "trg_login", Session: pingr.DefaultSession, Phrase: "login", Active: true,
		Reply: "Sorry, signing in does not work at the moment.", // when the function below fails
	})
	if err != nil {
		return err
	}
	c.Registry = store
	pool, err := whatsapp.Open(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	number, err := linked(ctx, pool, show)
	if err != nil {
		return err
	}

	engine, err := pingr.New(pingr.Config{
		Store:   store,  // store/sqlite: files in a directory
		Session: number, // session/whatsapp: a linked number
		Dispatcher: pingr.DispatcherFunc(func(_ context.Context, e pingr.Event) (pingr.Reply, error) {
			return pingr.Reply{Text: "Tap to sign in: " + links.New(e.From.Phone)}, nil
		}),
	})
	if err != nil {
		return err
	}
	return engine.Run(ctx)
}

// linked returns the session once it is connected.
func linked(ctx context.Context, pool *whatsapp.Pool, show func(code string)) (*whatsapp.Session, error) {
	s, known := pool.Get(pingr.DefaultSession)
	if !known {
		var err error
		if s, err = pool.Add(ctx, pingr.SessionRecord{ID: pingr.DefaultSession}); err != nil {
			return nil, err
		}
	}
	return s, s.WaitConnected(ctx, func(qr whatsapp.QR) { show(qr.Code) })
}
