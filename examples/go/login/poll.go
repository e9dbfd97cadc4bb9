package login

import (
	"context"
	"math"
	"net/http"
	"time"
)

// HandlePoll adds the path that a waiting page polls.
func (s *Site) HandlePoll() { s.Handle("GET /poll", s.poll) }

// poll reports how far this browser's code has got and why a message was not
// answered, and never whose browser or phone was faster.
func (s *Site) poll(w http.ResponseWriter, r *http.Request) error {
	var c Code
	var reason string
	code, ok, err := s.PollCode(r)
	if err == nil && ok {
		c, _, err = s.Code(r.Context(), code)
	}
	if err == nil {
		reason, err = s.silence(r.Context(), c)
	}
	switch {
	case err != nil:
		return err
	case c.Status == None:
		return WriteJSON(w, http.StatusNotFound, map[string]string{"status": "none"})
	}
	told := map[string]any{"status": c.Status}
	if c.Status == Asked {
		told["number"] = "…" + c.Phone[max(0, len(c.Phone)-4):]
	}
	if reason != "" {
		told["reason"] = reason
	}
	if c.Status == Waiting && reason == "cooldown" {
		left := time.Until(time.UnixMilli(c.Until))
		told["retry_after"] = max(0, int(math.Ceil(left.Seconds())))
	}
	return WriteJSON(w, http.StatusOK, told)
}

// silence returns why the chat may show no answer to the code, or "" if it
// should show one.
func (s *Site) silence(ctx context.Context, c Code) (reason string, err error) {
	if c.Status == Waiting {
		return c.Reason, nil
	}
	if c.Status.Pending() {
		reason, _, err = s.State.Get(ctx, lostKey(c.Event))
	}
	return reason, err
}
