package pingr

import (
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// MaxPhrase is the longest trigger phrase, in characters.
const MaxPhrase = 200

// maxMatched is how many bytes of a text are looked at for a phrase. A phrase
// of 200 characters fits many times over; a text of 10 MiB costs no more.
const maxMatched = 16 << 10

// A Trigger is a phrase on a session, with its static reply.
type Trigger struct {
	ID      string // "trg_…"
	Session string
	// Phrase is what a text must be or begin with, as it was given, in lower
	// case; 1 to 200 characters.
	Phrase string
	// Reply is the static reply, 1 to 1000 characters; {{phone}} stands for the
	// sender's number.
	Reply     string
	Active    bool
	CreatedAt time.Time
	UpdatedAt time.Time
}

// ErrPhrase: a trigger phrase is empty, longer than [MaxPhrase], or consists of
// nothing that a person can type.
var ErrPhrase = errors.New("phrase must be 1 to 200 characters and hold more than spaces")

// CheckPhrase returns [ErrPhrase] when phrase cannot be a trigger's.
func CheckPhrase(phrase string) error {
	phrase = strings.TrimSpace(phrase)
	n := utf8.RuneCountInString(phrase)
	if n > MaxPhrase || Normalize(phrase) == "" || utf8.RuneCountInString(Normalize(phrase)) > MaxPhrase {
		return ErrPhrase
	}
	return nil
}

// Normalize is what phrases and texts are compared by:
// compatibility forms unified (NFKC), case folded, zero-width and control
// characters dropped, white space collapsed and trimmed. The Turkish dotted and
// dotless i count as i. Normalizing twice changes nothing, for every code
// point. Invalid UTF-8 becomes U+FFFD.
func Normalize(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if isPlain(s) {
		return s
	}
	// A fold may give what NFKC changes, and the other way round: one round is
	// not enough for some 200 code points, three are for all.
	for range 3 {
		s = normalizeOnce(s)
	}
	return s
}

// isPlain spots the text that Normalize would not change: what most people
// type, and what stored phrases are.
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
	// Fold turns Cherokee capitals into small letters and small ones into
	// capitals; lower case settles it.
	s = strings.ToLower(cases.Fold().String(s))
	s = norm.NFKC.String(strings.Map(dropMarks, s))
	return strings.Join(strings.Fields(s), " ")
}

// dropMarks maps a character to the one it is compared as; -1 drops it.
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

// Phrases returns the normalized phrases that text could fire, the longest
// first, none longer than [MaxPhrase]: the whole of it, and every beginning
// that a space or a colon follows. What people write around a phrase without
// meaning it (*bold*, "quotes", a full stop, an emoji) may be part of it or not;
// phrases without the quotes in front come last.
func Phrases(text string) []string {
	whole := len(text) <= maxMatched // else the last word may be cut off
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

// Match returns the active trigger that text fires: the one with the longest
// phrase that text is, or begins with before a space. It looks at every
// trigger; a [Store] finds one among thousands by [Phrases].
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
