package pingr

// A NoReply is why the answer to a message.received event gave no dynamic reply,
// although the endpoint took the event. It is empty for an answer that was used,
// and for one that says nothing on purpose: no body, or an empty object.
type NoReply string

// The closed set of reasons. The first group is about the answer itself, the
// second about an answer whose reply came and was not used.
const (
	// NoReplyContentType: the Content-Type is not application/json.
	NoReplyContentType NoReply = "content_type"
	// NoReplyContentEncoding: the body is compressed, which no request asks for.
	NoReplyContentEncoding NoReply = "content_encoding"
	// NoReplyTooLong: the body is over 64 KiB.
	NoReplyTooLong NoReply = "too_long"
	// NoReplyNotUTF8: the body is not UTF-8.
	NoReplyNotUTF8 NoReply = "not_utf8"
	// NoReplyNotJSON: the body is not one JSON value.
	NoReplyNotJSON NoReply = "not_json"
	// NoReplyNotObject: the body is JSON, but not an object.
	NoReplyNotObject NoReply = "not_object"
	// NoReplyNoField: the object has fields, and none is named reply.
	NoReplyNoField NoReply = "no_field"
	// NoReplyTwoFields: the object has several fields named reply, of which no two
	// parsers agree on the one that counts.
	NoReplyTwoFields NoReply = "two_fields"
	// NoReplyNotText: reply is not a string.
	NoReplyNotText NoReply = "not_text"
	// NoReplyEmpty: reply is null, empty or white space.
	NoReplyEmpty NoReply = "empty"
	// NoReplyNUL: reply holds a NUL, which no phone shows and no PostgreSQL keeps.
	NoReplyNUL NoReply = "nul"

	// NoReplyAnswered: the reply was decided at an earlier attempt.
	NoReplyAnswered NoReply = "answered"
	// NoReplyCooldown: the number was in cooldown.
	NoReplyCooldown NoReply = "cooldown"
	// NoReplyQuota: the month's messages were used up.
	NoReplyQuota NoReply = "quota"
	// NoReplyAskedAgain: the reply could not be decided, and the endpoint is asked
	// again: Pingr stopped, its database failed, or it took too long.
	NoReplyAskedAgain NoReply = "asked_again"
)

// NoReplies are all reasons, each with its words for a person.
var noReplies = []struct {
	reason NoReply
	words  string
}{
	{NoReplyContentType, "its Content-Type is not application/json"},
	{NoReplyContentEncoding, "its body is compressed, which no request asks for"},
	{NoReplyTooLong, "its body is over 64 KiB"},
	{NoReplyNotUTF8, "its body is not UTF-8"},
	{NoReplyNotJSON, "its body is not JSON"},
	{NoReplyNotObject, "its body is JSON, but not an object"},
	{NoReplyNoField, `it has no field "reply", spelled exactly so`},
	{NoReplyTwoFields, `it has more than one field "reply"`},
	{NoReplyNotText, "its reply is not a string"},
	{NoReplyEmpty, "its reply is empty"},
	{NoReplyNUL, "its reply holds a NUL character"},
	{NoReplyAnswered, "the reply was decided at an earlier attempt"},
	{NoReplyCooldown, "the number was in cooldown"},
	{NoReplyQuota, "the month's messages are used up"},
	{NoReplyAskedAgain, "it could not be recorded, and the endpoint is asked again"},
}

// NoReplies are all reasons.
func NoReplies() []NoReply {
	all := make([]NoReply, len(noReplies))
	for i, n := range noReplies {
		all[i] = n.reason
	}
	return all
}

// Words say of an answer, for a person, why it gave no reply: "its body is not
// JSON". They are empty for what is no reason.
func (r NoReply) Words() string {
	for _, n := range noReplies {
		if n.reason == r {
			return n.words
		}
	}
	return ""
}
