package pingr

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

func TestCut(t *testing.T) {
	family := "\U0001F468\u200D\U0001F469\u200D\U0001F467" // 5 code points, one picture
	tests := []struct {
		name, text string
		limit      int
		want       string
	}{
		{"short stays", "abc", 3, "abc"},
		{"long is cut", "abcd", 3, "abc"},
		{"characters, not bytes", "ééé", 3, "ééé"},
		{"a family that fits", "ab" + family, 7, "ab" + family},
		{"a family that does not fit goes whole", "ab" + family, 6, "ab"},
		{"an accent stays with its letter", "abe\u0301", 3, "ab"},
		{"a flag is one", "a🇩🇪", 2, "a"},
		{"half a flag goes, however long the text is", "🇩🇪🇩🇪🇩🇪", 3, "🇩🇪"},
		{"one cluster longer than the maximum is cut at a code point", family, 3, string([]rune(family)[:3])},
		{"invalid UTF-8 is mended", "a\xffb", 5, "a\uFFFDb"},
		{"nothing", "", 5, ""},
		{"nothing is wanted", "abc", 0, ""},
		{"less than nothing is wanted", "abc", -1, ""},
		{"no limit", "abc", math.MaxInt, "abc"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { assert.Equal(t, tt.want, Cut(tt.text, tt.limit)) })
	}
	t.Run("10 MiB cost no more than what is kept", func(t *testing.T) {
		assert.Equal(t, 4096, utf8.RuneCountInString(Cut(strings.Repeat("x", 10<<20), 4096)))
	})
}

func TestStaticReply(t *testing.T) {
	for reply, want := range map[string]string{
		"Hi":                                  "Hi",
		"{{phone}} and {{phone}}":             "4917 and 4917",
		"{{ phone }} {phone} {{PHONE}} {{x}}": "{{ phone }} {phone} {{PHONE}} {{x}}",
		"{{{{phone}}}}":                       "{{4917}}",
	} {
		assert.Equal(t, want, StaticReply(reply, "4917"))
	}
	assert.Equal(t, "{{phone}}", StaticReply("{{phone}}", "{{phone}}"), "once over")
}
