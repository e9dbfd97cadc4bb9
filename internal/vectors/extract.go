package main

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/heypingr/pingr"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// extractCases: phrase and text are compared as they are when a trigger fires ([pingr.Normalize]), so
// a text that fires and goes on gives a code. An empty code in the table means no code.
func extractCases() []extractCase {
	tests := []struct{ name, text, trigger, code string }{
		{"as documented", "login X4K9MQ", "login", "X4K9MQ"},
		{"small letters", "login x4k9mq", "login", "X4K9MQ"},
		{"mixed letters", "login x4K9mQ", "login", "X4K9MQ"},
		{"a phrase in capitals", "LOGIN X4K9MQ", "login", "X4K9MQ"},
		{"a phrase with a capital, as phones write it", "Login X4K9MQ", "login", "X4K9MQ"},
		{"a trigger in capitals", "login X4K9MQ", "LOGIN", "X4K9MQ"},
		{"a phrase of two words", "hey login X4K9MQ", "hey login", "X4K9MQ"},
		{"a phrase of two words, the first alone", "hey X4K9MQ", "hey login", ""},
		{"a longer phrase than the trigger", "hey login X4K9MQ", "hey", "LOGIN X4K9MQ"},
		{"a phrase of punctuation", "/login: X4", "/login:", "X4"},
		{"a phrase with characters that patterns use", "log.in(*) X4", "log.in(*)", "X4"},
		{"a pattern matches only itself", "login X4", "log.n", ""},
		{"a pattern with a backslash", `a\d X4`, `a\d`, "X4"},
		{"a phrase of digits", "2024 X4", "2024", "X4"},
		{"a phrase of an emoji", "🔑 x4k9mq", "🔑", "X4K9MQ"},
		{"a code of one character", "login x", "login", "X"},
		{"a code of digits", "login 482913", "login", "482913"},
		{"a code and more", "login X4K9MQ please", "login", "X4K9MQ PLEASE"},
		{"a code in two parts", "login X4K 9MQ", "login", "X4K 9MQ"},
		{"a code in two parts, far apart", "login X4K \t 9MQ", "login", "X4K 9MQ"},
		{"a code with a hyphen", "login x4k-9mq", "login", "X4K-9MQ"},
		{"the phrase twice", "login login X4", "login", "LOGIN X4"},
		{"a very long code", "login " + strings.Repeat("x", 5000), "login", strings.Repeat("X", 5000)},

		{"the phrase alone", "login", "login", ""},
		{"the phrase and a space", "login ", "login", ""},
		{"the phrase and much space", "login \t\r\n ", "login", ""},
		{"another word", "help", "login", ""},
		{"no space between", "loginX4K9MQ", "login", ""},
		{"a longer word", "logins X4K9MQ", "login", ""},
		{"a shorter word", "logi X4K9MQ", "login", ""},
		{"the phrase later in the text", "please login X4K9MQ", "login", ""},
		{"a hyphen between", "login-X4K9MQ", "login", ""},
		{"the code first", "X4K9MQ login", "login", ""},
		{"an empty text", "", "login", ""},
		{"a text of space", "   ", "login", ""},
		{"an empty trigger", "login X4K9MQ", "", ""},
		{"an empty trigger and a space in front", " X4K9MQ", "", ""},
		{"a trigger of space", "login X4K9MQ", " \t", ""},
		{"both empty", "", "", ""},
		{"a trigger that cannot be seen", "login X4K9MQ", "\u200b", ""},
		{"letters that only look alike", "lоgin X4", "login", ""}, // a Cyrillic о
		{"an accent too many", "lógin X4", "login", ""},

		{"space around", "  login X4K9MQ  ", "login", "X4K9MQ"},
		{"space around the trigger", "login X4K9MQ", "  login ", "X4K9MQ"},
		{"much space between", "login     X4K9MQ", "login", "X4K9MQ"},
		{"a tab between", "login\tX4K9MQ", "login", "X4K9MQ"},
		{"a line feed between", "login\nX4K9MQ", "login", "X4K9MQ"},
		{"a line end between", "login\r\nX4K9MQ", "login", "X4K9MQ"},
		{"a line feed behind", "login X4K9MQ\n", "login", "X4K9MQ"},
		{"much space within the phrase", "hey   login X4", "hey login", "X4"},
		{"a line feed within the phrase", "hey\nlogin X4", "hey login", "X4"},
		{"much space within the trigger", "hey login X4", "hey \t login", "X4"},
		{"a no-break space between, as some keyboards write it", "login\u00a0X4K9MQ", "login", "X4K9MQ"},

		{"zero-width space within the phrase", "lo\u200bgin X4", "login", "X4"},
		{"zero-width space within the code", "login X4\u200bK9", "login", "X4K9"},
		{"zero-width space instead of space", "login\u200bX4", "login", ""},
		{"zero-width joiner at the end", "login X4\u200d", "login", "X4"},
		{"a right-to-left mark in front", "\u200flogin X4K9MQ", "login", "X4K9MQ"},
		{"direction marks around the code", "login \u2068X4K9MQ\u2069", "login", "X4K9MQ"},
		{"an invisible word between", "login \u200b X4", "login", "X4"},
		{"an invisible code", "login \u200b\u2060", "login", ""},
		{"a byte order mark in front", "\ufefflogin X4", "login", "X4"},
		{"a byte order mark instead of space", "login\ufeffX4", "login", ""},
		{"a soft hyphen", "lo\u00adgin X4", "login", "X4"},
		{"a variation selector", "🔑\ufe0f X4", "🔑", "X4"},
		{"a NUL", "lo\x00gin X4", "login", "X4"},
		{"DEL", "login\x7f X4", "login", "X4"},
		{"the separators that Python counts as space", "login\x1c\x1d\x1e\x1fX4", "login", ""},
		{"the separators that Python counts as space, and a space", "login\x1c X4\x1f", "login", "X4"},
		{"a Mongolian vowel separator is no space", "login\u180eX4", "login", ""},
		{"a next line is space", "login\u0085X4", "login", "X4"},
		{"an ideographic space", "login\u3000X4", "login", "X4"},

		{"Turkish capital I with a dot", "LOGİN X4", "login", "X4"},
		{"Turkish small i without a dot", "logın X4", "login", "X4"},
		{"a trigger in Turkish capitals", "login X4", "LOGİN", "X4"},
		{"a decomposed capital I with a dot", "LOGI\u0307N X4", "login", "X4"},
		{"a small i with a dot of its own, as JavaScript makes of a Turkish one", "logi\u0307n X4", "login", "X4"},
		{"Turkish letters in the code", "login İıiI", "login", "IIII"},
		{"ß is ss", "STRASSE x4", "straße", "X4"},
		{"ss is ß", "straße x4", "strasse", "X4"},
		{"capital ẞ", "STRAẞE x4", "straße", "X4"},
		{"ß in the code", "login aß", "login", "ASS"},
		{"umlauts", "ANMELDÜNG x4", "anmeldüng", "X4"},
		{"decomposed umlauts", "ANMELDU\u0308NG x4", "anmeldüng", "X4"},
		{"a decomposed trigger", "anmeldüng x4", "anmeldu\u0308ng", "X4"},
		{"umlauts in the code", "login äöü", "login", "ÄÖÜ"},
		{"decomposed umlauts in the code", "login a\u0308", "login", "Ä"},
		{"Greek", "ΣΥΝΔΕΣΗΣ X4", "συνδεσης", "X4"},
		{"Greek final sigma in the code", "login ας", "login", "ΑΣ"},
		{"Greek with an iota below, in the code", "login ᾳ", "login", "ΑΙ"},
		{"Cyrillic", "ВХОД абв", "вход", "АБВ"},
		{"Georgian", "ᲨᲔᲡᲕᲚᲐ x4", "შესვლა", "X4"},
		{"Cherokee", "ꭰꭱ x4", "ᎠᎡ", "X4"},
		{"Armenian ligature", "ԵՒ x4", "և", "X4"},
		{"Hindi", "लॉगिन X4K9MQ", "लॉगिन", "X4K9MQ"},
		{"Hindi digits in the code stay", "login १२३", "login", "१२३"},
		{"Arabic", "دخول X4", "دخول", "X4"},
		{"Chinese", "登录 x4", "登录", "X4"},
		{"Chinese without a space", "登录X4", "登录", ""},
		{"Korean, decomposed", "\u1105\u1169그인 x4", "로그인", "X4"},
		{"full-width letters", "ｌｏｇｉｎ　ｘ４Ｋ９", "login", "X4K9"},
		{"half-width katakana", "ﾛｸﾞｲﾝ x4", "ログイン", "X4"},
		{"mathematical letters", "𝐥𝐨𝐠𝐢𝐧 𝐱𝟒", "login", "X4"},
		{"circled letters", "ⓛⓞⓖⓘⓝ ⓧ④", "login", "X4"},
		{"a ligature in the code", "login ﬁx", "login", "FIX"},
		{"a Kelvin sign", "to\u212aen \u212a", "token", "K"},
		{"a long s", "ſign x4", "sign", "X4"},
		{"an Angstrom sign", "login \u212b", "login", "Å"},
		{"a micro sign", "login µ", "login", "Μ"},
		{"Dutch ij", "login ĳ", "login", "IJ"},
		{"Croatian dž in three cases", "login ǆǅǄ", "login", "DŽDŽDŽ"},
		{"an apostrophe n", "login ŉ", "login", "ʼN"},
		{"a j with a caron has no capital of its own", "login ǰ", "login", "J\u030c"},
		{"emoji within the code", "login X😀4", "login", "X😀4"},
		{"a keycap", "login 4️⃣", "login", "4\u20e3"},
		{"a word that is a phrase", "ﷺ X4", "صلى الله عليه وسلم", "X4"},
	}
	list := make([]extractCase, 0, len(tests)+8)
	for _, t := range tests {
		list = append(list, extractOf(t.name, t.text, t.trigger, t.code))
	}
	list = append(list, writtenCases()...)
	broken := []struct{ name, textJSON, code string }{
		{"an unpaired high surrogate in the code", `"login X\ud83d"`, "X\ufffd"},
		{"an unpaired low surrogate in the code", `"login \ude00X"`, "\ufffdX"},
		{"two unpaired surrogates in the code", `"login \ude00\ud83d"`, "\ufffd\ufffd"},
		{"a pair of surrogates in the code", `"login X\ud83d\ude004"`, "X😀4"},
	}
	for _, b := range broken {
		list = append(list, extractCase{
			Name: b.name, Text: textOf("", b.textJSON), TextJSON: b.textJSON, Trigger: "login", Code: &b.code,
		})
	}
	return list
}

func extractOf(name, text, trigger, code string) extractCase {
	c := extractCase{Name: name, Text: text, Trigger: trigger}
	if code != "" {
		c.Code = &code
	}
	return c
}

// characterCases take the single characters by which languages differ: white space, invisible ones,
// those that fold to several, and those that NFKC changes again after folding. The codes come from the
// Go helper, and two other implementations have to agree.
func characterCases() []extractCase {
	var list []extractCase
	fold := cases.Fold()
	for r := rune(0); r < 0xF0000; r++ {
		once := fold.String(norm.NFKC.String(string(r)))
		several := r > 0x7F && len([]rune(fold.String(string(r)))) > 1 || norm.NFKC.String(once) != once
		invisible := unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) && (r < 0xE0000 || r%0x400 == 0x3FF)
		if !several && !invisible && !unicode.In(r, unicode.White_Space, unicode.Zl, unicode.Zp) && (r > 0x9F || r > 0x20 &&
			r < 0x7F) {
			continue
		}
		c := extractCase{
			Name: fmt.Sprintf("character %U", r), Text: "login" + string(r) + " A" + string(r) + "b",
			Trigger: "login" + string(r),
		}
		if code, ok := pingr.ExtractChallengeCode(c.Text, c.Trigger); ok {
			c.Code = &code
		}
		list = append(list, c)
	}
	return list
}
