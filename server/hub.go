package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/heypingr/pingr"
)

const (
	// maxStreams is how many event streams one account may hold open.
	maxStreams = 20
	// streamBuffer is how many events wait for a slow reader. One more ends its
	// stream, and the reader reconnects.
	streamBuffer = 64
	heartbeat    = 15 * time.Second
	// streamPatience is how long a reader may take to receive what is written to
	// it.
	streamPatience = 30 * time.Second
)

// A hub passes events to the open streams of an account.
type hub struct {
	mu     sync.Mutex
	closed bool
	// patience is streamPatience, except in tests.
	patience time.Duration
	// streams are by scope. Each has the credential that opened it.
	streams map[string]map[chan []byte]string
}

func newHub() *hub {
	return &hub{patience: streamPatience, streams: map[string]map[chan []byte]string{}}
}

func (h *hub) publish(scope, event string, data any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.streams[scope]) == 0 {
		return
	}
	body, err := json.Marshal(data)
	if err != nil {
		return // our own plain structs
	}
	frame := fmt.Appendf(nil, "event: %s\ndata: %s\n\n", event, body)
	for c := range h.streams[scope] {
		select {
		case c <- frame:
		default:
			h.drop(scope, c)
		}
	}
}

// open returns a stream for a credential. ok is false if there are too many.
func (h *hub) open(scope, credential string) (c chan []byte, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.streams[scope]) >= maxStreams {
		return nil, false
	}
	if h.streams[scope] == nil {
		h.streams[scope] = map[chan []byte]string{}
	}
	c = make(chan []byte, streamBuffer)
	h.streams[scope][c] = credential
	return c, true
}

// count returns how many streams are open.
func (h *hub) count() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, streams := range h.streams {
		n += len(streams)
	}
	return n
}

func (h *hub) leave(scope string, c chan []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(scope, c)
}

// drop closes a stream. The caller holds h.mu.
func (h *hub) drop(scope string, c chan []byte) {
	if _, ok := h.streams[scope][c]; ok {
		delete(h.streams[scope], c)
		close(c)
	}
	if len(h.streams[scope]) == 0 {
		delete(h.streams, scope)
	}
}

// end ends the streams of a credential of an account.
func (h *hub) end(owner, credential string) {
	h.endIf(owner, func(opener string) bool { return opener == credential })
}

// endLogins ends the streams of all logins of an account. Those of keys
// continue.
func (h *hub) endLogins(owner string) {
	h.endIf(owner, func(opener string) bool { return !strings.HasPrefix(opener, "key_") })
}

func (h *hub) endIf(owner string, ends func(opener string) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, scope := range []string{owner, owner + testScope} {
		for c, opener := range h.streams[scope] {
			if ends(opener) {
				h.drop(scope, c)
			}
		}
	}
}

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for scope, streams := range h.streams {
		for c := range streams {
			h.drop(scope, c)
		}
	}
}

// sessionChanged notifies the streams of a session's account.
func (s *Server) sessionChanged(r pingr.SessionRecord) {
	s.hub.publish(r.Account, "session", map[string]any{
		"id": shownID(r.ID), "name": r.Name, "status": r.State, "detail": r.Detail,
	})
}

type eventsInput struct{ ModeParam }

// events is GET /v1/events. A stream ends with the key or login that opened it:
// at once if this process ends it, otherwise by the next heartbeat.
func (s *Server) events(_ context.Context, c caller, _ *eventsInput) (*huma.StreamResponse, error) {
	stream, ok := s.hub.open(c.scope(), c.credential)
	if !ok {
		return nil, tooMany(rateLimit, 5, "Too many event streams are open.")
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		r, w := humago.Unwrap(ctx)
		run := func() { s.stream(w, r, c, stream) }
		if seen, ok := w.(*response); ok {
			seen.then = run // there may be thousands of streams: none keeps the layers above on its stack
		} else {
			run()
		}
	}}, nil
}

// stream writes the events of an open stream until it ends.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, c caller, stream chan []byte) {
	defer s.hub.leave(c.scope(), stream)
	control := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	frame := []byte(": open\n\n")
	for {
		_ = control.SetWriteDeadline(time.Now().Add(s.hub.patience)) // a stream lasts, but not without its reader
		if _, err := w.Write(frame); err != nil || control.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case next, open := <-stream:
			if !open {
				return
			}
			frame = next
		case <-tick.C:
			if s.refused(r) {
				return
			}
			frame = []byte(": still here\n\n")
		}
	}
}

// refused reports whether the caller would be refused now. If the store does
// not answer, nobody is refused.
func (s *Server) refused(r *http.Request) bool {
	_, err := s.caller(r, byBoth)
	var p *problem
	return errors.As(err, &p)
}
