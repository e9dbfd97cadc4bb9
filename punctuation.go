package pingr

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// People and keyboards write more than the phrase and the code: "Login:
// x4k9mq.", `*login X4K9MQ*`, “login X4K9MQ” 🙏, or a greeting on the next line.
// This file lists what is dropped around the two because nobody could mean it
// otherwise (SPEC section 5, step 3). sdk/node and sdk/python have the same
// lists; testdata/vectors.json keeps them equal.
const (
	// wrapping is what stands around a word: WhatsApp's own marks for bold,
	// italic, struck and monospace text, quotation marks and brackets.
	wrapping = "*_~`" + `"'` + "“”„‟‘’‚‛′«»‹›「」『』〝〞〟" + "()[]{}<>"
	// ending is what ends a word or a sentence. It needs no full-width forms,
	// because [Normalize] unifies them.
	ending = ":.,!" + "。、،۔।॥"
	// dashes stand between the phrase and the code.
	dashes = "-‐‑‒–—―"
	// asking ends a code only: "login?" may be a question about logging in.
	asking = "?؟"
)

// emoji are the blocks that contain emoji.
var emoji = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x00A9, Hi: 0x00A9, Stride: 1},
		{Lo: 0x00AE, Hi: 0x00AE, Stride: 1},
		{Lo: 0x2190, Hi: 0x21FF, Stride: 1},
		{Lo: 0x2300, Hi: 0x23FF, Stride: 1},
		{Lo: 0x25A0, Hi: 0x27BF, Stride: 1},
		{Lo: 0x2900, Hi: 0x297F, Stride: 1},
		{Lo: 0x2B00, Hi: 0x2BFF, Stride: 1},
		{Lo: 0x3030, Hi: 0x3030, Stride: 1},
		{Lo: 0x303D, Hi: 0x303D, Stride: 1},
	},
	R32:         []unicode.Range32{{Lo: 0x1F000, Hi: 0x1FAFF, Stride: 1}},
	LatinOffset: 2,
}

func isWrapping(r rune) bool { return r == ' ' || strings.ContainsRune(wrapping, r) }

// isTail reports whether r may follow a phrase or a code without being part of
// it.
func isTail(r rune) bool {
	return isWrapping(r) || strings.ContainsRune(ending, r) || unicode.Is(emoji, r)
}

// isCodeTail reports whether r may follow a code without being part of it.
func isCodeTail(r rune) bool { return isTail(r) || strings.ContainsRune(asking, r) }

// isLead reports whether r may stand in front of a code without being part of
// it.
func isLead(r rune) bool { return isTail(r) || strings.ContainsRune(dashes, r) }

// normalizeLines normalizes text line by line (see [Normalize]) and drops empty
// lines. It separates the lines by line feeds.
func normalizeLines(text string) string {
	if !strings.ContainsAny(text, "\n\v\f\r\u0085\u2028\u2029") {
		return Normalize(text)
	}
	lines := strings.FieldsFunc(text, func(r rune) bool {
		return '\n' <= r && r <= '\r' || r == '\u0085' || r == '\u2028' || r == '\u2029'
	})
	kept := lines[:0]
	for _, line := range lines {
		if line = Normalize(line); line != "" {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// afterPhrase returns what follows phrase in said, which is one line without
// the marks in front. ok is false if said does not begin with phrase, or goes
// on within the same word.
func afterPhrase(said, phrase string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(said, phrase)
	if !ok {
		return "", false
	}
	for i, r := range rest {
		switch {
		case r == ' ' || r == ':':
			return rest[i:], true
		case !isTail(r):
			return "", false
		}
	}
	return "", true
}

// phraseEnds returns the offsets in said at which a phrase may end, last first,
// none beyond [MaxPhrase] characters. A phrase may end before white space, a
// colon or the end of said, and before what is dropped in front of these. The
// end of said counts only if whole is set.
func phraseEnds(said string, whole bool) []int {
	end, n := len(said), 0
	for i := range said {
		if n++; n > MaxPhrase+1 { // one character more, to see what follows
			end, whole = i, false
			break
		}
	}
	ends := make([]int, 0, 8)
	if whole && end > 0 && n <= MaxPhrase {
		ends = append(ends, end)
	}
	open := whole // whether a phrase may end at i
	for i := end; i > 0; {
		r, size := utf8.DecodeLastRuneInString(said[:i])
		i -= size
		open = r == ' ' || r == ':' || open && isTail(r)
		if open && i > 0 {
			ends = append(ends, i)
		}
	}
	return ends
}
