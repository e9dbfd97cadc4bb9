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

// describeWebhooks adds what endpoints receive to the OpenAPI document.
func (s *Server) describeWebhooks(doc *huma.OpenAPI) {
	event := doc.Components.Schemas.Schema(reflect.TypeFor[pingr.Event](), true, "Event")
	reply := doc.Components.Schemas.Schema(reflect.TypeFor[replyJSON](), true, "ReplyJSON")
	header := func(name, says, example string) *huma.Param {
		return &huma.Param{Name: name, In: "header", Required: true, Description: says, Schema: &huma.Schema{Type: huma.TypeString}, Example: example}
	}
	doc.Webhooks = map[string]*huma.PathItem{"event": {Post: &huma.Operation{
		OperationID: "webhook-event", Tags: []string{"webhooks"}, Summary: "An event, as the endpoint receives it",
		Description: "A signed POST to the account's endpoint, which has 8 seconds to respond. Any response but 2xx is retried after about 1, 5, 15, 30 and 60 s, 5 min, 30 min, 2 h, 5 h, 10 h and 10 h. 410 ends the retries at once.",
		Parameters: []*huma.Param{
			header("x-pingr-signature", "sha256= followed by the lowercase hex of HMAC-SHA256 over the body. The key is the whole secret.", "sha256=5d41402abc4b2a76b9719d911017c592ae2e7b1a4c3d9f60718293a4b5c6d7e8"),
			header("x-pingr-event", "The event's type.", "message.received"),
			header("x-pingr-attempt", "The attempt's number, counted from 1.", "1"),
			header("webhook-id", "Standard Webhooks: the event's id, the same on every attempt.", "evt_0199b0c2d4e57f3a8c1b2d3e4f5a6b7c"),
			header("webhook-timestamp", "Standard Webhooks: when this attempt was signed, in Unix seconds.", "1714825320"),
			header("webhook-signature", "Standard Webhooks: v1, followed by the base64 of an HMAC-SHA256. Several, separated by spaces, while the secret is rotated.", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
		},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: event}}},
		Responses: map[string]*huma.Response{"200": {
			Description: "The event was accepted, as with any 2xx. A non-empty reply is sent instead of the static one if auto_reply is pending. No body, or an empty object, gives no reply on purpose. For any other response without a reply, the delivery log tells why (no_reply_reason).",
			Content:     map[string]*huma.MediaType{"application/json": {Schema: reply}},
		}},
	}}}
}
