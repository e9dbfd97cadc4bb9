package server

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type object = map[string]any

// propertyOf returns the schema of a field of a body.
func propertyOf(doc object, schema, field string) object {
	schemas := doc["components"].(object)["schemas"].(object)
	return schemas[schema].(object)["properties"].(object)[field].(object)
}

// document returns the answer of /openapi.json.
func (w *world) document() object {
	w.Helper()
	var doc object
	require.NoError(w, json.Unmarshal(w.call("nobody", "GET", "/openapi.json", "").Body.Bytes(), &doc))
	return doc
}

// documented fails if an answer's status is not in the document. It checks every request of every
// test.
func (w *world) documented(method, path string, got *httptest.ResponseRecorder) {
	w.Helper()
	if got.Code == 405 || strings.Contains(path, "//") {
		return
	}
	for _, r := range table() {
		if r.method != method || !matches(r.path, path) {
			continue
		}
		op := operationOf(w.server.api.OpenAPI(), r)
		response := op.Responses[strconv.Itoa(got.Code)]
		if !assert.NotNil(w, response, "%s answered %d, which is not documented", r.name(), got.Code) || got.Body.Len() == 0 {
			return
		}
		kind, _, _ := strings.Cut(got.Header().Get("Content-Type"), ";")
		assert.Contains(w, response.Content, kind, "%s answered %d", r.name(), got.Code)
		return
	}
}

func matches(pattern, path string) bool {
	have, want := strings.Split(path, "/"), strings.Split(pattern, "/")
	return slices.EqualFunc(have, want, func(h, w string) bool { return h == w || w == "{id}" && h != "" })
}

func TestOpenAPIDescribesAll(t *testing.T) {
	w := newWorld(t)
	doc := w.document()
	assert.True(t, strings.HasPrefix(fmt.Sprint(doc["openapi"]), "3.1"), doc["openapi"])
	tagged := map[any]bool{}
	for _, tag := range doc["tags"].([]any) {
		assert.NotEmpty(t, tag.(object)["description"], tag)
		tagged[tag.(object)["name"]] = true
	}
	paths := doc["paths"].(object)
	for _, r := range table() {
		item, ok := paths[r.path].(object)
		require.True(t, ok, r.path)
		op, ok := item[strings.ToLower(r.method)].(object)
		require.True(t, ok, r.name())
		assert.NotEmpty(t, op["summary"], r.name())
		assert.NotEmpty(t, op["description"], "%s: say in its row what it does", r.name())
		for _, tag := range op["tags"].([]any) {
			assert.True(t, tagged[tag], "%s: say in tags what %s is", r.name(), tag)
		}
		params, _ := op["parameters"].([]any)
		for _, p := range params {
			assert.NotEmpty(t, p.(object)["description"], "%s: say in a doc tag what %s is", r.name(), p.(object)["name"])
			assert.NotNil(t, p.(object)["example"], "%s: give %s an example tag", r.name(), p.(object)["name"])
		}
		for status, response := range op["responses"].(object) {
			response := response.(object)
			assert.NotEmpty(t, response["description"], r.name()+" "+status)
			if status >= "400" {
				media := response["content"].(object)["application/json"].(object)
				assert.NotNil(t, media["example"], r.name()+" "+status)
			}
			headers, _ := response["headers"].(object)
			for name, h := range headers {
				assert.NotEmpty(t, h.(object)["description"], r.name()+" "+name)
			}
		}
	}
	for name, scheme := range doc["components"].(object)["securitySchemes"].(object) {
		assert.NotEmpty(t, scheme.(object)["description"], name)
	}
}

// Every field of every schema has a description, and an example unless it holds
// other objects, or is null in the example by its nature.
func TestOpenAPIDescribesEveryField(t *testing.T) {
	w := newWorld(t)
	schemas := w.document()["components"].(object)["schemas"].(object)
	fields := 0
	for name, schema := range schemas {
		properties, _ := schema.(object)["properties"].(object)
		for field, s := range properties {
			s := s.(object)
			where := name + "." + field
			fields++
			assert.NotEmpty(t, s["description"], "say above it what %s is", where)
			items, _ := s["items"].(object)
			if s["$ref"] != nil || items["$ref"] != nil ||
				slices.Contains([]string{"KeyJSON.revoked_at", "From.group_jid"}, where) {
				continue
			}
			assert.NotEmpty(t, s["examples"], "give %s an example tag", where)
		}
	}
	assert.Greater(t, fields, 100)
	for key := range eventWords {
		schema, field, _ := strings.Cut(key, ".")
		if assert.NotNil(t, schemas[schema], "eventWords speak of %s, which there is not", key) {
			assert.Contains(t, schemas[schema].(object)["properties"], field, "eventWords speak of %s, which there is not", key)
		}
	}
	for name := range schemaNames {
		assert.Contains(t, schemas, schemaNames[name], "schemaNames speak of %s, which there is not", name)
	}
}

// Every JSON document in the product's documentation validates. Its file is named after its schema.
func TestDocumentedExamplesValidate(t *testing.T) {
	w := newWorld(t)
	files, err := filepath.Glob("testdata/documented/*.json")
	require.NoError(t, err)
	require.Len(t, files, 8)
	registry := w.server.api.OpenAPI().Components.Schemas
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			schema := registry.Map()[name]
			require.NotNil(t, schema)
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Empty(t, invalid(t, registry, schema, text))
			var example object
			require.NoError(t, json.Unmarshal(text, &example))
			for field := range example {
				less := maps.Clone(example)
				less[field] = []any{struct{}{}}
				broken, err := json.Marshal(less)
				require.NoError(t, err)
				assert.NotEmpty(t, invalid(t, registry, schema, broken), "what %s is, is not checked", field)
			}
		})
	}
}

func invalid(t *testing.T, registry huma.Registry, schema *huma.Schema, text []byte) []error {
	t.Helper()
	var value any
	require.NoError(t, json.Unmarshal(text, &value))
	result := &huma.ValidateResult{}
	huma.Validate(registry, schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, value, result)
	return result.Errors
}

// Refusals that precede a handler are listed where they can happen, and happen where they are listed.
// The transcripts cover those of the handlers.
func TestListedRefusalsHappen(t *testing.T) {
	w := newWorld(t)
	for _, r := range table() {
		who := map[auth]string{public: "nobody", byKey: "anna's live key", byJWT: "anna", byBoth: "anna"}[r.auth]
		listed := operationOf(w.server.api.OpenAPI(), r).Responses
		path := strings.ReplaceAll(r.path, "{id}", "x")
		malformed := path + "?mode=neither"
		if strings.Contains(r.path, "{id}") {
			malformed = strings.ReplaceAll(r.path, "{id}", strings.Repeat("x", 65))
		}
		body := ""
		if listed["413"] != nil {
			malformed, body = path, "[]"
			assert.Equal(t, 413, w.call(who, r.method, path, strings.Repeat(" ", maxBody+1)).Code, r.name())
			assert.Equal(t, 415, w.call(who, r.method, path, "x", "Content-Type", "text/plain").Code, r.name())
		}
		if listed["422"] != nil {
			assert.Equal(t, 422, w.call(who, r.method, malformed, body).Code, r.name())
		}
		if listed["401"] != nil && r.auth != public {
			assert.Equal(t, 401, w.call("nobody", r.method, path, "{}").Code, r.name())
		}
		if r.auth != public {
			assert.Equal(t, r.auth == byJWT || r.auth == byBoth && r.method != "GET", listed["403"] != nil, r.name())
		}
		if listed["403"] != nil && r.auth == byJWT {
			assert.Equal(t, 403, w.call("anna's live key", r.method, path, "{}").Code, r.name())
		}
		if listed["403"] != nil && r.auth == byBoth {
			assert.Equal(t, 403, w.call("another site in anna's browser", r.method, path, "{}").Code, r.name())
		}
	}
	for range maxStreams {
		_, ok := w.server.hub.open("acc_anna", "x")
		require.True(t, ok)
	}
	assert.Equal(t, rateLimit, codeOf(t, w.call("anna", "GET", "/v1/events", "")))
}
