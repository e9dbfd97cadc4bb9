package main

import (
	"context"
	"errors"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/server"
	"github.com/heypingr/pingr/session/whatsapp"
)

// sessions are those of a pool, for the server.
type sessions struct{ pool *whatsapp.Pool }

func (s sessions) Add(ctx context.Context, r pingr.SessionRecord) (server.Session, error) {
	added, err := s.pool.Add(ctx, r)
	if err != nil {
		return nil, forServer(err)
	}
	return session{added}, nil
}

func (s sessions) Get(id string) (server.Session, bool) {
	found, ok := s.pool.Get(id)
	return session{found}, ok
}

func (s sessions) List() []server.Session {
	var all []server.Session
	for _, one := range s.pool.List() {
		all = append(all, session{one})
	}
	return all
}

func (s sessions) Remove(ctx context.Context, id string) error {
	return forServer(s.pool.Remove(ctx, id))
}

// session is one of them.
type session struct{ *whatsapp.Session }

func (s session) Link() error { return forServer(s.Session.Link()) }

func (s session) Reconnect() error { return forServer(s.Session.Reconnect()) }

func (s session) QR() (code string, expires time.Time, ok bool) {
	qr, ok := s.Session.QR()
	return qr.Code, qr.ExpiresAt, ok
}

func (s session) PairCode(ctx context.Context, phone string) (string, error) {
	code, err := s.Session.PairCode(ctx, phone)
	return code, forServer(err)
}

// forServer says in the server's errors what the pool's mean.
func forServer(err error) error {
	switch {
	case errors.Is(err, whatsapp.ErrNoSession):
		return hosted.ErrNotFound
	case errors.Is(err, whatsapp.ErrExists):
		return errors.Join(pingr.ErrConflict, err)
	case errors.Is(err, whatsapp.ErrLinked):
		return errors.Join(server.ErrLinked, err)
	case errors.Is(err, whatsapp.ErrNotLinked):
		return errors.Join(server.ErrNotLinked, err)
	case errors.Is(err, whatsapp.ErrClosed):
		return pingr.ErrSessionUnavailable
	}
	return err
}
