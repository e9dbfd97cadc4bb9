package server

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/heypingr/pingr"
)

// A jsonObject is a JSON object.
type jsonObject = map[string]any

// rules are checked by the handlers, with better error messages than a schema
// validator's. They appear in the OpenAPI document, and nowhere else.
var rules = map[string]jsonObject{
	"SendBody.to":                            {"pattern": phonePattern},
	"SendBody.message":                       {"pattern": textPattern, "minLength": 1, "maxLength": pingr.MaxText},
	"PairCodeInputBody.phone":                {"pattern": phonePattern},
	"SimulateInputBody.phone":                {"pattern": phonePattern},
	"SimulateInputBody.message":              {"pattern": textPattern, "minLength": 1},
	"AddSessionInputBody.id":                 {"pattern": `^([a-z0-9_-]{3,64})?$`},
	"AddSessionInputBody.name":               {"pattern": textPattern},
	"RenameSessionInputBody.name":            {"pattern": textPattern},
	"AddTriggerInputBody.trigger_phrase":     {"pattern": textPattern, "minLength": 1, "maxLength": pingr.MaxPhrase},
	"AddTriggerInputBody.reply_message":      {"pattern": textPattern, "minLength": 1, "maxLength": pingr.MaxStaticReply},
	"TriggerChange.trigger_phrase":           {"pattern": textPattern, "minLength": 1, "maxLength": pingr.MaxPhrase},
	"TriggerChange.reply_message":            {"pattern": textPattern, "minLength": 1, "maxLength": pingr.MaxStaticReply},
	"ChangeSettingsInputBody.no_phone_reply": {"pattern": textPattern, "minLength": 1},
	"AddKeyInputBody.name":                   {"pattern": "^[^\\u0000]*$"},
	"PasswordInputBody.new_password":         {"minLength": minPassword, "maxLength": maxPassword},
	"SignUpInputBody.password":               {"minLength": minPassword, "maxLength": maxPassword},
	"SetUpInputBody.password":                {"minLength": minPassword, "maxLength": maxPassword},
}

const (
	// phonePattern matches what pingr.ParsePhone accepts in ASCII.
	phonePattern = `^[ ()./-]*(\+|00)?[ ()./-]*[1-9]([ ()./-]*[0-9]){6,14}[ ()./-]*$`
	// timePattern matches RFC 3339, or nothing.
	timePattern = `^$|^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])$`
	// textPattern matches a text that shows something, without NUL.
	textPattern = "^[^\\u0000]*[^\\s\\u0000][^\\u0000]*$"
)

// document returns the OpenAPI document as it is served: with the rules, and
// with null allowed wherever a request may leave out a field.
func (s *Server) document() ([]byte, error) {
	text, err := json.Marshal(s.api.OpenAPI())
	if err != nil {
		return nil, err
	}
	var doc jsonObject
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	schemas := doc["components"].(jsonObject)["schemas"].(jsonObject) //nolint:forcetypeassert // our own document
	for name, rule := range rules {
		schema, field, _ := strings.Cut(name, ".")
		properties := schemas[schema].(jsonObject)["properties"].(jsonObject) //nolint:forcetypeassert // as above
		for key, value := range rule {
			properties[field].(jsonObject)[key] = value //nolint:forcetypeassert // as above
		}
	}
	deliveries := doc["paths"].(jsonObject)["/v1/webhooks/deliveries"].(jsonObject) //nolint:forcetypeassert // as above
	params := deliveries["get"].(jsonObject)["parameters"].([]any)                  //nolint:forcetypeassert // as above
	for _, p := range params {
		if p := p.(jsonObject); p["name"] == "before" { //nolint:forcetypeassert // as above
			p["schema"].(jsonObject)["pattern"] = timePattern //nolint:forcetypeassert // as above
		}
	}
	for name := range s.requests() {
		allowNull(schemas[name].(jsonObject)) //nolint:forcetypeassert // as above
	}
	return json.Marshal(doc)
}

// requests returns the names of the schemas of requests' bodies.
func (s *Server) requests() map[string]bool {
	names, doc := map[string]bool{}, s.api.OpenAPI()
	for _, r := range table() {
		if body := operationOf(doc, r).RequestBody; body != nil {
			names[strings.TrimPrefix(body.Content["application/json"].Schema.Ref, schemaPrefix)] = true
		}
	}
	return names
}

// allowNull lets null stand for a field that is left out, as clients in many
// languages send it.
func allowNull(schema jsonObject) {
	required, _ := schema["required"].([]any)
	properties, _ := schema["properties"].(jsonObject)
	for field, property := range properties {
		p, _ := property.(jsonObject)
		kind, ok := p["type"].(string)
		if !ok || slices.Contains(required, any(field)) {
			continue
		}
		p["type"] = []any{kind, "null"}
		if values, ok := p["enum"].([]any); ok {
			p["enum"] = append(values, nil)
		}
	}
}
