package pingr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// maxText is how many characters of a message are kept and told: WhatsApp's own
// maximum, so only a hostile client sends more.
const maxText = 65536

// receive takes one message from a session. When it returns nil the message is
// durable, or known already, or no trigger's; it never waits for a webhook.
func (e *Engine) receive(ctx context.Context, account, session string, m Message) (err error) {
	defer e.survive(&err)
	trigger, ok, err := e.cfg.Store.FindTrigger(ctx, session, Phrases(m.Text))
	if err != nil {
		return fmt.Errorf("find trigger: %w", err)
	}
	if !ok {
		return nil
	}
	if m.InGroup() {
		if s, err := e.settings(ctx, account); err != nil || s.GroupReply == GroupOff {
			return err
		}
	}
	m.Text = Cut(m.Text, maxText)
	now := e.cfg.Now()
	f := Firing{
		ID: newID("evt_"), Account: account, Session: session, Message: m, Trigger: trigger,
		State: StateAccepted, AcceptedAt: now,
	}
	// Without room it is only queued, and poll starts it when there is.
	lease := Lease{Until: now}
	room := e.running() && e.first.enter(account)
	if room {
		lease = e.lease(now)
	}
	defer func() {
		if room {
			e.leave(e.first, account)
		}
	}()
	first, err := e.cfg.Store.Accept(ctx, f, lease)
	if err != nil {
		return fmt.Errorf("accept message: %w", err)
	}
	if first && room && e.spawn(func(work context.Context) { e.finish(work, f) }) {
		room = false // it is the goroutine's now
	} else if first {
		e.poke()
	}
	return nil
}

// answer takes a firing from wherever it stands to its outcome. An error leaves
// it where it is, to be claimed again.
func (e *Engine) answer(ctx context.Context, f *Firing, line *wideLine) (err error) {
	defer e.survive(&err)
	settings, err := e.settings(ctx, f.Account)
	if err != nil {
		if e.cfg.Now().Sub(f.AcceptedAt) > e.cfg.ReplyDeadline {
			return e.conclude(ctx, f, Outcome{Kind: Failed, Reason: "settings unavailable", Release: f.State == StateDecided})
		}
		return err
	}
	if f.State == StateAccepted {
		var decided bool
		switch {
		case f.age(e.cfg.Now()) > settings.maxMessageAge():
			return e.conclude(ctx, f, Outcome{Kind: Expired, Reason: "message too old"})
		case f.Message.Phone == "" && settings.NoPhoneReply == "":
			return e.conclude(ctx, f, Outcome{Kind: NoPhone, Reason: "number hidden"})
		case f.Message.Phone == "":
			decided, err = e.decide(ctx, f, settings, Decision{Text: settings.NoPhoneReply, Source: Static})
		default:
			decided, err = e.askAndDecide(ctx, f, settings, line)
		}
		if err != nil || !decided {
			return err // another engine was first, and it is the one that sends
		}
	}
	if f.State == StateDecided || f.State == StateUnknown {
		return e.deliver(ctx, f, settings, line)
	}
	return nil // a limit refused
}

// askAndDecide tells the backend and decides what comes of its answer. While it
// is at it the person's cooldown is held, so that two messages at once are not
// both told that a reply follows.
func (e *Engine) askAndDecide(ctx context.Context, f *Firing, settings Settings, line *wideLine) (decided bool, err error) {
	if e.cfg.Dispatcher == nil {
		text, source := f.replyText(Reply{})
		return e.decide(ctx, f, settings, Decision{Text: text, Source: source})
	}
	refused, drop := e.lookAhead(ctx, *f, settings)
	defer drop()
	a := e.ask(ctx, *f, refused, line)
	if line.asked {
		defer e.logged(ctx, &a.Delivery)
	}
	if ctx.Err() != nil {
		a.unused(NoReplyAskedAgain)
		return false, ctx.Err() // we stopped, not the backend: it is asked again
	}
	text, source := f.replyText(a.reply)
	decided, err = e.decide(ctx, f, settings, Decision{Text: text, Source: source, Refused: refused, Retry: a.retry})
	switch {
	case err != nil || !decided && f.State == StateAccepted:
		a.unused(NoReplyAskedAgain)
	case !decided:
		a.unused(NoReplyAnswered)
	case f.State == StateDone:
		a.unused(NoReply(f.Outcome))
	default:
		a.DynamicReply = source == Dynamic
	}
	line.noReply = a.NoReply
	if decided && a.retry != nil {
		e.endpoints.behind(f.Account)
	}
	return decided, err
}

// ask tells the backend of a firing, and that refused will keep it from being
// answered. While enough others wait for a backend that hangs, it is not asked,
// and its event is told later.
func (e *Engine) ask(ctx context.Context, f Firing, refused *LimitError, line *wideLine) attempt {
	now := e.cfg.Now()
	pending := PendingEvent{Account: f.Account, Attempt: f.Attempt + 1}
	pending.Event = f.event(autoReply(refused, now))
	if line.asked = e.endpoints.ask(f.Account); !line.asked {
		pending.Next = now.Add(e.wait(1))
		return attempt{retry: &pending}
	}
	defer e.endpoints.asked(f.Account)
	a := e.dispatch(ctx, pending)
	line.webhook = e.cfg.Now().Sub(now)
	line.status = a.reply.Status
	if a.err == nil {
		return a
	}
	a.reply = Reply{}
	if a.retry = e.again(pending, a.err); a.retry == nil {
		pending.Attempt, pending.GivenUp = pending.Attempt+1, e.cfg.Now()
		a.retry = &pending
	}
	return a
}

// decide fixes the text and takes the limits, or records which one refused. It
// reports whether it did: when another engine took the firing, f is as that one
// left it.
func (e *Engine) decide(ctx context.Context, f *Firing, settings Settings, d Decision) (bool, error) {
	d.Firing, d.Holder, d.At = f.ID, e.holder, e.cfg.Now()
	d.Limits = settings.limits(*f, d.At)
	stands, decided, err := e.cfg.Store.Decide(ctx, d)
	if err != nil {
		return false, fmt.Errorf("decide: %w", err)
	}
	*f = stands
	return decided, nil
}

// deliver sends the reply. A send whose end is unknown is repeated with the
// same id and text; the person sees one.
func (e *Engine) deliver(ctx context.Context, f *Firing, settings Settings, line *wideLine) error {
	if e.cfg.Now().Sub(f.DecidedAt) > e.cfg.ReplyDeadline {
		return e.conclude(ctx, f, tooLate(*f))
	}
	done, waited, err := e.turn(ctx, *f)
	if err != nil {
		return err
	}
	defer done()
	if waited || f.State == StateUnknown {
		held, err := e.cfg.Store.Keep(ctx, f.ID, e.holder, "", e.lease(e.cfg.Now()))
		if err != nil || !held {
			return err
		}
	}
	began := e.cfg.Now()
	err = e.send(ctx, f.Account, f.Session, f.outgoing(settings))
	line.send = e.cfg.Now().Sub(began)
	switch {
	case err == nil:
		return e.conclude(ctx, f, Outcome{Kind: Replied, Reason: string(f.Source)})
	case errors.Is(err, ErrNotSent):
		return e.conclude(ctx, f, refused(*f, err))
	}
	return e.sendLater(ctx, f, err)
}

// refused ends a firing whose reply WhatsApp refused for good. Its limits are
// given back when certainly nobody saw it: neither this try nor an earlier one.
func refused(f Firing, cause error) Outcome {
	o := Outcome{Kind: Failed, Reason: "whatsapp refused the message", Release: !errors.Is(cause, ErrUnknown) && f.State == StateDecided}
	if errors.Is(cause, ErrNotOnWhatsApp) {
		o.Reason = "not on whatsapp"
	}
	return o
}

// tooLate ends a firing whose reply would be of no use any more. Only one that
// certainly was not sent gives its limits back.
func tooLate(f Firing) Outcome {
	if f.State == StateDecided {
		return Outcome{Kind: Failed, Reason: "session unavailable", Release: true}
	}
	return Outcome{Kind: Failed, Reason: "no acknowledgement from whatsapp"}
}

// sendLater gives the firing back until its next try, so that it holds no place
// among its account's work meanwhile.
func (e *Engine) sendLater(ctx context.Context, f *Firing, cause error) error {
	if !errors.Is(cause, ErrSessionUnavailable) && !errors.Is(cause, ErrRefused) {
		f.State = StateUnknown
	}
	now := e.cfg.Now()
	failing := now.Sub(f.DecidedAt)
	wait := pause(failing)
	if errors.Is(cause, ErrRefused) {
		// Twice as long each time: whoever is refused and insists is banned.
		wait = max(failing, time.Second)
		if failing+wait > e.cfg.ReplyDeadline {
			return e.conclude(ctx, f, refused(*f, cause))
		}
	}
	// Without a holder: this engine says all that is known of the send. A stop
	// must not keep it from saying so.
	_, err := e.cfg.Store.Keep(context.WithoutCancel(ctx), f.ID, e.holder, f.State, Lease{Until: now.Add(wait)})
	if err != nil {
		return fmt.Errorf("keep firing: %w", err)
	}
	return nil
}

// pause is how long nothing is tried again that has failed for so long.
func pause(failing time.Duration) time.Duration {
	return min(max(failing/2, time.Second), 30*time.Second)
}

// conclude records the outcome. The context's end must not keep a sent reply
// from being recorded as sent.
func (e *Engine) conclude(ctx context.Context, f *Firing, o Outcome) error {
	o.Firing, o.At = f.ID, e.cfg.Now()
	if o.Kind != Replied {
		o.Holder = e.holder // who took the firing from us may have sent the reply
	}
	if err := e.cfg.Store.Finish(context.WithoutCancel(ctx), o); err != nil {
		return fmt.Errorf("record outcome: %w", err)
	}
	f.State, f.Outcome, f.Reason = StateDone, o.Kind, o.Reason
	return nil
}

// finish runs answer with a place in the gate, and logs one line.
func (e *Engine) finish(ctx context.Context, f Firing) {
	defer e.leave(e.first, f.Account)
	e.setAtWork(f.ID, true)
	defer e.setAtWork(f.ID, false)
	var line wideLine
	began := e.cfg.Now()
	err := e.answer(ctx, &f, &line)
	attrs := []any{
		"event_id", f.ID, "account", f.Account, "session", f.Session, "trigger", f.Trigger.ID,
		"state", f.State, "outcome", f.Outcome, "reason", f.Reason, "source", f.Source,
		"asked", line.asked, "webhook_status", line.status, "no_reply", line.noReply, "webhook_ms", line.webhook.Milliseconds(),
		"send_ms", line.send.Milliseconds(), "total_ms", e.cfg.Now().Sub(began).Milliseconds(),
	}
	if err != nil {
		// The row stays as it is, for somebody to take up after a while.
		now := e.cfg.Now()
		again := now.Add(pause(now.Sub(f.AcceptedAt)))
		_, keepErr := e.cfg.Store.Keep(context.WithoutCancel(ctx), f.ID, e.holder, "", Lease{Holder: e.holder, Until: again})
		e.cfg.Log.Log(ctx, slog.LevelError, "firing not finished", append(attrs, "error", errors.Join(err, keepErr))...)
		return
	}
	e.cfg.Log.Log(ctx, slog.LevelInfo, "firing", attrs...)
}

// wideLine is what a firing's log line says beyond the firing.
type wideLine struct {
	asked         bool // the backend
	status        int
	noReply       NoReply
	webhook, send time.Duration
}
