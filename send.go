package pingr

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// ErrText: a text is empty, or longer than [MaxReply].
var ErrText = errors.New("message must be 1 to 4096 characters")

// ErrUnknown: a send ended without an answer, so that the message may have gone
// out or not.
var ErrUnknown = errors.New("not known whether it was sent")

// maxSendWait is the longest pause before a message that was refused is sent
// again while the caller of Send waits.
const maxSendWait = 2 * time.Second

// A SendRequest is a message that the program sends of its own accord, not in
// answer to one.
type SendRequest struct {
	// ID names the message ("msg_…") within its account: sending the same ID
	// again shows one message to the person. Empty makes a new one.
	ID string
	// Account pays for it; empty is the default account.
	Account string
	// Session is the id that Serve was called with.
	Session string
	// Via sends in place of that session, for messages that must not leave the
	// process. Nil is the session itself.
	Via Session
	// To is the phone, written as [ParsePhone] takes it.
	To string
	// Text is 1 to 4096 characters.
	Text string
	// Again says that an earlier Send of the same ID took the limits and ended
	// without knowing whether the message was sent. It takes no limits.
	Again bool
}

// Send takes the account's cooldown and quota in one step, sends one message and
// returns its id. What WhatsApp refuses for now ([ErrRefused]) is sent again after
// 1 s and after 2 s more. An error that is [ErrUnknown] leaves it open whether
// the message went out: the same ID may be sent with Again. The end of ctx is
// one, and the send goes on without it; so is a failure of an Again to send, for
// the earlier Send may have gone out. After any other error this call sent nothing
// and took no limit: a *[LimitError], [ErrPhone], [ErrText], [ErrNotSent], [ErrRefused],
// [ErrSessionUnavailable] (also while Run is not running), or a failure of the
// Store.
func (e *Engine) Send(ctx context.Context, r SendRequest) (id string, err error) {
	phone, err := ParsePhone(r.To)
	if err != nil {
		return "", err
	}
	if n := utf8.RuneCountInString(r.Text); n == 0 || n > MaxReply || !utf8.ValidString(r.Text) || strings.ContainsRune(r.Text, 0) {
		return "", ErrText
	}
	setDefault(&r.ID, newID("msg_"))
	if r.Via == nil && e.served(r.Account, r.Session) == nil {
		return r.ID, ErrSessionUnavailable
	}
	done := make(chan error, 1)
	if !e.spawn(func(work context.Context) { done <- e.sendOwn(work, r, phone) }) {
		return r.ID, ErrSessionUnavailable
	}
	select {
	case err := <-done:
		return r.ID, err
	case <-ctx.Done():
		return r.ID, fmt.Errorf("%w: %w", ErrUnknown, ctx.Err())
	}
}

// sendOwn takes the limits, sends, and gives back what certainly was not used.
func (e *Engine) sendOwn(ctx context.Context, r SendRequest, phone string) error {
	settings, err := e.settings(ctx, r.Account)
	if err != nil {
		return err
	}
	now := e.cfg.Now()
	limits := settings.limits(Firing{Account: r.Account, Message: Message{Phone: phone}}, now)
	if !r.Again {
		if err := e.cfg.Store.Reserve(ctx, now, limits...); err != nil {
			return fmt.Errorf("reserve: %w", err)
		}
	}
	err = e.trySend(ctx, r, Outgoing{ID: whatsappID(r.Account, r.ID), To: PhoneJID(phone), Text: r.Text})
	e.cfg.Log.Info("send", "message_id", r.ID, "account", r.Account, "session", r.Session, "sent", err == nil,
		"send_ms", e.cfg.Now().Sub(now).Milliseconds())
	switch {
	case err == nil || errors.Is(err, ErrUnknown):
		return err
	case r.Again || !hidden(err):
		return fmt.Errorf("%w: %w", ErrUnknown, err) // of an Again: the earlier one may have gone out
	}
	if giveBack := e.cfg.Store.Release(context.WithoutCancel(ctx), limits...); giveBack != nil {
		e.cfg.Log.Error("limits not given back", "message_id", r.ID, "error", giveBack)
	}
	return err
}

// hidden reports whether a send that ended with err was certainly seen by nobody.
func hidden(err error) bool {
	return errors.Is(err, ErrNotSent) || errors.Is(err, ErrSessionUnavailable) || errors.Is(err, ErrRefused)
}

// trySend sends, and again when WhatsApp refuses it for now: the caller waits, so
// not for long.
func (e *Engine) trySend(ctx context.Context, r SendRequest, m Outgoing) (err error) {
	for wait := time.Second; ; wait *= 2 {
		if r.Via != nil {
			err = r.Via.Send(ctx, m)
		} else {
			err = e.send(ctx, r.Account, r.Session, m)
		}
		if !errors.Is(err, ErrRefused) || wait > maxSendWait {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return err
		}
	}
}
