//go:build linux

package install

import (
	"bufio"
	"crypto/tls"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const public = "https://pingr.example.com"

// The configurations in deploy/proxy, each in front of the installed service.
func TestInsideProxies(t *testing.T) {
	inside(t)
	s := newShop(t)
	run(t, "", "dpkg", "--install", release(t, "*_amd64.deb"))
	s.settings += "PINGR_PUBLIC_URL=" + public + "\nPINGR_WEBHOOK_ALLOW=127.0.0.0/8\n"
	s.configure()
	s.open(asPingr...)
	run(t, "", "sh", "-ec", "umount /etc/hosts 2>/dev/null || true; echo 127.0.0.1 pingr.example.com >> /etc/hosts")

	t.Run("nginx", func(t *testing.T) {
		const live = "/etc/letsencrypt/live/pingr.example.com"
		run(t, "", "mkdir", "-p", live)
		run(t, "", "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
			"-subj", "/CN=pingr.example.com", "-keyout", live+"/privkey.pem", "-out", live+"/fullchain.pem")
		run(t, "", "cp", in+"deploy/proxy/nginx.conf", "/etc/nginx/conf.d/pingr.conf")
		run(t, "", "rm", "-f", "/etc/nginx/sites-enabled/default")
		run(t, "", "nginx", "-t")
		run(t, "", "nginx")
		defer func() {
			run(t, "", "nginx", "-s", "quit")
			s.eventually("nginx has ended", func() bool { return exec.CommandContext(t.Context(), "pgrep", "nginx").Run() != nil })
		}()
		s.behindProxy(t)
	})
	t.Run("Caddy", func(t *testing.T) {
		caddyfile := t.TempDir() + "/Caddyfile"
		require.NoError(t, os.WriteFile(caddyfile, []byte("{\n\tlocal_certs\n\tskip_install_trust\n}\nimport "+
			in+"deploy/proxy/Caddyfile\n"), 0o600))
		caddy := exec.CommandContext(t.Context(), "caddy", "run", "--config", caddyfile)
		require.NoError(t, caddy.Start())
		defer func() {
			_ = caddy.Process.Kill()
			_ = caddy.Wait()
		}()
		s.behindProxy(t)
	})
	assert.NotContains(t, journal(t), "proxy that", "the proxies are trusted")
}

// behindProxy looks at the server as people behind a proxy see it.
func (s *shop) behindProxy(t *testing.T) {
	t.Helper()
	client := &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, //nolint:gosec // its own CA
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       2 * time.Minute,
	}
	defer client.CloseIdleConnections()
	get := func(url string) (*http.Response, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		require.NoError(t, err)
		r.Header.Set("X-API-Key", s.key)
		return client.Do(r)
	}
	status := func(url string) (int, http.Header) {
		answer, err := get(url)
		if err != nil {
			return 0, nil
		}
		answer.Body.Close()
		return answer.StatusCode, answer.Header
	}
	require.Eventually(t, func() bool {
		code, _ := status(public + "/healthz")
		return code == http.StatusOK
	}, time.Minute, 100*time.Millisecond, "the proxy answers")
	_, header := status(public + "/healthz")
	assert.NotEmpty(t, header.Get("Strict-Transport-Security"))
	code, header := status(strings.Replace(public, "https", "http", 1) + "/docs?x=1")
	assert.Contains(t, []int{http.StatusMovedPermanently, http.StatusPermanentRedirect}, code)
	assert.Equal(t, public+"/docs?x=1", header.Get("Location"))
	code, _ = status(public + "/metrics")
	assert.Equal(t, http.StatusForbidden, code, "who comes through a proxy is not on this machine")

	// An event arrives while the stream is open.
	stream, err := get(public + "/v1/events")
	require.NoError(t, err)
	defer stream.Body.Close()
	require.Equal(t, http.StatusOK, stream.StatusCode)
	lines := bufio.NewScanner(stream.Body)
	require.True(t, lines.Scan())
	assert.Equal(t, ": open", lines.Text())
	s.logsIn()
	for lines.Scan() && lines.Text() != "event: firing" {
		continue
	}
	assert.Equal(t, "event: firing", lines.Text(), lines.Err())
}
