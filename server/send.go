package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/server/api"
)

type sendInput struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"255" example:"order-1042" doc:"Any text. If the same request repeats the key within 24 hours, it gets the first response again and sends nothing more."`
	Body           api.Send
}

type sendOutput struct{ Body api.Sent }

// send is POST /v1/send.
func (s *Server) send(ctx context.Context, c caller, in *sendInput) (*sendOutput, error) {
	phone, err := pingr.ParsePhone(in.Body.To)
	if err != nil {
		return nil, err
	}
	if err := checkText("message", in.Body.Message, pingr.MaxText); err != nil {
		return nil, err
	}
	in.Body.To = phone
	if in.IdempotencyKey != "" {
		// A client that hangs up must find the answer when it asks again.
		ctx = context.WithoutCancel(ctx)
		return asSent(s.sendIdempotent(ctx, c, in))
	}
	session, err := s.sendingSession(c, in.Body.Session)
	if err != nil {
		return nil, err
	}
	body, _, err := s.sendOnce(ctx, c, in.Body, session, pingr.NewID("msg_"), false)
	return asSent(body, err)
}

func asSent(body []byte, err error) (*sendOutput, error) {
	if err != nil {
		return nil, err
	}
	out := &sendOutput{}
	return out, json.Unmarshal(body, &out.Body)
}

// sendIdempotent sends once for a key, and returns the same answer ever after.
// A message that was certainly not sent is forgotten, so that the same key may
// try again. If the outcome is unknown, also because the process died, the same
// message id is sent again by the same session. It shows once and takes no
// limit twice.
func (s *Server) sendIdempotent(ctx context.Context, c caller, in *sendInput) ([]byte, error) {
	asked, err := json.Marshal(in.Body)
	if err != nil {
		return nil, err
	}
	session, refused := s.sendingSession(c, in.Body.Session)
	r := hosted.Replay{
		Scope: c.scope(), Key: in.IdempotencyKey, Request: sha256.Sum256(asked), At: s.now(),
		Body: []byte(session),
	}
	found, first, err := s.store.BeginReplay(ctx, r)
	switch {
	case err != nil:
		return nil, err
	case !first && found.Request != r.Request:
		return nil, badParam("Idempotency-Key", "was already used for another request")
	case !first && found.State == hosted.ReplayDone:
		return found.Body, nil
	case !first:
		return nil, fail(conflict, "A request with this Idempotency-Key is still in progress.")
	}
	again := found.State != ""
	if len(found.Body) > 0 {
		session, refused = string(found.Body), nil
	}
	body, unknown, failed := []byte(nil), false, refused
	if refused == nil {
		sum := sha256.Sum256([]byte(r.Scope + "\x00" + r.Key))
		body, unknown, failed = s.sendOnce(ctx, c, in.Body, session, "msg_"+hex.EncodeToString(sum[:16]), again)
	}
	switch {
	case failed == nil:
		r.State, r.Status, r.Body = hosted.ReplayDone, 200, body
	case unknown:
		r.State, r.Body = hosted.ReplayUnknown, []byte(session)
	}
	if err := s.store.EndReplay(context.WithoutCancel(ctx), r); err != nil {
		s.log.Error("could not store the response for its idempotency key", "error", err)
	}
	return body, failed
}

// sendOnce sends through a session that sendingSession returned. unknown
// reports that it is not known whether the message went out.
func (s *Server) sendOnce(
	ctx context.Context, c caller, in api.Send, session, id string, again bool,
) (body []byte, unknown bool, err error) {
	r := pingr.SendRequest{ID: id, Account: c.scope(), Session: session, To: in.To, Text: in.Message, Again: again}
	if c.test {
		r.Via = simulatedSession{}
	}
	_, err = s.engine.Send(ctx, r)
	s.metrics.sent(c.mode(), err)
	if err != nil {
		return nil, again || errors.Is(err, pingr.ErrUnknown), sendProblem(err, in.To, s.now())
	}
	_, remaining, err := s.used(ctx, c)
	if err != nil && ctx.Err() == nil {
		s.log.Warn("could not read how many messages remain", "error", err) // the message is sent all the same
	}
	body, err = json.Marshal(api.Sent{
		Success: true, MessageID: id, To: in.To, Session: shownID(session), Remaining: remaining,
	})
	return body, false, err
}

// sendingSession returns the stored name of the requested session, or of any
// that is connected.
func (s *Server) sendingSession(c caller, id string) (string, error) {
	if id == "" && c.test {
		id = testSession
	}
	if id == "" {
		for _, n := range s.ownSessions(c) {
			if n.Record().State == pingr.SessionConnected {
				return n.ID(), nil
			}
		}
		return "", fail(sessionUnavailable, "No session is connected.")
	}
	return s.storedSession(c, id)
}

func sendProblem(err error, phone string, now time.Time) error {
	var limit *pingr.LimitError
	switch {
	case errors.As(err, &limit) && limit.Kind == pingr.Cooldown:
		wait := limit.RetryAfter(now)
		return tooMany(rateLimit, wait, "Number +%s is in cooldown. Try again in %ds.", phone, wait)
	case errors.Is(err, pingr.ErrNotOnWhatsApp):
		return badParam("to", "is not on WhatsApp")
	case errors.Is(err, pingr.ErrNotSent) && !errors.Is(err, pingr.ErrUnknown):
		return fail(sessionUnavailable, "WhatsApp refused the message.")
	case errors.Is(err, pingr.ErrUnknown):
		return fail(
			sessionUnavailable,
			"WhatsApp did not confirm the message. Repeat the request with the same Idempotency-Key: "+
				"the person sees the message once.",
		)
	}
	return err
}
