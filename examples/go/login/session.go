package login

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"time"
)

// repeatLife is how long a browser may repeat the step that logged it in.
const repeatLife = 30 * time.Second

// opened stands for a session while a step is open to a browser.
const opened = "opened"

// mark gives a browser a new nonce for a step. The browser that presses first
// with it may press again, and no other. Only a nonce that was given this way
// counts.
func (s *Site) mark(ctx context.Context, w http.ResponseWriter, step string, life time.Duration) error {
	nonce := newToken()
	s.setCookie(w, onceCookie, nonce, life)
	return s.State.Set(ctx, repeatKey(nonce, step), opened, life)
}

// DigitsStep names the step of typing the digits of a code.
func DigitsStep(code string) string { return "digits " + code }

// Begin logs a browser in if changes, which use the step up, can be made, and
// reports whether it did. All of this is one atomic step. The session always
// has a new token, so that a token that somebody else put into the browser is
// worthless, and the session that the browser had ends.
func (s *Site) Begin(w http.ResponseWriter, r *http.Request, phone, step string, changes ...Change) (bool, error) {
	token := newToken()
	changes = append(changes, Change{Key: "login:session:" + token, New: phone, Life: sessionLife})
	key := repeatKey(s.cookie(r, onceCookie), step)
	if value, _, err := s.State.Get(r.Context(), key); err != nil {
		return false, err
	} else if value == opened {
		changes = append(changes, Change{Key: key, Old: opened, New: token, Life: repeatLife})
	}
	if done, err := s.State.Commit(r.Context(), changes...); err != nil || !done {
		return false, err
	}
	if err := s.forget(r); err != nil {
		return false, err
	}
	s.setCookie(w, sessionCookie, token, sessionLife)
	return true, nil
}

// Repeat gives the browser that did a step some seconds ago the same answer
// with the same session, because the first answer may have been lost on the
// way. It reports whether it did.
func (s *Site) Repeat(w http.ResponseWriter, r *http.Request, step string) (bool, error) {
	token, _, ok, err := s.begun(r, step)
	if err != nil || !ok {
		return false, err
	}
	s.setCookie(w, sessionCookie, token, sessionLife)
	return true, nil
}

// begun returns the session that this browser began with a step some seconds
// ago, and its owner. ok is false if there is none, or it has ended since.
func (s *Site) begun(r *http.Request, step string) (token, phone string, ok bool, err error) {
	token, ok, err = s.State.Get(r.Context(), repeatKey(s.cookie(r, onceCookie), step))
	if err != nil || !ok || token == opened {
		return "", "", false, err
	}
	phone, ok, err = s.State.Get(r.Context(), "login:session:"+token)
	return token, phone, ok, err
}

// repeatKey returns the key under which a browser with that nonce repeats a
// step.
func repeatKey(nonce, step string) string {
	return fmt.Sprintf("login:repeat:%x", sha256.Sum256([]byte(nonce+" "+step)))
}

func (s *Site) me(w http.ResponseWriter, r *http.Request) error {
	phone, ok, err := s.State.Get(r.Context(), "login:session:"+s.cookie(r, sessionCookie))
	switch {
	case err != nil:
		return err
	case !ok:
		return WriteJSON(w, http.StatusUnauthorized, map[string]string{"error": "not logged in"})
	}
	return WriteJSON(w, http.StatusOK, map[string]string{"phone": phone})
}

func (s *Site) logout(w http.ResponseWriter, r *http.Request) error {
	if err := s.forget(r); err != nil {
		return err
	}
	s.setCookie(w, sessionCookie, "", -time.Second)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// forget ends the session that a browser has.
func (s *Site) forget(r *http.Request) error {
	token := s.cookie(r, sessionCookie)
	if token == "" {
		return nil
	}
	_, _, err := s.State.Take(r.Context(), "login:session:"+token)
	return err
}
