package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The tag is built once more for one platform, elsewhere: every file is the same
// as in PINGR_DIST, byte for byte. PINGR_COLD=1 compiles everything again, which
// takes minutes.
func TestBuiltAgain(t *testing.T) {
	repository, dist := os.Getenv("PINGR_REPOSITORY"), os.Getenv("PINGR_DIST")
	if repository == "" || dist == "" {
		t.Skip("make install-test makes the first of both")
	}
	if os.Getenv("PINGR_COLD") != "" {
		t.Setenv("GOCACHE", t.TempDir())
	}
	t.Setenv("GOFLAGS", "-buildvcs=false") // what a developer has set changes nothing
	t.Setenv("GOAMD64", "v3")
	out := filepath.Join(t.TempDir(), "dist")
	require.NoError(t, run(t.Context(), []string{
		"-repository", repository, "-out", out, "-only", "linux/amd64",
	}))
	files, err := os.ReadDir(out)
	require.NoError(t, err)
	same := 0
	for _, f := range files {
		switch filepath.Ext(f.Name()) {
		case "": // SHA256SUMS, of more platforms
			continue
		case ".tar": // the image, of more platforms
			continue
		}
		once, err := sha256Of(filepath.Join(dist, f.Name()))
		require.NoError(t, err)
		again, err := sha256Of(filepath.Join(out, f.Name()))
		require.NoError(t, err)
		assert.Equal(t, once, again, f.Name())
		same++
	}
	assert.Equal(t, 5, same, "archive, source, SBOM, deb, rpm")
}
