package server

import (
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/server/api"
)

const schemaPrefix = "#/components/schemas/"

// newSchemas returns a registry that knows the document's names, and the types
// that have no schema by themselves.
func newSchemas() huma.Registry {
	schemas := huma.NewMapRegistry(schemaPrefix, schemaName)
	schemas.RegisterTypeAlias(reflect.TypeFor[problem](), reflect.TypeFor[api.Problem]())
	schemas.RegisterTypeAlias(reflect.TypeFor[pingr.NoReply](), reflect.TypeFor[noReplySchema]())
	schemas.RegisterTypeAlias(reflect.TypeFor[api.MaybeText](), reflect.TypeFor[maybeTextSchema]())
	return schemas
}

// schemaNames are the document's names of types that are called otherwise in Go.
// Clients are generated from the document, so its names stay.
var schemaNames = map[reflect.Type]string{
	reflect.TypeFor[api.Account]():        "AccountJSON",
	reflect.TypeFor[api.AddKey]():         "AddKeyInputBody",
	reflect.TypeFor[api.AddSession]():     "AddSessionInputBody",
	reflect.TypeFor[api.AddTrigger]():     "AddTriggerInputBody",
	reflect.TypeFor[api.AskPairCode]():    "PairCodeInputBody",
	reflect.TypeFor[api.ChangePassword](): "PasswordInputBody",
	reflect.TypeFor[api.ChangeSettings](): "ChangeSettingsInputBody",
	reflect.TypeFor[api.ChangeTrigger]():  "TriggerChange",
	reflect.TypeFor[api.Deliveries]():     "DeliveriesOutputBody",
	reflect.TypeFor[api.Delivery]():       "DeliveryJSON",
	reflect.TypeFor[api.Key]():            "KeyJSON",
	reflect.TypeFor[api.Keys]():           "KeysOutputBody",
	reflect.TypeFor[api.LogIn]():          "LoginInputBody",
	reflect.TypeFor[api.Login]():          "LoginOutputBody",
	reflect.TypeFor[api.Match]():          "MatchInputBody",
	reflect.TypeFor[api.Matched]():        "MatchOutputBody",
	reflect.TypeFor[api.PairCode]():       "PairCodeOutputBody",
	reflect.TypeFor[api.QR]():             "QrJSON",
	reflect.TypeFor[api.Redelivered]():    "RedeliverOutputBody",
	reflect.TypeFor[api.RenameSession]():  "RenameSessionInputBody",
	reflect.TypeFor[api.RotateSecret]():   "RotateInputBody",
	reflect.TypeFor[api.Secret]():         "SecretOutputBody",
	reflect.TypeFor[api.Send]():           "SendBody",
	reflect.TypeFor[api.Sent]():           "SentJSON",
	reflect.TypeFor[api.Session]():        "SessionJSON",
	reflect.TypeFor[api.Sessions]():       "SessionsOutputBody",
	reflect.TypeFor[api.SetUp]():          "SetUpInputBody",
	reflect.TypeFor[api.SetWebhook]():     "SetWebhookInputBody",
	reflect.TypeFor[api.SignUp]():         "SignUpInputBody",
	reflect.TypeFor[api.Simulate]():       "SimulateInputBody",
	reflect.TypeFor[api.Simulated]():      "SimulateOutputBody",
	reflect.TypeFor[api.Stats]():          "StatsOutputBody",
	reflect.TypeFor[api.StatsStep]():      "StatsJSON",
	reflect.TypeFor[api.Trigger]():        "TriggerJSON",
	reflect.TypeFor[api.Triggers]():       "TriggersOutputBody",
	reflect.TypeFor[api.Usage]():          "UsageOutputBody",
	reflect.TypeFor[api.Webhook]():        "WebhookOutputBody",
}

func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if name, ok := schemaNames[t]; ok {
		return name
	}
	return huma.DefaultSchemaNamer(t, hint)
}

type noReplySchema struct{}

// Schema implements huma.SchemaProvider.
func (noReplySchema) Schema(huma.Registry) *huma.Schema {
	s, words := &huma.Schema{Type: huma.TypeString, Nullable: true, Enum: []any{nil}}, []string(nil)
	for _, reason := range pingr.NoReplies() {
		s.Enum = append(s.Enum, string(reason))
		words = append(words, string(reason)+" ("+reason.Description()+")")
	}
	s.Description = "One of: " + strings.Join(words, ", ") + "."
	return s
}

type maybeTextSchema struct{}

// Schema implements huma.SchemaProvider.
func (maybeTextSchema) Schema(huma.Registry) *huma.Schema {
	most := pingr.MaxText
	return &huma.Schema{Type: huma.TypeString, Nullable: true, MaxLength: &most}
}

// describeFields gives each field of each schema its words: those above it in
// package api, or those of an event.
func describeFields(schemas huma.Registry) {
	words, err := api.Words()
	if err != nil {
		panic("words of the API: " + err.Error()) // made from the code alone
	}
	for name, schema := range schemas.Map() {
		t := schemas.TypeFromRef(schemaPrefix + name)
		for i := range t.NumField() {
			f := t.Field(i)
			field, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			s := schema.Properties[field]
			if s == nil {
				continue
			}
			// A type's own words follow those of the field.
			s.Description = strings.TrimSpace(words[t.Name()+"."+f.Name] + " " + s.Description)
			if w, ok := eventWords[name+"."+field]; ok {
				s.Description = w.says
				if w.example != nil {
					s.Examples = []any{w.example}
				}
			}
			if s.Ref != "" && f.Type.Kind() == reflect.Pointer && slices.Contains(schema.Required, field) {
				s.OneOf, s.Ref = []*huma.Schema{{Ref: s.Ref}, {Type: "null"}}, ""
				s.Examples = []any{exampleOf(schemas.SchemaFromRef(s.OneOf[0].Ref))}
			}
		}
	}
}

// exampleOf returns an object of the examples of a schema's fields.
func exampleOf(schema *huma.Schema) map[string]any {
	example := map[string]any{}
	for field, s := range schema.Properties {
		for _, e := range s.Examples {
			example[field] = e
		}
	}
	return example
}
