package login

import (
	"context"
	"encoding/json"
	"net/http"
)

// A link is what a token in an address stands for.
type link struct {
	Phone string `json:"phone"`
	// Code is the pending code that the link answers. It is empty in mobile-first.
	Code string `json:"code"`
}

// NewLink makes a link that logs phone in, once, in whichever browser opens it.
func (s *Site) NewLink(ctx context.Context, phone, code string) (token string, err error) {
	value, err := json.Marshal(link{phone, code})
	if err != nil {
		return "", err
	}
	token = newToken()
	return token, s.State.Set(ctx, "login:link:"+token, string(value), s.LinkLife)
}

// LinkText returns the message with a link.
func (s *Site) LinkText(token string) string {
	return "Log in to " + s.Name + ":\n" + s.Origin + "/in/" + token +
		"\nIt works once. If you did not ask for it, ignore it. Never share it."
}

// HandleLinks adds the paths that links lead to.
func (s *Site) HandleLinks() {
	s.Handle("GET /in/{token}", s.showLink)
	s.Handle("POST /in/{token}", s.useLink)
}

// showLink shows whom a link logs in, and changes nothing: robots that preview
// links open them too, and somebody else's link must not log a browser in
// unasked. The browser that used the link some seconds ago sees the same page,
// because its answer may have been lost.
func (s *Site) showLink(w http.ResponseWriter, r *http.Request) error {
	step := linkStep(r)
	phone, _, ok, err := s.readLink(r)
	if err == nil && ok {
		err = s.mark(r.Context(), w, step, s.LinkLife)
	} else if err == nil {
		_, phone, ok, err = s.begun(r, step)
	}
	switch {
	case err != nil:
		return err
	case !ok:
		return s.write(w, http.StatusGone, "gone.html", "")
	}
	return s.write(w, http.StatusOK, "confirm.html", phone)
}

func linkStep(r *http.Request) string { return "link " + r.PathValue("token") }

// useLink uses a link up and logs this browser in.
func (s *Site) useLink(w http.ResponseWriter, r *http.Request) error {
	step := linkStep(r)
	for {
		phone, changes, ok, err := s.readLink(r)
		if err == nil && ok {
			ok, err = s.Begin(w, r, phone, step, changes...)
			if err == nil && !ok {
				continue // another request was faster
			}
		} else if err == nil {
			ok, err = s.Repeat(w, r, step)
		}
		switch {
		case err != nil:
			return err
		case !ok:
			return s.write(w, http.StatusGone, "gone.html", "")
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return nil
	}
}

// readLink returns whom a link logs in, and the changes that use it up. ok is
// false if the link is over.
func (s *Site) readLink(r *http.Request) (phone string, changes []Change, ok bool, err error) {
	key := "login:link:" + r.PathValue("token")
	value, ok, err := s.State.Get(r.Context(), key)
	if err != nil || !ok {
		return "", nil, false, err
	}
	var l link
	if err := json.Unmarshal([]byte(value), &l); err != nil {
		return "", nil, false, err
	}
	changes = []Change{{Key: key, Old: value}}
	if l.Code == "" {
		return l.Phone, changes, true, nil
	}
	code, old, err := s.Code(r.Context(), l.Code)
	if err != nil || code.Status != Sent {
		return "", nil, false, err
	}
	code.Status = Done
	done, err := ChangeCode(l.Code, old, code)
	return l.Phone, append(changes, done), err == nil, err
}

func (s *Site) write(w http.ResponseWriter, status int, name, phone string) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	return pages.ExecuteTemplate(w, name, map[string]string{"Site": s.Name, "Phone": phone})
}
