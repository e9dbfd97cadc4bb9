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

// numbers are the sessions of a pool, for the server.
type numbers struct{ pool *whatsapp.Pool }

func (n numbers) Add(ctx context.Context, r pingr.SessionRecord) (server.Number, error) {
	s, err := n.pool.Add(ctx, r)
	if err != nil {
		return nil, forServer(err)
	}
	return number{s}, nil
}

func (n numbers) Get(id string) (server.Number, bool) {
	s, ok := n.pool.Get(id)
	return number{s}, ok
}

func (n numbers) List() []server.Number {
	var all []server.Number
	for _, s := range n.pool.List() {
		all = append(all, number{s})
	}
	return all
}

func (n numbers) Remove(ctx context.Context, id string) error {
	return forServer(n.pool.Remove(ctx, id))
}

// number is one of them.
type number struct{ *whatsapp.Session }

func (n number) Link() error { return forServer(n.Session.Link()) }

func (n number) Reconnect() error { return forServer(n.Session.Reconnect()) }

func (n number) QR() (code string, expires time.Time, ok bool) {
	qr, ok := n.Session.QR()
	return qr.Code, qr.ExpiresAt, ok
}

func (n number) PairCode(ctx context.Context, phone string) (string, error) {
	code, err := n.Session.PairCode(ctx, phone)
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
