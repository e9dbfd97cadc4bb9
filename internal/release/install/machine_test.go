//go:build linux

package install

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Each story runs on a machine of its own. PINGR_DIST is a directory of a
// release, PINGR_WHATSAPPTEST the program cmd/whatsapptest.
func TestInstalled(t *testing.T) {
	dist, whatsapp := os.Getenv("PINGR_DIST"), os.Getenv("PINGR_WHATSAPPTEST")
	if dist == "" || whatsapp == "" {
		t.Skip("make install-test makes the release that this installs")
	}
	if os.Geteuid() != 0 {
		t.Fatal("only root can boot a copy of this machine")
	}
	for _, story := range []string{"Debian", "RPM", "Image", "ImageOnARM64", "Proxies", "Watching"} {
		t.Run(story, func(t *testing.T) {
			log, result := boot(t, dist, whatsapp, "TestInside"+story)
			t.Log(log)
			require.Equal(t, "success", result, "see what it printed above")
			require.Contains(t, log, "--- PASS: TestInside"+story+" ")
		})
	}
}

// boot runs one test of this program inside a machine, and returns what it
// printed and systemd's word for how it ended.
func boot(t *testing.T, dist, whatsapp, test string) (log, result string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "out"), 0o755)) //nolint:gosec // services of all users write to it
	require.NoError(t, os.Mkdir(filepath.Join(dir, "in"), 0o755))  //nolint:gosec // and read this
	require.NoError(t, os.Chmod(dir, 0o755))                       //nolint:gosec // as said
	self, err := os.Executable()
	require.NoError(t, err)
	copyTo(t, filepath.Join(dir, "in", "inside"), self)
	copyTo(t, filepath.Join(dir, "in", "whatsapptest"), whatsapp)
	copyTo(t, filepath.Join(dir, "in", "dist"), dist)
	copyTo(t, filepath.Join(dir, "in", "deploy"), "../../../deploy")
	copyTo(t, filepath.Join(dir, "in", "docs"), "../../../docs")

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "unshare", "--mount", "--pid", "--fork", "--kill-child", "--ipc", "--uts", "--cgroup",
		"--net", "bash", "machine.sh", dir, "-test.v -test.run ^"+test+"$")
	cmd.WaitDelay = 5 * time.Second
	said, _ := cmd.CombinedOutput() // poweroff ends PID 1 by a signal
	return strings.Join([]string{text(dir, "log"), text(dir, "systemd"), string(said)}, ""),
		strings.TrimSpace(text(dir, "result"))
}

func text(dir, name string) string {
	read, err := os.ReadFile(filepath.Join(dir, "out", name))
	if err != nil {
		return ""
	}
	return string(bytes.ToValidUTF8(read, nil))
}

func copyTo(t *testing.T, to, from string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "cp", "--recursive", "--dereference", from, to).CombinedOutput()
	require.NoError(t, err, string(out))
}
