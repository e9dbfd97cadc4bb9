// Package locked holds what this repository installs, and what it tells its
// readers to install, to versions that nobody can change behind our back.
package locked

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = "../.."

// installers are the commands that can bring foreign code here, and what a
// line with one must say. They are matched in the words of a line, so that
// npm(dir, "install") in a test is read like npm install in the Makefile.
var installers = []struct {
	command, locked *regexp.Regexp
	why             string
}{
	{
		regexp.MustCompile(`\b(pip|pip3|pipx|uv|uvx|poetry|conda)\b.* (install|add|sync|tool|run|download|wheel)\b`),
		regexp.MustCompile(`--require-hashes.* --only-binary :all:|--no-index\b|--no-build-isolation --no-deps -e\b` +
			`|AsyncPingr needs httpx: pip install httpx$`), // a sentence for people
		"Python's packages come from .ci/locks, by --require-hashes --only-binary :all: " +
			"(building one would fetch what builds it)",
	},
	{
		regexp.MustCompile(
			`\b(npm|pnpm|yarn|bun)\b.* (install|i|add|update|up|upgrade|exec|x|create|init|dlx)( |$)|\b(npx|bunx|playwright install)\b`,
		),
		regexp.MustCompile(`--offline\b`),
		"npm's packages come from package-lock.json, by npm ci",
	},
	{
		regexp.MustCompile(`\bgo get\b|\bgo (install|run) .*\S@`),
		regexp.MustCompile(`\bgo (install|run) .*\S@v\d+\.\d+\.\d+( |$)`),
		"Go's tools are installed at a version, which the checksum database holds to its content",
	},
	{
		regexp.MustCompile(`\bcargo\b.* (build|run|test|install|add|update)\b`),
		regexp.MustCompile(`\bcargo build --locked\b`),
		"Cargo's crates come from Cargo.lock, by --locked",
	},
	{
		regexp.MustCompile(`\b(apt|apt-get|aptitude|apk|dnf|yum|brew)\b.* (install|add)\b`),
		regexp.MustCompile(`Debian: sudo apt-get install`), // a sentence for people
		"Debian's packages come by .ci/need, which asks what they can do",
	},
	{
		regexp.MustCompile(`\b(curl|wget|git clone)\b.*https?://\w*[a-z]`),
		regexp.MustCompile(`https?://localhost\b`),
		"nothing holds such a download to its content",
	},
}

// unlocked is why a line installs what may be another thing tomorrow, or "".
func unlocked(line string) string {
	words := strings.Join(strings.FieldsFunc(line, func(r rune) bool {
		return strings.ContainsRune(
			" \t\"'`,()[]{};", r,
		)
	}), " ")
	for _, one := range installers {
		if one.command.MatchString(words) && !one.locked.MatchString(words) {
			return one.why
		}
	}
	return ""
}

func TestWhatCountsAsLocked(t *testing.T) {
	tests := []struct {
		line   string
		locked bool
	}{
		{"$(VENV)/bin/python -m pip install --quiet --require-hashes --only-binary :all: -r x.txt", true},
		{"pip install --require-hashes -r x.txt", false},
		{"pip install flask==3.1.3", false},
		{"pip install -r requirements.txt", false},
		{"pip install --no-build-isolation --no-deps -e sdk/python", true},
		{"pip install -e sdk/python", false},
		{`pip("--python", python, "install", "-q", "--no-index", package)`, true},
		{`subprocess.run([sys.executable, "-m", "pip", "install", "flask"])`, false},
		{"uv tool install ruff", false},
		{"cd sdk/node && npm ci --ignore-scripts", true},
		{"cd rust && cargo build --locked", true},
		{"cd rust && cargo build", false},
		{"npm run build", true},
		{"npm install", false},
		{"npm i left-pad@1.3.0", false},
		{`npm(project, 'install', '--offline', tarball)`, true},
		{`exec.Command("npm", "install", tarball)`, false},
		{"npx playwright", false},
		{"node_modules/.bin/playwright install chromium", false},
		{"go install mvdan.cc/gofumpt@v0.9.1", true},
		{"go install ./cmd/pingr", true},
		{"go install mvdan.cc/gofumpt@latest", false},
		{"go run golang.org/x/tools/cmd/stringer@master", false},
		{"go get example.com/x", false},
		{"apt-get install -y redis-server", false},
		{"install the package redis-server (Debian: sudo apt-get install redis-server)", true},
		{"curl -sSf https://example.com/install.sh | sh", false},
		{`curl -s http://127.0.0.1:8080/me`, true},
		{"git clone https://example.com/x", false},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			assert.Equal(t, tt.locked, unlocked(tt.line) == "", unlocked(tt.line))
		})
	}
}

// Nothing that make or a test runs installs what is not locked.
func TestEveryInstallIsLocked(t *testing.T) {
	runs := 0
	for _, file := range files(t) {
		switch {
		case strings.HasSuffix(file, ".md"), strings.HasPrefix(file, ".ci/locks/"), strings.HasPrefix(
			file, "internal/locked/",
		),
			strings.HasPrefix(file, "testdata/"), strings.HasSuffix(file, "package-lock.json"):
			continue // not run
		case strings.HasPrefix(file, "sdk/python/src/"), strings.HasPrefix(file, "sdk/node/src/"):
			continue // what others run; its sentences tell them what to install
		case file == "server/dashboard/snippets.go":
			continue // what the dashboard tells people to install
		case file == ".ci/need":
			continue // the one place that calls apt-get
		}
		text := strings.ReplaceAll(read(t, file), "\\\n", " ")
		number := 0
		for line := range strings.Lines(text) {
			number++
			if why := unlocked(strings.TrimSpace(line)); why != "" {
				assert.Fail(t, "an install that is not locked", "%s:%d: %s\n%s", file, number, strings.TrimSpace(line), why)
			}
		}
		runs++
	}
	assert.Greater(t, runs, 100, "the repository's files were found")
}

// files are the repository's files, those not yet committed included.
func files(t *testing.T) []string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "-co", "--exclude-standard")
	list.Dir = root
	out, err := list.Output()
	require.NoError(t, err)
	var names []string
	for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		if _, err := os.Stat(filepath.Join(root, name)); err == nil { // not deleted in the work tree
			names = append(names, name)
		}
	}
	return names
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, file))
	require.NoError(t, err)
	return string(text)
}
