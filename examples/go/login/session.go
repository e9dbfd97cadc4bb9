package login

import (
	"net/http"
	"time"
)

// Begin logs a browser in: always by a new token, so that one that somebody
// else put into the browser is worth nothing, and without the session that the
// browser had.
func (s *Site) Begin(w http.ResponseWriter, r *http.Request, phone string) error {
	if err := s.forget(r); err != nil {
		return err
	}
	token := newToken()
	if err := s.State.Set(r.Context(), "login:session:"+token, phone, sessionLife); err != nil {
		return err
	}
	s.setCookie(w, sessionCookie, token, sessionLife)
	return nil
}

func (s *Site) me(w http.ResponseWriter, r *http.Request) error {
	phone, ok, err := s.State.Get(r.Context(), "login:session:"+cookie(r, sessionCookie))
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
	token := cookie(r, sessionCookie)
	if token == "" {
		return nil
	}
	_, _, err := s.State.Take(r.Context(), "login:session:"+token)
	return err
}
