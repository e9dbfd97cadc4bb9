package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

func TestReachableAt(t *testing.T) {
	network := func(cidr string) net.Addr {
		ip, n, err := net.ParseCIDR(cidr)
		require.NoError(t, err)
		return &net.IPNet{IP: ip, Mask: n.Mask}
	}
	own := func() ([]net.Addr, error) {
		return []net.Addr{
			network("127.0.0.1/8"), network("192.0.2.7/24"), network("fe80::1/64"),
			network("2001:db8::7/64"), network("::1/128"),
		}, nil
	}
	for _, tt := range []struct {
		name   string
		listen net.IP
		want   []string
	}{
		{"loopback", net.IPv4(127, 0, 0, 1), []string{"http://127.0.0.1:8080"}},
		{"an address", net.IPv4(192, 0, 2, 7), []string{"http://192.0.2.7:8080"}},
		{"all of IPv4", net.IPv4zero, []string{"http://192.0.2.7:8080", "http://127.0.0.1:8080"}},
		{
			"all", net.IPv6unspecified,
			[]string{"http://192.0.2.7:8080", "http://[2001:db8::7]:8080", "http://127.0.0.1:8080"},
		},
	} {
		assert.Equal(t, tt.want, reachableAt(&net.TCPAddr{IP: tt.listen, Port: 8080}, own), tt.name)
	}
	broken := func() ([]net.Addr, error) { return nil, errors.New("no") }
	assert.Equal(t, []string{"http://127.0.0.1:8080"}, reachableAt(&net.TCPAddr{IP: net.IPv4zero, Port: 8080}, broken))
}

// On all addresses, the links that serve prints can be opened, and it says that
// passwords travel in the clear.
func TestServeOnAllAddresses(t *testing.T) {
	for _, tt := range []struct {
		name, listen string
		env          []string
		clear        bool
	}{
		{"all addresses", "0.0.0.0:0", nil, true},
		{"behind https", "0.0.0.0:0", []string{"PINGR_PUBLIC_URL=https://pingr.example.com"}, false},
		{"loopback", "127.0.0.1:0", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := call{args: []string{"serve", "--listen", tt.listen, "--data", t.TempDir()}, env: tt.env}.command(ctx, t)
			said := &strings.Builder{}
			cmd.Stderr = said
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			line, err := bufio.NewReader(out).ReadString('\n')
			require.NoError(t, err)
			link := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(line)
			resp, err := http.Get(link + "/healthz")
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
			require.NoError(t, cmd.Wait())
			assert.NotContains(t, line+said.String(), "://[::]")
			assert.NotContains(t, line+said.String(), "://0.0.0.0")
			assert.Equal(t, tt.clear, strings.Contains(said.String(), inTheClear), said.String())
		})
	}
}

// Errors of the operating system come with what to do.
func TestListeningThatFails(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	for _, tt := range []struct{ address, says string }{
		{taken.Addr().String(), "another program listens on"},
		{"192.0.2.1:8080", "this machine does not have the address"},
	} {
		r := pingrRun(t, "serve", "--listen", tt.address)
		assert.Equal(t, exitFailed, r.code)
		assert.Contains(t, r.err, tt.says)
		assert.Contains(t, r.err, "give", "what to do")
	}
	denied := &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EACCES)}
	err = explainListen(denied, "127.0.0.1:80", "--listen")
	require.ErrorContains(t, err, "give a port from 1024 on")
	assert.Empty(t, whatHelpsAgainst(err), "it says so already")
}

func TestWhatHelpsAgainstTheSystem(t *testing.T) {
	for _, tt := range []struct {
		err  error
		says string
	}{
		{&fs.PathError{Op: "open", Path: "/var/lib/pingr/lock", Err: syscall.EACCES}, "ls -ld /var/lib/pingr)"},
		{syscall.EACCES, "chown"},
		{&fs.PathError{Op: "write", Path: "/x", Err: syscall.ENOSPC}, "Free some space"},
		{&fs.PathError{Op: "mkdir", Path: "/x", Err: syscall.EROFS}, "mount it writable"},
	} {
		assert.Contains(t, whatHelpsAgainst(fmt.Errorf("open store: %w", tt.err)), tt.says)
	}
	assert.Empty(t, whatHelpsAgainst(errors.New("no")))
	assert.Empty(t, whatHelpsAgainst(fs.ErrNotExist))
}

// A directory of somebody else, as the program meets it.
func TestADirectoryOfSomebodyElse(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o700))
	program := dir + "-pingr" // which somebody else may run
	text, err := os.ReadFile(binary)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(program, text, 0o755))
	t.Cleanup(func() { _ = os.Remove(program) })
	for parent := dir; ; parent = parent[:strings.LastIndex(parent, "/")] {
		if info, err := os.Stat(parent); err == nil && info.Mode()&0o001 == 0 && parent != dir {
			require.NoError(t, os.Chmod(parent, info.Mode().Perm()|0o011))
		}
		if strings.LastIndex(parent, "/") <= 0 || parent == os.TempDir() {
			break
		}
	}
	cmd := exec.CommandContext(t.Context(), program, "serve", "--data", dir, "--listen", "127.0.0.1:0")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(out), "permission denied")
	assert.Contains(t, string(out), "Run pingr as the user who owns the directory (ls -ld "+dir+")")
}

func TestWhatHelpsASession(t *testing.T) {
	for _, tt := range []struct {
		record pingr.SessionRecord
		want   string
	}{
		{pingr.SessionRecord{ID: "shop:acc_1", State: pingr.SessionLoggedOut, Reason: 401}, "pingr session link shop"},
		{
			pingr.SessionRecord{ID: "shop", State: pingr.SessionLoggedOut, Device: "1:1@s", Reason: 1000},
			"pingr session link shop",
		},
		{pingr.SessionRecord{ID: "shop", State: pingr.SessionRestricted, Reason: 406}, "pingr session link shop"},
		{
			pingr.SessionRecord{ID: "shop", State: pingr.SessionRestricted, Device: "1:1@s", Reason: 402},
			"pingr session reconnect shop",
		},
		{
			pingr.SessionRecord{ID: "shop", State: pingr.SessionDisconnected, Device: "1:1@s", Reason: 405},
			"update Pingr, then pingr session reconnect shop",
		},
	} {
		assert.Equal(t, tt.want, whatHelps(tt.record), tt.record)
	}
}
