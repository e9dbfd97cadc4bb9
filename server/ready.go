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
)

const (
	// LeastSpace is how much room, in bytes, the data's disk must have.
	LeastSpace = 100 << 20
	// maxClockOff is how wrong the clock may be. Receivers of webhooks refuse what
	// is 5 minutes off.
	maxClockOff = 2 * time.Minute
	// readyTime is how long an answer of the database counts. It costs as much as
	// a message, and frequent callers must not make the database write often.
	readyTime = 2 * time.Second
)

// A check is one thing that must hold for the server to be ready.
type check struct {
	// Status is "ok", "fail", or "skip" if there is nothing to check.
	Status string `json:"status"`
	Found  string `json:"found,omitempty"`
	// Do says what to do. It is empty if all is well.
	Do string `json:"do,omitempty"`
}

func failed(do, format string, args ...any) check {
	return check{"fail", fmt.Sprintf(format, args...), do}
}

// Ready serves the whole of GET /readyz on a listener of its own, as Metrics
// does.
func (s *Server) Ready() http.Handler { return http.HandlerFunc(s.readiness.ready) }

// readiness keeps the last answer of the checks that cost something.
type readiness struct {
	server *Server
	every  time.Duration

	mu     sync.Mutex
	at     time.Time
	checks map[string]check
	logged string // the last error, so that each is logged once
}

// ready is GET /readyz. It reports whether the server does its work, each check
// by name.
func (r *readiness) ready(w http.ResponseWriter, q *http.Request) {
	out := struct {
		Status string           `json:"status"`
		Checks map[string]check `json:"checks"`
	}{"ready", map[string]check{"engine": r.engine(), "clock": r.clock()}}
	for name, c := range r.stored(q.Context()) {
		if out.Checks[name].Status != "fail" { // the clock is looked at twice
			out.Checks[name] = c
		}
	}
	status := http.StatusOK
	for _, c := range out.Checks {
		if c.Status == "fail" {
			out.Status, status = "not ready", http.StatusServiceUnavailable
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(out) // a client that left does not read it
}

func (r *readiness) engine() check {
	if !r.server.running.Load() {
		return failed("Wait if it is starting or stopping. Otherwise, check the log.", "the engine is not running")
	}
	return check{Status: "ok"}
}

// clock compares our clock with WhatsApp's, if a session knows it.
func (r *readiness) clock() check {
	best, known := time.Duration(0), false
	for _, n := range r.server.sessions.List() {
		n, ok := n.(interface {
			ClockOffset() (offset time.Duration, known bool)
		})
		if !ok {
			continue
		}
		// Use the smallest: a machine that slept leaves others stale until they
		// connect.
		if off, ok := n.ClockOffset(); ok && (!known || off.Abs() < best.Abs()) {
			best, known = off, true
		}
	}
	if best.Abs() <= maxClockOff {
		return check{Status: "ok"}
	}
	side := "behind"
	if best < 0 {
		side = "ahead of"
	}
	return failed(setClock, "it is %s %s WhatsApp's", best.Abs().Round(time.Second), side)
}

const setClock = "Set the clock (timedatectl set-ntp true): receivers refuse webhooks if it is 5 minutes off."

// database makes the reads and writes that a message needs, and compares our
// clock with the stored times.
func (r *readiness) database(ctx context.Context, now time.Time) (database, clock check) {
	clock = check{Status: "ok"}
	err := r.server.store.Check(ctx, now)
	if err != nil {
		return r.broken(err), clock
	}
	latest, err := r.server.store.LastActivity(ctx)
	if err != nil {
		return r.broken(err), clock
	}
	r.logged = ""
	if latest.Sub(now) > maxClockOff {
		clock = failed(setClock, "it says %s, but it was %s before",
			now.UTC().Format(time.DateTime), latest.UTC().Format(time.DateTime))
	}
	if what := r.server.trouble.last(); what != "" {
		return failed("Check the log.", "%s failed moments ago", what), clock
	}
	return check{Status: "ok"}, clock
}

// broken returns what the check says of an error, and logs it once. The error
// itself is shown only if the store declares its text fit to show.
func (r *readiness) broken(err error) check {
	if text := err.Error(); text != r.logged {
		r.logged = text
		r.server.log.Error("database cannot process a message", "error", err)
	}
	var damage interface {
		error
		Advice() string
	}
	if errors.As(err, &damage) {
		return failed("Messages may go unanswered: "+damage.Advice()+".", "%s",
			strings.TrimSuffix(damage.Error(), "; "+damage.Advice()))
	}
	return failed("Check the log. Is the disk full, or the database down?", "it cannot process a message")
}

// stored checks the database, what it knows of the time, and its disk.
func (r *readiness) stored(ctx context.Context) map[string]check {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.checks != nil && time.Since(r.at) < r.every {
		return r.checks
	}
	// A client that hangs up must not spoil the answer for others.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	s := r.server
	r.checks = map[string]check{"disk": {Status: "skip", Found: "unknown on this system"}}
	r.checks["database"], r.checks["clock"] = r.database(ctx, s.now())
	if s.config.FreeSpace != nil {
		if free, known := s.config.FreeSpace(); known && free < LeastSpace {
			r.checks["disk"] = failed("Free some space: messages wait at WhatsApp while nothing can be written.", "%d MB free",
				free>>20)
		} else if known {
			r.checks["disk"] = check{Status: "ok", Found: fmt.Sprintf("%d MB free", free>>20)}
		}
	}
	r.at = time.Now()
	return r.checks
}
