package server

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/account"
)

// setupToken is the name of the value that lets somebody make the first
// account.
const setupToken = "setup token"

// SetupToken returns what the one-time set-up link carries
// ("/setup?token=…"), or "" when there is an account already.
func (s *Server) SetupToken(ctx context.Context) (string, error) {
	accounts, err := s.store.Accounts(ctx)
	if err != nil || len(accounts) > 0 {
		return "", err
	}
	token, err := s.store.KeepValue(ctx, setupToken, func() []byte { return []byte(rand.Text()) })
	return string(token), err
}

type setUpInput struct {
	Origin
	Body struct {
		Token    string `json:"token" maxLength:"100" doc:"Of the link that was printed at the first start."`
		Email    string `json:"email" minLength:"3" maxLength:"254"`
		Password string `json:"password" maxLength:"800" doc:"8 to 200 characters."`
	}
}

// setUp is POST /v1/auth/setup: it makes the first account, once.
func (s *Server) setUp(c caller, in *setUpInput) (*loginOutput, error) {
	if in.foreign {
		return nil, fail(forbidden, "The request comes from another site.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	want, err := s.SetupToken(c.ctx)
	if err != nil {
		return nil, err
	}
	if want == "" || subtle.ConstantTimeCompare([]byte(want), []byte(in.Body.Token)) != 1 {
		return nil, fail(invalidKey, "The set-up link is invalid, or was used.")
	}
	hash, err := HashPassword(in.Body.Password)
	if err != nil {
		return nil, badParam("password", err.Error())
	}
	plan := s.config.Plans[len(s.config.Plans)-1].Name
	a, err := account.New(in.Body.Email, hash, plan, s.now())
	if err != nil {
		return nil, badParam("email", err.Error())
	}
	if err := s.store.CreateAccount(c.ctx, a); err != nil {
		return nil, err
	}
	if err := s.store.ForgetValue(c.ctx, setupToken); err != nil && !errors.Is(err, pingr.ErrConflict) {
		return nil, err
	}
	return s.loggedIn(a)
}
