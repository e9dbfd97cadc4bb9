package server

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

// testScope ends the engine's name of an account's test mode, whose rows are
// its own.
const testScope = ":test"

// accountOf is what the engine asks once a message. Nothing goes out from test
// mode, and nobody is told of a session without an account.
func (s *Server) accountOf(ctx context.Context, scope string) (pingr.Account, error) {
	if scope == "" {
		return pingr.Account{}, nil
	}
	id, test := strings.CutSuffix(scope, testScope)
	a, err := s.store.Account(ctx, id)
	if err != nil {
		s.trouble.hear("reading an account's settings", err)
		return pingr.Account{}, err
	}
	mode := hosted.Live
	if test {
		mode = hosted.Test
	}
	out := pingr.Account{Settings: a.Of(mode).Settings.Engine(s.plan(a))}
	out.Settings.DayEnds = a.Settings.Midnight(s.now())
	if !test && a.Webhook.URL != "" {
		out.Settings.Events = a.Webhook.Events
		out.Dispatcher = accountDispatcher{s.dispatcher(a.Webhook)}
	}
	return out, nil
}

// disconnectGrace is an account's setting.
func (s *Server) disconnectGrace(ctx context.Context, id string) (time.Duration, error) {
	a, err := s.store.Account(ctx, id)
	if errors.Is(err, hosted.ErrNotFound) {
		return 0, nil // nobody is told
	}
	return time.Duration(a.Settings.DisconnectGraceSeconds) * time.Second, err
}

func (s *Server) dispatcher(w hosted.Webhook) *pingr.HTTPDispatcher {
	secret, others := w.Signing(s.now())
	return &pingr.HTTPDispatcher{
		URL: w.URL, Secret: secret, OtherSecrets: others, Guard: s.config.Guard, Transport: s.transport, Now: s.now,
	}
}

// An accountDispatcher tells an account's endpoint. It names sessions as the account does.
type accountDispatcher struct{ *pingr.HTTPDispatcher }

// Dispatch implements pingr.Dispatcher.
func (d accountDispatcher) Dispatch(ctx context.Context, e pingr.Event) (pingr.Reply, error) {
	e.Session = shownID(e.Session)
	return d.HTTPDispatcher.Dispatch(ctx, e)
}

// observer tells the event streams and the metrics what the engine does, and
// /readyz what fails.
func (s *Server) observer() pingr.Observer {
	return pingr.Observers(s.metrics.engine.Observer(), pingr.Observer{
		Firing: func(f pingr.Firing) {
			s.hub.publish(f.Account, "firing", noteOf(f))
		},
		Delivery: func(d pingr.Delivery) {
			s.hub.publish(d.Account, "delivery", deliveryOf(d, d.At.Add(d.Duration)))
		},
		StoreFailed: s.trouble.hear,
	})
}

// A firingNote is what the event stream says of a firing: no text, no phone.
type firingNote struct {
	ID      string            `json:"id"`
	Session string            `json:"session_id"`
	Trigger string            `json:"trigger_id"`
	State   pingr.State       `json:"state"`
	Outcome pingr.OutcomeKind `json:"outcome,omitempty"`
	Reason  string            `json:"reason,omitempty"`
}

func noteOf(f pingr.Firing) firingNote {
	return firingNote{f.ID, shownID(f.Session), f.Trigger.ID, f.State, f.Outcome, f.Reason}
}
