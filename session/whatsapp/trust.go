package whatsapp

import (
	"context"
	"sync"

	"go.mau.fi/whatsmeow/types"
)

// Somebody who writes to us gives us a privacy token, which whatsmeow puts into
// what we send to that person. It comes in a notification of its own, just after
// the message, or before we were linked and so in the history. Where WhatsApp
// insists on it, an answer without it is refused with 463, and an answer may be
// faster than the token.

// A bell wakes all who wait for it.
type bell struct {
	mu   sync.Mutex
	rung chan struct{} // closed and replaced at each ring
}

// next returns a channel that is closed at the next ring.
func (b *bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rung == nil {
		b.rung = make(chan struct{})
	}
	return b.rung
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rung != nil {
		close(b.rung)
		b.rung = nil
	}
}

// sendTrusted sends a message to one address. If it is refused for want of a
// token, sendTrusted waits a moment for the token and sends the message with it.
// WhatsApp refuses a form of address with the same code. If that was the reason,
// the second try is refused too, once for each person: the form that works is
// remembered. Skipping it would cost everybody whose token is merely late a
// message in the wrong form.
func (s *Session) sendTrusted(ctx context.Context, l *line, to types.JID, send func(types.JID) attempt) attempt {
	a := send(to)
	if code, refused := serverCode(a.err); !refused || code != codeNotTrusted || a.repeated || a.token {
		return a
	}
	waiting, cancel := context.WithTimeout(ctx, s.pool.timing.token)
	defer cancel()
	if !l.awaitToken(waiting, to) {
		return a
	}
	return send(to)
}

// hasToken reports whether there is a valid token of a person.
func (l *line) hasToken(ctx context.Context, person types.JID) bool {
	token, err := l.client.DangerousInternals().EnsureTCToken(ctx, person)
	return err == nil && len(token) > 0
}

// awaitToken waits for a person's token and reports whether it came.
func (l *line) awaitToken(ctx context.Context, person types.JID) bool {
	dev := l.keys.device.Load()
	for dev != nil {
		next := dev.tokens.next()
		if l.hasToken(ctx, person) {
			return true
		}
		select {
		case <-next:
		case <-ctx.Done():
			return false
		}
	}
	return false
}

// hasWritten reports whether a person has written to us, or we could write before.
func (s *Session) hasWritten(ctx context.Context, l *line, known habit, names ...types.JID) bool {
	if known.heard != "" {
		return true
	}
	dev := l.keys.device.Load()
	for _, name := range names {
		if dev == nil || name.IsEmpty() {
			continue
		}
		if has, err := dev.HasSession(ctx, name.SignalAddress().String()); has && err == nil {
			return true
		}
	}
	return false
}
