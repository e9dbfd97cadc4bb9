package pingr

import (
	"bytes"
	"encoding/json"
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// MaxReply is the longest text that WhatsApp takes, in characters.
const MaxReply = 4096

// Cut returns at most limit characters (code points) of text, and never splits
// what a reader sees as one (a grapheme cluster), unless that alone is longer.
// Invalid UTF-8 becomes U+FFFD.
func Cut(text string, limit int) string {
	limit = max(limit, 0)
	if len(text)/utf8.UTFMax > limit {
		text = text[:(limit+1)*utf8.UTFMax] // what is behind changes nothing
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

// StaticReply is a trigger's reply for a number: every {{phone}}, spelled
// exactly so, is replaced by it, once over.
func StaticReply(reply, phone string) string { return strings.ReplaceAll(reply, "{{phone}}", phone) }

// dynamicReply is the text in a webhook's answer: the non-empty string "reply"
// of a JSON object, in an answer of status 2xx with content type
// application/json. Anything else is none: white space alone, a NUL that no
// phone shows and no PostgreSQL keeps, or two replies, of which no two parsers
// agree on the one that counts.
func dynamicReply(status int, contentType string, body []byte) string {
	if status < 200 || status > 299 {
		return ""
	}
	if kind, _, err := mime.ParseMediaType(contentType); err != nil || kind != "application/json" {
		return ""
	}
	var text string
	if err := json.Unmarshal(onlyField(body, "reply"), &text); err != nil {
		return ""
	}
	if strings.TrimSpace(text) == "" || strings.ContainsRune(text, 0) {
		return ""
	}
	return Cut(text, MaxReply)
}

// onlyField is the value of a JSON object's field, spelled exactly so; nil when
// body is no object or has the field not once. (Unmarshal would take "Reply"
// too, and the last of two.)
func onlyField(body []byte, name string) (value json.RawMessage) {
	if !json.Valid(body) {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if start, _ := d.Token(); start != json.Delim('{') {
		return nil
	}
	for d.More() {
		key, _ := d.Token()
		var v json.RawMessage
		if err := d.Decode(&v); err != nil || key == name && value != nil {
			return nil
		}
		if key == name {
			value = v
		}
	}
	return value
}
