package login

import (
	"math"
	"net/http"
	"time"
)

// HandlePoll adds the path that a waiting page asks.
func (s *Site) HandlePoll() { s.Handle("GET /poll", s.poll) }

// poll says how far the code of this browser is, why a message was not answered,
// and never whose browser or
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
	case c.Status == Waiting && c.Reason == "cooldown":
		left := time.Until(time.UnixMilli(c.Until))
		return WriteJSON(w, http.StatusOK, map[string]any{"status": Waiting, "reason": c.Reason, "retry_after": max(0, int(math.Ceil(left.Seconds())))})
	case c.Status == Waiting && c.Reason != "":
		return WriteJSON(w, http.StatusOK, map[string]any{"status": Waiting, "reason": c.Reason})
	}
	return WriteJSON(w, http.StatusOK, map[string]string{"status": string(c.Status)})
}
