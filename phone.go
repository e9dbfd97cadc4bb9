package pingr

import (
	"errors"
	"regexp"
	"strings"
)

// ErrPhone means that a string cannot be a phone number.
var ErrPhone = errors.New("phone must be a number with country code, 7 to 15 digits")

// phoneZeros are the zeros of the scripts in which people type numbers. Nine
// digits follow each of them in Unicode.
const phoneZeros = "0٠۰०০੦૦୦௦౦೦൦๐໐༠၀០᠐０"

var (
	// phoneNoise is what people write between digits: spaces, dashes, dots and
	// slashes, and invisible marks that come along when a number is copied.
	phoneNoise = regexp.MustCompile(`[\t-\r ./\x{85}\x{A0}\x{AD}\x{B7}\x{61C}\x{1680}\x{180E}\x{2000}-\x{2015}` +
		`\x{2028}-\x{202F}\x{205F}-\x{2064}\x{2066}-\x{206F}\x{2212}\x{3000}\x{FE58}\x{FE63}\x{FEFF}\x{FF0D}\x{FF0E}-]`)
	phoneScheme = regexp.MustCompile(`^(?i:tel|whatsapp):`)
	// phoneTrunk finds the (0) after a country code, which is dialled only within
	// the country.
	phoneTrunk  = regexp.MustCompile(`^([()]*\+?[()]*(?:00)?[()]*([1-9][0-9]{0,2})[()]*)\(0\)`)
	phoneSigns  = strings.NewReplacer("（", "(", "）", ")", "[", "(", "]", ")", "＋", "+")
	phoneBraces = strings.NewReplacer("(", "", ")", "")
	phoneDigits = regexp.MustCompile(`^[1-9][0-9]{6,14}$`)
)

// italy keeps the 0 of its numbers in international calls.
const italy = "39"

// ParsePhone returns the digits of a phone number, with country code and
// without "+": "919876543210". It takes numbers as people type and paste them:
//
//   - spaces of all kinds, dashes, dots, slashes, brackets and invisible marks
//     between the digits are ignored;
//   - "+", "00", "tel:" or "whatsapp:" may precede the country code;
//   - "(0)" after the country code is dropped, except for Italy's;
//   - digits may be of another script: "٩١٩٨٧٦٥٤٣٢١٠".
//
// If s cannot be a phone number, ParsePhone returns [ErrPhone]: a number has 7
// to 15 digits (ITU-T E.164), and a country code never begins with 0. ParsePhone
// knows no country, so it does not add a missing country code, and the result
// need not be in use.
func ParsePhone(s string) (string, error) {
	s = phoneSigns.Replace(phoneNoise.ReplaceAllString(strings.Map(asciiDigit, s), ""))
	s = phoneScheme.ReplaceAllString(s, "")
	if m := phoneTrunk.FindStringSubmatch(s); m != nil && m[2] != italy {
		s = m[1] + s[len(m[0]):]
	}
	digits, international := strings.CutPrefix(phoneBraces.Replace(s), "+")
	if !international {
		digits = strings.TrimPrefix(digits, "00")
	}
	if !phoneDigits.MatchString(digits) {
		return "", ErrPhone
	}
	return digits, nil
}

// asciiDigit returns the ASCII form of a digit, and every other rune as it is.
func asciiDigit(r rune) rune {
	for _, zero := range phoneZeros {
		if zero <= r && r <= zero+9 {
			return '0' + r - zero
		}
	}
	return r
}

// PhoneJID returns the JID of a phone number's account:
// "919876543210@s.whatsapp.net".
func PhoneJID(phone string) string { return phone + "@s.whatsapp.net" }
