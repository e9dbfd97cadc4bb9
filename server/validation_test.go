package server

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/server/api"
)

// malformed is a value of each field of a body that no route accepts, besides those of another type. A
// new field is named here.
var malformed = map[string][]any{
	"to": {"abc", ""}, "message": {"", strings.Repeat("x", 4097), "a\x00b"}, "phone": {"abc", ""},
	"id": {"NO!", "ab"}, "name": {" ", strings.Repeat("x", 101), "a\x00b"},
	"trigger_phrase": {" ", strings.Repeat("x", 201), "a\x00b"}, "reply_message": {"", strings.Repeat("x", 1001)},
	"is_active":  {"yes"},
	"session_id": {strings.Repeat("x", 65)}, "text": {strings.Repeat("x", 4097)},
	"url": {"ftp://example.com", "https://a:b@example.com"}, "events": {[]string{"nothing"}},
	"overlap_seconds":  {-1, 604801},
	"cooldown_seconds": {-1, 86401}, "no_phone_reply": {" "}, "hidden_numbers": {"show"},
	"number_question": {" "}, "group_reply": {"all"}, "max_message_age_seconds": {0},
	"overage":   {"free"},
	"time_zone": {"Mars/Olympus"}, "disconnect_grace_seconds": {-1, 61}, "mode": {"both"},
	"email": {"x", "anna"}, "password": {""}, "token": {strings.Repeat("x", 101)}, "current_password": {""},
	"new_password": {"short"},
}

// lenient are malformed values that a route accepts all the same, and why.
var lenient = map[[3]string]string{
	{"POST /v1/keys", "name", " "}:           "a key needs no name",
	{"POST /v1/auth/login", "email", "anna"}: "what is no address has no account",
}

// A body is validated before any look-up. Whatever else is wrong, a malformed field is 422, on every
// route.
func TestMalformedBodiesAreRefusedFirst(t *testing.T) {
	w := newWorld(t)
	doc := w.server.api.OpenAPI()
	tried := 0
	for _, r := range table() {
		op := operationOf(doc, r)
		if op.RequestBody == nil {
			continue
		}
		schema := op.RequestBody.Content["application/json"].Schema
		if schema.Ref != "" {
			schema = doc.Components.Schemas.SchemaFromRef(schema.Ref)
		}
		who := map[auth]string{public: "nobody", byKey: "anna's live key", byJWT: "anna", byBoth: "anna"}[r.auth]
		path := strings.ReplaceAll(r.path, "{id}", "nothing")
		good := map[string]any{}
		for name, s := range schema.Properties {
			good[name] = s.Examples[0]
			if name == "session_id" {
				good[name] = "nothing"
			}
		}
		ask := func(who, name string, value any) api.Code {
			body := maps.Clone(good)
			if name != "" {
				body[name] = value
			}
			text, err := json.Marshal(body)
			require.NoError(t, err)
			return codeOf(t, w.call(who, r.method, path, string(text)))
		}
		if strings.Contains(r.path, "{id}") || good["session_id"] != nil && !strings.HasPrefix(r.path, "/v1/send") {
			assert.Equal(t, notFound, ask(who, "", nil), "%s: else this shows nothing", r.name())
		}
		for name, s := range schema.Properties {
			values, known := malformed[name]
			require.True(t, known, "say here what of %s is malformed (%s)", name, r.name())
			if s.Type == huma.TypeString || s.Type == huma.TypeInteger || s.Type == huma.TypeBoolean {
				values = append([]any{map[string]any{}}, values...)
			}
			for _, value := range values {
				if text, ok := value.(string); ok && lenient[[3]string{r.name(), name, text}] != "" {
					continue
				}
				tried++
				assert.Equal(t, missingParam, ask(who, name, value), "%s: %s %.20q", r.name(), name, value)
				if r.auth == byBoth {
					assert.Equal(t, missingParam, ask("anna's test key", name, value), "%s: %s %.20q in test mode", r.name(), name,
						value)
				}
			}
		}
	}
	assert.Greater(t, tried, 60)
}
