package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTablesAreOnlyText(t *testing.T) {
	for given, want := range map[string]string{
		"Shop":                      "Shop",
		"Ladengeschäft 店 👩‍👩‍👧":     "Ladengeschäft 店 👩‍👩‍👧",
		"\x1b[2J\x1b]0;title\x07":   `\x1b[2J\x1b]0;title\a`,
		"red\u202egnp.exe":          `red\u202egnp.exe`,
		"a\u2066b\u2069c\u200fd":    `a\u2066b\u2069c\u200fd`,
		"two\nlines\tand\rmore":     "two lines and more",
		"C1 \u009b31m and \x7f":     `C1 \u009b31m and \x7f`,
		"not UTF-8 \xff":            "not UTF-8 �",
		"\u2028line\u2029paragraph": " line paragraph",
		"zero\u200bwidth\ufeff":     `zero\u200bwidth\ufeff`,
	} {
		assert.Equal(t, want, plain(given))
		var out bytes.Buffer
		rows := newTable("NAME")
		rows.add(given)
		rows.print(&out)
		assert.Equal(t, "NAME\n"+want+"\n", out.String())
	}
}
