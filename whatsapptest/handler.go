package whatsapptest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of what a request to Handler may ask for.
const (
	maxBody     = 16 << 20 // a message with a picture
	linkTimeout = 30 * time.Second
	waitDefault = 10 * time.Second
	waitMax     = 60 * time.Second
)

// Handler serves the whole server over HTTP with JSON: phones and what people do with them, faults of
// linked clients and of the network, groups, the ledger. docs/whatsapptest-http.md lists every route,
// and GET / returns the same page. Paths are relative to where it is mounted (http.StripPrefix).
//
// Errors are {"error":"…"} with 400 for a request that cannot be read, 404 for an unknown phone, device
// or group, 409 for a number that is taken, 422 for an act that failed, and 504 for a wait that ended
// without result.
//
// There is no authentication: any client can act as any phone. State-changing requests
// of other web pages are refused. Streams and waits end with the server.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range routes() {
		mux.HandleFunc(r.pattern, func(w http.ResponseWriter, req *http.Request) {
			ctx, cancel := context.WithCancel(req.Context())
			defer cancel()
			defer context.AfterFunc(s.ctx, cancel)()
			s.serveRoute(r, w, req.WithContext(ctx))
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) {
		writeError(w, http.StatusNotFound, fmt.Errorf("no route %s %s; GET / lists them", req.Method, req.URL.Path))
	})
	return http.NewCrossOriginProtection().Handler(mux)
}

// A route is one row of the table that Handler serves and that its reference page shows.
type route struct {
	pattern string   // method and path, for http.ServeMux
	does    string   // what it does, for the reference
	calls   []string // the exported methods behind it, such as "Phone.Send"
	status  int      // on success
	body    any      // a zero request, or none{}
	answer  any      // a zero answer, or none{}
	serve   func(*call) (any, error)
}

// none is the body of a request or answer that has none.
type none struct{}

// A call is one request, with what its path names.
type call struct {
	srv    *Server
	w      http.ResponseWriter
	r      *http.Request
	ctx    context.Context
	phone  *Phone
	device *Device
	group  *Group
}

// on returns a route. calls are the exported methods behind it, separated by spaces. The status is 204
// for an act without answer.
func on[B, A any](pattern, does, calls string, serve func(*call, B) (A, error)) route {
	r := route{
		pattern: pattern, does: does, calls: strings.Fields(calls), status: http.StatusOK,
		body: *new(B), answer: *new(A),
	}
	if _, empty := r.answer.(none); empty {
		r.status = http.StatusNoContent
	}
	r.serve = func(c *call) (any, error) {
		var body B
		if err := c.read(&body); err != nil {
			return nil, err
		}
		return serve(c, body)
	}
	return r
}

// does adapts an act that has no answer.
func does[B any](act func(*call, B) error) func(*call, B) (none, error) {
	return func(c *call, body B) (none, error) { return none{}, act(c, body) }
}

// acts adapts an act that has neither body nor answer and cannot fail.
func acts(act func(*call)) func(*call, none) (none, error) {
	return func(c *call, _ none) (none, error) {
		act(c)
		return none{}, nil
	}
}

// created makes 201 the route's status.
func (r route) created() route {
	r.status = http.StatusCreated
	return r
}

// errAnswered means that a route has written its own answer.
var errAnswered = errors.New("answered")

func (s *Server) serveRoute(r route, w http.ResponseWriter, req *http.Request) {
	c := &call{srv: s, w: w, r: req, ctx: req.Context()}
	answer, err := any(nil), c.resolve()
	if err == nil {
		answer, err = r.serve(c)
	}
	var failed *statusError
	switch {
	case errors.Is(err, errAnswered):
	case errors.As(err, &failed):
		writeError(w, failed.status, err)
	case err != nil:
		writeError(w, http.StatusUnprocessableEntity, err)
	case r.status == http.StatusNoContent:
		w.WriteHeader(r.status)
	default:
		writeJSON(w, r.status, answer)
	}
}

// statusError is an error with a status other than 422.
type statusError struct {
	status int
	error
}

func (e *statusError) Unwrap() error { return e.error }

func failed(status int, format string, args ...any) error {
	return &statusError{status, fmt.Errorf(format, args...)}
}

// resolve finds the phone, device or group in the path.
func (c *call) resolve() error {
	if number := c.r.PathValue("number"); number != "" {
		var err error
		if c.phone, err = c.phoneNamed(number); err != nil {
			return err
		}
	}
	if text := c.r.PathValue("device"); text != "" {
		number, err := strconv.Atoi(text)
		if err == nil {
			c.device = c.phone.Device(number)
		}
		if c.device == nil || c.device.removed.Load() {
			return failed(http.StatusNotFound, "the phone has no linked device %q; GET /phones/%s/devices lists them",
				text, c.phone.Number())
		}
	}
	if id := c.r.PathValue("group"); id != "" {
		jid, err := parseAddress(id)
		if err == nil {
			c.group = c.srv.group(jid)
		}
		if c.group == nil {
			return failed(http.StatusNotFound, "no group has the id %q; GET /groups lists them", id)
		}
	}
	return nil
}

func (c *call) phoneNamed(number string) (*Phone, error) {
	p, ok := c.srv.Phone(number)
	if !ok {
		return nil, failed(http.StatusNotFound, "no phone has the number or LID %q; POST /phones adds one", number)
	}
	return p, nil
}

// within bounds a wait by what the request asks for.
func (c *call) within(seconds float64) (context.Context, context.CancelFunc, error) {
	d := waitDefault
	if seconds != 0 {
		d = time.Duration(seconds * float64(time.Second))
	}
	if d <= 0 || d > waitMax {
		return nil, nil, fmt.Errorf("timeout_seconds must be more than 0 and at most %g", waitMax.Seconds())
	}
	ctx, cancel := context.WithTimeout(c.ctx, d)
	return ctx, cancel, nil
}

// waited returns the error of a wait; one that ran out of time has a status of its own.
func waited(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return failed(http.StatusGatewayTimeout, "%w; timeout_seconds makes it wait longer (at most %g)",
			err, waitMax.Seconds())
	}
	return err
}

// pick returns the value that a name stands for: its index in names. The empty name is the first.
func pick[T ~int](what, name string, names []string) (T, error) {
	if name == "" {
		return 0, nil
	}
	if i := slices.Index(names, name); i >= 0 {
		return T(i), nil
	}
	return 0, fmt.Errorf("%s must be one of %s, not %q", what, strings.Join(names, ", "), name)
}

// name is the reverse of pick.
func name[T ~int](v T, names []string) string { return names[v] }

func writeError(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, map[string]any{"error": err.Error()})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the reader may be gone
}
