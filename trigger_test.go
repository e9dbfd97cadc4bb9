package pingr

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMatch(t *testing.T) {
	tests := []struct {
		name, text string
		phrases    []string
		want       string // empty: none
	}{
		{"the phrase itself", "login", []string{"login"}, "login"},
		{"the phrase and a code", "login X4K9MQ", []string{"login"}, "login"},
		{"a longer word is another word", "loginx", []string{"login"}, ""},
		{"the phrase must come first", "please login", []string{"login"}, ""},
		{"the longest wins", "login now X4K9MQ", []string{"login", "login now", "log"}, "login now"},
		{"the longest wins, whichever comes first", "login now X4K9MQ", []string{"login now", "login"}, "login now"},
		{"a prefix of another phrase", "log in", []string{"log", "log in"}, "log in"},
		{"a phrase of two words needs both", "hey", []string{"hey login"}, ""},
		{"capitals", "LOGIN", []string{"login"}, "login"},
		{"capitals in the phrase", "login", []string{"Login"}, "Login"},
		{"dotted capital I", "LOGİN", []string{"login"}, "login"},
		{"dotless i", "logın", []string{"login"}, "login"},
		{"full width", "ｌｏｇｉｎ　Ｘ４", []string{"login"}, "login"},
		{"zero-width marks inside", "lo\u200bgi\u200d\ufeffn", []string{"login"}, "login"},
		{"right-to-left marks around", "\u202elogin\u202c", []string{"login"}, "login"},
		{"control characters", "lo\x00gin\x07", []string{"login"}, "login"},
		{"white space of any kind, any number", " \t login \n\u00a0 x", []string{"login"}, "login"},
		{"two spaces in the phrase", "hey login", []string{"hey  login"}, "hey  login"},
		{"sharp s and its capitals", "STRASSE", []string{"straße"}, "straße"},
		{"a ligature", "oﬃce", []string{"office"}, "office"},
		{"composed and decomposed", "cafe\u0301", []string{"café"}, "café"},
		{"an emoji phrase with its variation selector", "❤️ x", []string{"❤"}, "❤"},
		{"a full stop, as two spaces write it", "login.", []string{"login"}, "login"},
		{"an exclamation mark", "Login!", []string{"login"}, "login"},
		{"bold", "*login X4K9MQ*", []string{"login"}, "login"},
		{"only the phrase in bold", "*login* X4K9MQ", []string{"login"}, "login"},
		{"quotes", "“login X4K9MQ”", []string{"login"}, "login"},
		{"a question may be about logging in", "login?", []string{"login"}, ""},
		{"and so may an address", "login?x", []string{"login"}, ""},
		{"or one within a text", "login?next=/ X4K9MQ", []string{"login"}, ""},
		{"a colon", "login: X4K9MQ", []string{"login"}, "login"},
		{"a colon without space", "login:X4K9MQ", []string{"login"}, "login"},
		{"an emoji behind the phrase", "login🙏", []string{"login"}, "login"},
		{"a full stop goes on as a word does", "login.example", []string{"login"}, ""},
		{"bold within a word", "log*in*", []string{"log"}, ""},
		{"a phrase with the mark is longer", "login! now", []string{"login", "login!"}, "login!"},
		{"a phrase in quotes is what was written", `"login" x`, []string{"login", `"login"`}, `"login"`},
		{"a phrase with a mark, in bold", "*login!*", []string{"login", "login!"}, "login!"},
		{"empty text", "", []string{"login"}, ""},
		{"only marks", "\u200b\u200b", []string{"login"}, ""},
		{"invalid UTF-8", "login \xff\xfe", []string{"login"}, "login"},
		{"invalid UTF-8 inside the word", "lo\xffgin", []string{"login"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var triggers []Trigger
			for _, p := range tt.phrases {
				triggers = append(triggers, Trigger{Phrase: p, Active: true})
			}
			got, ok := Match(triggers, tt.text)
			assert.Equal(t, tt.want != "", ok)
			assert.Equal(t, tt.want, got.Phrase)
		})
	}
	t.Run("an inactive one does not fire, a shorter active one does", func(t *testing.T) {
		got, ok := Match([]Trigger{{Phrase: "login now"}, {Phrase: "login", Active: true}}, "login now")
		assert.True(t, ok)
		assert.Equal(t, "login", got.Phrase)
	})
}

// cases.Fold after NFKC is not idempotent for some 170 code points; this is.
// The ordinary run takes every rune of the alphabets and of what is composed or
// compatible with them, and samples ideographs, Hangul and unassigned planes;
// make fuzz takes all, by PINGR_TEST_ALL_RUNES.
func TestNormalizeTwiceChangesNothing(t *testing.T) {
	all := os.Getenv("PINGR_TEST_ALL_RUNES") != ""
	for r := rune(0); r <= utf8.MaxRune; r++ {
		sampled := r >= 0x3400 && r < 0xA000 || r >= 0xAC00 && r < 0xF900 || r >= 0x12000 && r < 0x1D000 || r >= 0x20000
		if !utf8.ValidRune(r) || sampled && !all && r%61 != 0 {
			continue
		}
		around := []string{string(r), "a" + string(r) + "b c"}
		if r > 0x3FFFF { // unassigned and private planes
			around = around[:1]
		}
		for _, s := range around {
			once := Normalize(s)
			if twice := Normalize(once); twice != once {
				require.Equal(t, once, twice, "%U", r)
			}
		}
	}
}

func TestPhrases(t *testing.T) {
	assert.Equal(t, []string{"login x4 now", "login x4", "login"}, Phrases(" Login  X4 now "))
	assert.Equal(t, []string{"login: x4.", "login: x4", "login:", "login"}, Phrases("Login: X4."))
	assert.Equal(t, []string{`"login" x`, `"login"`, `"login`, `login" x`, `login"`, "login"}, Phrases(`"Login" x`))
	assert.Len(t, Phrases(strings.Repeat("*", MaxPhrase)), MaxPhrase, "each beginning may be meant")
	assert.Empty(t, Phrases(strings.Repeat("*", 10<<20)), "no phrase is that long")
	assert.Empty(t, Phrases(""))
	assert.Empty(t, Phrases(strings.Repeat("a", 10<<20)), "no phrase is that long")
	assert.Empty(t, Phrases(strings.Repeat("\u200b", maxMatched/3)+"loginx"), "cut off within a word, it is not the word")
	many := Phrases(strings.Repeat("a ", 5<<20))
	assert.Len(t, many, MaxPhrase/2)
	assert.LessOrEqual(t, utf8.RuneCountInString(many[0]), MaxPhrase)
	assert.Equal(t, []string{strings.Repeat("é", MaxPhrase)}, Phrases(strings.Repeat("é", MaxPhrase)))
	assert.Empty(t, Phrases(strings.Repeat("é", MaxPhrase+1)))
	assert.Equal(t, []string{strings.Repeat("é", MaxPhrase)}, Phrases(strings.Repeat("é", MaxPhrase)+" x"))
}

func TestCheckPhrase(t *testing.T) {
	for phrase, ok := range map[string]bool{
		"login": true, " hey login ": true, "": false, "  ": false, "\u200b": false,
		strings.Repeat("a", 200): true, strings.Repeat("a", 201): false,
		strings.Repeat("\uFDFA", 20): false, // 18 characters each
	} {
		if ok {
			assert.NoError(t, CheckPhrase(phrase), phrase)
		} else {
			assert.ErrorIs(t, CheckPhrase(phrase), ErrPhrase, phrase)
		}
	}
}

// Match walks all triggers; what stores do with Phrases is a look-up. Compare:
// go test -bench Match -run '^$' .
func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		byPhrase := map[string]Trigger{}
		for i := range n {
			phrase := fmt.Sprintf("login %d", i)
			byPhrase[phrase] = Trigger{Phrase: phrase}
		}
		b.Run(fmt.Sprintf("lookup among %d", n), func(b *testing.B) {
			for b.Loop() {
				for _, p := range Phrases("login 7 X4K9MQ") {
					if _, ok := byPhrase[p]; ok {
						break
					}
				}
			}
		})
	}
}
