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
		return &huma.Param{
			Name: name, In: "header", Required: true, Description: says, Schema: &huma.Schema{Type: huma.TypeString},
			Example: example,
		}
	}
	doc.Webhooks = map[string]*huma.PathItem{"event": {Post: &huma.Operation{
		OperationID: "webhook-event", Tags: []string{"webhooks"}, Summary: "An event, as the endpoint receives it",
		Description: "A signed POST to the account's endpoint, which has 8 seconds to respond. " +
			"Any response but 2xx is retried after about 1, 5, 15, 30 and 60 s, 5 min, 30 min, 2 h, 5 h, 10 h and 10 h. " +
			"410 ends the retries at once.",
		Parameters: []*huma.Param{
			header("x-pingr-signature",
				"sha256= followed by the lowercase hex of HMAC-SHA256 over the body. The key is the whole secret.",
				"sha256=5d41402abc4b2a76b9719d911017c592ae2e7b1a4c3d9f60718293a4b5c6d7e8"),
			header("x-pingr-event", "The event's type.", "message.received"),
			header("x-pingr-attempt", "The attempt's number, counted from 1.", "1"),
			header("webhook-id", "Standard Webhooks: the event's id, the same on every attempt.",
				"evt_0199b0c2d4e57f3a8c1b2d3e4f5a6b7c"),
			header("webhook-timestamp", "Standard Webhooks: when this attempt was signed, in Unix seconds.", "1714825320"),
			header(
				"webhook-signature",
				"Standard Webhooks: v1, followed by the base64 of an HMAC-SHA256. "+
					"Several, separated by spaces, while the secret is rotated.",
				"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
			),
		},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/json": {Schema: event},
		}},
		Responses: map[string]*huma.Response{"200": {
			Description: "The event was accepted, as with any 2xx. A non-empty reply is sent instead of the static one if " +
				"auto_reply is pending. No body, or an empty object, gives no reply on purpose. " +
				"For any other response without a reply, the delivery log tells why (no_reply_reason).",
			Content: map[string]*huma.MediaType{"application/json": {Schema: reply}},
		}},
	}}}
}

// A word describes a field, with its unit if it has one.
type word struct {
	says    string
	example any
}

// eventWords describe the fields of what endpoints receive and answer, by schema
// and name. Those types are the library's, which knows no document.
var eventWords = map[string]word{
	"ReplyJSON.reply": {
		"The dynamic reply: up to 4096 characters. A longer one is cut.",
		"Your magic link: https://yourapp.com/auth?token=abc123xyz",
	},
	"Event.event":      {"The event's type.", "message.received"},
	"Event.session_id": {"The event's session.", "sess_abc123"},
	"Event.from":       {"The sender.", nil},
	"Event.message":    {"The message.", nil},
	"Event.reason":     {"For session.disconnected: why, as a number, such as 401 for logged out.", 401},
	"Event.kind":       {"For session.disconnected: terminal (a person must act) or transient.", "terminal"},
	"Event.expires_at": {"For session.disconnected: when a ban ends, in Unix milliseconds.", int64(1714911720000)},
	"Event.timestamp":  {"When this attempt was signed, in Unix milliseconds.", int64(1714825320000)},
	"Event.id": {
		"The event's id, the same on every attempt. Use it to detect duplicates.", "evt_0199b0c2d4e57f3a8c1b2d3e4f5a6b7c",
	},
	"Event.trigger":    {"The trigger that fired.", nil},
	"Event.auto_reply": {"Whether a reply follows.", nil},
	"Event._simulated": {"true for a simulated event, otherwise absent.", true},
	"From.phone": {
		"The sender's number: digits only, with country code. null only if WhatsApp hides it and hidden_numbers is pass.",
		"919876543210",
	},
	"From.jid":       {"The sender's address at WhatsApp.", "919876543210@s.whatsapp.net"},
	"From.is_group":  {"Whether the message was sent in a group.", false},
	"From.group_jid": {"The group, or null if the message was not sent in one.", nil},
	"From.lid":       {"The sender's hidden id at WhatsApp, if known.", "84937261059482@lid"},
	"From.person": {
		"The sender's id in this account. It stays the same when the person's number changes, and is another when the " +
			"number comes to somebody else.", "per_0199b0c2d4e57f3a8c1b2d3e4f5a6b7c",
	},
	"From.phone_since": {
		"If another person had the number before: when it came to this one, in Unix milliseconds, as far as Pingr knows. " +
			"Otherwise absent. An account that last logged in with the number before then is somebody else's.",
		int64(1714738920000),
	},
	"EventMessage.text": {"The whole text.", "hey login"},
	"EventMessage.type": {"The kind of message. The text of a picture is its caption.", "text"},
	"EventMessage.id":   {"The message's id at WhatsApp.", "3EB0A9C1D27E4F5B8C6D"},
	"EventMessage.forwarded": {
		"true if WhatsApp marks the message as forwarded, otherwise absent. " +
			"The sender of a forwarded message may not have written it.",
		true,
	},
	"EventMessage.timestamp": {
		"When the message was sent according to WhatsApp, in Unix milliseconds.", int64(1714825319000),
	},
	"EventTrigger.id":     {"The trigger's id.", "trg_0199b0c2d4e57f3a8c1b2d3e4f5a6b7c"},
	"EventTrigger.phrase": {"The trigger's phrase.", "hey login"},
	"AutoReply.status":    {"pending: a reply follows. suppressed: no reply follows.", "pending"},
	"AutoReply.reason": {
		"Why no reply follows. cooldown, also while an earlier message of the same person is being answered; quota; " +
			"or answered: the reply was decided before this attempt.",
		"cooldown",
	},
	"AutoReply.retry_after": {"For a cooldown: whole seconds until it ends, at least 1.", 47},
}
