package main

import (
	"strings"

	"github.com/heypingr/pingr"
)

func createCases() []createCase {
	length := func(n int) *int { return &n }
	return []createCase{
		{Name: "default", WantLength: 6, WantFrom: pingr.ChallengeCharset},
		{Name: "length 1", Length: length(1), WantLength: 4, WantFrom: pingr.ChallengeCharset},
		{Name: "length 3", Length: length(3), WantLength: 4, WantFrom: pingr.ChallengeCharset},
		{Name: "length 4", Length: length(4), WantLength: 4, WantFrom: pingr.ChallengeCharset},
		{Name: "length 5", Length: length(5), WantLength: 5, WantFrom: pingr.ChallengeCharset},
		{Name: "length 8", Length: length(8), WantLength: 8, WantFrom: pingr.ChallengeCharset},
		{Name: "length 12", Length: length(12), WantLength: 12, WantFrom: pingr.ChallengeCharset},
		{Name: "length 13", Length: length(13), WantLength: 12, WantFrom: pingr.ChallengeCharset},
		{Name: "length 1000000", Length: length(1_000_000), WantLength: 12, WantFrom: pingr.ChallengeCharset},
		{Name: "length -1", Length: length(-1), WantLength: 4, WantFrom: pingr.ChallengeCharset},
		{Name: "length -1000000", Length: length(-1_000_000), WantLength: 4, WantFrom: pingr.ChallengeCharset},
		{Name: "digits", Charset: "0123456789", WantLength: 6, WantFrom: "0123456789"},
		{Name: "digits, length 12", Length: length(12), Charset: "0123456789", WantLength: 12, WantFrom: "0123456789"},
		{Name: "one character", Charset: "A", WantLength: 6, WantFrom: "A"},
		{Name: "one character twice", Charset: "AA", WantLength: 6, WantFrom: "A"},
		{Name: "small letters stay small", Charset: "abc", WantLength: 6, WantFrom: "abc"},
		{Name: "umlauts", Charset: "ÄÖÜ", WantLength: 6, WantFrom: "ÄÖÜ"},
		{Name: "Devanagari", Charset: "कखगघ", WantLength: 6, WantFrom: "कखगघ"},
		{Name: "emoji are one character each", Charset: "😀😃😄", WantLength: 6, WantFrom: "😀😃😄"},
		{Name: "256 characters", Charset: codePoints(256), WantLength: 6, WantFrom: codePoints(256)},
	}
}

// codePoints are n letters of Hangul.
func codePoints(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteRune('가' + rune(i))
	}
	return b.String()
}

func linkCases() []linkCase {
	const base = "https://wa.me/919876543210?text="
	number := "919876543210"
	cases := []linkCase{
		{Name: "as documented", Number: number, Text: "login X4K9MQ", Link: base + "login%20X4K9MQ"},
		{Name: "a number as people write it", Number: "+91 (98765) 432-10", Text: "login", Link: base + "login"},
		{Name: "a JID", Number: "919876543210@s.whatsapp.net", Text: "login", Link: base + "login"},
		{Name: "digits of other scripts are none", Number: "٩१９919876543210", Text: "login", Link: base + "login"},
		{Name: "superscript digits are none", Number: "²919876543210", Text: "login", Link: base + "login"},
		{
			Name: "nothing of a number gets into the link but digits", Number: "919876543210?text=x&#/", Text: "login",
			Link: base + "login",
		},
		{Name: "no number", Number: "", Text: "login", Link: "https://wa.me/?text=login"},
		{Name: "no text", Number: number, Text: "", Link: base},
		{Name: "letters and digits", Number: number, Text: "AZaz09", Link: base + "AZaz09"},
		{Name: "what stays as it is", Number: number, Text: "-_.~", Link: base + "-_.~"},
		{Name: "what JavaScript would leave", Number: number, Text: "!'()*", Link: base + "%21%27%28%29%2A"},
		{
			Name: "what separates", Number: number, Text: ":/?#[]@$&+,;=",
			Link: base + "%3A%2F%3F%23%5B%5D%40%24%26%2B%2C%3B%3D",
		},
		{Name: "percent", Number: number, Text: "100%20", Link: base + "100%2520"},
		{Name: "quotes and brackets", Number: number, Text: "\"<>\\^`{|}", Link: base + "%22%3C%3E%5C%5E%60%7B%7C%7D"},
		{Name: "a line feed", Number: number, Text: "a\r\nb", Link: base + "a%0D%0Ab"},
		{Name: "a tab and a NUL", Number: number, Text: "\t\x00", Link: base + "%09%00"},
		{Name: "spaces stay as they are", Number: number, Text: "  a  b ", Link: base + "%20%20a%20%20b%20"},
		{Name: "a no-break space", Number: number, Text: "a\u00a0b", Link: base + "a%C2%A0b"},
		{Name: "umlauts", Number: number, Text: "Grüße", Link: base + "Gr%C3%BC%C3%9Fe"},
		{Name: "decomposed stays so", Number: number, Text: "e\u0301", Link: base + "e%CC%81"},
		{Name: "Devanagari", Number: number, Text: "लॉग", Link: base + "%E0%A4%B2%E0%A5%89%E0%A4%97"},
		{Name: "emoji", Number: number, Text: "😀", Link: base + "%F0%9F%98%80"},
		{Name: "the last code point", Number: number, Text: "\U0010ffff", Link: base + "%F4%8F%BF%BF"},
		{Name: "a byte order mark", Number: number, Text: "\ufeffa", Link: base + "%EF%BB%BFa"},
		{Name: "an unpaired high surrogate", Number: number, TextJSON: `"a\ud83d"`, Link: base + "a%EF%BF%BD"},
		{Name: "an unpaired low surrogate", Number: number, TextJSON: `"\ude00a"`, Link: base + "%EF%BF%BDa"},
		{
			Name: "surrogates in the wrong order", Number: number, TextJSON: `"\ude00\ud83d"`,
			Link: base + "%EF%BF%BD%EF%BF%BD",
		},
		{Name: "a pair of surrogates", Number: number, TextJSON: `"\ud83d\ude00"`, Link: base + "%F0%9F%98%80"},
		{Name: "a long text", Number: number, Text: strings.Repeat("a ", 500), Link: base + strings.Repeat("a%20", 500)},
	}
	for i := range cases {
		cases[i].Text = textOf(cases[i].Text, cases[i].TextJSON)
	}
	return cases
}
