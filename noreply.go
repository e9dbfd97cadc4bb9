package pingr

// A NoReply is the reason why the answer to a message.received event gave no
// dynamic reply, although the endpoint took the event. It is empty for an
// answer that was used, and for one that has no reply on purpose: no body, or
// an empty object.
type NoReply string

// The closed set of reasons. The first group concerns the answer itself. In the
// second, the answer held a reply that was not used.
const (
	// NoReplyContentType: the Content-Type is not application/json.
	NoReplyContentType NoReply = "content_type"
	// NoReplyContentEncoding: the body is compressed, although no request asks for
	// that.
	NoReplyContentEncoding NoReply = "content_encoding"
	// NoReplyTooLong: the body is over 64 KiB.
	NoReplyTooLong NoReply = "too_long"
	// NoReplyNotUTF8: the body is not UTF-8.
	NoReplyNotUTF8 NoReply = "not_utf8"
	// NoReplyNotJSON: the body is not one JSON value.
	NoReplyNotJSON NoReply = "not_json"
	// NoReplyNotObject: the body is JSON, but not an object.
	NoReplyNotObject NoReply = "not_object"
	// NoReplyNoField: the object has fields, but none named reply.
	NoReplyNoField NoReply = "no_field"
	// NoReplyTwoFields: the object has several fields named reply, and parsers
	// disagree on which one counts.
	NoReplyTwoFields NoReply = "two_fields"
	// NoReplyNotText: reply is not a string.
	NoReplyNotText NoReply = "not_text"
	// NoReplyEmpty: reply is null, empty or white space.
	NoReplyEmpty NoReply = "empty"
	// NoReplyNUL: reply holds a NUL, which no phone shows and PostgreSQL cannot
	// store.
	NoReplyNUL NoReply = "nul"

	// NoReplyAnswered: the reply was decided before this attempt.
	NoReplyAnswered NoReply = "answered"
	// NoReplyCooldown: the number was in cooldown.
	NoReplyCooldown NoReply = "cooldown"
	// NoReplyQuota: the month's messages were used up.
	NoReplyQuota NoReply = "quota"
	// NoReplyAskedAgain: the reply could not be decided, because Pingr stopped,
	// its database failed, or it took too long. The endpoint is asked again.
	NoReplyAskedAgain NoReply = "asked_again"
)

// noReplies lists all reasons, each with its description for a person.
var noReplies = []struct {
	reason      NoReply
	description string
}{
	{NoReplyContentType, "its Content-Type is not application/json"},
	{NoReplyContentEncoding, "its body is compressed, but no request asks for that"},
	{NoReplyTooLong, "its body is over 64 KiB"},
	{NoReplyNotUTF8, "its body is not UTF-8"},
	{NoReplyNotJSON, "its body is not JSON"},
	{NoReplyNotObject, "its body is JSON, but not an object"},
	{NoReplyNoField, `it has no field named exactly "reply"`},
	{NoReplyTwoFields, `it has more than one field "reply"`},
	{NoReplyNotText, "its reply is not a string"},
	{NoReplyEmpty, "its reply is empty"},
	{NoReplyNUL, "its reply contains a NUL character"},
	{NoReplyAnswered, "the reply was decided before this attempt"},
	{NoReplyCooldown, "the number was in cooldown"},
	{NoReplyQuota, "the month's messages are used up"},
	{NoReplyAskedAgain, "it could not be recorded; the endpoint is asked again"},
}

// NoReplies returns all reasons.
func NoReplies() []NoReply {
	all := make([]NoReply, len(noReplies))
	for i, n := range noReplies {
		all[i] = n.reason
	}
	return all
}

// Description describes the reason for a person, as a clause about the answer: "its
// body is not JSON". It returns "" for a value that is not one of the reasons.
func (r NoReply) Description() string {
	for _, n := range noReplies {
		if n.reason == r {
			return n.description
		}
	}
	return ""
}
