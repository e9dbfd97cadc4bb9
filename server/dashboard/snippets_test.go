package dashboard

import (
	"go/parser"
	"go/token"
	"strings"
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

// A login link in a group is everybody's, and a simulated event is nobody's.
func TestSnippetsRefuseGroupsAndSimulations(t *testing.T) {
	for name, wants := range map[string][]string{
		"node":   {"event.from.is_group", "event._simulated"},
		"python": {`event["from"]["is_group"]`, `event.get("_simulated")`},
		"go":     {"event.From.IsGroup", "event.Simulated"},
	} {
		for _, s := range snippetList(samplePath) {
			if s.name != name {
				continue
			}
			checks, answer, found := strings.Cut(s.code, "here is your link")
			require.True(t, found)
			for _, want := range wants {
				assert.Contains(t, checks, want, "%s: before the answer", name)
				assert.NotContains(t, answer, want, name)
			}
		}
	}
}
