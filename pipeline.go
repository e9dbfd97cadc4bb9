package pingr

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// maxText is how many characters of a message are stored and delivered. It is
// WhatsApp's own maximum, so only a hostile client sends more.
const maxText = 65536

// receive takes one message from a session. If it returns nil, the message is
// stored, or was already known, or fires no trigger. It never waits for a
// webhook.
func (e *Engine) receive(ctx context.Context, account, session string, m Message) (err error) {
	defer e.survive(&err)
	trigger, ok, err := e.cfg.Store.FindTrigger(ctx, session, Phrases(m.Text))
	if err != nil {
		return e.storeFailed("finding a trigger", err)
	}
	e.observeReceived(account, session, m, ok)
	e.lookups.wrote(account, m, e.cfg.Now())
	if !ok {
		return e.answered(ctx, account, session, m)
	}
	var known *Account // the account, if it is read already
	if m.InGroup() {
		a, err := e.account(ctx, account)
		if err != nil || a.Settings.GroupReply == GroupOff {
			return err
		}
		known = &a
	}
	m.Text = Cut(m.Text, maxText)
	now := e.cfg.Now()
	f := Firing{
		ID: NewID("evt_"), Account: account, Session: session, Message: m, Person: Person{ID: NewID("per_")},
		Trigger: trigger, State: StateAccepted, AcceptedAt: now,
	}
	place, lease := e.admit(account)
	defer place.leave()
	f, first, err := e.cfg.Store.Accept(ctx, f, lease)
	if err != nil {
		return e.storeFailed("storing a message", err)
	}
	f = f.identified(e.cfg.PairAge)
	if first {
		e.observeFiring(f)
		place.start(f, known)
	}
	return nil
}

// An admission is a place in the gate for a firing that is being stored, or the
// lack of one. Without a place the firing is only queued, and poll starts it
// when there is room.
type admission struct {
	engine  *Engine
	account string
	held    bool
}

// admit takes a place, and returns the lease for the firing.
func (e *Engine) admit(account string) (*admission, Lease) {
	now := e.cfg.Now()
	if e.running() && e.first.enter(account) {
		return &admission{e, account, true}, e.lease(now)
	}
	return &admission{e, account, false}, Lease{Until: now}
}

// start processes the firing in a goroutine, which owns the place from then on.
func (a *admission) start(f Firing, known *Account) {
	if a.held && a.engine.start(f, known) {
		a.held = false
		return
	}
	a.engine.poke()
}

// leave gives back a place that nothing was started in.
func (a *admission) leave() {
	if a.held {
		a.engine.leave(a.engine.first, a.account)
	}
}

// answer takes a firing from its current state to its outcome. On an error the
// firing stays where it is, to be claimed again. known is its account, or nil if
// that is still to be read.
func (e *Engine) answer(ctx context.Context, f *Firing, known *Account, line *wideLine) (err error) {
	defer e.survive(&err)
	var account Account
	if known != nil {
		account = *known
	} else if account, err = e.account(ctx, f.Account); err != nil {
		if e.cfg.Now().Sub(f.AcceptedAt) > e.cfg.ReplyDeadline {
			return e.conclude(ctx, f, Outcome{Kind: Failed, Reason: "settings unavailable", Release: f.State == StateDecided})
		}
		return err
	}
	settings := account.Settings
	for f.State == StateAccepted || f.State == StateAsking {
		var going bool
		if f.State == StateAsking {
			going, err = e.asking(ctx, f, settings)
		} else {
			going, err = e.accepted(ctx, f, account, line)
		}
		if err != nil || !going {
			return err // it waits for its sender, or another engine was first
		}
	}
	if f.State == StateDecided || f.State == StateUnknown {
		return e.deliver(ctx, f, settings, line)
	}
	return nil // a limit refused
}

// accepted decides on an accepted firing, or begins to ask its sender. going is
// false if the firing ended, or another engine was first.
func (e *Engine) accepted(ctx context.Context, f *Firing, account Account, line *wideLine) (going bool, err error) {
	settings, now := account.Settings, e.cfg.Now()
	if f.Asked == 0 && f.age(now) > settings.maxMessageAge() { // one whose sender was asked is not late
		return false, e.conclude(ctx, f, Outcome{Kind: Expired, Reason: "message too old"})
	}
	known, err := e.numberKnown(ctx, f)
	if err != nil {
		return false, err
	}
	switch {
	case known || settings.HiddenNumbers == HiddenPass:
		return e.askAndDecide(ctx, f, account, line)
	case settings.HiddenNumbers == HiddenAsk:
		return e.askNumber(ctx, f, settings)
	case settings.NoPhoneReply == "":
		return false, e.conclude(ctx, f, Outcome{Kind: NoPhone, Reason: "number hidden"})
	}
	return e.decide(ctx, f, Decision{Text: settings.NoPhoneReply, Source: Static, Limits: settings.limits(*f, now)})
}

// askAndDecide asks the backend and decides on its answer. Meanwhile it holds
// the person's cooldown, so that no two simultaneous messages are both told
// that a reply follows.
func (e *Engine) askAndDecide(
	ctx context.Context, f *Firing, account Account, line *wideLine,
) (decided bool, err error) {
	settings := account.Settings
	if !account.wants(EventMessageReceived) {
		text, source := f.replyText(Reply{})
		return e.decide(ctx, f, Decision{Text: text, Source: source, Limits: settings.limits(*f, e.cfg.Now())})
	}
	refused, drop := e.lookAhead(ctx, *f, settings)
	defer drop()
	a := e.ask(ctx, *f, account.Dispatcher, refused, line)
	defer e.logged(ctx, &a.Delivery)
	if ctx.Err() != nil {
		a.unused(NoReplyAskedAgain)
		return false, ctx.Err() // we stopped, not the backend: it is asked again
	}
	text, source := f.replyText(a.reply)
	decided, err = e.decide(ctx, f, Decision{
		Text: text, Source: source, Limits: settings.limits(*f, e.cfg.Now()), Refused: refused, Retry: a.retry,
	})
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

// ask asks the backend about a firing. If refused is not nil, it tells the
// backend that this limit will keep the firing from being answered. If enough
// other firings already wait for a backend that hangs, ask does not call it and
// schedules the event for later.
func (e *Engine) ask(ctx context.Context, f Firing, d Dispatcher, refused *LimitError, line *wideLine) attempt {
	now := e.cfg.Now()
	pending := PendingEvent{Account: f.Account, Attempt: f.Attempt + 1}
	pending.Event = f.event(autoReply(refused, now))
	if line.asked = e.endpoints.ask(f.Account); !line.asked {
		return e.notAsked(d, pending)
	}
	defer e.endpoints.asked(f.Account)
	a := e.dispatch(ctx, d, pending)
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

// decide fixes the text and takes the limits, or records which limit refused.
// It reports whether it did. If another engine took the firing, f is as that
// engine left it.
func (e *Engine) decide(ctx context.Context, f *Firing, d Decision) (bool, error) {
	d.Firing, d.Holder, d.At = f.ID, e.holder, e.cfg.Now()
	d.Asked = max(d.Asked, f.Asked)
	stands, decided, err := e.cfg.Store.Decide(ctx, d)
	if err != nil {
		return false, e.storeFailed("storing a reply", err)
	}
	*f = stands.identified(e.cfg.PairAge)
	if decided {
		e.observeFiring(*f)
	}
	return decided, nil
}

// deliver sends the reply. If the outcome of a send is unknown, it is repeated
// with the same id and text, and the person sees one message.
func (e *Engine) deliver(ctx context.Context, f *Firing, settings Settings, line *wideLine) error {
	if e.tooLate(*f) {
		return e.conclude(ctx, f, unsent(*f))
	}
	e.order.wait(ctx, *f)
	done, waited, err := e.turn(ctx, *f)
	if err != nil {
		return err
	}
	defer done()
	if waited {
		held, err := e.keep(ctx, f.ID, "", e.lease(e.cfg.Now()))
		if err != nil || !held {
			return err
		}
		if e.tooLate(*f) {
			return e.conclude(ctx, f, unsent(*f))
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

// refused returns the outcome of a firing whose reply WhatsApp refused for
// good. The limits are given back only if certainly nobody saw the reply, from
// this try or an earlier one.
func refused(f Firing, cause error) Outcome {
	unseen := !errors.Is(cause, ErrUnknown) && f.State == StateDecided
	o := Outcome{Kind: Failed, Reason: "whatsapp refused the message", Release: unseen}
	if errors.Is(cause, ErrNotOnWhatsApp) {
		o.Reason = "not on whatsapp"
	}
	return o
}

// tooLate reports whether nobody needs the firing's reply any more.
func (e *Engine) tooLate(f Firing) bool { return e.cfg.Now().Sub(f.DecidedAt) > e.cfg.ReplyDeadline }

// unsent returns the outcome of a firing whose reply comes too late. The limits
// are given back only if the reply was certainly not sent.
func unsent(f Firing) Outcome {
	if f.State == StateDecided {
		return Outcome{Kind: Failed, Reason: "session unavailable", Release: true}
	}
	return Outcome{Kind: Failed, Reason: "no acknowledgement from whatsapp"}
}

// sendLater returns the firing to the queue until its next try, so that it
// holds none of its account's places meanwhile.
func (e *Engine) sendLater(ctx context.Context, f *Firing, cause error) error {
	was := f.State
	if !errors.Is(cause, ErrSessionUnavailable) && !errors.Is(cause, ErrRefused) {
		f.State = StateUnknown
	}
	now := e.cfg.Now()
	failing := now.Sub(f.DecidedAt)
	wait := pause(failing)
	if errors.Is(cause, ErrRefused) {
		// Wait twice as long each time: insisting on refused messages gets a number
		// banned.
		wait = max(failing, time.Second)
		if failing+wait > e.cfg.ReplyDeadline {
			return e.conclude(ctx, f, refused(*f, cause))
		}
	}
	// The lease has no holder, because f.State holds all that is known of the
	// send. A stop must not keep this from being recorded.
	held, err := e.keep(context.WithoutCancel(ctx), f.ID, f.State, Lease{Until: now.Add(wait)})
	if held && f.State != was {
		e.observeFiring(*f)
	}
	return err
}

// pause returns how long to wait before retrying something that has been
// failing for this long.
func pause(failing time.Duration) time.Duration {
	return min(max(failing/2, time.Second), 30*time.Second)
}

// conclude records the outcome. It ignores the end of ctx, so that a reply that
// was sent is recorded as sent.
func (e *Engine) conclude(ctx context.Context, f *Firing, o Outcome) error {
	o.Firing, o.At = f.ID, e.cfg.Now()
	if o.Kind != Replied {
		o.Holder = e.holder // whoever took the firing from us may have sent the reply
	}
	if err := e.cfg.Store.Finish(context.WithoutCancel(ctx), o); err != nil {
		return e.storeFailed("recording an outcome", err)
	}
	f.State, f.Outcome, f.Reason = StateDone, o.Kind, o.Reason
	e.observeFiring(*f)
	return nil
}

// start processes a firing in a goroutine, which takes over the place in the
// gate. It returns false, without doing anything, if Run is not running.
func (e *Engine) start(f Firing, known *Account) bool {
	e.order.enter(f)
	started := e.spawn(func(work context.Context) { e.process(work, f, known) })
	if !started {
		e.order.leave(f)
	}
	return started
}

// process runs answer with a place in the gate, and logs one line.
func (e *Engine) process(ctx context.Context, f Firing, known *Account) {
	defer e.leave(e.first, f.Account)
	defer e.order.leave(f)
	e.setAtWork(f.ID, true)
	defer e.setAtWork(f.ID, false)
	var line wideLine
	began := e.cfg.Now()
	err := e.answer(ctx, &f, known, &line)
	attrs := []any{
		"event_id", f.ID, "account", f.Account, "session", f.Session, "trigger", f.Trigger.ID,
		"person", f.Person.ID, "state", f.State, "outcome", f.Outcome, "reason", f.Reason, "source", f.Source,
		"asked", line.asked, "webhook_status", line.status, "no_reply", line.noReply,
		"webhook_ms", line.webhook.Milliseconds(), "send_ms", line.send.Milliseconds(),
		"total_ms", e.cfg.Now().Sub(began).Milliseconds(),
	}
	if err != nil {
		// The row stays as it is, to be taken up after a while.
		now := e.cfg.Now()
		again := now.Add(pause(now.Sub(f.AcceptedAt)))
		_, keepErr := e.keep(context.WithoutCancel(ctx), f.ID, "", Lease{Holder: e.holder, Until: again})
		e.cfg.Log.Log(ctx, slog.LevelError, "firing not finished", append(attrs, "error", errors.Join(err, keepErr))...)
		return
	}
	e.cfg.Log.Log(ctx, slog.LevelInfo, "firing", attrs...)
}

// wideLine holds what a firing's log line reports beyond the firing itself.
type wideLine struct {
	asked         bool // whether the backend was asked
	status        int
	noReply       NoReply
	webhook, send time.Duration
}
