package pingr

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestNewChallengeCode(t *testing.T) {
	for given, want := range map[int]int{0: 6, 1: 4, -3: 4, 4: 4, 12: 12, 13: 12} {
		assert.Len(t, NewChallengeCode(ChallengeOptions{Length: given}), want)
	}
	assert.Empty(t, strings.Trim(NewChallengeCode(ChallengeOptions{Length: 12}), ChallengeCharset))
	first, second := NewChallengeCode(), NewChallengeCode()
	assert.NotEqual(t, first, second)
	assert.Equal(t, strings.Repeat("é", 6), NewChallengeCode(ChallengeOptions{Charset: "é"}))
	assert.Panics(t, func() { NewChallengeCode(ChallengeOptions{Charset: strings.Repeat("a", 257)}) })
}

// A charset of 200 makes a plain modulo draw the first 56 twice as often.
func TestChallengeCodesAreUniform(t *testing.T) {
	const n, draws = 200, 400_000
	var counts [n]int
	for range draws {
		counts[uniform(n)]++
	}
	chi := 0.0
	for _, c := range counts {
		d := float64(c) - draws/n
		chi += d * d / (draws / n)
	}
	assert.Less(t, chi, 320.0,
		"chi-square of 199 degrees of freedom: 320 is one in ten million") // a modulo gives some 50,000
}

func TestExtractChallengeCode(t *testing.T) {
	tests := []struct {
		name, text, trigger, want string
	}{
		{"phrase and code", "login X4K9MQ", "login", "X4K9MQ"},
		{"small letters become capitals", "login x4k9mq", "login", "X4K9MQ"},
		{"any case of the phrase", "LOGIN x4", "login", "X4"},
		{"space around and between", "  login \t\n X4K9MQ  ", " login ", "X4K9MQ"},
		{"a phrase of two words", "hey login X4", "hey login", "X4"},
		{"the phrase alone", "login", "login", ""},
		{"the phrase and space", "login   ", "login", ""},
		{"another text", "help", "login", ""},
		{"no space between", "loginX4K9MQ", "login", ""},
		{"a longer word", "loginx X4", "login", ""},
		{"empty", "", "login", ""},
		{"multibyte phrase", "ANMELDÜNG x4", "anmeldüng", "X4"},
		{"invalid UTF-8", "\xff\xfe login", "login", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, ok := ExtractChallengeCode(tt.text, tt.trigger)
			assert.Equal(t, tt.want, code)
			assert.Equal(t, tt.want != "", ok)
		})
	}
}

func TestLoginLink(t *testing.T) {
	assert.Equal(t, "https://wa.me/919876543210?text=login%20X4K9MQ", LoginLink("+91 98765-43210", "login X4K9MQ"))
	assert.Equal(t, "https://wa.me/49?text=a%2Bb%26c%23%C3%A9", LoginLink("49", "a+b&c#é"))
}
