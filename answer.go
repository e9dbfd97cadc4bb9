package pingr

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// An answer is an endpoint's answer to a message.received event.
type answer struct {
	header http.Header
	body   []byte // at most one byte more than maxAnswer
}

// reply returns the text of a 2xx answer: the string "reply" of a JSON object,
// cut to MaxText. If there is none, why is the reason, or empty if the answer
// has no reply on purpose.
func (a answer) reply() (text string, why NoReply) {
	body := bytes.TrimPrefix(a.body, []byte("\xEF\xBB\xBF"))
	if len(bytes.TrimSpace(body)) == 0 {
		return "", "" // 204, or nothing to say
	}
	switch {
	case a.compressed():
		return "", NoReplyContentEncoding
	case !a.isJSON():
		return "", NoReplyContentType
	case len(a.body) > maxAnswer:
		return "", NoReplyTooLong
	case !utf8.Valid(body):
		return "", NoReplyNotUTF8
	}
	value, why := onlyField(body, "reply")
	if why != "" || value == nil {
		return "", why
	}
	if value[0] != '"' && !bytes.Equal(value, []byte("null")) {
		return "", NoReplyNotText
	}
	if err := json.Unmarshal(value, &text); err != nil {
		return "", NoReplyNotText
	}
	switch {
	case strings.TrimSpace(text) == "":
		return "", NoReplyEmpty
	case strings.ContainsRune(text, 0):
		return "", NoReplyNUL
	}
	return Cut(text, MaxText), ""
}

// isJSON looks at the type alone. Parameters have no meaning for JSON (RFC
// 8259, section 11), so a malformed one does no harm.
func (a answer) isJSON() bool {
	kind, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(kind), "application/json")
}

// codings are the codings in IANA's HTTP Content Coding Registry that change
// the body. Any other word, such as identity, none or UTF-8, is some
// framework's mistake about a plain body.
var codings = []string{
	"aes128gcm", "br", "compress", "dcb", "dcz", "deflate", "exi", "gzip", "pack200-gzip", "x-compress", "x-gzip", "zstd",
}

func (a answer) compressed() bool {
	for _, line := range a.header.Values("Content-Encoding") {
		for coding := range strings.SplitSeq(line, ",") {
			if slices.Contains(codings, strings.ToLower(strings.TrimSpace(coding))) {
				return true
			}
		}
	}
	return false
}

// onlyField returns the value of a JSON object's field with exactly that name,
// or nil for an empty object. Unmarshal would accept "Reply" too, and the last
// of two.
func onlyField(body []byte, name string) (value json.RawMessage, why NoReply) {
	if !json.Valid(body) {
		return nil, NoReplyNotJSON
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if start, _ := d.Token(); start != json.Delim('{') {
		return nil, NoReplyNotObject
	}
	if !d.More() {
		return nil, ""
	}
	for d.More() {
		key, _ := d.Token()
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, NoReplyNotJSON
		}
		if key != name {
			continue
		}
		if value != nil {
			return nil, NoReplyTwoFields
		}
		value = v
	}
	if value == nil {
		return nil, NoReplyNoField
	}
	return value, ""
}
