package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/server/api"
)

const maxSimulated = 20 // a minute

type webhookOutput struct{ Body api.Webhook }

func (s *Server) webhookOf(c caller, w hosted.Webhook) *webhookOutput {
	out := &webhookOutput{}
	if w.URL != "" {
		out.Body.URL = &w.URL
	}
	if out.Body.Events = w.Events; len(w.Events) == 0 {
		out.Body.Events = pingr.EventTypes()
	}
	if c.login == nil {
		out.Body.Secret = cutSecret(w.Secret)
		return out
	}
	out.Body.Secret = w.Secret
	if signing, others := w.Signing(s.now()); len(others) > 0 {
		out.Body.OldSecret, out.Body.OldExpiresAt = signing, api.MaybeAt(time.UnixMilli(w.OldUntil))
	}
	return out
}

func cutSecret(secret string) string {
	if len(secret) < 12 {
		return ""
	}
	return secret[:6] + "…" + secret[len(secret)-4:]
}

// showWebhook is GET /v1/webhooks. Test mode has the live endpoint until it
// changes its own.
func (s *Server) showWebhook(_ context.Context, c caller, _ *settingsInput) (*webhookOutput, error) {
	return s.webhookOf(c, c.own().Webhook), nil
}

type setWebhookInput struct {
	ModeParam
	Body api.SetWebhook
}

// setWebhook is PUT /v1/webhooks.
func (s *Server) setWebhook(ctx context.Context, c caller, in *setWebhookInput) (*webhookOutput, error) {
	if in.Body.URL != "" {
		if err := s.config.Guard.CheckURL(in.Body.URL); err != nil {
			return nil, badParam("url", err.Error())
		}
	}
	a, err := s.store.UpdateAccount(ctx, c.account.ID, func(a *hosted.Account) error {
		a.Change(c.mode(), func(own *hosted.PerMode) {
			own.Webhook.URL, own.Webhook.Events = in.Body.URL, nil
			if in.Body.Events != nil {
				own.Webhook.Events = *in.Body.Events
			}
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.webhookOf(c, a.Of(c.mode()).Webhook), nil
}

type rotateInput struct {
	ModeParam
	Body *api.RotateSecret
}

type secretOutput struct{ Body api.Secret }

// defaultOverlap gives the endpoint's operator a day to add the new secret.
const defaultOverlap = 24 * time.Hour

// rotateSecret is POST /v1/webhooks/rotate-secret.
func (s *Server) rotateSecret(ctx context.Context, c caller, in *rotateInput) (*secretOutput, error) {
	overlap, secret, signsFrom := defaultOverlap, pingr.NewSecret(), time.Time{}
	if in.Body != nil && in.Body.Overlap != nil {
		overlap = time.Duration(*in.Body.Overlap) * time.Second
	}
	_, err := s.store.UpdateAccount(ctx, c.account.ID, func(a *hosted.Account) (err error) {
		a.Change(c.mode(), func(own *hosted.PerMode) {
			signsFrom, err = own.Webhook.Rotate(secret, overlap, s.now())
		})
		return err
	})
	if err != nil {
		return nil, orProblem(err, map[error]*problem{
			hosted.ErrRotations: fail(
				conflict,
				"The secret was rotated too often while an older one still signs. "+
					"Wait for old_secret_expires_at, or rotate with overlap_seconds 0.",
			),
		})
	}
	out := &secretOutput{}
	out.Body.Secret, out.Body.SignsFrom = secret, api.At(signsFrom)
	return out, nil
}

type simulateInput struct {
	ModeParam
	Body api.Simulate
}

type simulateOutput struct{ Body api.Simulated }

// simulate is POST /v1/webhooks/simulate. It sends an event as the engine
// would, but no message.
func (s *Server) simulate(ctx context.Context, c caller, in *simulateInput) (*simulateOutput, error) {
	phone, err := pingr.ParsePhone(in.Body.Phone)
	if err != nil {
		return nil, badParam("phone", err.Error())
	}
	if err := checkText("message", in.Body.Message, pingr.MaxText); err != nil {
		return nil, err
	}
	now := s.now()
	minute := pingr.Limit{
		Kind: pingr.Cooldown, Key: "simulate/" + c.account.ID, Max: maxSimulated, Until: now.Add(time.Minute),
	}
	var limit *pingr.LimitError
	if err := s.store.Reserve(ctx, now, minute); errors.As(err, &limit) {
		return nil, tooMany(rateLimit, limit.RetryAfter(now), "At most %d simulations a minute. Try again in %ds.",
			maxSimulated, limit.RetryAfter(now))
	} else if err != nil {
		return nil, err
	}
	if in.Body.Session == testSession {
		c.test = true
	}
	stored, err := s.storedSession(c, in.Body.Session)
	if err != nil {
		return nil, err
	}
	hook := c.own().Webhook
	if hook.URL == "" {
		return nil, fail(conflict, "No webhook endpoint is set. Set one first.")
	}
	trigger, _, err := s.store.FindTrigger(ctx, stored, pingr.Phrases(in.Body.Message))
	if err != nil {
		return nil, err
	}
	person, err := s.simulatedPerson(ctx, c.scope(), phone)
	if err != nil {
		return nil, err
	}
	event := simulated(in.Body.Session, person, in.Body.Message, trigger, now)
	out := &simulateOutput{}
	out.Body.PayloadSent = event
	reply, failed := s.dispatcher(hook).Dispatch(ctx, event)
	d := pingr.Delivery{
		ID: pingr.NewID("dlv_"), Account: c.scope(), Session: in.Body.Session, EventID: event.ID, Event: event.Type,
		URL: reply.URL, Status: "simulated", HTTPStatus: reply.Status, DynamicReply: failed == nil &&
			reply.Text != "", NoReply: reply.NoReply,
		Attempt: 1, Duration: s.now().Sub(now), At: now,
	}
	if failed != nil {
		d.Error = failed.Error()
	}
	if err := s.store.LogDelivery(context.WithoutCancel(ctx), d); err != nil {
		s.log.Warn("could not log a delivery", "event_id", event.ID, "error", err)
	}
	s.hub.publish(d.Account, "delivery", deliveryOf(d, d.At.Add(d.Duration)))
	if out.Body.Delivered = failed == nil; reply.Status != 0 {
		out.Body.StatusCode = &reply.Status
	}
	if d.DynamicReply {
		out.Body.DynamicReply = &reply.Text
	}
	out.Body.NoReply = maybe(d.NoReply)
	return out, nil
}

// simulatedPerson returns who has a number. Nobody is remembered for a
// simulation: a number that never wrote has the same id every time.
func (s *Server) simulatedPerson(ctx context.Context, scope, phone string) (pingr.Person, error) {
	p, err := s.store.Person(ctx, scope, phone)
	if errors.Is(err, hosted.ErrNotFound) {
		sum := sha256.Sum256([]byte(scope + " " + phone))
		return pingr.Person{ID: "per_" + hex.EncodeToString(sum[:16]), Phone: phone}, nil
	}
	return p, err
}

// simulated returns an event like those of the engine, except for its mark.
// Somebody may try an endpoint before there is a trigger; the event then names
// none.
func simulated(session string, p pingr.Person, text string, t pingr.Trigger, now time.Time) pingr.Event {
	from := pingr.From{Phone: p.Phone, JID: pingr.PhoneJID(p.Phone), Person: p.ID}
	if p.Changed {
		from.PhoneSince = p.Since.UnixMilli()
	}
	e := pingr.Event{
		Type: pingr.EventMessageReceived, Session: session, From: &from,
		Message: &pingr.EventMessage{Text: text, Type: "text", ID: pingr.NewID("3EB0"), Timestamp: now.UnixMilli()},
		ID:      pingr.NewID("evt_"), Timestamp: now.UnixMilli(), Attempt: 1,
		AutoReply: &pingr.AutoReply{Status: "pending"}, Simulated: true,
	}
	if t.ID != "" {
		e.Trigger = &pingr.EventTrigger{ID: t.ID, Phrase: t.Phrase}
	}
	return e
}
