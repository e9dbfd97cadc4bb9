package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// newRelease is a release of this work tree, whose programs are this test's own
// binary under two names.
func newRelease(t *testing.T) *release {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	dir, err := filepath.Abs("../..")
	require.NoError(t, err)
	r := &release{
		source: source{
			dir: dir, tag: "v1.2.3-rc.1", version: "1.2.3-rc.1", commit: "0123456789ab",
			at: time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC),
		},
		out: t.TempDir(), work: t.TempDir(),
	}
	for _, arch := range []string{"amd64", "arm64"} {
		p := program{platform{"linux", arch}, filepath.Join(r.work, arch)}
		require.NoError(t, os.Symlink(self, p.file))
		r.programs = append(r.programs, p)
	}
	return r
}

// write writes everything but the programs themselves.
func (r *release) write(t *testing.T) {
	t.Helper()
	for _, p := range r.programs {
		require.NoError(t, r.archive(p, []byte("licenses")))
		require.NoError(t, r.sbom(p))
		require.NoError(t, r.packages(p, []byte("licenses")))
	}
	require.NoError(t, r.image([]byte("licenses")))
	require.NoError(t, r.checksums())
}

func TestTheSameBytesTwice(t *testing.T) {
	first, second := newRelease(t), newRelease(t)
	first.write(t)
	second.write(t)
	sums := readFile(t, filepath.Join(first.out, "SHA256SUMS"))
	assert.Equal(t, sums, readFile(t, filepath.Join(second.out, "SHA256SUMS")))
	for _, name := range []string{
		"pingr_1.2.3-rc.1_linux_amd64.tar.gz", "pingr_1.2.3-rc.1_linux_arm64.cdx.json", "pingr_1.2.3-rc.1_image.tar",
		"pingr_1.2.3~rc.1-1_amd64.deb", "pingr-1.2.3~rc.1-1.aarch64.rpm",
	} {
		assert.Contains(t, sums, "  "+name+"\n")
	}
}

func TestSBOMNamesWhatIsLinked(t *testing.T) {
	r := newRelease(t)
	require.NoError(t, r.sbom(r.programs[0]))
	var bom struct {
		BOMFormat  string
		Components []struct {
			Name, Version, Purl string
			Properties          []struct{ Name, Value string }
		}
	}
	text := readFile(t, filepath.Join(r.out, r.name(r.programs[0].platform)+".cdx.json"))
	require.NoError(t, json.Unmarshal([]byte(text), &bom))
	assert.Equal(t, "CycloneDX", bom.BOMFormat)
	found := map[string]string{}
	for _, c := range bom.Components {
		assert.Equal(t, "pkg:golang/"+c.Name+"@"+c.Version, c.Purl)
		found[c.Name] = c.Version
		if c.Name != "std" {
			assert.Contains(t, readFile(t, "go.sum"), c.Name+" "+c.Version+" "+c.Properties[0].Value)
		}
	}
	assert.Contains(t, found, "std")
	assert.Contains(t, found, "github.com/goreleaser/nfpm/v2", "this test links it")
}

func TestImage(t *testing.T) {
	r := newRelease(t)
	require.NoError(t, r.image([]byte("licenses")))
	host := httptest.NewServer(registry.New())
	defer host.Close()
	reference := strings.TrimPrefix(host.URL, "http://") + "/team/pingr:1.2.3"
	require.NoError(t, r.push(t.Context(), reference))

	at, err := name.ParseReference(reference)
	require.NoError(t, err)
	index, err := remote.Index(at)
	require.NoError(t, err)
	require.NoError(t, validate.Index(index))
	manifest, err := index.IndexManifest()
	require.NoError(t, err)
	var archs []string
	for _, one := range manifest.Manifests {
		archs = append(archs, one.Platform.OS+"/"+one.Platform.Architecture)
		image, err := index.Image(one.Digest)
		require.NoError(t, err)
		config, err := image.ConfigFile()
		require.NoError(t, err)
		assert.Equal(t, "65532:65532", config.Config.User)
		assert.Equal(t, []string{"CMD", "/usr/bin/pingr", "health"}, config.Config.Healthcheck.Test)
	}
	assert.Equal(t, []string{"linux/amd64", "linux/arm64"}, archs)
}

func TestArchive(t *testing.T) {
	r := newRelease(t)
	require.NoError(t, r.archive(r.programs[0], []byte("licenses")))
	file, err := os.Open(filepath.Join(r.out, "pingr_1.2.3-rc.1_linux_amd64.tar.gz"))
	require.NoError(t, err)
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	require.NoError(t, err)
	files := map[string]int64{}
	for archive := tar.NewReader(unzipped); ; {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		assert.True(t, h.ModTime.Equal(r.at), h.Name)
		files[strings.TrimPrefix(h.Name, "pingr_1.2.3-rc.1_linux_amd64/")] = h.Mode
	}
	assert.Equal(t, map[string]int64{
		"pingr": 0o755, "LICENSE": 0o644, "NOTICE": 0o644, "CHANGELOG.md": 0o644, "install.md": 0o644,
		"LICENSES.txt": 0o644,
	}, files)
}

func TestATagMustFitItsSource(t *testing.T) {
	tests := []struct {
		name, tag, source string
		problem           string // "" for none
	}{
		{"fits", "v1.2.3", `const Version = "1.2.3"`, ""},
		{"a candidate", "v1.2.3-rc.1", `const Version = "1.2.3-rc.1"`, ""},
		{"another version", "v1.2.4", `const Version = "1.2.3"`, `Version in its pingr.go must be "1.2.4", not "1.2.3"`},
		{"no version", "v1.2.4", `const X = 1`, `must be "1.2.4", not ""`},
		{"no tag of ours", "release-1", `const Version = "1.2.3"`, "must have the form v1.2.3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			repository := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(repository, "pingr.go"),
				[]byte("package pingr\n\n"+tt.source+"\n"), 0o600))
			for _, args := range [][]string{
				{"init", "--quiet"},
				{"add", "."},
				{"-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "--quiet", "--message", "All"},
				{"tag", tt.tag},
			} {
				_, err := git(t.Context(), repository, args...)
				require.NoError(t, err)
			}
			// What is not committed plays no part.
			require.NoError(t, os.WriteFile(filepath.Join(repository, "pingr.go"), []byte("x"), 0o600))
			s, err := checkout(t.Context(), repository, "", filepath.Join(t.TempDir(), "source"))
			if tt.problem != "" {
				assert.ErrorContains(t, err, tt.problem)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.tag, s.tag)
			assert.Len(t, s.commit, 40)
		})
	}
}

func TestSelectPlatforms(t *testing.T) {
	all, err := selectPlatforms("")
	require.NoError(t, err)
	assert.Len(t, all, 6)
	two, err := selectPlatforms("linux/arm,windows/amd64")
	require.NoError(t, err)
	assert.Equal(t, []platform{{"linux", "arm"}, {"windows", "amd64"}}, two)
	_, err = selectPlatforms("linux/mips")
	assert.ErrorContains(t, err, `no platform "linux/mips"`)
}

func TestEveryModuleMustHaveALicense(t *testing.T) {
	var all bytes.Buffer
	dir := t.TempDir()
	assert.ErrorContains(t, appendLicenses(&all, "example.com/x v1.0.0", dir), "example.com/x v1.0.0 has no license file")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "LICENCE.md"), []byte("Do as you like.\n"), 0o600))
	require.NoError(t, appendLicenses(&all, "example.com/x v1.0.0", dir))
	assert.Contains(t, all.String(), "example.com/x v1.0.0: LICENCE.md")
	assert.Contains(t, all.String(), "Do as you like.")
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(text)
}
