package login

import (
	"context"
	"encoding/json"
	"net/http"
)

// A link is what a token in an address stands for.
type link struct {
	Phone string `json:"phone"`
	// Code is the pending code that it answers; empty in mobile-first.
	Code string `json:"code"`
}

// NewLink makes a link that logs phone in, once, in whichever browser opens it.
// With a code it works only while that code is sent.
func (s *Site) NewLink(ctx context.Context, phone, code string) (token string, err error) {
	value, err := json.Marshal(link{phone, code})
	if err != nil {
		return "", err
	}
	token = newToken()
	return token, s.State.Set(ctx, "login:link:"+token, string(value), s.LinkLife)
}

// LinkText is a link with the words around it.
func (s *Site) LinkText(token string) string {
	return "Log in to " + s.Name + ":\n" + s.Origin + "/in/" + token +
		"\nGood once. Did you not ask for it? Then ignore it, and pass it on to nobody."
}

// HandleLinks adds the paths that links lead to.
func (s *Site) HandleLinks() {
	s.Handle("GET /in/{token}", s.showLink)
	s.Handle("POST /in/{token}", s.useLink)
}

// showLink says whom a link logs in, and changes nothing: robots that preview
// links open them too, and somebody else's link must not log a browser in
// unasked.
func (s *Site) showLink(w http.ResponseWriter, r *http.Request) error {
	l, ok, err := readLink(s.State.Get(r.Context(), "login:link:"+r.PathValue("token")))
	if err != nil {
		return err
	}
	if ok && l.Code != "" {
		code, _, err := s.Code(r.Context(), l.Code)
		if err != nil {
			return err
		}
		ok = code.Status == Sent
	}
	if !ok {
		return s.write(w, http.StatusGone, "gone.html", "")
	}
	return s.write(w, http.StatusOK, "confirm.html", l.Phone)
}

// useLink uses a link up and logs this browser in.
func (s *Site) useLink(w http.ResponseWriter, r *http.Request) error {
	l, ok, err := readLink(s.State.Take(r.Context(), "login:link:"+r.PathValue("token")))
	if err != nil {
		return err
	}
	if ok && l.Code != "" {
		_, ok, err = s.Change(r.Context(), l.Code, func(c *Code) bool {
			was := c.Status
			c.Status = Done
			return was == Sent
		})
		if err != nil {
			return err
		}
	}
	if !ok {
		return s.write(w, http.StatusGone, "gone.html", "")
	}
	if err := s.Begin(w, r, l.Phone); err != nil {
		return err
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

func readLink(value string, ok bool, err error) (link, bool, error) {
	var l link
	if err == nil && ok {
		err = json.Unmarshal([]byte(value), &l)
	}
	return l, ok && err == nil, err
}

func (s *Site) write(w http.ResponseWriter, status int, name, phone string) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	return words.ExecuteTemplate(w, name, map[string]string{"Site": s.Name, "Phone": phone})
}
