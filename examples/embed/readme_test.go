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
