package server

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/server/api"
)

const (
	// maxResolves is how many numbers an account may resolve in an hour, whether
	// WhatsApp is asked or not.
	maxResolves   = 1000
	resolveWindow = time.Hour
)

type resolveInput struct{ Body api.Resolve }

type resolveOutput struct{ Body api.Resolved }

// resolve is POST /v1/numbers/resolve.
func (s *Server) resolve(ctx context.Context, c caller, in *resolveInput) (*resolveOutput, error) {
	phone, err := pingr.ParsePhone(in.Body.Phone)
	if err != nil {
		return nil, badParam("phone", pingr.ErrPhone.Error())
	}
	session, err := s.sendingSession(c, in.Body.Session)
	if err != nil {
		return nil, err
	}
	limit := throttle("resolves", c.scope(), maxResolves, s.now().Add(resolveWindow))
	if err := s.limit(ctx, "numbers in an hour", limit); err != nil {
		return nil, err
	}
	if c.test { // nothing leaves test mode
		return &resolveOutput{api.Resolved{OnWhatsApp: true, Phone: phone}}, nil
	}
	who, err := s.engine.Resolve(ctx, c.scope(), session, phone)
	var limited *pingr.ResolveLimitError
	switch {
	case errors.As(err, &limited):
		wait := int(math.Ceil(limited.RetryAfter.Seconds()))
		return nil, tooMany(rateLimit, wait, "WhatsApp may not be asked about more numbers now. Try again in %ds.", wait)
	case errors.Is(err, pingr.ErrRefused):
		return nil, fail(sessionUnavailable, "WhatsApp does not say now who has the number. Try again in a minute.")
	case err != nil:
		return nil, err
	}
	return &resolveOutput{api.Resolved{OnWhatsApp: who.OnWhatsApp, Phone: who.Phone}}, nil
}
