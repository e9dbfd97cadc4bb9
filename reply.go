package pingr

import (
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
	if most := (limit + 1) * utf8.UTFMax; len(text) > most {
		text = text[:most] // what is behind changes nothing
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
// application/json. Anything else, white space alone included, is none.
func dynamicReply(status int, contentType string, body []byte) string {
	if status < 200 || status > 299 {
		return ""
	}
	if kind, _, err := mime.ParseMediaType(contentType); err != nil || kind != "application/json" {
		return ""
	}
	var answer map[string]json.RawMessage // a struct would take "Reply" too
	if err := json.Unmarshal(body, &answer); err != nil {
		return ""
	}
	var text string
	if err := json.Unmarshal(answer["reply"], &text); err != nil || strings.TrimSpace(text) == "" {
		return ""
	}
	return Cut(text, MaxReply)
}
