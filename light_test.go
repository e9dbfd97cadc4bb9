package pingr_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/heypingr/pingr"

// A program that imports a package imports all its dependencies. Each row is a forbidden dependency,
// and why.
func TestForbiddenDependencies(t *testing.T) {
	tests := []struct {
		pkg, forbidden, why string
		tests               bool // its tests' dependencies count too
	}{
		{".", "go.mau.fi/", "who only verifies webhooks must not link WhatsApp", true},
		{".", "database/sql", "nor a database", true},
		{".", "modernc.org/", "nor SQLite", true},
		{".", module + "/", "the engine knows no store, session or server", false},
		{".", module + "/server", "or a helper-only user's go mod tidy would fetch what it needs", true},
		{".", module + "/whatsapptest", "or a helper-only user's go mod tidy would fetch what it needs", true},
		{".", module + "/internal/", "or a helper-only user's go mod tidy would fetch what it needs", true},
		{".", "net/http/httptest", "test code does not belong into programs", false},
		{".", "github.com/stretchr/", "test code does not belong into programs", false},
		{".", "testing", "test code does not belong into programs", false},
		{"./store/sqlite", "go.mau.fi/", "stores know no session", false},
		{"./store/sqlite", module + "/session/", "stores know no session", false},
		{"./store/memory", "database/sql", "the store in memory has no SQL", false},
		{"./session/sim", "go.mau.fi/", "a number in process needs no WhatsApp", false},
		{"./session/sim", "database/sql", "nor a database", false},
		{"./session/whatsapp", module + "/store/", "sessions know no store of ours", false},
		{"./session/whatsapp", module + "/whatsapptest", "the loopback server is for tests and the demo", false},
		{"./prom", module + "/store/", "metrics know the engine only", false},
		{"./prom", module + "/session/", "metrics know the engine only", false},
		{"./prom", module + "/server", "whoever embeds the engine counts without it", false},
		{"./hosted", "database/sql", "accounts are types; stores keep them", false},
		{"./server", module + "/store/", "the server says at its own door what store it needs", false},
		{"./server", module + "/session/", "and what sessions", false},
		{"./server", "go.mau.fi/", "whoever embeds the API chooses how numbers are linked", false},
		{"./server", "database/sql", "nor SQL", false},
		{"./server/api", "github.com/danielgtaylor/", "the shapes are for clients too", false},
		{"./server/api", module + "/hosted", "what the API shows is not what is stored", false},
		{"./whatsapptest", module + "/session/", "the judge knows nothing of whom it judges", false},
		{"./whatsapptest", module + "/store/", "the judge knows nothing of whom it judges", false},
	}
	for _, tt := range tests {
		t.Run(tt.pkg+" and "+tt.forbidden, func(t *testing.T) {
			for _, dep := range dependencies(t, tt.pkg, tt.tests) {
				// A forbidden path that ends in a slash stands for all below it.
				if dep == tt.forbidden || strings.HasSuffix(tt.forbidden, "/") && strings.HasPrefix(dep, tt.forbidden) {
					assert.Fail(t, tt.pkg+" depends on "+dep, tt.why)
				}
			}
		})
	}
	t.Run("the judge does not import the engine", func(t *testing.T) {
		assert.NotContains(t, dependencies(t, "./whatsapptest", false), module)
	})
}

// Which packages may import which, over the whole module. A path includes everything below it.
func TestWhoImportsWhom(t *testing.T) {
	rules := []struct {
		imported string
		by       []string // only these, and packages below imported
		why      string
	}{
		{
			"go.mau.fi/whatsmeow",
			[]string{
				module + "/session/whatsapp", module + "/whatsapptest", module + "/cmd", module + "/examples",
				module + "/internal",
			},
			"one package knows the library, so that one has to change with it",
		},
		{
			module + "/session",
			[]string{module + "/cmd", module + "/examples", module + "/internal"},
			"stores and the server work with any session",
		},
		{
			module + "/store",
			[]string{module + "/cmd", module + "/examples", module + "/internal"},
			"sessions and the server work with any store",
		},
		{
			module + "/server",
			[]string{module + "/cmd", module + "/examples", module + "/internal"},
			"who embeds the engine needs no server",
		},
		{module + "/cmd", nil, "programs are not imported"},
		{module + "/examples", nil, "examples are to be copied"},
		{
			"github.com/stretchr",
			[]string{module + "/session/sessiontest", module + "/store/storetest", module + "/internal/pgtest"},
			"test code does not belong into programs",
		},
	}
	packages := imports(t)
	require.Contains(t, packages, module)
	for _, rule := range rules {
		t.Run(rule.imported, func(t *testing.T) {
			for pkg, imported := range packages {
				if within(pkg, append(rule.by, rule.imported)...) {
					continue
				}
				for _, dep := range imported {
					assert.False(t, within(dep, rule.imported), "%s imports %s: %s", pkg, dep, rule.why)
				}
			}
		})
	}
}

// imports are the imports of every package of the module, without its tests'.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-e", "-f", `{{.ImportPath}} {{join .Imports " "}}`,
		"./...").Output()
	require.NoError(t, err)
	packages := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		packages[fields[0]] = fields[1:]
	}
	return packages
}

func within(path string, parents ...string) bool {
	return slices.ContainsFunc(parents, func(parent string) bool {
		return path == parent || strings.HasPrefix(path, parent+"/")
	})
}

// libsignal is under GPL-3.0: a program that links it may only be passed on under
// those terms. NOTICE and README name these packages, and what is free of it.
func TestWhatLinksLibsignal(t *testing.T) {
	want := []string{
		"cmd/pingr", "cmd/whatsapptest", "examples/embed", "internal/bench", "internal/cluster",
		"internal/demo", "session/whatsapp",
		"whatsapptest",
	}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Deps " "}}`,
		"./...").Output()
	require.NoError(t, err)
	var linking []string
	for line := range strings.Lines(string(out)) {
		pkg := strings.Fields(line)
		if slices.ContainsFunc(pkg[1:], func(dep string) bool { return within(dep, "go.mau.fi/libsignal") }) {
			linking = append(linking, strings.TrimPrefix(pkg[0], module+"/"))
		}
	}
	assert.Equal(t, want, linking, "NOTICE, README and pingr version tell of these packages")

	notice, err := os.ReadFile("NOTICE")
	require.NoError(t, err)
	linked, free, found := strings.Cut(string(notice), "Free of it are")
	require.True(t, found)
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, pkg := range want {
		assert.Contains(t, linked, pkg)
		assert.NotContains(t, free, pkg)
		if !strings.HasPrefix(pkg, "internal/") {
			assert.Contains(t, string(readme), "`"+pkg+"`")
		}
	}
}

// Everything that the root package may depend on besides the standard library.
func TestRootDependencies(t *testing.T) {
	allowed := []string{
		module, "golang.org/x/text/", "golang.org/x/time/", "github.com/rivo/uniseg", "github.com/google/uuid",
		"code.dny.dev/ssrf",
	}
	for _, dep := range dependencies(t, ".", false) {
		first, _, _ := strings.Cut(dep, "/")
		if !strings.Contains(first, ".") || strings.HasPrefix(dep, "vendor/") {
			continue // standard library
		}
		known := false
		for _, a := range allowed {
			known = known || dep == a || strings.HasSuffix(a, "/") && strings.HasPrefix(dep, a)
		}
		assert.True(t, known, "new dependency %s: docs/development.md says what it needs", dep)
	}
}

// docs/development.md gives a reason for every module that go.mod requires.
func TestDependenciesHaveReasons(t *testing.T) {
	notes, err := os.ReadFile("docs/development.md")
	require.NoError(t, err)
	out, err := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json").Output()
	require.NoError(t, err)
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	require.NoError(t, json.Unmarshal(out, &mod))
	for _, m := range mod.Require {
		if !m.Indirect {
			assert.Contains(t, string(notes), "`"+m.Path+"`")
		}
	}
}

func dependencies(t *testing.T, pkg string, tests bool) []string {
	t.Helper()
	args := []string{"list", "-deps", "-f", "{{if not .ForTest}}{{.ImportPath}}{{end}}"}
	if tests {
		args = append(args, "-test")
	}
	out, err := exec.CommandContext(t.Context(), "go", append(args, pkg)...).Output()
	require.NoError(t, err)
	var deps []string
	for dep := range strings.FieldsSeq(string(out)) {
		if dep != module+".test" && dep != module+"_test" {
			deps = append(deps, dep)
		}
	}
	return deps
}
