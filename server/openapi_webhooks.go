package server

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/heypingr/pingr"
)

// replyJSON is what an endpoint may answer an event with.
type replyJSON struct {
	Reply string   `json:"reply,omitempty"`
	_     struct{} `additionalProperties:"true"`
}

// describeWebhooks adds what endpoints are sent to the OpenAPI document.
func (s *Server) describeWebhooks(doc *huma.OpenAPI) {
	event := doc.Components.Schemas.Schema(reflect.TypeFor[pingr.Event](), true, "Event")
	reply := doc.Components.Schemas.Schema(reflect.TypeFor[replyJSON](), true, "ReplyJSON")
	header := func(name, says, example string) *huma.Param {
		return &huma.Param{Name: name, In: "header", Required: true, Description: says, Schema: &huma.Schema{Type: huma.TypeString}, Example: example}
	}
	doc.Webhooks = map[string]*huma.PathItem{"event": {Post: &huma.Operation{
		OperationID: "webhook-event", Tags: []string{"webhooks"}, Summary: "An event, as the endpoint gets it",
		Description: "A signed POST to the account's endpoint. It has 8 seconds to answer. Anything but 2xx is tried again after about 1, 5, 15, 30 and 60 s, 5 min, 30 min, 2 h, 5 h, 10 h and 10 h; 410 stops at once.",
		Parameters: []*huma.Param{
			header("x-pingr-signature", "sha256= and the lowercase hex of HMAC-SHA256 over the body, keyed by the whole secret.", "sha256=5d41402abc4b2a76b9719d911017c592ae2e7b1a4c3d9f60718293a4b5c6d7e8"),
			header("x-pingr-event", "The event's name.", "message.received"),
			header("x-pingr-attempt", "Which attempt this is, from 1.", "1"),
			header("webhook-id", "Standard Webhooks: the event's id, the same on every attempt.", "evt_0199b0c2d4e57f3a8c1b2d3e4f5a6b7c"),
			header("webhook-timestamp", "Standard Webhooks: when this attempt was signed, in Unix seconds.", "1714825320"),
			header("webhook-signature", "Standard Webhooks: v1, and the base64 of an HMAC-SHA256; several, separated by spaces, while the secret is rotated.", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
		},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: event}}},
		Responses: map[string]*huma.Response{"200": {
			Description: "It was taken, as with any 2xx. A non-empty reply is sent in place of the static one, if auto_reply is pending. No body, or an empty object, says on purpose that there is none; any other answer without a reply is named in the delivery log (no_reply_reason).",
			Content:     map[string]*huma.MediaType{"application/json": {Schema: reply}},
		}},
	}}}
}
