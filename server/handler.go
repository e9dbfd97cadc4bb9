package server

import (
	"context"
	"errors"
	"net/http"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/server/dashboard"
	"github.com/heypingr/pingr/server/reference"
)

type askedKey struct{}

// An askedRequest is what the log says of a request: its id, and the request itself, whose
// Pattern is known once it is routed. Its address may hold what must not be
// logged.
type askedRequest struct {
	id string
	r  *http.Request
}

func askedOf(ctx context.Context) (id string, attrs []any) {
	a, _ := ctx.Value(askedKey{}).(*askedRequest)
	if a == nil {
		return "", nil
	}
	route := a.r.Pattern
	if route == "" {
		route = a.r.Method + " (no route)"
	}
	return a.id, []any{"request_id", a.id, "route", route}
}

// around wraps the routes in what every request passes through.
func (s *Server) around(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := pingr.NewID("req_")
		a := &askedRequest{id: id}
		r = r.WithContext(context.WithValue(r.Context(), askedKey{}, a))
		a.r = r
		h := w.Header()
		h.Set("X-Request-Id", id)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
		h.Set("Cache-Control", "no-store")
		if s.config.HTTPS {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody+2)
		seen, began := &response{ResponseWriter: w, status: http.StatusOK}, time.Now()
		defer func() {
			p := recover()
			defer func() { s.metrics.answered(r.Pattern, seen.status, time.Since(began)) }()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler { //nolint:errorlint // panics are compared this way
				panic(p)
			}
			// The value may hold what must not be logged.
			_, attrs := askedOf(r.Context())
			s.log.Error("handler panicked", append(attrs, "stack", string(debug.Stack()))...)
			if !seen.began {
				fail(internal, "Something went wrong. Request %s.", id).write(seen)
			}
		}()
		s.route(mux, seen, r)
		if seen.then != nil {
			seen.then()
		}
	})
}

// route answers for ServeMux where it would answer in plain text.
func (s *Server) route(mux *http.ServeMux, w http.ResponseWriter, r *http.Request) {
	clean := path.Clean(r.URL.Path)
	if r.URL.Path != clean || !strings.HasPrefix(clean, "/") {
		fail(notFound, "There is no such path.").write(w)
		return
	}
	handler, pattern := mux.Handler(r)
	if pattern != "" {
		mux.ServeHTTP(w, r)
		return
	}
	probe := &refusal{header: http.Header{}}
	handler.ServeHTTP(probe, r)
	if probe.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", probe.header.Get("Allow"))
		fail(methodNotAllowed, "This path accepts %s.", probe.header.Get("Allow")).write(w)
		return
	}
	if forPeople(r) {
		s.pages.NotFound(w, r)
		return
	}
	fail(notFound, "There is no such path.").write(w)
}

// forPeople reports whether a browser asks for a page.
func forPeople(r *http.Request) bool {
	return r.Method == http.MethodGet && !strings.HasPrefix(r.URL.Path, "/v1/") &&
		strings.Contains(r.Header.Get("Accept"), "text/html")
}

// problem returns the answer to an error. What is not meant for the client is
// logged with the request's id.
func (s *Server) problem(ctx context.Context, err error) *problem {
	p, unexpected := problemOf(err, s.now())
	if unexpected {
		id, attrs := askedOf(ctx)
		attrs = append(attrs, "error", err)
		if errors.Is(ctx.Err(), context.Canceled) {
			s.log.Debug("the client left", attrs...) // such as by closing the tab: nobody reads the answer
		} else {
			s.log.Error("request failed", attrs...)
		}
		p = fail(internal, "Something went wrong. Request %s.", id)
	}
	return p
}

// A response records whether it has begun, and how.
type response struct {
	http.ResponseWriter
	began  bool
	status int
	// then, if set, continues the answer after the layers above have returned.
	then func()
}

func (r *response) WriteHeader(status int) {
	if !r.began {
		r.status = status
	}
	r.began = true
	r.ResponseWriter.WriteHeader(status)
}

func (r *response) Write(b []byte) (int, error) {
	r.began = true
	return r.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (r *response) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// A refusal records the status of an answer that is not sent.
type refusal struct {
	header http.Header
	status int
}

func (r *refusal) Header() http.Header         { return r.header }
func (r *refusal) Write(b []byte) (int, error) { return len(b), nil }
func (r *refusal) WriteHeader(status int)      { r.status = status }

// plainRoutes adds the routes without an account.
func (s *Server) plainRoutes(mux *http.ServeMux) {
	document, err := s.document()
	if err != nil {
		panic("OpenAPI document: " + err.Error()) // made from the code alone
	}
	pages, err := reference.New(document)
	if err != nil {
		panic("API reference: " + err.Error()) // likewise
	}
	mux.Handle("GET /docs", pages)
	mux.Handle("GET /docs/reference.css", pages)
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(document)
	})
	if !s.config.MetricsApart {
		mux.Handle("GET /metrics", here(s.Metrics()))
	}
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"status":"ok"}` + "\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if isLocal(r) {
			s.readiness.ready(w, r)
			return
		}
		// From elsewhere it is for load balancers, which only need the status.
		full := &refusal{header: http.Header{}, status: http.StatusOK}
		s.readiness.ready(full, r)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(full.status)
		_, _ = w.Write([]byte(readyWords[full.status == http.StatusOK] + "\n"))
	})
}

var readyWords = map[bool]string{true: `{"status":"ready"}`, false: `{"status":"not ready"}`}

// here serves only requests from this machine.
func here(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLocal(r) {
			fail(
				forbidden,
				"Metrics are served on the server's own machine only. "+
					"To scrape them from elsewhere, give them an address of their own (--metrics-listen).",
			).write(w)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// dashboard mounts the pages. They call the API through everything that a
// request passes.
func (s *Server) dashboard(mux *http.ServeMux) {
	pages, err := dashboard.New(dashboard.Config{
		API: http.HandlerFunc(s.ServeHTTP), SignUp: s.config.SignUpPlan != "", CheckURL: s.config.Guard.CheckURL, Log: s.log,
		SendRate: s.config.SendRate,
		Empty: func(ctx context.Context) bool {
			has, err := s.hasAccount(ctx)
			return err == nil && !has
		},
		TwoLogins: func(r *http.Request) bool { return len(r.CookiesNamed(s.cookieName(r.TLS != nil))) > 1 },
		Limits: func(plan string) (sessions, triggers int) {
			p := s.plan(hosted.Account{Plan: plan})
			return p.Sessions, p.Triggers
		},
	})
	if err != nil {
		panic("dashboard: " + err.Error()) // made of embedded files alone
	}
	s.pages = pages
	for _, pattern := range pages.Patterns() {
		mux.Handle(pattern, pages)
	}
}
