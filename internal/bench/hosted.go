package main

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/server"
	"github.com/heypingr/pingr/session/whatsapp"
	"github.com/heypingr/pingr/store/sqlite"
)

// hostedServer is what `pingr serve` runs: the server with its accounts, limits
// and counts, with one number of one account. Only the cooldown is off, or nobody
// could write twice.
func hostedServer(ctx context.Context, dir, hook string, say func(line)) (err error) {
	store, err := sqlite.Open(ctx, sqlite.Config{Dir: dir})
	if err != nil {
		return err
	}
	defer store.Close()
	a, err := hosted.New("shop@example.com", "", hosted.Unlimited, time.Now())
	if err != nil {
		return err
	}
	a.Webhook, a.Settings.CooldownSeconds = hosted.Webhook{URL: hook, Secret: secret}, 0
	id := "bench:" + a.ID
	trigger := pingr.Trigger{ID: "trg_bench", Session: id, Phrase: "login", Reply: "static", Active: true}
	if err := errors.Join(store.CreateAccount(ctx, a), store.SaveTrigger(ctx, trigger)); err != nil {
		return err
	}
	endpoint, err := loopbackWhatsApp()
	if err != nil {
		return err
	}
	var pool *whatsapp.Pool
	s, err := server.New(ctx, server.Config{
		Store: store, Guard: &pingr.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		Sessions: func(n server.Notify) (_ server.Sessions, err error) {
			pool, err = whatsapp.Open(ctx, whatsapp.Config{
				Dir: dir, Registry: store, Notify: n.Event, OnChange: n.Changed, Grace: n.Grace, Endpoint: endpoint,
			})
			if err != nil {
				return nil, err
			}
			_, err = pool.Add(ctx, pingr.SessionRecord{ID: id, Account: a.ID, Name: "bench"})
			return sessions{pool: pool}, err
		},
	})
	if pool != nil {
		defer pool.Close()
	}
	if err != nil {
		return err
	}
	go func() {
		if one, ok := pool.Get(id); ok && link(ctx, one, say) {
			say(line{Ready: true})
		}
	}()
	return s.Run(ctx)
}

// sessions are those of a pool, for a server of which nobody asks for them.
type sessions struct {
	server.Sessions
	pool *whatsapp.Pool
}

func (s sessions) List() (all []server.Session) {
	for _, one := range s.pool.List() {
		all = append(all, session{one})
	}
	return all
}

type session struct{ *whatsapp.Session }

func (s session) QR() (code string, expires time.Time, ok bool) {
	qr, ok := s.Session.QR()
	return qr.Code, qr.ExpiresAt, ok
}

// link shows the session's QR code until it is linked. It reports whether it was.
func link(ctx context.Context, s *whatsapp.Session, say func(line)) (linked bool) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	shown := ""
	for now := range s.Changes(ctx) {
		if now.QR.Code != "" && shown == "" {
			shown = now.QR.Code
			say(line{QR: shown})
		}
		if now.Record.State == pingr.SessionConnected {
			return true
		}
	}
	return false
}

// loopbackWhatsApp returns the address of the bench's WhatsApp.
func loopbackWhatsApp() (whatsapp.Endpoint, error) {
	ca, err := os.ReadFile(os.Getenv("PINGR_WHATSAPP_CA"))
	return whatsapp.Endpoint{
		URL: os.Getenv("PINGR_WHATSAPP_URL"), CA: ca, CertKey: os.Getenv("PINGR_WHATSAPP_CERT_KEY"),
	}, err
}
