package server

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/heypingr/pingr"
)

// maxBody is the largest body of a request.
const maxBody = 64 << 10

// A route is a row of the route table.
type route struct {
	method, path string
	auth         auth
	status       int // of success
	summary      string
	register     func(*Server, huma.Operation)
}

// to makes a route from a handler, which takes a caller and the input and
// returns the output.
func to[I, O any](handle func(*Server, caller, *I) (*O, error)) func(*Server, huma.Operation) {
	return func(s *Server, op huma.Operation) {
		huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
			c, _ := ctx.Value(callerKey{}).(caller)
			c.ctx = ctx
			out, err := handle(s, c, in)
			if err != nil {
				return nil, s.problem(ctx, err)
			}
			return out, nil
		})
	}
}

// table is every route of the API.
func table() []route {
	const ok, created, none = http.StatusOK, http.StatusCreated, http.StatusNoContent
	return []route{
		{"POST", "/v1/send", byKey, ok, "Send a message", to((*Server).send)},

		{"GET", "/v1/sessions", byBoth, ok, "List sessions", to((*Server).listSessions)},
		{"POST", "/v1/sessions", byBoth, created, "Add a session and start linking it", to((*Server).addSession)},
		{"GET", "/v1/sessions/{id}", byBoth, ok, "Show a session", to((*Server).showSession)},
		{"PATCH", "/v1/sessions/{id}", byBoth, ok, "Rename a session", to((*Server).renameSession)},
		{"DELETE", "/v1/sessions/{id}", byBoth, none, "Unlink and delete a session", to((*Server).removeSession)},
		{"GET", "/v1/sessions/{id}/qr", byBoth, ok, "Show the QR code to scan, as an image or as JSON", to((*Server).qr)},
		{"POST", "/v1/sessions/{id}/pair-code", byBoth, ok, "Request a code to type on the phone instead", to((*Server).pairCode)},
		{"POST", "/v1/sessions/{id}/reconnect", byBoth, ok, "Reconnect a session", to((*Server).reconnect)},

		{"GET", "/v1/triggers", byBoth, ok, "List triggers", to((*Server).listTriggers)},
		{"POST", "/v1/triggers", byBoth, created, "Add a trigger", to((*Server).addTrigger)},
		{"POST", "/v1/match", byBoth, ok, "Show which trigger a text would fire, and why", to((*Server).match)},
		{"GET", "/v1/triggers/{id}", byBoth, ok, "Show a trigger", to((*Server).showTrigger)},
		{"PATCH", "/v1/triggers/{id}", byBoth, ok, "Change fields of a trigger", to((*Server).changeTrigger)},
		{"PUT", "/v1/triggers/{id}", byBoth, ok, "Change fields of a trigger, as PATCH does", to((*Server).changeTrigger)},
		{"DELETE", "/v1/triggers/{id}", byBoth, none, "Delete a trigger", to((*Server).removeTrigger)},

		{"GET", "/v1/webhooks", byBoth, ok, "Show the webhook endpoint", to((*Server).showWebhook)},
		{"PUT", "/v1/webhooks", byBoth, ok, "Set the webhook endpoint", to((*Server).setWebhook)},
		{"POST", "/v1/webhooks/rotate-secret", byJWT, ok, "Create a new webhook secret", to((*Server).rotateSecret)},
		{"POST", "/v1/webhooks/simulate", byJWT, ok, "Send a simulated event to the endpoint", to((*Server).simulate)},
		{"GET", "/v1/webhooks/deliveries", byBoth, ok, "List delivery attempts, newest first", to((*Server).listDeliveries)},
		{"POST", "/v1/webhooks/deliveries/{id}/redeliver", byBoth, http.StatusAccepted, "Send an undelivered event again now", to((*Server).redeliver)},

		{"GET", "/v1/settings", byBoth, ok, "Show the settings", to((*Server).showSettings)},
		{"PATCH", "/v1/settings", byBoth, ok, "Change settings", to((*Server).changeSettings)},
		{"GET", "/v1/usage", byBoth, ok, "Show this month's messages", to((*Server).usage)},
		{"GET", "/v1/stats", byBoth, ok, "Show firings and webhook times, for charts", to((*Server).stats)},

		{"GET", "/v1/keys", byJWT, ok, "List API keys", to((*Server).listKeys)},
		{"POST", "/v1/keys", byJWT, created, "Create an API key, shown only once", to((*Server).addKey)},
		{"DELETE", "/v1/keys/{id}", byJWT, none, "Revoke an API key", to((*Server).revokeKey)},

		{"POST", "/v1/auth/login", public, ok, "Log in to the dashboard", to((*Server).logIn)},
		{"POST", "/v1/auth/setup", public, created, "Create the first account, with the link from the first start", to((*Server).setUp)},
		{"POST", "/v1/auth/signup", public, created, "Sign up, if the deployment allows it", to((*Server).signUp)},
		{"POST", "/v1/auth/logout", byJWT, none, "Log out", to((*Server).logOut)},
		{"POST", "/v1/auth/password", byJWT, ok, "Change the password and end all other logins", to((*Server).changePassword)},
		{"GET", "/v1/auth/me", byJWT, ok, "Show the account that is logged in", to((*Server).me)},

		{"GET", "/v1/events", byBoth, ok, "Stream server-sent events: sessions, firings, deliveries", to((*Server).events)},
	}
}

// routes returns the handler of all routes.
func (s *Server) routes() http.Handler {
	useProblems()
	mux := http.NewServeMux()
	config := huma.DefaultConfig("Pingr", pingr.Version)
	config.Info.Description = "WhatsApp as the login button: triggers, replies, webhooks."
	config.DocsPath, config.OpenAPIPath, config.SchemasPath = "", "", ""
	config.CreateHooks = nil // no $schema in bodies
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"key":    {Type: "apiKey", In: "header", Name: "X-API-Key", Description: "An API key: pk_live_… or pk_test_…."},
		"login":  {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "The token of a dashboard login."},
		"cookie": {Type: "apiKey", In: "cookie", Name: s.cookieName(false), Description: "The same token as a cookie. Its name is " + hostCookie + " if the server is reached by https. Requests from other sites are refused."},
	}
	s.api = humago.New(mux, config)
	s.api.UseMiddleware(s.authenticate)
	for _, r := range table() {
		r.register(s, r.operation())
	}
	s.describe(s.api.OpenAPI())
	s.plainRoutes(mux)
	s.dashboard(mux)
	return s.around(mux)
}

// operation returns the row for huma and OpenAPI.
func (r route) operation() huma.Operation {
	op := huma.Operation{
		Method: r.method, Path: r.path, Summary: r.summary, DefaultStatus: r.status,
		OperationID:     operationID(r.method, r.path),
		Tags:            []string{strings.Split(r.path, "/")[2]},
		MaxBodyBytes:    maxBody + 1, // huma refuses a body of exactly that size
		BodyReadTimeout: 10 * time.Second,
		Metadata:        map[string]any{"auth": r.auth},
		Errors:          slices.Collect(maps.Keys(refusals)), // describe keeps those that can happen
	}
	key, login, cookie := map[string][]string{"key": {}}, map[string][]string{"login": {}}, map[string][]string{"cookie": {}}
	switch r.auth {
	case byKey:
		op.Security = []map[string][]string{key}
	case byJWT:
		op.Security = []map[string][]string{login, cookie}
	case byBoth:
		op.Security = []map[string][]string{key, login, cookie}
	case public:
	}
	return op
}

func operationID(method, path string) string {
	words := strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune("/{}-", r) })
	return strings.ToLower(method) + "-" + strings.Join(words[1:], "-")
}
