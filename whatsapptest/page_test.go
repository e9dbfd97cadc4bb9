package whatsapptest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each behaviour in docs/loopback.md has a test, and each test exists.
func TestPageOfDeviationsNamesTests(t *testing.T) {
	exists := make(map[string]bool)
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for _, dir := range []string{".", "../session/whatsapp", "../internal/e2e", "../internal/foreign"} {
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		require.NoError(t, err)
		for _, file := range files {
			source, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, match := range declared.FindAllSubmatch(source, -1) {
				exists[string(match[1])] = true
			}
		}
	}
	page, err := os.ReadFile("../docs/loopback.md")
	require.NoError(t, err)
	table, _, _ := strings.Cut(string(page), "## Left out")
	named := regexp.MustCompile("`(Test\\w+)`")
	rows := 0
	for _, line := range strings.Split(table, "\n") {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| **") || strings.HasPrefix(line, "| WhatsApp ") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		require.Len(t, cells, 4, line)
		rows++
		tests := named.FindAllStringSubmatch(cells[3], -1)
		assert.NotEmpty(t, tests, line)
		for _, test := range tests {
			assert.True(t, exists[test[1]], "%s, which does not exist, is named in: %s", test[1], line)
		}
	}
	assert.Greater(t, rows, 30)
}
