package server

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/server/api"
)

// setupToken is the name of the value that allows making the first account.
const setupToken = "setup token"

// loadSetup keeps the token of the set-up link in memory if there is no account
// yet, so that a guess costs the store nothing.
func (s *Server) loadSetup(ctx context.Context) error {
	if has, err := s.hasAccount(ctx); err != nil || has {
		return err
	}
	var err error
	s.setup, err = s.store.LoadOrStoreValue(ctx, setupToken, func() []byte { return []byte(rand.Text()) })
	return err
}

// hasAccount reports whether there is an account. Accounts stay, so it asks the
// store only until there is one.
func (s *Server) hasAccount(ctx context.Context) (bool, error) {
	if s.anyAccount.Load() {
		return true, nil
	}
	found, err := s.store.AnyAccount(ctx)
	if err == nil && found {
		s.anyAccount.Store(true)
	}
	return found, err
}

// SetupToken returns the token of the one-time set-up link ("/setup?token=…"),
// or "" if there is an account already.
func (s *Server) SetupToken(ctx context.Context) (string, error) {
	if has, err := s.hasAccount(ctx); err != nil || has {
		return "", err
	}
	return string(s.setup), nil
}

type setUpInput struct {
	Origin
	Body api.SetUp
}

// setUp is POST /v1/auth/setup. It creates the first account, once.
func (s *Server) setUp(ctx context.Context, _ caller, in *setUpInput) (*loginOutput, error) {
	if in.foreign {
		return nil, fail(forbidden, "The request comes from another site.")
	}
	if !passwordFits(in.Body.Password) {
		return nil, badParam("password", passwordRule)
	}
	a, err := hosted.New(in.Body.Email, "", s.config.Plans[len(s.config.Plans)-1].Name, s.now())
	if err != nil {
		return nil, badParam("email", err.Error())
	}
	dead := fail(invalidKey, "The setup link is invalid or was already used.")
	// Anybody may call this, so nothing is locked or read before the token is
	// correct.
	if len(s.setup) == 0 || subtle.ConstantTimeCompare(s.setup, []byte(in.Body.Token)) != 1 {
		return nil, dead
	}
	s.settingUp.Lock()
	defer s.settingUp.Unlock()
	if has, err := s.hasAccount(ctx); err != nil {
		return nil, err
	} else if has {
		return nil, dead
	}
	if a.PasswordHash, err = HashPassword(in.Body.Password); err != nil {
		return nil, err
	}
	if err := s.store.CreateAccount(ctx, a); err != nil {
		return nil, err
	}
	if err := s.store.DeleteValue(ctx, setupToken); err != nil && !errors.Is(err, pingr.ErrConflict) {
		return nil, err
	}
	return s.loggedIn(a, in.tls)
}
