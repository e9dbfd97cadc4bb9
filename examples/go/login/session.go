package login

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"time"
)

// repeatLife is how long a browser may repeat the step that logged it in.
const repeatLife = 30 * time.Second

// mark gives a browser a new nonce: who presses first with it may press again,
// and nobody else.
func (s *Site) mark(w http.ResponseWriter, life time.Duration) {
	s.setCookie(w, onceCookie, newToken(), life)
}

// Begin logs a browser in if changes, which use the step up, can be made, and
// reports whether it did: all of it is one atomic step. It is always by a new
// token, so that one that somebody else put into the browser is worth nothing,
// and without the session that the browser had.
func (s *Site) Begin(w http.ResponseWriter, r *http.Request, phone, step string, changes ...Change) (bool, error) {
	token := newToken()
	changes = append(changes, Change{Key: "login:session:" + token, New: phone, Life: sessionLife})
	if key := s.repeatKey(r, step); key != "" {
		changes = append(changes, Change{Key: key, New: token, Life: repeatLife})
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

// Repeat gives the browser that did a step some seconds ago the same answer, the
// same session: the first may have been lost on the way. It reports whether it
// did.
func (s *Site) Repeat(w http.ResponseWriter, r *http.Request, step string) (bool, error) {
	key := s.repeatKey(r, step)
	if key == "" {
		return false, nil
	}
	token, ok, err := s.State.Get(r.Context(), key)
	if err != nil || !ok {
		return false, err
	}
	if _, ok, err = s.State.Get(r.Context(), "login:session:"+token); err != nil || !ok {
		return false, err // logged out meanwhile
	}
	s.setCookie(w, sessionCookie, token, sessionLife)
	return true, nil
}

// repeatKey is by what a browser repeats a step; empty without a nonce.
func (s *Site) repeatKey(r *http.Request, step string) string {
	nonce := s.cookie(r, onceCookie)
	if nonce == "" {
		return ""
	}
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
