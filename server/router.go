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
	status       int   // of success
	refuses      []int // in addition to what statusesOf derives
	summary      string
	says         string // what it does beyond its summary
	register     func(*Server, huma.Operation)
}

// to makes a route from a handler, which takes the request's context, its caller
// and the input and returns the output.
func to[I, O any](handle func(*Server, context.Context, caller, *I) (*O, error)) func(*Server, huma.Operation) {
	return func(s *Server, op huma.Operation) {
		huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
			c, _ := ctx.Value(callerKey{}).(caller)
			out, err := handle(s, ctx, c, in)
			if err != nil {
				return nil, s.problem(ctx, err)
			}
			return out, nil
		})
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
	config.Components.Schemas = newSchemas()
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"key":   {Type: "apiKey", In: "header", Name: "X-API-Key", Description: "An API key: pk_live_… or pk_test_…."},
		"login": {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "The token of a dashboard login."},
		"cookie": {
			Type: "apiKey", In: "cookie", Name: s.cookieName(false),
			Description: "The same token as a cookie. Its name is " + hostCookie +
				" if the server is reached by https. Requests from other sites are refused.",
		},
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
	key, login := map[string][]string{"key": {}}, map[string][]string{"login": {}}
	cookie := map[string][]string{"cookie": {}}
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
