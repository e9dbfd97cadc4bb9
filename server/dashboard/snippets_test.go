package dashboard

import (
	"go/parser"
	"go/token"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSnippetsListenWhereTheEndpointIs(t *testing.T) {
	for address, want := range map[string]string{
		"https://shop.example/hooks/pingr":   `"/hooks/pingr"`,
		"https://shop.example/":              `"/pingr"`,
		"https://shop.example":               `"/pingr"`,
		"https://shop.example/a%22b":         `"/pingr"`,
		"https://shop.example/{x}":           `"/pingr"`,
		"https://shop.example/x?key=1#there": `"/x"`,
	} {
		w := webhook{URL: &address, Secret: "whsec_x"}
		for _, s := range snippetList(w.snippetPath()) {
			if s.name == "python" {
				assert.Contains(t, s.code, "@app.post("+want+")", address)
			}
			if s.name == "go" {
				_, err := parser.ParseFile(token.NewFileSet(), "main.go", s.code, parser.AllErrors)
				require.NoError(t, err)
				assert.Contains(t, s.code, `"POST `+want[1:], address)
			}
			assert.NotContains(t, s.code, "whsec_", "secrets are not for code")
		}
	}
}
