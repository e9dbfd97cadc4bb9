package server

import (
	"context"
	"errors"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/server/api"
)

const (
	maxSignUps   = 5
	signUpWindow = time.Hour
)

type signUpInput struct {
	Origin
	Body api.SignUp
}

// signUp is POST /v1/auth/signup. Anybody may create an account, if the
// deployment allows it. It is no secret here that an address already has an
// account: the person signing up has to be told.
func (s *Server) signUp(ctx context.Context, _ caller, in *signUpInput) (*loginOutput, error) {
	if in.foreign {
		return nil, fail(forbidden, "The request comes from another site.")
	}
	now := s.now()
	a, err := hosted.New(in.Body.Email, "", s.config.SignUpPlan, now)
	if err != nil {
		return nil, badParam("email", err.Error())
	}
	if !passwordFits(in.Body.Password) {
		return nil, badParam("password", passwordRule)
	}
	if s.config.SignUpPlan == "" {
		return nil, fail(forbidden, "Sign-up is disabled on this server. Ask its operator for an account.")
	}
	// Each try counts however it ends, because it costs a password hash.
	tries := byAddress("sign up", s.client(in.request), maxSignUps, now.Add(signUpWindow))
	var limit *pingr.LimitError
	if err := s.store.Reserve(ctx, now, tries...); errors.As(err, &limit) {
		return nil, tooMany(rateLimit, limit.RetryAfter(now), "Too many accounts from this address. Try again in %ds.",
			limit.RetryAfter(now))
	} else if err != nil {
		return nil, err
	}
	if a.PasswordHash, err = s.hashPassword(ctx, in.Body.Password); err != nil {
		return nil, err
	}
	if err := s.store.CreateAccount(ctx, a); errors.Is(err, pingr.ErrConflict) {
		return nil, fail(conflict, "An account with this email already exists.")
	} else if err != nil {
		return nil, err
	}
	return s.loggedIn(a, in.tls)
}
