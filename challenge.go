package pingr

import (
	"crypto/rand"
	"net/url"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// ChallengeCharset is the default alphabet of challenge codes. It leaves out 0,
// 1, I and O, which people misread.
const ChallengeCharset = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

// ChallengeOptions are the options of [NewChallengeCode]. Zero values select
// the defaults.
type ChallengeOptions struct {
	// Length is the number of characters, clamped to 4 to 12. Defaults to 6.
	Length int
	// Charset holds the characters to draw from, at most 256. Defaults to
	// [ChallengeCharset].
	Charset string
}

// NewChallengeCode returns a random code for a login page to show, drawn
// uniformly from a cryptographic source. If several options are given, the last
// non-zero value of each field counts. NewChallengeCode is safe for concurrent
// use. It panics only if a Charset holds more than 256 characters.
func NewChallengeCode(opts ...ChallengeOptions) string {
	o := ChallengeOptions{Length: 6, Charset: ChallengeCharset}
	for _, given := range opts {
		if given.Length != 0 {
			o.Length = given.Length
		}
		if given.Charset != "" {
			o.Charset = given.Charset
		}
	}
	charset := []rune(o.Charset)
	if len(charset) > 256 {
		panic("pingr.NewChallengeCode: the charset has more than 256 characters")
	}
	code := make([]rune, min(max(o.Length, 4), 12))
	for i := range code {
		code[i] = charset[uniform(len(charset))]
	}
	return string(code)
}

// uniform returns a random number from 0 to n-1, n at most 256. It draws again
// when a byte lies beyond the last whole multiple of n.
func uniform(n int) int {
	var b [1]byte
	for {
		_, _ = rand.Read(b[:]) // never fails (crypto/rand)
		if int(b[0]) < 256-256%n {
			return int(b[0]) % n
		}
	}
}

// ExtractChallengeCode returns the code, in capitals, from a text that consists
// of the trigger phrase, white space and the code. It compares both as a
// trigger does (see [Normalize]), so every text that fires the trigger and goes
// on yields a code. Letter case, the Turkish i, full-width letters, invisible
// characters and the amount of space do not matter.
//
// Around the code it also ignores what nobody could mean otherwise (SPEC
// section 5, step 3): *bold* and other marks, quotation marks and brackets, a
// colon or dash between phrase and code, full stops, commas, exclamation and
// question marks, emoji, and further lines.
//
// ok is false for the phrase alone, any other text, an empty trigger, or a
// phrase and code without a space or colon between them.
func ExtractChallengeCode(text, trigger string) (code string, ok bool) {
	phrase := Normalize(trigger)
	if phrase == "" {
		return "", false
	}
	lines := normalizeLines(text)
	said := strings.ReplaceAll(lines, "\n", " ")
	rest, ok := afterPhrase(said, phrase)
	if !ok {
		rest, ok = afterPhrase(strings.TrimLeftFunc(said, isWrapping), phrase)
	}
	if !ok {
		return "", false
	}
	rest = strings.TrimLeftFunc(rest, isLead)
	line, _, _ := strings.Cut(lines[len(lines)-len(rest):], "\n")
	code = cases.Upper(language.Und).String(strings.TrimRightFunc(line, isCodeTail))
	return code, code != ""
}

// LoginLink returns the link that opens WhatsApp with text filled in, addressed
// to number: https://wa.me/919876543210?text=login%20X4K9MQ. It ignores
// everything in number that is not a digit.
func LoginLink(number, text string) string {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, number)
	return "https://wa.me/" + digits + "?text=" + strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}
