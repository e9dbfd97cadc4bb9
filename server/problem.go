package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/server/api"
)

// The codes, by the names that handlers use.
const (
	invalidKey           = api.InvalidKey
	missingParam         = api.MissingParam
	quotaExceeded        = api.QuotaExceeded
	rateLimit            = api.RateLimit
	forbidden            = api.Forbidden
	planLimit            = api.PlanLimit
	notFound             = api.NotFound
	methodNotAllowed     = api.MethodNotAllowed
	conflict             = api.Conflict
	sessionUnavailable   = api.SessionUnavailable
	payloadTooLarge      = api.PayloadTooLarge
	unsupportedMediaType = api.UnsupportedMediaType
	internal             = api.Internal
)

// statuses is the error table: the HTTP status of each code.
var statuses = map[api.Code]int{
	invalidKey:           http.StatusUnauthorized,
	missingParam:         http.StatusUnprocessableEntity,
	quotaExceeded:        http.StatusTooManyRequests,
	rateLimit:            http.StatusTooManyRequests,
	forbidden:            http.StatusForbidden,
	planLimit:            http.StatusForbidden,
	notFound:             http.StatusNotFound,
	methodNotAllowed:     http.StatusMethodNotAllowed,
	conflict:             http.StatusConflict,
	sessionUnavailable:   http.StatusConflict,
	payloadTooLarge:      http.StatusRequestEntityTooLarge,
	unsupportedMediaType: http.StatusUnsupportedMediaType,
	internal:             http.StatusInternalServerError,
}

// A problem is an error as the API returns it.
type problem api.Problem

func fail(c api.Code, format string, args ...any) *problem {
	return &problem{api.ProblemDetail{Code: c, Message: fmt.Sprintf(format, args...)}}
}

// badParam names the parameter that is missing or malformed.
func badParam(name, what string) *problem { return fail(missingParam, "%s: %s", name, what) }

func tooMany(c api.Code, wait int, format string, args ...any) *problem {
	p := fail(c, format, args...)
	p.Detail.RetryAfter = max(wait, 1)
	return p
}

// Error implements error.
func (p *problem) Error() string { return string(p.Detail.Code) + ": " + p.Detail.Message }

// GetStatus implements huma.StatusError.
func (p *problem) GetStatus() int { return statuses[p.Detail.Code] }

// GetHeaders implements huma.HeadersError.
func (p *problem) GetHeaders() http.Header {
	if p.Detail.RetryAfter == 0 {
		return nil
	}
	return http.Header{"Retry-After": {strconv.Itoa(p.Detail.RetryAfter)}}
}

// write answers with the problem.
func (p *problem) write(w http.ResponseWriter) {
	body, err := json.Marshal(p)
	if err != nil {
		body = []byte(`{"detail":{"error":"internal","message":"Something went wrong."}}`)
	}
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(p.GetStatus())
	_, _ = w.Write(append(body, '\n')) // a client that left does not read it
}

// problemOf turns a handler's error into the answer. unexpected reports that
// the error must be logged, because its text is not shown.
func problemOf(err error, now time.Time) (p *problem, unexpected bool) {
	var limit *pingr.LimitError
	switch {
	case errors.As(err, &p):
		return p, false
	case errors.As(err, &limit) && limit.Kind == pingr.Quota:
		return tooMany(quotaExceeded, limit.RetryAfter(now),
			"The monthly message quota is used up. Upgrade the plan, or allow overage in the settings."), false
	case errors.As(err, &limit):
		return tooMany(rateLimit, limit.RetryAfter(now), "Too many requests. Try again in %ds.", limit.RetryAfter(now)), false
	case errors.Is(err, hosted.ErrNotFound):
		return fail(notFound, "Not found."), false
	case errors.Is(err, hosted.ErrLimit):
		return fail(planLimit, "The plan allows no more of these."), false
	case errors.Is(err, pingr.ErrPhone):
		return badParam("to", pingr.ErrPhone.Error()), false
	case errors.Is(err, pingr.ErrText):
		return badParam("message", pingr.ErrText.Error()), false
	case errors.Is(err, pingr.ErrPhrase):
		return badParam("trigger_phrase", pingr.ErrPhrase.Error()), false
	case errors.Is(err, pingr.ErrConflict):
		return fail(conflict, "It already exists."), false
	case errors.Is(err, pingr.ErrRefused):
		return fail(sessionUnavailable, "WhatsApp is refusing the message for now. Try again in a minute."), false
	case errors.Is(err, pingr.ErrSessionUnavailable):
		return fail(sessionUnavailable, "The session is not connected."), false
	}
	return fail(internal, "Something went wrong."), true
}

// useProblems makes huma return its own errors as problems. It is one setting
// for the process, as huma has no other.
var useProblems = sync.OnceFunc(func() {
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		return humaProblem(status, msg, errs)
	}
})

// humaProblem returns what huma found wrong with a request, naming the
// parameter.
func humaProblem(status int, msg string, errs []error) *problem {
	switch status {
	case http.StatusRequestEntityTooLarge:
		return fail(payloadTooLarge, "The body is over 64 KiB.")
	case http.StatusUnsupportedMediaType:
		return fail(unsupportedMediaType, "The body must be application/json.")
	}
	if status >= http.StatusInternalServerError {
		return fail(internal, "Something went wrong.")
	}
	for _, err := range errs {
		var detail huma.ErrorDetailer
		if !errors.As(err, &detail) {
			continue
		}
		d := detail.ErrorDetail()
		_, name, _ := strings.Cut(d.Location, ".")
		if what, found := strings.CutPrefix(d.Message, "expected required property "); found && name == "" {
			name = strings.TrimSuffix(what, " to be present")
			return badParam(name, "is required")
		}
		if name == "" || strings.Contains(d.Message, "invalid character") || strings.Contains(d.Message, "unexpected end") {
			return badParam("body", "is not valid JSON for this request")
		}
		return badParam(name, d.Message)
	}
	return badParam("body", msg)
}

// orProblem replaces an error by the problem that better has for it, if any.
func orProblem(err error, better map[error]*problem) error {
	for is, p := range better {
		if errors.Is(err, is) {
			return p
		}
	}
	return err
}
