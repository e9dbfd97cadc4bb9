//go:build linux

package install

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

const (
	conf = "/etc/pingr/pingr.conf"
	data = "/var/lib/pingr"
	unit = "/usr/lib/systemd/system/pingr.service"
)

// An administrator's commands, as docs/install.md has them.
var asPingr = []string{"runuser", "-u", "pingr", "--", "pingr", "--config", conf}

// The package is installed and starts the service, a login is made, the package
// is upgraded, removed, installed again and purged. The number stays linked
// throughout: nobody scans twice.
func TestInsideDebian(t *testing.T) {
	inside(t)
	s := newShop(t)
	current := release(t, "*_amd64.deb")

	run(t, "", "dpkg", "--install", older(t, current))
	assert.Equal(t, "640 root:pingr", run(t, "", "stat", "-c", "%a %U:%G", conf))
	assert.Equal(t, "700 pingr:pingr", run(t, "", "stat", "-c", "%a %U:%G", data))
	s.ready() // by itself, as Debian's services do
	assert.Regexp(t, `Create the first one: http://127.0.0.1:8080/setup\?token=\S+`, journal(t))
	s.configure()
	s.open(asPingr...)
	s.logsIn()
	checkSandbox(t)

	run(t, "", "dpkg", "--install", current)
	assert.Contains(t, run(t, "", "dpkg-query", "--show", "pingr"), versionOf(current))
	assert.Contains(t, read(t, conf), "PINGR_WHATSAPP_URL", "the settings are the administrator's")
	s.logsIn()

	run(t, "", "dpkg", "--remove", "pingr")
	assert.NoFileExists(t, unit)
	assert.Empty(t, processes(t), "it has stopped")
	assert.FileExists(t, conf)
	assert.FileExists(t, filepath.Join(data, "whatsapp.db"))

	run(t, "", "dpkg", "--install", current)
	s.logsIn()

	assert.Contains(t, run(t, "", "dpkg", "--purge", "pingr"), "The data is still in "+data)
	assert.NoFileExists(t, conf)
	assert.Empty(t, processes(t))
	assert.FileExists(t, filepath.Join(data, "whatsapp.db"))
	assert.NoFileExists(t, "/etc/systemd/system/multi-user.target.wants/pingr.service")
	assert.NotContains(t, journal(t), "level=ERROR")
}

// Fedora's policy is that services do not start by themselves.
func TestInsideRPM(t *testing.T) {
	inside(t)
	s := newShop(t)
	require.NoError(t, os.MkdirAll("/etc/systemd/system-preset", 0o755)) //nolint:gosec // as on Fedora
	require.NoError(t, os.WriteFile("/etc/systemd/system-preset/00-off.preset", []byte("disable *\n"), 0o600))
	file := release(t, "*.x86_64.rpm")
	// Debian's rpm knows none of Debian's packages, so /bin/sh has no owner.
	rpm := func(args ...string) string { return run(t, "", append([]string{"rpm", "--nodeps"}, args...)...) }

	assert.Contains(t, run(t, "", "rpm", "-qip", file), "MIT AND GPL-3.0-only")
	assert.Equal(t, conf, run(t, "", "rpm", "-qcp", file))
	rpm("--install", file)
	assert.Empty(t, processes(t), "the administrator starts it")
	assert.Equal(t, "640 root:pingr", run(t, "", "stat", "-c", "%a %U:%G", conf))
	run(t, "", "systemctl", "enable", "--now", "pingr")
	s.configure()
	s.open(asPingr...)
	s.logsIn()

	rpm("--upgrade", "--force", file)
	s.logsIn()

	assert.Contains(t, rpm("--erase", "pingr"), "The data is still in "+data)
	assert.NoFileExists(t, unit)
	assert.Empty(t, processes(t))
	assert.FileExists(t, filepath.Join(data, "whatsapp.db"))
	assert.Contains(t, read(t, conf+".rpmsave"), "PINGR_WHATSAPP_URL", "what was changed is kept")
}

// configure points the service at the loopback WhatsApp, as an administrator
// changes settings.
func (s *shop) configure() {
	s.Helper()
	ca := read(s.T, s.ca)
	require.NoError(s, os.WriteFile("/etc/pingr-test-ca.pem", []byte(ca), 0o644)) //nolint:gosec // the service reads it
	f, err := os.OpenFile(conf, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(s, err)
	_, err = f.WriteString(s.settings)
	require.NoError(s, err)
	require.NoError(s, f.Close())
	s.run("", "systemctl", "restart", "pingr")
}

// checkSandbox looks at the unit, and at what the kernel says of the running
// process.
func checkSandbox(t *testing.T) {
	t.Helper()
	run(t, "", "systemd-analyze", "verify", unit)
	run(t, "", "systemd-analyze", "security", "--offline=true", "--threshold=20", unit)
	pids := processes(t)
	require.Len(t, pids, 1)
	status := read(t, "/proc/"+pids[0]+"/status")
	for _, want := range []string{
		`NoNewPrivs:\t1`, `Seccomp:\t2`, `CapEff:\t0+\n`, `CapBnd:\t0+\n`, `Uid:\t[1-9]\d*\t`,
	} {
		assert.Regexp(t, want, status)
	}
	// What the service sees: nothing is writable but its data and its /tmp.
	mounts := read(t, "/proc/"+pids[0]+"/mounts")
	assert.Regexp(t, `(?m)^\S+ / \S+ ro,`, mounts)
	assert.Regexp(t, `(?m)^\S+ /var/lib/pingr \S+ rw,`, mounts)
}

// older is the same package under an older version. Its files are not unpacked,
// because only the installed package knows their group.
func older(t *testing.T, deb string) string {
	t.Helper()
	dir := t.TempDir()
	in := func(command string) string { return run(t, "", "sh", "-ec", "cd "+dir+"; "+command) }
	in("ar x " + deb + "; mkdir control; tar -C control -xzf control.tar.gz")
	control := filepath.Join(dir, "control/control")
	changed := regexp.MustCompile(`(?m)^Version: .*$`).ReplaceAllString(read(t, control), "Version: 0.0.1-1")
	require.NoError(t, os.WriteFile(control, []byte(changed), 0o644)) //nolint:gosec // as it was
	in("tar -C control -czf control.tar.gz .; ar rc older.deb debian-binary control.tar.gz data.tar.gz")
	return filepath.Join(dir, "older.deb")
}

func versionOf(deb string) string { return strings.Split(filepath.Base(deb), "_")[1] }

// processes are the ids of the service's processes.
func processes(t *testing.T) []string {
	t.Helper()
	out, _ := exec.CommandContext(t.Context(), "pgrep", "--exact", "--uid", "pingr", "pingr").Output()
	return strings.Fields(string(out))
}

func journal(t *testing.T) string {
	t.Helper()
	return run(t, "", "journalctl", "--unit=pingr", "--no-pager", "--output=cat")
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}
