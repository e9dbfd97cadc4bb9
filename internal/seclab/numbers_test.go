package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Attacks on the number itself are tests of the engine. Each must succeed, and
// its test fail, on a build without the defence against it.
func TestAttacksOnNumbersSucceedWithoutTheirDefence(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the engine's tests several times")
	}
	for _, m := range []struct {
		attack, test, file, old, changed string
	}{
		{
			"a forged card", "TestAHiddenNumberIsAskedFor/somebody_else's_card", "number.go",
			"case who.LID == \"\" || who.LID != f.Message.LID:", "case f.Person.ID == \"\":",
		},
		{
			"somebody else's number", "TestAHiddenNumberIsAskedFor/somebody_else's_number", "number.go",
			"case who.LID == \"\" || who.LID != f.Message.LID:", "case f.Person.ID == \"\":",
		},
		{
			"two people claim one number", "TestTwoClaimOneNumber", "number.go",
			"case who.LID == \"\" || who.LID != f.Message.LID:", "case f.Person.ID == \"\":",
		},
		{
			"a flood of guesses", "TestGuessesEndInSilence", "number.go",
			"maxWrong    = 3", "maxWrong    = 1_000_000",
		},
		{
			"silence that is not kept", "TestGuessesEndInSilence", "number.go",
			"f.triesLimit(now), f.silenceLimit(now))", "Limit{})",
		},
		{
			"a recycled number, by an old pair", "TestTenThousandHistories", "person.go",
			"p.Phone == \"\" || !near(p.Seen, f.AcceptedAt, maxAge)", "p.Phone == \"\" || maxAge == 0",
		},
		{
			"a recycled number, by an old message", "TestRecognize/what_was_sent_before_the_number_changed_hands", "person.go",
			"s.Phone != \"\" && !r.outdated(id)", "s.Phone != \"\"",
		},
		{
			"a recycled number, unnoticed", "TestRecognize/the_number_changed_hands", "person.go",
			"changed := holder.Person != \"\" &&", "changed := holder.Person == \"nobody\" &&",
		},
	} {
		t.Run(m.attack, func(t *testing.T) {
			out, err := testWithout(t, m.test, m.file, m.old, m.changed)
			var failed *exec.ExitError
			require.ErrorAs(t, err, &failed, "nobody noticed:\n%s", out)
			assert.Contains(t, out, "--- FAIL: "+strings.Split(m.test, "/")[0], "it was built, and the attack succeeded")
		})
	}
}

// testWithout runs a test of the engine with a changed file.
func testWithout(t *testing.T, test, file, old, changed string) (out string, err error) {
	t.Helper()
	repository, err := root(t.Context())
	require.NoError(t, err)
	path := filepath.Join(repository, file)
	source, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(source), old), "%q is in %s once", old, file)
	dir := t.TempDir()
	mutant, overlay := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(mutant, []byte(strings.Replace(string(source), old, changed, 1)), 0o600))
	replaced, err := json.Marshal(map[string]map[string]string{"Replace": {path: mutant}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(overlay, replaced, 0o600))
	pattern := "^" + strings.ReplaceAll(test, "/", "$/^")
	run := exec.CommandContext(t.Context(), "go", "test", "-short", "-count=1", "-overlay", overlay, "-run", pattern, ".")
	run.Dir = repository
	all, err := run.CombinedOutput()
	return string(all), err
}
