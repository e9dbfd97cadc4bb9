package dashboard

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

// Keys in the sources: whole ones, and beginnings to which a name is added.
var said = regexp.MustCompile(`\b([TN])\("([a-z0-9_.-]+)"(\s*\+)?`)

// sources returns the sources that say strings.
func sources(t *testing.T) string {
	var all strings.Builder
	for _, pattern := range []string{"*.go", "*.templ"} {
		names, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, name := range names {
			if strings.HasSuffix(name, "_templ.go") || strings.HasSuffix(name, "_test.go") ||
				strings.HasPrefix(name, "strings_") {
				continue
			}
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			all.Write(text)
		}
	}
	return all.String()
}

func TestEveryStringIsThereAndUsed(t *testing.T) {
	used, begun := map[string]bool{}, []string{"detail.", "problem."}
	for _, found := range said.FindAllStringSubmatch(sources(t), -1) {
		if found[3] != "" {
			begun = append(begun, found[2])
			continue
		}
		used[found[2]] = true
		assert.NotEmpty(t, english[found[2]], "strings_en.go has no %q", found[2])
		if found[1] == "N" {
			used[found[2]+".one"] = true
		}
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
		assert.True(t, used[key] || page || slices.ContainsFunc(begun, of), "nobody says %q", key)
	}
}

// counted returns the keys that have a string for each form of the plural.
func counted(t *testing.T) (keys []string) {
	for _, found := range said.FindAllStringSubmatch(sources(t), -1) {
		if found[1] == "N" {
			keys = append(keys, found[2])
		}
	}
	require.NotEmpty(t, keys)
	return keys
}

// forms returns the forms of a language's plural, but for "other".
func forms(tag string) []string {
	all := map[string]bool{}
	for n := range 2000 {
		all[pluralForm(tag, float64(n)/2)] = true
	}
	delete(all, "")
	return slices.Sorted(maps.Keys(all))
}

func TestEveryStringIsInEveryLanguage(t *testing.T) {
	keys := map[string]bool{}
	for key := range english {
		keys[key] = true
	}
	for _, key := range counted(t) {
		delete(keys, key+".one")
	}
	for _, l := range locales {
		t.Run(l.tag, func(t *testing.T) {
			wanted := maps.Clone(keys)
			of := map[string]string{} // a form of the plural → its key
			for _, key := range counted(t) {
				for _, form := range forms(l.tag) {
					wanted[key+"."+form] = true
					of[key+"."+form] = key
				}
			}
			for key := range wanted {
				assert.NotEmpty(t, l.texts[key], "%s has no %q", l.tag, key)
			}
			for key, text := range l.texts {
				assert.Contains(t, wanted, key, "nobody says %q in %s", key, l.tag)
				master := english[key]
				if of[key] != "" {
					master = english[of[key]]
				}
				assert.Equal(t, placeholders(master), placeholders(text), "the placeholders of %q in %s", key, l.tag)
				assert.Equal(t, names(master), names(text), "the names in %q in %s", key, l.tag)
			}
		})
	}
}

var verb = regexp.MustCompile(`%(?:\[(\d+)\])?([sd])`)

// placeholders returns the arguments of a text and how it writes them. Their order in
// the text is free where it numbers them: %[2]s.
func placeholders(text string) map[string]int {
	all, n := map[string]int{}, 0
	for _, found := range verb.FindAllStringSubmatch(text, -1) {
		n++
		if at, err := strconv.Atoi(found[1]); err == nil {
			n = at
		}
		all[strconv.Itoa(n)+found[2]]++
	}
	return all
}

// What no language translates: settings, fields, events, headers, formats and names.
var name = regexp.MustCompile(
	`\{\{\w+\}\}|\b[A-Z]+(?:_[A-Z]+)+\b|\b[a-z]+(?:_[a-z]+)+\b|\bsession\.\w+\b|whatsapp\.db|X-API-Key|\bhttps\b|Content-Type|application/json|\bJSON\b|\bUTF-8\b|\bIANA\b|\bNUL\b|\bPingr\b|X4K9MQ|loginx`,
)

func names(text string) []string {
	all := name.FindAllString(text, -1)
	slices.Sort(all)
	return slices.Compact(all)
}

// What the server says is translated by its sentence, its reason or its code. If the
// server's words change, strings_en.go must follow, or nobody translates them.
func TestTheServersSentencesAreTheServers(t *testing.T) {
	sentences := map[string]bool{pingr.ErrText.Error(): true, pingr.ErrPhrase.Error(): true} // made with their limits
	for _, pattern := range []string{"../../*.go", "../*.go", "../../hosted/*.go", "../../session/whatsapp/*.go"} {
		paths, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, path := range paths {
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			ast.Inspect(file, func(n ast.Node) bool {
				if e, ok := n.(ast.Expr); ok {
					if text, ok := constant(e); ok {
						sentences[text] = true
						return false
					}
				}
				return true
			})
		}
	}
	for key, text := range english {
		switch {
		case key == "detail.banned_until":
			begin, end, _ := strings.Cut(text, "%s")
			assert.True(t, sentences[begin] && sentences[end], "no session says %q", text)
		case strings.HasPrefix(key, "problem.code."):
		case strings.HasPrefix(key, "problem."), strings.HasPrefix(key, "detail."):
			assert.True(t, sentences[text], "the server does not say %q (%s)", text, key)
		case strings.HasPrefix(key, "no_reply."):
			assert.Equal(t, pingr.NoReply(strings.TrimPrefix(key, "no_reply.")).Description(), text)
		}
	}
	for _, reason := range pingr.NoReplies() {
		assert.NotEmpty(t, english["no_reply."+string(reason)], reason)
	}
}

// constant returns the value of a literal, or of literals joined by +.
func constant(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			text, err := strconv.Unquote(e.Value)
			return text, err == nil
		}
	case *ast.BinaryExpr:
		x, okX := constant(e.X)
		y, okY := constant(e.Y)
		return x + y, okX && okY && e.Op == token.ADD
	}
	return "", false
}

// Every reason that a session gives for its state, and every code of the API, has
// words in other languages.
func TestEveryReasonAndCodeHasWords(t *testing.T) {
	reasons := regexp.MustCompile(`(?m)^\s*(?:code\w+|Reason\w+)\s*= (\d+)$`)
	codes := regexp.MustCompile(`Code = "(\w+)"`)
	for path, find := range map[string]struct {
		*regexp.Regexp
		prefix string
	}{
		"../../session/whatsapp/states.go": {reasons, "detail."}, "../../session.go": {reasons, "detail."},
		"../api/problem.go": {codes, "problem.code."},
	} {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		found := find.FindAllStringSubmatch(string(text), -1)
		require.NotEmpty(t, found, path)
		for _, f := range found {
			assert.NotEmpty(t, english[find.prefix+f[1]], "strings_en.go has no %q", find.prefix+f[1])
		}
	}
}
