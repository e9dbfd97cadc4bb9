package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/server/api"
)

type loginInput struct {
	Origin
	Body api.LogIn
}

type loginOutput struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      api.Login
}

func accountOf(a hosted.Account) api.Account {
	return api.Account{ID: a.ID, Email: a.Email, Plan: a.Plan, CreatedAt: api.At(a.CreatedAt)}
}

// logIn is POST /v1/auth/login.
func (s *Server) logIn(ctx context.Context, _ caller, in *loginInput) (*loginOutput, error) {
	if in.foreign {
		return nil, fail(forbidden, "The request comes from another site.")
	}
	email, from, now := hosted.CleanEmail(in.Body.Email), s.client(in.request), s.now()
	giveBack, err := s.takeLogin(ctx, email, from, now)
	var limit *pingr.LimitError
	if errors.As(err, &limit) {
		return nil, tooMany(rateLimit, limit.RetryAfter(now), "Too many failed logins. Try again in %ds.",
			limit.RetryAfter(now))
	} else if err != nil {
		return nil, err
	}
	a, err := s.store.AccountByEmail(ctx, email)
	if err != nil && !errors.Is(err, hosted.ErrNotFound) {
		return nil, err
	}
	holds, err := s.passwordHolds(ctx, a.PasswordHash, in.Body.Password)
	if err != nil {
		return nil, err
	}
	if !holds {
		return nil, fail(invalidKey, "The email or password is wrong.")
	}
	if err := giveBack(); err != nil {
		return nil, err
	}
	return s.loggedIn(a, in.tls)
}

func (s *Server) loggedIn(a hosted.Account, tls bool) (*loginOutput, error) {
	token, ends, err := s.newLogin(a)
	if err != nil {
		return nil, err
	}
	out := &loginOutput{SetCookie: s.cookie(token, ends, tls)}
	out.Body.Token, out.Body.ExpiresAt, out.Body.Account = token, api.At(ends), accountOf(a)
	return out, nil
}

func (s *Server) cookie(token string, ends time.Time, tls bool) http.Cookie {
	return http.Cookie{ //nolint:gosec // Secure with https; loopback has none
		Name: s.cookieName(tls), Value: token, Path: "/", Expires: ends, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, Secure: s.config.HTTPS || tls,
	}
}

type logOutInput struct{ Origin }

type logOutOutput struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}

// logOut is POST /v1/auth/logout. The token no longer works.
func (s *Server) logOut(ctx context.Context, c caller, in *logOutInput) (*logOutOutput, error) {
	var ended *pingr.LimitError
	if err := s.store.Reserve(ctx, s.now(), endedLogin(*c.login)); err != nil && !errors.As(err, &ended) {
		return nil, err
	}
	s.hub.end(c.account.ID, c.credential)
	gone := s.cookie("", time.Unix(1, 0), in.tls) //nolint:gosec // as above
	gone.MaxAge = -1
	return &logOutOutput{gone}, nil
}

type meOutput struct{ Body api.Account }

// me is GET /v1/auth/me.
func (s *Server) me(_ context.Context, c caller, _ *struct{}) (*meOutput, error) {
	return &meOutput{accountOf(c.account)}, nil
}
