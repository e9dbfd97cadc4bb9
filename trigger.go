package pingr

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// MaxPhrase is the greatest length of a trigger phrase, in characters.
const MaxPhrase = 200

// MaxStaticReply is the greatest length of a trigger's reply, in characters.
const MaxStaticReply = 1000

// maxMatched is how many bytes of a text are searched for a phrase. A phrase of
// 200 characters fits many times over, and a text of 10 MiB costs no more.
const maxMatched = 16 << 10

// A Trigger is a phrase on a session, with its static reply.
type Trigger struct {
	ID      string // "trg_…"
	Session string
	// Phrase is what a text must be or begin with, as it was given, in lower case.
	// It has 1 to [MaxPhrase] characters.
	Phrase string
	// Reply is the static reply, 1 to [MaxStaticReply] characters. {{phone}} is
	// replaced by the sender's number.
	Reply     string
	Active    bool
	CreatedAt time.Time
	UpdatedAt time.Time
}

// ErrPhrase means that a trigger phrase is empty, longer than [MaxPhrase], or
// holds nothing that a person can type.
var ErrPhrase = fmt.Errorf("phrase must be 1 to %d characters and contain more than spaces", MaxPhrase)

// CheckPhrase returns [ErrPhrase] if phrase cannot be a trigger's phrase.
func CheckPhrase(phrase string) error {
	phrase = strings.TrimSpace(phrase)
	n := utf8.RuneCountInString(phrase)
	if n > MaxPhrase || Normalize(phrase) == "" || utf8.RuneCountInString(Normalize(phrase)) > MaxPhrase {
		return ErrPhrase
	}
	return nil
}

// Normalize returns the form in which phrases and texts are compared. It
// unifies compatibility forms (NFKC), folds case, drops zero-width and control
// characters, and collapses and trims white space. The Turkish dotted and
// dotless i become i. Invalid UTF-8 becomes U+FFFD. Normalizing twice changes
// nothing, for every code point.
func Normalize(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if isPlain(s) {
		return s
	}
	// Folding may produce what NFKC changes, and the other way round. For some 200
	// code points one round is not enough; three are enough for all.
	for range 3 {
		s = normalizeOnce(s)
	}
	return s
}

// isPlain reports whether Normalize would leave s as it is, which holds for
// what most people type and for stored phrases. It may return false for some
// such s.
func isPlain(s string) bool {
	space := true
	for i := range len(s) {
		c := s[i]
		if c == ' ' && space || c < ' ' || c >= 0x7F || 'A' <= c && c <= 'Z' {
			return false
		}
		space = c == ' '
	}
	return !space || s == ""
}

func normalizeOnce(s string) string {
	s = strings.Map(dropMarks, norm.NFKC.String(s))
	// Fold turns Cherokee capitals into small letters and small letters into
	// capitals; lower case settles it.
	s = strings.ToLower(cases.Fold().String(s))
	s = norm.NFKC.String(strings.Map(dropMarks, s))
	return strings.Join(strings.Fields(s), " ")
}

// dropMarks maps a character to the one it is compared as, or to -1 to drop it.
func dropMarks(r rune) rune {
	switch {
	case r == 'ı' || r == 'İ':
		return 'i'
	case r == '\u0307': // what folding leaves of İ
		return -1
	case unicode.IsSpace(r):
		return ' '
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
		return -1
	}
	return r
}

// Phrases returns the normalized phrases that text could fire, longest first,
// none longer than [MaxPhrase]: the whole text, and every beginning that a
// space or a colon follows. Each comes with and without the marks that people
// write around a phrase (*bold*, "quotes", a full stop, an emoji). Phrases
// without the marks in front come last.
func Phrases(text string) []string {
	whole := len(text) <= maxMatched // otherwise the last word may be cut off
	if !whole {
		text = text[:maxMatched]
	}
	said := Normalize(text)
	bare := strings.TrimLeftFunc(said, isWrapping)
	phrases := prefixes(said, whole)
	if bare != said {
		phrases = append(phrases, prefixes(bare, whole)...)
	}
	return phrases
}

func prefixes(said string, whole bool) []string {
	ends := phraseEnds(said, whole)
	list := make([]string, len(ends))
	for i, end := range ends {
		list[i] = said[:end]
	}
	return list
}

// Match returns the active trigger that text fires, and reports whether there is
// one. Of several, it returns the one with the longest phrase. Match looks at
// every trigger; a [Store] finds one among thousands by [Phrases].
func Match(triggers []Trigger, text string) (Trigger, bool) {
	phrases := Phrases(text)
	best, found := len(phrases), Trigger{}
	for _, t := range triggers {
		if !t.Active {
			continue
		}
		key := Normalize(t.Phrase)
		for i := range best {
			if phrases[i] == key {
				best, found = i, t
				break
			}
		}
	}
	return found, best < len(phrases)
}
