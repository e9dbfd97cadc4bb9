package pingr

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// MaxReply is the length of the longest text that WhatsApp takes, in
// characters.
const MaxReply = 4096

// Cut returns at most limit characters (code points) of text. It does not split
// what a reader sees as one character (a grapheme cluster), unless the first
// one alone is longer than limit. Invalid UTF-8 becomes U+FFFD.
func Cut(text string, limit int) string {
	limit = max(limit, 0)
	if len(text)/utf8.UTFMax > limit {
		text = text[:(limit+1)*utf8.UTFMax] // what follows makes no difference
	}
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= limit || utf8.RuneCountInString(text) <= limit {
		return text
	}
	end, count, state := 0, 0, -1
	for rest := text; rest != ""; {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if count += utf8.RuneCountInString(cluster); count > limit {
			break
		}
		end += len(cluster)
	}
	if end == 0 {
		return string([]rune(text)[:limit])
	}
	return text[:end]
}

// StaticReply returns a trigger's reply for a number. It replaces every
// {{phone}}, spelled exactly so, with phone, and does not look at the result
// again.
func StaticReply(reply, phone string) string { return strings.ReplaceAll(reply, "{{phone}}", phone) }

// An answer is an endpoint's answer to a message.received event.
type answer struct {
	header http.Header
	body   []byte // at most one byte more than maxAnswer
}

// reply returns the text of a 2xx answer: the string "reply" of a JSON object,
// cut to MaxReply. If there is none, why is the reason, or empty if the answer
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
	return Cut(text, MaxReply), ""
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
