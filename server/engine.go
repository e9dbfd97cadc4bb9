package server

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

// testScope ends the engine's name of an account's test mode, whose rows are
// its own.
const testScope = ":test"

// settingsOf is what the engine asks once a firing.
func (s *Server) settingsOf(ctx context.Context, scope string) (pingr.Settings, error) {
	id, test := strings.CutSuffix(scope, testScope)
	a, err := s.store.Account(ctx, id)
	if err != nil {
		s.trouble.hear("reading an account's settings", err)
		return pingr.Settings{}, err
	}
	mode := hosted.Live
	if test {
		mode = hosted.Test
	}
	return a.Of(mode).Settings.Engine(s.plan(a)), nil
}

// disconnectGrace is an account's setting.
func (s *Server) disconnectGrace(ctx context.Context, id string) (time.Duration, error) {
	a, err := s.store.Account(ctx, id)
	if errors.Is(err, hosted.ErrNotFound) {
		return 0, nil // nobody is told
	}
	return time.Duration(a.Settings.DisconnectGraceSeconds) * time.Second, err
}

// dispatcher tells each account's own endpoint.
type dispatcher struct{ *Server }

// Dispatch implements pingr.Dispatcher. An account without an endpoint, or
// whose endpoint does not want the event, answers nothing; neither does test
// mode, from which nothing goes out.
func (d dispatcher) Dispatch(ctx context.Context, e pingr.Event) (pingr.Reply, error) {
	if strings.HasSuffix(e.Account, testScope) {
		return pingr.Reply{}, nil
	}
	a, err := d.store.Account(ctx, e.Account)
	if errors.Is(err, hosted.ErrNotFound) {
		return pingr.Reply{}, nil // of a session without an account
	}
	if err != nil || !a.Webhook.Wants(e.Type) {
		return pingr.Reply{}, err
	}
	e.Session = shownID(e.Session)
	began := time.Now()
	reply, err := d.endpoint(a.Webhook).Dispatch(ctx, e)
	d.metrics.told(time.Since(began), reply, err)
	return reply, err
}

func (s *Server) endpoint(w hosted.Webhook) *pingr.HTTPDispatcher {
	secret, others := w.Signing(s.now())
	return &pingr.HTTPDispatcher{URL: w.URL, Secret: secret, OtherSecrets: others, Guard: s.config.Guard, Transport: s.transport, Now: s.now}
}

// observed is the engine's store; it tells the event streams what happens and
// /readyz what fails, and leaves out of the log what was told to nobody.
type observed struct {
	Store
	hub     *hub
	metrics *metrics
	trouble *trouble

	mu     sync.Mutex
	firing map[string]firingNote // by id, until it is done
}

func newObserved(store Store, h *hub, m *metrics, t *trouble) *observed {
	return &observed{Store: store, hub: h, metrics: m, trouble: t, firing: map[string]firingNote{}}
}

// A firingNote is what the event stream says of a firing: no text, no phone.
type firingNote struct {
	ID      string            `json:"id"`
	Session string            `json:"session_id"`
	Trigger string            `json:"trigger_id"`
	State   pingr.State       `json:"state"`
	Outcome pingr.OutcomeKind `json:"outcome,omitempty"`
	Reason  string            `json:"reason,omitempty"`

	account  string
	source   pingr.Source
	accepted time.Time
}

func (o *observed) note(f pingr.Firing) {
	n := firingNote{
		ID: f.ID, Session: shownID(f.Session), Trigger: f.Trigger.ID, State: f.State, Outcome: f.Outcome, Reason: f.Reason,
		account: f.Account, source: f.Source, accepted: f.AcceptedAt,
	}
	o.mu.Lock()
	_, known := o.firing[f.ID]
	if delete(o.firing, f.ID); f.State != pingr.StateDone {
		o.firing[f.ID] = n
	}
	o.mu.Unlock()
	if known && f.State == pingr.StateDone {
		o.metrics.ended(f.Outcome, f.Source, 0)
	}
	o.hub.publish(n.account, "firing", n)
}

func (o *observed) FindTrigger(ctx context.Context, session string, phrases []string) (pingr.Trigger, bool, error) {
	t, ok, err := o.Store.FindTrigger(ctx, session, phrases)
	o.trouble.hear("finding a trigger", err)
	return t, ok, err
}

func (o *observed) Accept(ctx context.Context, f pingr.Firing, l pingr.Lease) (bool, error) {
	first, err := o.Store.Accept(ctx, f, l)
	o.trouble.hear("storing a message", err)
	if first && err == nil {
		o.note(f)
	}
	return first, err
}

func (o *observed) Claim(ctx context.Context, l pingr.Lease, now time.Time, skip []string, most int) ([]pingr.Firing, error) {
	firings, err := o.Store.Claim(ctx, l, now, skip, most)
	o.trouble.hear("claiming messages", err)
	for _, f := range firings {
		o.note(f)
	}
	return firings, err
}

func (o *observed) Keep(ctx context.Context, id, holder string, state pingr.State, l pingr.Lease) (bool, error) {
	held, err := o.Store.Keep(ctx, id, holder, state, l)
	o.trouble.hear("renewing a message's lease", err)
	return held, err
}

func (o *observed) Due(ctx context.Context, l pingr.Lease, now time.Time, skip []string, most int) ([]pingr.PendingEvent, error) {
	events, err := o.Store.Due(ctx, l, now, skip, most)
	o.trouble.hear("claiming events", err)
	return events, err
}

func (o *observed) Decide(ctx context.Context, d pingr.Decision) (pingr.Firing, bool, error) {
	f, decided, err := o.Store.Decide(ctx, d)
	o.trouble.hear("storing a reply", err)
	if err == nil {
		o.note(f)
	}
	return f, decided, err
}

func (o *observed) Finish(ctx context.Context, out pingr.Outcome) error {
	err := o.Store.Finish(ctx, out)
	o.trouble.hear("recording an outcome", err)
	if err != nil {
		return err
	}
	o.mu.Lock()
	n, ok := o.firing[out.Firing]
	delete(o.firing, out.Firing)
	o.mu.Unlock()
	if ok {
		n.State, n.Outcome, n.Reason = pingr.StateDone, out.Kind, out.Reason
		o.metrics.ended(out.Kind, n.source, out.At.Sub(n.accepted))
		o.hub.publish(n.account, "firing", n)
	}
	return nil
}

// LogDelivery drops rows of events that were sent nowhere. A failed row without a
// URL gets that of the account's endpoint: no attempt was made, or the dispatcher
// did not return in time.
func (o *observed) LogDelivery(ctx context.Context, d pingr.Delivery) error {
	if d.URL == "" && d.Status == "failed" {
		a, err := o.Account(ctx, d.Account)
		if err != nil {
			return err
		}
		if a.Webhook.Wants(d.Event) {
			d.URL = a.Webhook.URL
		}
	}
	if d.URL == "" {
		return nil
	}
	err := o.Store.LogDelivery(ctx, d)
	if err == nil {
		o.hub.publish(d.Account, "delivery", deliveryOf(d, d.At.Add(d.Duration)))
	}
	return err
}
