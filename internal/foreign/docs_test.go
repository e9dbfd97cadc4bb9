//go:build !race

package foreign

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// docs/test-your-bot.md, followed by somebody with an empty directory: the programs are saved under the names that
// the page gives them, and run as it says.
func TestProgramsOfThePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/test-your-bot.md")
	require.NoError(t, err)
	modules, err := filepath.Abs("node_modules")
	require.NoError(t, err)
	if _, err := os.Stat(filepath.Join(modules, "baileys")); err != nil {
		if os.Getenv("PINGR_TEST_FOREIGN") == "require" {
			require.NoError(t, err)
		}
		t.Skip("Baileys is not installed: make foreign")
	}
	dir := t.TempDir()
	require.NoError(t, os.Symlink(modules, filepath.Join(dir, "node_modules")))
	saved := regexp.MustCompile("(?s)Save (?:this|it) as\\s`([^`]+)`[^`]*(?:`[^`]+`[^`]*)?:\n\n```[a-z]+\n(.*?)```\n")
	files := saved.FindAllStringSubmatch(string(page), -1)
	require.Len(t, files, 4)
	for _, file := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, file[1]), []byte(file[2]), 0o600))
	}
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", dir, "../../cmd/whatsapptest").CombinedOutput()
	require.NoError(t, err, string(out))

	for name, tt := range map[string]struct {
		dir  string
		args []string
	}{
		// With the dependencies of this module, so that nothing is downloaded.
		"Go":     {"../..", []string{"go", "test", "-count=1", filepath.Join(dir, "bot_test.go")}},
		"Node":   {dir, []string{"node", "--test", "bot.test.mjs"}},
		"Python": {dir, []string{"python3", "-m", "unittest"}},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), tt.args[0], tt.args[1:]...)
			cmd.Dir = tt.dir
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, string(out))
		})
	}
}
