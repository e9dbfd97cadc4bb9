package main

import (
	"context"
	"fmt"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/whatsapp"
	"github.com/heypingr/pingr/store/sqlite"
)

// full is the engine as `pingr serve` runs it: SQLite with synchronous=FULL, and the webhook over HTTP.
// Only the cooldown is off, because otherwise nobody could write twice.
func full(ctx context.Context, dir string, sessions int, hook string, say func(line)) error {
	store, err := sqlite.Open(ctx, sqlite.Config{Dir: dir})
	if err != nil {
		return err
	}
	defer store.Close()
	endpoint, err := loopbackWhatsApp()
	if err != nil {
		return err
	}
	pool, err := whatsapp.Open(ctx, whatsapp.Config{Dir: dir, Registry: store, Endpoint: endpoint})
	if err != nil {
		return err
	}
	defer pool.Close()
	engine, err := pingr.New(pingr.Config{
		Store:      store,
		Dispatcher: &pingr.HTTPDispatcher{URL: hook, Secret: secret},
		Settings:   pingr.Settings{Cooldown: -1},
	})
	if err != nil {
		return err
	}
	for i := range sessions {
		id := fmt.Sprintf("bench-%d", i)
		trigger := pingr.Trigger{ID: "trg_" + id, Session: id, Phrase: "login", Reply: "static", Active: true}
		if err := store.SaveTrigger(ctx, trigger); err != nil {
			return err
		}
		session, err := pool.Add(ctx, pingr.SessionRecord{ID: id, Name: id})
		if err != nil {
			return err
		}
		engine.Attach("", id, session)
		link(ctx, session, say)
	}
	say(line{Ready: true})
	return engine.Run(ctx)
}
