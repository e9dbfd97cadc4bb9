package server

import (
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/heypingr/pingr/server/api"
)

// statusesOf returns the refusals that can happen on a route: all, and no
// others.
func statusesOf(r route, op *huma.Operation) []int {
	out := append([]int{http.StatusInternalServerError}, r.refuses...)
	if r.auth != public {
		out = append(out, http.StatusUnauthorized)
	}
	if r.auth == byJWT || r.auth == byBoth && r.method != http.MethodGet {
		out = append(out, http.StatusForbidden) // a key; another site; test mode's fixed session; the plan
	}
	if strings.Contains(r.path, "{id}") {
		out = append(out, http.StatusNotFound)
	}
	if len(op.Parameters) > 0 || op.RequestBody != nil {
		out = append(out, http.StatusUnprocessableEntity)
	}
	if op.RequestBody != nil {
		out = append(out, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	return out
}

// refusals holds an example of each status.
var refusals = map[int]*problem{
	http.StatusUnauthorized:          errKey,
	http.StatusForbidden:             fail(planLimit, "The plan allows no more of these."),
	http.StatusNotFound:              fail(notFound, "There is no such session."),
	http.StatusConflict:              fail(conflict, "It already exists."),
	http.StatusRequestEntityTooLarge: fail(payloadTooLarge, "The body is over 64 KiB."),
	http.StatusUnsupportedMediaType:  fail(unsupportedMediaType, "The body must be application/json."),
	http.StatusUnprocessableEntity:   badParam("body", "is not valid JSON for this request"),
	http.StatusTooManyRequests:       tooMany(rateLimit, 47, "Number +919876543210 is in cooldown. Try again in 47s."),
	http.StatusInternalServerError: fail(
		internal, "Something went wrong. Request req_0199b0c2d4e57f3a8c1b2d3e4f5a6b7c.",
	),
}

// refusalWords describes each status.
var refusalWords = map[int]string{
	http.StatusUnauthorized:          "invalid_key: the key or login is missing, wrong, revoked or expired.",
	http.StatusForbidden:             "forbidden, or plan_limit: the plan allows no more.",
	http.StatusNotFound:              "not_found: it does not exist, or it belongs to another account.",
	http.StatusConflict:              "conflict with the current state, or session_unavailable.",
	http.StatusRequestEntityTooLarge: "payload_too_large: the body is over 64 KiB.",
	http.StatusUnsupportedMediaType:  "unsupported_media_type: the body is not application/json.",
	http.StatusUnprocessableEntity:   "missing_param: a parameter is missing or malformed; the message names it.",
	http.StatusTooManyRequests:       "rate_limit or quota_exceeded: wait retry_after seconds.",
	http.StatusInternalServerError:   "internal: the server failed. The message contains the request's id.",
}

func (r route) name() string { return r.method + " " + r.path }

// describe completes the OpenAPI document with the possible answers, described
// and with examples.
func (s *Server) describe(doc *huma.OpenAPI) {
	for _, t := range tags {
		doc.Tags = append(doc.Tags, &huma.Tag{Name: t[0], Description: t[1]})
	}
	s.describeWebhooks(doc)
	code := doc.Components.Schemas.Schema(reflect.TypeFor[api.QR](), true, "")
	describeFields(doc.Components.Schemas)
	for _, r := range table() {
		op := operationOf(doc, r)
		op.Description = r.says
		for _, p := range op.Parameters {
			describeParam(p)
		}
		can := statusesOf(r, op)
		for status, response := range op.Responses {
			n, _ := strconv.Atoi(status)
			switch {
			case n < 400:
				describeSuccess(r, response, code)
			case !slices.Contains(can, n):
				delete(op.Responses, status)
			default:
				response.Description = refusalWords[n]
				response.Content["application/json"].Example = refusals[n]
			}
		}
		if limited := op.Responses["429"]; limited != nil {
			limited.Headers = map[string]*huma.Param{"Retry-After": {
				Description: "Seconds to wait, the same as retry_after.",
				Schema:      &huma.Schema{Type: huma.TypeInteger, Examples: []any{47}},
			}}
		}
	}
}

func operationOf(doc *huma.OpenAPI, r route) *huma.Operation {
	item := doc.Paths[r.path]
	return map[string]*huma.Operation{
		"GET": item.Get, "POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete,
	}[r.method]
}

// describeParam moves a parameter's words to where tools look for them.
func describeParam(p *huma.Param) {
	for _, example := range p.Schema.Examples {
		p.Example = example
	}
	p.Schema.Description, p.Schema.Examples = "", nil
}

var successWords = map[int]string{
	http.StatusOK: "Success.", http.StatusCreated: "Created.", http.StatusAccepted: "Accepted. It happens shortly.",
	http.StatusNoContent: "Success, without a body.",
}

// describeSuccess describes the answer if all is well. code is the schema of a QR
// code.
func describeSuccess(r route, response *huma.Response, code *huma.Schema) {
	response.Description = successWords[r.status]
	for name, h := range response.Headers {
		if name == "Set-Cookie" {
			h.Description = "The login as a cookie, for the dashboard."
			h.Schema.Examples = []any{
				loginCookie + "=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhY2MifQ.c2ln; Path=/; HttpOnly; SameSite=Lax",
			}
		}
	}
	delete(response.Headers, "Content-Type") // it is no header of its own in OpenAPI
	switch r.name() {
	case "GET /v1/sessions/{id}/qr":
		response.Content = map[string]*huma.MediaType{
			"image/png":        {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary", Description: "The QR code."}},
			"application/json": {Schema: code},
		}
	case "GET /v1/events":
		response.Content = map[string]*huma.MediaType{"text/event-stream": {
			Schema: &huma.Schema{Type: huma.TypeString, Description: "Server-sent events."},
			Example: "event: session\ndata: {\"id\":\"main-login-bot\",\"name\":\"Main login " +
				"bot\",\"status\":\"connected\",\"detail\":\"\"}\n\n",
		}}
	}
}
