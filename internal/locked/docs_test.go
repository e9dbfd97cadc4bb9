package locked

import (
	"encoding/json"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// byName is an install, by a package's name alone, of what is not published by us
// (yet): whoever holds that name would run code at the reader's.
var byName = regexp.MustCompile(`\b(npm|pnpm|yarn|bun|deno|pip|pip3|pipx|uv|poetry|conda)\b.* (install|i|add|run|download)\b.* @?(hey-?pingr|pingr)([@=<>~!^\[]\S*)?( |\.?$)` +
	`|\b(npx|bunx|uvx)\b.* @?(hey-?pingr|pingr)([@ ]|$)|\bgo (get|install) \S*github\.com/heypingr/pingr`)

func installsByName(line string) bool {
	words := strings.Join(strings.FieldsFunc(line, func(r rune) bool {
		return strings.ContainsRune(
			" \t\"'`,(){};&|#", r,
		)
	}), " ")
	return byName.MatchString(words)
}

func TestWhatCountsAsAnInstallByName(t *testing.T) {
	tests := []struct {
		line string
		bad  bool
	}{
		{"npm install hey-pingr", true},
		{"npm i hey-pingr@0.3.0 express", true},
		{"npm init -y && npm install express hey-pingr", true},
		{"Install it with `npm install hey-pingr`.", true},
		{"yarn add hey-pingr", true},
		{"pnpm add -D hey-pingr", true},
		{"npx hey-pingr", true},
		{"pip install hey-pingr", true},
		{"python -m pip install 'hey-pingr[async]>=0.3'", true},
		{"uv add hey-pingr", true},
		{"pip install pingr", true},
		{"go get github.com/heypingr/pingr", true},
		{"go install github.com/heypingr/pingr/cmd/pingr@latest", true},
		{"npm install $PINGR/sdk/node/hey-pingr-0.3.0.tgz express", false},
		{"npm install ./hey-pingr-0.3.0.tgz", false},
		{"pip install $PINGR/sdk/python flask", false},
		{"pip install httpx", false},
		{"go install ./cmd/pingr", false},
		{"go mod edit -replace github.com/heypingr/pingr=$PINGR", false},
		{`import { verifyWebhook } from "hey-pingr";`, false},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) { assert.Equal(t, tt.bad, installsByName(tt.line)) })
	}
}

// No document, page, message or requirements file tells anybody to install a
// name that a stranger holds, or could take.
func TestNobodyIsToldToInstallAStrangersName(t *testing.T) {
	pages := 0
	for _, file := range files(t) {
		if strings.HasPrefix(file, ".ci/locks/") || strings.HasPrefix(file, "internal/locked/") {
			continue // the published clients, by hash; the cases above
		}
		pages++
		requirements := strings.HasPrefix(path.Base(file), "requirements")
		for line := range strings.Lines(strings.ReplaceAll(read(t, file), "\\\n", " ")) {
			line = strings.TrimSpace(line)
			assert.False(t, installsByName(line), "%s: %s", file, line)
			assert.False(t, requirements && strings.HasPrefix(line, "hey-pingr"), "%s: %s", file, line)
		}
		if path.Base(file) == "package.json" {
			var manifest struct{ Dependencies, DevDependencies map[string]string }
			require.NoError(t, json.Unmarshal([]byte(read(t, file)), &manifest))
			for _, wanted := range []map[string]string{manifest.Dependencies, manifest.DevDependencies} {
				if from, ok := wanted["hey-pingr"]; ok {
					assert.Regexp(t, "^file:", from, file)
				}
			}
		}
	}
	assert.Greater(t, pages, 100, "the repository's files were found")
}

// What the documents tell instead: a tarball, named as npm pack names it.
func TestDocumentsNameTheTarballThatIsPacked(t *testing.T) {
	var manifest struct{ Name, Version string }
	require.NoError(t, json.Unmarshal([]byte(read(t, "sdk/node/package.json")), &manifest))
	packed := manifest.Name + "-" + manifest.Version + ".tgz"
	for _, file := range []string{"README.md", "docs/node.md", "sdk/node/README.md"} {
		text := read(t, file)
		assert.Contains(t, text, "npm pack", file)
		assert.Contains(t, text, "npm install $PINGR/sdk/node/"+packed, file)
	}
	for _, file := range []string{"README.md", "docs/python.md", "sdk/python/README.md"} {
		assert.Contains(t, read(t, file), "pip install $PINGR/sdk/python", file)
	}
}
