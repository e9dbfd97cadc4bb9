package whatsapptest

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The documentation names every request that the server answers.
func TestDocNamesTheRequests(t *testing.T) {
	code, err := os.ReadFile("iq.go")
	require.NoError(t, err)
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(doc), "The server answers these requests")
	require.True(t, found)
	table, _, found = strings.Cut(table, "All others are refused")
	require.True(t, found)
	_, answers, _ := strings.Cut(string(code), "func (c *conn) answerCommon")
	requests := 0
	for _, cases := range regexp.MustCompile(`(?m)^\tcase ("[^\n]*):$`).FindAllStringSubmatch(answers, -1) {
		for request := range strings.SplitSeq(cases[1], ", ") {
			requests++
			for _, word := range strings.Fields(strings.Trim(request, `"`)) {
				assert.Contains(t, table, word, request)
			}
		}
	}
	require.Greater(t, requests, 20)
}
