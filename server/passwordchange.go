package server

import (
	"context"
	"errors"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/server/api"
)

type passwordInput struct {
	Origin
	Body api.ChangePassword
}

// changePassword is POST /v1/auth/password. A login's token holds a mark of the
// password, so every login ends with it. The caller gets a new login.
func (s *Server) changePassword(ctx context.Context, c caller, in *passwordInput) (*loginOutput, error) {
	if !passwordFits(in.Body.New) {
		return nil, badParam("new_password", passwordRule)
	}
	now := s.now()
	giveBack, err := s.takeLogin(ctx, c.account.Email, s.client(in.request), now)
	var limit *pingr.LimitError
	if errors.As(err, &limit) {
		return nil, tooMany(rateLimit, limit.RetryAfter(now), "Too many wrong passwords. Try again in %ds.",
			limit.RetryAfter(now))
	} else if err != nil {
		return nil, err
	}
	holds, err := s.passwordHolds(ctx, c.account.PasswordHash, in.Body.Current)
	if err != nil {
		return nil, err
	}
	if !holds {
		return nil, fail(forbidden, "The current password is wrong.")
	}
	if err := giveBack(); err != nil {
		return nil, err
	}
	hash, err := s.hashPassword(ctx, in.Body.New)
	if err != nil {
		return nil, err
	}
	changed, err := s.store.UpdateAccount(ctx, c.account.ID, func(a *hosted.Account) error {
		if a.PasswordHash != c.account.PasswordHash {
			return fail(conflict, "The password was changed in the meantime. Log in with the new one.")
		}
		a.PasswordHash = hash
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.hub.endLogins(c.account.ID)
	return s.loggedIn(changed, in.tls)
}
