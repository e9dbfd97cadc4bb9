package main

import (
	"context"
	"fmt"
	"os"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/whatsapp"
	"github.com/heypingr/pingr/store/sqlite"
)

// full is pingr as `pingr serve` runs it: SQLite with synchronous=FULL, and the
// webhook over HTTP. Only the cooldown is off, or nobody could write twice.
func full(ctx context.Context, dir string, sessions int, hook string, say func(line)) error {
	store, err := sqlite.Open(ctx, sqlite.Config{Dir: dir})
	if err != nil {
		return err
	}
	defer store.Close()
	ca, err := os.ReadFile(os.Getenv("PINGR_WHATSAPP_CA"))
	if err != nil {
		return err
	}
	pool, err := whatsapp.Open(ctx, whatsapp.Config{
		Dir: dir, Registry: store,
		Endpoint: whatsapp.Endpoint{
			URL: os.Getenv("PINGR_WHATSAPP_URL"), CA: ca, CertKey: os.Getenv("PINGR_WHATSAPP_CERT_KEY"),
		},
	})
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
		shown := ""
		linking, linked := context.WithCancel(ctx)
		for s := range session.Changes(linking) {
			if s.QR.Code != "" && shown == "" {
				shown = s.QR.Code
				say(line{QR: shown})
			}
			if s.Record.State == pingr.SessionConnected {
				linked()
			}
		}
		linked()
	}
	say(line{Ready: true})
	return engine.Run(ctx)
}
