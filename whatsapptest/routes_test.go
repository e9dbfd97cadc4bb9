package whatsapptest

import (
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write docs/whatsapptest-http.md again")

const referencePage = "../docs/whatsapptest-http.md"

func TestReferencePageIsThatOfTheRoutes(t *testing.T) {
	if *update {
		require.NoError(t, os.WriteFile(referencePage, reference(), 0o644))
	}
	page, err := os.ReadFile(referencePage)
	require.NoError(t, err)
	assert.Equal(t, string(page), string(reference()), "go test ./whatsapptest -run TestReference -update")
}

// Whatever a Go test can do to the server, another program can do over HTTP.
func TestEveryMethodHasARoute(t *testing.T) {
	without := map[string]string{
		"Server.Close":      "ends the process's server; a program is ended by its signal",
		"Server.Handler":    "is the routes",
		"Server.HTTPClient": "is for clients in the same process",
		"Server.Point":      "is for clients in the same process",
		"Server.NewPhone":   "is AddPhone for Go tests",
		"Server.Save":       "names a file of the server's machine; the program saves when it ends",
		"Ledger.WaitUntil":  "takes a Go function",
	}
	methods := make(map[string]bool)
	for _, v := range []any{(*Server)(nil), (*Phone)(nil), (*Device)(nil), (*Group)(nil), (*Ledger)(nil)} {
		typ := reflect.TypeOf(v)
		for m := range typ.Methods() {
			methods[typ.Elem().Name()+"."+m.Name] = true
		}
	}
	routed := make(map[string]bool)
	for _, r := range routes() {
		for _, name := range r.calls {
			assert.True(t, methods[name], "%s names %s, which does not exist", r.pattern, name)
			routed[name] = true
		}
	}
	for name := range methods {
		if reason, ok := without[name]; ok {
			assert.NotEmpty(t, reason)
			assert.False(t, routed[name], "%s has a route; it is no exception", name)
			continue
		}
		assert.True(t, routed[name], "%s has no route, and no reason for that", name)
	}
	for name := range without {
		assert.True(t, methods[name], "%s is an exception, and does not exist", name)
	}
}

func TestEveryFieldIsExplained(t *testing.T) {
	for _, r := range routes() {
		for _, body := range []any{r.body, r.answer} {
			if typ := reflect.TypeOf(body); typ.Kind() == reflect.Struct {
				for _, f := range fields(typ) {
					assert.Equal(t, strings.ToLower(f.name), f.name, r.pattern)
					assert.NotEmpty(t, f.name, r.pattern)
				}
			}
		}
		assert.True(t, strings.HasSuffix(r.does, "."), r.pattern)
	}
}
