//go:build linux

package install

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The image's files, run as an engine runs them: as its user, with its
// environment, on a root that cannot be written to.
func TestInsideImage(t *testing.T) {
	inside(t)
	c := unpack(t, "amd64")
	c.logsIn(newShop(t), nil)
}

// The same on an emulated processor.
func TestInsideImageOnARM64(t *testing.T) {
	inside(t)
	c := unpack(t, "arm64")
	const emulator = "/usr/bin/qemu-aarch64-static"
	run(t, "", "cp", emulator, c.root+"/emulator")
	c.logsIn(newShop(t), []string{"/emulator"})
}

// A container is an image whose files are in root.
type container struct {
	root   string
	config v1.Config
}

// unpack returns the image for a processor, from the file that a release
// contains.
func unpack(t *testing.T, arch string) *container {
	t.Helper()
	// Not t.TempDir: its root is made read-only, and the machine is thrown away.
	dir, err := os.MkdirTemp("", "image-")
	require.NoError(t, err)
	run(t, "", "tar", "-C", dir, "-xf", release(t, "*_image.tar"))
	written, err := layout.FromPath(dir)
	require.NoError(t, err)
	all, err := written.ImageIndex()
	require.NoError(t, err)
	manifest, err := all.IndexManifest()
	require.NoError(t, err)
	require.Len(t, manifest.Manifests, 1)
	index, err := all.ImageIndex(manifest.Manifests[0].Digest)
	require.NoError(t, err)
	platforms, err := index.IndexManifest()
	require.NoError(t, err)
	for _, one := range platforms.Manifests {
		if one.Platform.Architecture != arch {
			continue
		}
		image, err := index.Image(one.Digest)
		require.NoError(t, err)
		config, err := image.ConfigFile()
		require.NoError(t, err)
		assert.Equal(t, arch, config.Architecture)
		root := filepath.Join(dir, "root")
		require.NoError(t, os.Mkdir(root, 0o755)) //nolint:gosec // the image's user looks into it
		require.NoError(t, os.Chmod(dir, 0o755))  //nolint:gosec // as said
		files := mutate.Extract(image)
		defer files.Close()
		untar := exec.CommandContext(t.Context(), "tar", "-C", root, "-xpf", "-", "--numeric-owner")
		untar.Stdin = files
		out, err := untar.CombinedOutput()
		require.NoError(t, err, string(out))
		return &container{root, config.Config}
	}
	require.Fail(t, "no image for "+arch)
	return nil
}

// logsIn starts the image's program, and makes a login. before runs programs of
// another processor.
func (c *container) logsIn(s *shop, before []string) {
	s.Helper()
	require.NoError(s, os.WriteFile(c.root+"/etc/pingr-test-ca.pem", []byte(read(s.T, s.ca)), 0o644)) //nolint:gosec // as said
	assert.Regexp(s, `^[1-9]\d*:[1-9]\d*$`, c.config.User, "not root")
	require.NoError(s, os.Mkdir(c.root+"/proc", 0o755)) //nolint:gosec // engines mount it
	writable := c.root + "/data"
	run(s.T, "", "mount", "--bind", c.root, c.root)
	run(s.T, "", "mount", "--bind", writable, writable)
	run(s.T, "", "mount", "-o", "remount,ro,bind", c.root)

	serve := c.command(s.T, append(append(before, c.config.Entrypoint...), c.config.Cmd...), append(
		strings.Fields(s.settings), "PINGR_WEBHOOK_ALLOW=127.0.0.0/8", // it listens on all addresses
	)...)
	var said bytes.Buffer
	serve.Stdout, serve.Stderr = &said, &said
	require.NoError(s, serve.Start())
	stopped := false
	s.Cleanup(func() {
		if !stopped {
			_ = serve.Process.Kill()
			s.Log(said.String())
		}
	})
	health := func() error {
		test := c.config.Healthcheck.Test
		assert.Equal(s, "CMD", test[0])
		return c.command(s.T, append(before, test[1:]...)).Run()
	}
	s.eventually("healthy", func() bool { return health() == nil })
	exec := append([]string{"chroot", "--userspec=" + c.config.User, c.root}, before...)
	s.open(append(exec, c.config.Entrypoint[0], "--data", "/data")...)
	s.logsIn()

	require.NoError(s, serve.Process.Signal(os.Interrupt))
	assert.NoError(s, serve.Wait())
	stopped = true
	assert.Error(s, health(), "nobody answers any more")
	assert.Contains(s, said.String(), "Create the first one: http://")
	assert.NotContains(s, said.String(), "level=ERROR")
}

// command runs a command in the container.
func (c *container) command(t *testing.T, command []string, environment ...string) *exec.Cmd {
	t.Helper()
	//nolint:gosec // the image's own command
	cmd := exec.CommandContext(t.Context(), "chroot", append([]string{"--userspec=" + c.config.User, c.root}, command...)...)
	cmd.Env = append(c.config.Env, environment...)
	return cmd
}
