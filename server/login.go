package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

type loginInput struct {
	Origin
	Body struct {
		Email    string `json:"email" minLength:"3" maxLength:"254"`
		Password string `json:"password" minLength:"1" maxLength:"800"`
	}
}

type loginOutput struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      struct {
		Token     string      `json:"token"`
		ExpiresAt string      `json:"expires_at" format:"date-time"`
		Account   accountJSON `json:"account"`
	}
}

type accountJSON struct {
	ID        string `json:"id"`
	Email     string `json:"email"`
	Plan      string `json:"plan"`
	CreatedAt string `json:"created_at" format:"date-time"`
}

func accountOf(a hosted.Account) accountJSON {
	return accountJSON{ID: a.ID, Email: a.Email, Plan: a.Plan, CreatedAt: stamp(a.CreatedAt)}
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
		return nil, tooMany(rateLimit, limit.RetryAfter(now), "Too many failed logins. Try again in %ds.", limit.RetryAfter(now))
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
	out.Body.Token, out.Body.ExpiresAt, out.Body.Account = token, stamp(ends), accountOf(a)
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

type meOutput struct{ Body accountJSON }

// me is GET /v1/auth/me.
func (s *Server) me(_ context.Context, c caller, _ *struct{}) (*meOutput, error) {
	return &meOutput{accountOf(c.account)}, nil
}
