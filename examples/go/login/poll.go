package login

import "net/http"

// HandlePoll adds the path that a waiting page asks.
func (s *Site) HandlePoll() { s.Handle("GET /poll", s.poll) }

// poll says how far the code of this browser is, and never whose browser or
// phone was faster.
func (s *Site) poll(w http.ResponseWriter, r *http.Request) error {
	var c Code
	code, ok, err := s.PollCode(r)
	if err == nil && ok {
		c, _, err = s.Code(r.Context(), code)
	}
	switch {
	case err != nil:
		return err
	case c.Status == None:
		return WriteJSON(w, http.StatusNotFound, map[string]string{"status": "none"})
	case c.Status == Asked:
		return WriteJSON(w, http.StatusOK, map[string]string{"status": string(Asked), "number": "…" + c.Phone[max(0, len(c.Phone)-4):]})
	}
	return WriteJSON(w, http.StatusOK, map[string]string{"status": string(c.Status)})
}
