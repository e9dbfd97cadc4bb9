package dashboard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/heypingr/pingr/server/api"
)

// A client calls the API in process on behalf of a page's reader.
type client struct {
	api    http.Handler
	r      *http.Request
	accept string
}

// asking returns a client that prefers a content type if the API has several.
func (c client) asking(kind string) client {
	c.accept = kind
	return c
}

// A Problem is the API's refusal.
type Problem struct {
	Status int
	api.ProblemDetail
}

// complaint returns a refusal of the page's own.
func complaint(text string) *Problem {
	return &Problem{ProblemDetail: api.ProblemDetail{Message: text}}
}

// Error implements error.
func (p *Problem) Error() string { return fmt.Sprintf("%d %s", p.Status, p.Code) }

// An answer is what the API wrote.
type answer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }
func (a *answer) WriteHeader(status int)      { a.status = status }

// told are the headers by which the API judges who asks, and from where.
var told = []string{"Cookie", "Origin", "Sec-Fetch-Site", "X-Forwarded-For", "Forwarded"}

// ask sends a request; in and out may be nil. A refusal is a *Problem.
func (c client) ask(method, path string, in, out any) (http.Header, error) {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
	}
	r, err := http.NewRequestWithContext(c.r.Context(), method, path, &body) //nolint:gosec // goes nowhere but to the handler
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	r.Host, r.RemoteAddr = c.r.Host, c.r.RemoteAddr
	r.RequestURI, r.TLS = path, c.r.TLS
	for _, name := range told {
		if values := c.r.Header.Values(name); len(values) > 0 {
			r.Header[name] = values
		}
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.accept != "" {
		r.Header.Set("Accept", c.accept)
	}
	a := &answer{status: http.StatusOK, header: http.Header{}}
	c.api.ServeHTTP(a, r)
	if a.status >= http.StatusBadRequest {
		return nil, problemOf(a)
	}
	if out == nil || a.status == http.StatusNoContent {
		return a.header, nil
	}
	if err := json.Unmarshal(a.body.Bytes(), out); err != nil {
		return nil, fmt.Errorf("decode answer: %w", err)
	}
	return a.header, nil
}

func problemOf(a *answer) *Problem {
	var body api.Problem
	_ = json.Unmarshal(a.body.Bytes(), &body)
	return &Problem{a.status, body.Detail}
}

func (c client) get(path string, out any) error {
	_, err := c.ask(http.MethodGet, path, nil, out)
	return err
}

func (c client) post(path string, in, out any) error {
	_, err := c.ask(http.MethodPost, path, in, out)
	return err
}

func (c client) put(path string, in, out any) error {
	_, err := c.ask(http.MethodPut, path, in, out)
	return err
}

func (c client) patch(path string, in, out any) error {
	_, err := c.ask(http.MethodPatch, path, in, out)
	return err
}

func (c client) remove(path string) error {
	_, err := c.ask(http.MethodDelete, path, nil, nil)
	return err
}

// escapeQuery and escapePath escape a text that others chose for use in an
// address.
func escapeQuery(text string) string { return url.QueryEscape(text) }
func escapePath(text string) string  { return url.PathEscape(text) }

// fieldNames maps the API's parameters to the keys of the names that pages use.
var fieldNames = map[string]string{
	"phone": "field.phone", "message": "try.text", "url": "webhooks.url", "name": "keys.name", "email": "door.email",
	"password":         "door.password",
	"current_password": "settings.password.now", "new_password": "settings.password.new",
	"trigger_phrase": "triggers.phrase", "reply_message": "triggers.reply",
	"cooldown_seconds": "settings.cooldown", "max_message_age_seconds": "settings.age",
	"disconnect_grace_seconds": "settings.grace", "group_reply": "settings.group",
	"hidden_numbers": "settings.hidden", "number_question": "settings.question",
	"no_phone_reply": "settings.no_phone", "overage": "settings.overage", "time_zone": "settings.zone",
}
