package pingr

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// ErrText means that a text is empty, longer than [MaxText], not UTF-8, or
// holds a NUL.
var ErrText = fmt.Errorf("message must be 1 to %d characters", MaxText)

// ErrUnknown means that a send ended without an answer: the message may or may
// not have gone out.
var ErrUnknown = errors.New("unknown whether it was sent")

// maxSendWait is the longest pause before a refused message is sent again while
// the caller of Send waits.
const maxSendWait = 2 * time.Second

// A SendRequest is a message that the program sends on its own initiative, not
// in answer to another message.
type SendRequest struct {
	// ID names the message ("msg_…") within its account. Sending the same ID again
	// shows the person one message. If empty, Send makes a new ID.
	ID string
	// Account owns the session and the limits. Empty is the default account.
	Account string
	// Session is the id that the session was attached under.
	Session string
	// Via, if not nil, sends in place of that session. It is for messages that
	// must not leave the process.
	Via Session
	// To is the phone number, in a form that [ParsePhone] accepts.
	To string
	// Text has 1 to [MaxText] characters.
	Text string
	// Again reports that an earlier Send of the same ID took the limits and ended
	// with [ErrUnknown]. This Send then takes no limits.
	Again bool
}

// Send takes the account's cooldown and quota in one step, sends one message
// and returns its id. Before that it resolves the number, see [Engine.Resolve]:
// the message goes to the number as WhatsApp spells it, and the limits are that
// number's. If WhatsApp refuses the message for now ([ErrRefused]),
// Send tries again after 1 s and after another 2 s.
//
// If the error is [ErrUnknown], the message may have gone out, and the same ID
// may be sent with Again. The end of ctx is such an error; the send continues
// without the caller. So is every failure to send with Again, because the
// earlier Send may have gone out.
//
// After any other error this call sent nothing and took no limit. The error is
// a *[LimitError], [ErrPhone], [ErrText], [ErrNotSent], [ErrRefused],
// [ErrSessionUnavailable] (also while Run is not running), or a failure of the
// Store.
func (e *Engine) Send(ctx context.Context, r SendRequest) (id string, err error) {
	phone, err := ParsePhone(r.To)
	if err != nil {
		return "", err
	}
	n := utf8.RuneCountInString(r.Text)
	if n == 0 || n > MaxText || !utf8.ValidString(r.Text) || strings.ContainsRune(r.Text, 0) {
		return "", ErrText
	}
	setDefault(&r.ID, NewID("msg_"))
	if r.Via == nil && e.session(r.Account, r.Session) == nil {
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

// sendOwn takes the limits, sends the message, and gives back the limits if the
// message was certainly not sent.
func (e *Engine) sendOwn(ctx context.Context, r SendRequest, phone string) error {
	account, err := e.account(ctx, r.Account)
	if err != nil {
		return err
	}
	if phone, err = e.recipient(ctx, r, phone); err != nil && r.Again {
		return fmt.Errorf("%w: %w", ErrUnknown, err) // the earlier one may have gone out
	} else if err != nil {
		return err
	}
	now := e.cfg.Now()
	firing := Firing{Account: r.Account, Session: r.Session, Message: Message{Phone: phone}}
	limits := account.Settings.limits(firing, now)
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
		e.cfg.Log.Error("could not give back limits", "message_id", r.ID, "error", giveBack)
	}
	return err
}

// hidden reports whether certainly nobody saw a message whose send ended with
// err.
func hidden(err error) bool {
	return errors.Is(err, ErrNotSent) || errors.Is(err, ErrSessionUnavailable) || errors.Is(err, ErrRefused)
}

// trySend sends a message, and tries again if WhatsApp refuses it for now. The
// caller waits, so trySend does not try for long.
func (e *Engine) trySend(ctx context.Context, r SendRequest, m Outgoing) (err error) {
	for wait := time.Second; ; wait *= 2 {
		if r.Via != nil {
			err = r.Via.Send(ctx, m)
		} else {
			err = e.sendPaced(ctx, r.Account, r.Session, m)
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
