package pingr

import (
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// MaxText is the length of the longest text that a session sends, in
// characters.
const MaxText = 4096

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
