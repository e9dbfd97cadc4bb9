package dashboard

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

// Keys in the sources: whole ones, and beginnings to which a name is added.
var said = regexp.MustCompile(`(?:\bT\(|say\()"([a-z0-9_.-]+)"(\s*\+)?`)

func TestEveryStringIsThereAndUsed(t *testing.T) {
	var sources strings.Builder
	for _, pattern := range []string{"*.go", "*.templ"} {
		names, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, name := range names {
			if strings.HasSuffix(name, "_templ.go") || strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "strings_") {
				continue
			}
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			sources.Write(text)
		}
	}
	used, begun := map[string]bool{"error.foreign": true}, []string{}
	for _, found := range said.FindAllStringSubmatch(sources.String(), -1) {
		if found[2] != "" {
			begun = append(begun, found[1])
			continue
		}
		used[found[1]] = true
		assert.NotEmpty(t, english[found[1]], "strings_en.go has no %q", found[1])
	}
	for _, key := range fieldNames {
		used[key] = true
	}
	for _, e := range pingr.EventTypes() {
		assert.NotEmpty(t, english["webhooks."+string(e)], "strings_en.go has no webhooks.%s", e)
	}
	for key := range english {
		of := func(begin string) bool { return strings.HasPrefix(key, begin) }
		page := regexp.MustCompile(`^[a-z_]+\.(title|about|do|limit|full)$`).MatchString(key)
		known := used[key] || page
		for _, begin := range begun {
			known = known || of(begin)
		}
		assert.True(t, known, "nobody says %q", key)
	}
}
