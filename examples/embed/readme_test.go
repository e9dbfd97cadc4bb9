package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What README.md shows is this program's code.
func TestReadmeShowsThisProgram(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	program, err := os.ReadFile("main.go")
	require.NoError(t, err)
	block := regexp.MustCompile("(?s)```go\n(.*?)```").FindSubmatch(readme)
	require.NotNil(t, block, "README.md shows Go code")
	shown := strings.TrimSpace(string(block[1]))
	assert.Contains(t, string(program), "\t"+strings.ReplaceAll(shown, "\n", "\n\t"))
	assert.Equal(t, 10, strings.Count(shown, "\n"), "and not much of it")
}

// What docs/go.md shows of embedding is code that runs: this program's, its tests'
// or the example of session/whatsapp.
func TestDocsShowWhatRuns(t *testing.T) {
	page, err := os.ReadFile("../../docs/go.md")
	require.NoError(t, err)
	half, _, found := strings.Cut(string(page), "\n# A site with a webhook\n")
	require.True(t, found)
	var runs string
	for _, file := range []string{"main.go", "guide_test.go", "../../session/whatsapp/example_test.go"} {
		code, err := os.ReadFile(file)
		require.NoError(t, err)
		runs += unindented(string(code))
	}
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(half, -1)
	assert.Greater(t, len(blocks), 10)
	for _, block := range blocks {
		assert.Contains(t, runs, unindented(block[1]))
	}
}

func unindented(code string) string { return regexp.MustCompile(`(?m)^\t+`).ReplaceAllString(code, "") }
