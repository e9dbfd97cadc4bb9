package pingr

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// lookupLife is how long what WhatsApp said of a number is used.
	lookupLife = 24 * time.Hour
	// spellingLife is how long another spelling of a number is remembered.
	spellingLife = 30 * 24 * time.Hour
	// lookupTime bounds a question that a send waits for.
	lookupTime = 10 * time.Second
	// maxLookups bounds the answers in memory, some 200 bytes each.
	maxLookups = 100_000
)

// Resolve reports whether a number is on WhatsApp, and how WhatsApp spells it.
// It asks through one session of the account, at most once a day for a number.
// It does not ask about somebody who wrote to the account within a day. phone may
// have any form that [ParsePhone] accepts. What it learnt is in memory. The
// answer has no LID, because that may be outdated: whoever needs it asks the
// [Resolver] itself.
//
// The error is [ErrPhone], [ErrSessionUnavailable] (also if the session is no
// [Resolver]), or another one of [Resolver].
func (e *Engine) Resolve(ctx context.Context, account, session, phone string) (r Resolved, err error) {
	defer e.survive(&err)
	digits, err := ParsePhone(phone)
	if err != nil {
		return Resolved{}, err
	}
	if known, ok := e.lookups.get(account, digits, e.cfg.Now()); ok {
		return known, nil
	}
	s := e.session(account, session)
	if s == nil {
		return Resolved{}, ErrSessionUnavailable
	}
	resolver, ok := s.session.(Resolver)
	if !ok {
		return Resolved{}, fmt.Errorf("%w: it cannot ask who has a number", ErrSessionUnavailable)
	}
	r, err = resolver.Resolve(ctx, digits)
	r.LID = ""
	if err == nil {
		e.lookups.put(account, digits, r, e.cfg.Now())
	}
	return r, err
}

// recipient returns the number that a send goes to. If WhatsApp says nothing of
// it in time, that is the number as given: it may still be right.
func (e *Engine) recipient(ctx context.Context, r SendRequest, phone string) (string, error) {
	if r.Via != nil {
		return phone, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	who, err := e.Resolve(ctx, r.Account, r.Session, phone)
	var limited *ResolveLimitError
	switch {
	case err == nil && !who.OnWhatsApp:
		return "", fmt.Errorf("%w: %w", ErrNotSent, ErrNotOnWhatsApp)
	case err == nil:
		return who.Phone, nil
	case !errors.As(err, &limited) && !errors.Is(err, ErrSessionUnavailable):
		e.cfg.Log.Warn("could not ask who has a number", "account", r.Account, "session", r.Session, "error", err)
	}
	return phone, nil
}

// lookups remembers what WhatsApp said of numbers, by account: one must not learn
// from the time that an answer takes what another has asked. It is in memory
// only. What is lost costs one question, and a table of the numbers that
// somebody typed somewhere would be one more place to erase them from.
type lookups struct {
	mu    sync.Mutex
	known map[lookupKey]lookup
	swept time.Time
}

type lookupKey struct{ account, phone string }

type lookup struct {
	who   Resolved
	until time.Time
}

func (l *lookups) get(account, phone string, now time.Time) (Resolved, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known, ok := l.known[lookupKey{account, phone}]
	if ok && !now.Before(known.until) { // perhaps it is known by the spelling of WhatsApp
		known, ok = l.known[lookupKey{account, known.who.Phone}]
	}
	return known.who, ok && now.Before(known.until)
}

// put remembers an answer under both spellings.
func (l *lookups) put(account, asked string, who Resolved, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil {
		l.known = make(map[lookupKey]lookup)
	}
	l.sweep(now)
	for _, phone := range []string{asked, who.Phone} {
		l.known[lookupKey{account, phone}] = lookup{who, now.Add(lookupLife)}
	}
}

// sweep makes room for two more.
func (l *lookups) sweep(now time.Time) {
	if now.Sub(l.swept) >= time.Hour || now.Before(l.swept) {
		l.swept = now
		for key, known := range l.known {
			life := time.Duration(0)
			if key.phone != known.who.Phone {
				life = spellingLife
			}
			if now.Sub(known.until) >= life {
				delete(l.known, key)
			}
		}
	}
	for key := range l.known {
		if len(l.known) <= maxLookups-2 {
			return
		}
		delete(l.known, key) // any: what is lost is asked again
	}
}

// wrote remembers the number of somebody who has written: WhatsApp named it.
func (l *lookups) wrote(account string, m Message, now time.Time) {
	if m.Phone != "" {
		l.put(account, m.Phone, Resolved{OnWhatsApp: true, Phone: m.Phone}, now)
	}
}
