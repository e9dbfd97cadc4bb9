package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/rivo/uniseg"
)

// A table is printed with its columns aligned by their width on a terminal, so
// that names in any script fit. Its first row is the heading. A column with
// only empty cells is left out.
type table struct {
	rows   [][]string
	widths []int
}

func newTable(heading ...string) *table {
	t := &table{widths: make([]int, len(heading))}
	t.rows = append(t.rows, heading)
	return t
}

// add adds a row. Characters that could move a terminal's cursor are made
// visible.
func (t *table) add(cells ...string) {
	for i := range cells {
		cells[i] = plain(cells[i])
	}
	t.rows = append(t.rows, cells)
}

// print writes all rows.
func (t *table) print(w io.Writer) {
	filled := make([]bool, len(t.widths))
	for n, row := range t.rows {
		for i, cell := range row {
			t.widths[i] = max(t.widths[i], uniseg.StringWidth(cell))
			filled[i] = filled[i] || n > 0 && cell != ""
		}
	}
	look := styleOf(w)
	for n, row := range t.rows {
		var line strings.Builder
		for i, cell := range row {
			if filled[i] {
				line.WriteString(cell + strings.Repeat(" ", t.widths[i]-uniseg.StringWidth(cell)+2))
			}
		}
		text := strings.TrimRight(line.String(), " ")
		if n == 0 {
			text = look.faint(text)
		}
		fmt.Fprintln(w, text)
	}
}

// plain shows a text of others on one line, without what a terminal would obey:
// control characters, those that turn the direction of text too, are escaped as in
// Go.
func plain(text string) string {
	var out strings.Builder
	for _, r := range text {
		switch {
		case unicode.IsSpace(r):
			out.WriteByte(' ')
		case !unicode.IsPrint(r) && r != '\u200d': // the joiner of emoji
			quoted := strconv.QuoteRuneToASCII(r)
			out.WriteString(quoted[1 : len(quoted)-1])
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

// local formats a time for people: in their zone, to the second.
func local(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05")
}
