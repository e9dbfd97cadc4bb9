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

func TestDynamicReply(t *testing.T) {
	const asJSON = "application/json"
	tests := []struct {
		name        string
		status      int
		contentType string
		body        string
		want        string
	}{
		{"a reply", 200, asJSON, `{"reply":"hi"}`, "hi"},
		{"with other fields", 201, asJSON, `{"a":[1],"reply":"hi","b":null}`, "hi"},
		{"with parameters of the type", 200, "Application/JSON; charset=utf-8", `{"reply":"hi"}`, "hi"},
		{"not 2xx", 302, asJSON, `{"reply":"hi"}`, ""},
		{"another type", 200, "text/html", `{"reply":"hi"}`, ""},
		{"a type that only looks alike", 200, "application/json-patch", `{"reply":"hi"}`, ""},
		{"no type", 200, "", `{"reply":"hi"}`, ""},
		{"a number", 200, asJSON, `{"reply":42}`, ""},
		{"null", 200, asJSON, `{"reply":null}`, ""},
		{"an object", 200, asJSON, `{"reply":{"reply":"hi"}}`, ""},
		{"empty", 200, asJSON, `{"reply":""}`, ""},
		{"white space", 200, asJSON, `{"reply":" \n"}`, ""},
		{"missing", 200, asJSON, `{}`, ""},
		{"another case", 200, asJSON, `{"Reply":"hi"}`, ""},
		{"two replies", 200, asJSON, `{"reply":"hi","reply":"ho"}`, ""},
		{"a reply and one of another case", 200, asJSON, `{"Reply":"ho","reply":"hi"}`, "hi"},
		{"a reply within another field", 200, asJSON, `{"a":{"reply":"ho"},"reply":"hi"}`, "hi"},
		{"a name with an escape", 200, asJSON, `{"\u0072eply":"hi"}`, "hi"},
		{"NUL, escaped", 200, asJSON, `{"reply":"a\u0000"}`, ""},
		{"NUL, bare", 200, asJSON, "{\"reply\":\"a\x00\"}", ""},
		{"invalid UTF-8", 200, asJSON, "{\"reply\":\"a\xff\"}", "a\uFFFD"},
		{"nested 10,001 deep", 200, asJSON, strings.Repeat(`{"reply":`, 10_001) + "1" + strings.Repeat("}", 10_001), ""},
		{"a list", 200, asJSON, `[{"reply":"hi"}]`, ""},
		{"a string", 200, asJSON, `"hi"`, ""},
		{"broken off", 200, asJSON, `{"reply":"hi`, ""},
		{"something behind", 200, asJSON, `{"reply":"hi"} x`, ""},
		{"HTML", 200, asJSON, `<html>`, ""},
		{"nothing", 200, asJSON, ``, ""},
		{"escapes", 200, asJSON, `{"reply":"a\nb\u00e9\ud83d\ude00"}`, "a\nbé😀"},
		{"half a surrogate pair", 200, asJSON, `{"reply":"a\ud83d"}`, "a\uFFFD"},
		{"too long is cut", 200, asJSON, `{"reply":"` + strings.Repeat("a", 5000) + `"}`, strings.Repeat("a", MaxReply)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, dynamicReply(tt.status, tt.contentType, []byte(tt.body)))
		})
	}
}
