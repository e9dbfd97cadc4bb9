package locked

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	pinned  = regexp.MustCompile(`^[a-z0-9-]+(\[[a-z0-9,-]+\])?==[0-9][^ ]*$`)
	hashed  = regexp.MustCompile(`^[a-z0-9-]+(\[[a-z0-9,-]+\])?==[0-9]\S*( ; [^\\]+)?( --hash=sha256:[0-9a-f]{64})+$`)
	lockOf  = regexp.MustCompile(`make lock \(([0-9a-f]{16}) `)
	comment = regexp.MustCompile(`(?m)^\s*#.*\n?`)
)

// What is installed from PyPI: .ci/locks/X.in names it, and X.txt locks it with
// all that it depends on. pip itself refuses a lock that lacks a dependency.
func TestPythonLocksHoldVersionsAndHashes(t *testing.T) {
	locks := 0
	for _, in := range files(t) {
		if path.Dir(in) != ".ci/locks" || path.Ext(in) != ".in" {
			continue
		}
		locks++
		t.Run(path.Base(in), func(t *testing.T) {
			input, lock := read(t, in), read(t, strings.TrimSuffix(in, ".in")+".txt")
			sum := sha256.Sum256([]byte(input))
			of := lockOf.FindStringSubmatch(lock)
			require.NotNil(t, of, "the lock names the sum of its input")
			assert.Equal(t, hex.EncodeToString(sum[:8]), of[1], "%s changed since it was locked: make lock", in)
			wanted := requirements(input)
			locked := requirements(lock)
			for _, one := range wanted {
				assert.Regexp(t, pinned, one)
			}
			for _, one := range locked {
				assert.Regexp(t, hashed, one)
			}
			assert.GreaterOrEqual(t, len(locked), len(wanted))
			assert.NotEmpty(t, wanted)
		})
	}
	assert.NotZero(t, locks)
}

// requirements are a requirements file's lines, continued ones joined.
func requirements(text string) []string {
	text = comment.ReplaceAllString(text, "")
	text = regexp.MustCompile(`\s*\\\n\s*`).ReplaceAllString(text, " ")
	return slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return strings.TrimSpace(line) == "" })
}

// What is installed from npm: npm ci takes the lock file's versions, and holds a
// package to its hash where there is one.
func TestNodeLocksHoldVersionsAndHashes(t *testing.T) {
	type packageFile struct {
		Dependencies, DevDependencies, OptionalDependencies, PeerDependencies map[string]string
	}
	manifests := 0
	for _, manifest := range files(t) {
		if path.Base(manifest) != "package.json" {
			continue
		}
		manifests++
		t.Run(path.Dir(manifest), func(t *testing.T) {
			var wanted packageFile
			require.NoError(t, json.Unmarshal([]byte(read(t, manifest)), &wanted))
			var lock struct {
				Packages map[string]struct {
					packageFile
					Version, Integrity string
					Link               bool
				}
			}
			require.NoError(t, json.Unmarshal([]byte(read(t, path.Join(path.Dir(manifest), "package-lock.json"))), &lock))
			assert.Equal(t, wanted, lock.Packages[""].packageFile,
				"%s changed since it was locked: npm install in its directory", manifest)
			for name, one := range lock.Packages {
				if !strings.Contains(name, "node_modules/") || one.Link {
					continue // a directory of this repository
				}
				assert.NotEmpty(t, one.Version, name)
				assert.Regexp(t, `^sha512-`, one.Integrity, name)
			}
		})
	}
	assert.NotZero(t, manifests)
}
