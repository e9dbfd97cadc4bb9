//go:build !race

package main

import (
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPublicURL(t *testing.T) {
	for _, tt := range []struct{ url, want, fault string }{
		{"", "", ""},
		{"https://pingr.example.com", "https://pingr.example.com", ""},
		{"https://pingr.example.com/", "https://pingr.example.com", ""},
		{"http://localhost:8080", "http://localhost:8080", ""},
		{
			"https://example.com/pingr", "",
			"must not have a path: Pingr needs a host of its own, like https://pingr.example.com",
		},
		{"https://example.com/pingr/", "", "must not have a path"},
		{"https://example.com//", "", "must not have a path"},
		{"https://example.com?x=1", "", "must not have a path"},
		{"https://example.com#x", "", "must not have a path"},
		{"https://anna:secret@example.com", "", "must not contain a user name"},
		{"pingr.example.com", "", "must be an address like https://"},
		{"ftp://pingr.example.com", "", "must be an address like https://"},
		{"https://", "", "must be an address like https://"},
	} {
		t.Run(tt.url, func(t *testing.T) {
			got, err := config{PublicURL: tt.url}.publicURL()
			if tt.fault != "" {
				require.ErrorContains(t, err, tt.fault)
				assert.NotContains(t, err.Error(), "secret")
				return
			}
			require.NoError(t, err)
			if tt.want == "" {
				assert.Nil(t, got)
				return
			}
			assert.Equal(t, tt.want, got.String())
		})
	}
	got := call{args: []string{"serve", "--listen", "127.0.0.1:0"}, env: []string{
		"PINGR_PUBLIC_URL=https://example.com/pingr",
	}}.run(t)
	assert.Equal(t, exitUsage, got.code)
	assert.Contains(t, got.err, "PINGR_PUBLIC_URL must not have a path")
}

func TestIsPrivate(t *testing.T) {
	loopback, everywhere := net.IPv4(127, 0, 0, 1), net.IPv4zero
	for _, tt := range []struct {
		name         string
		listen       net.IP
		public, plan string
		want         bool
	}{
		{"on loopback", loopback, "", "", true},
		{"on IPv6's loopback", net.IPv6loopback, "", "", true},
		{"its public address is there too", loopback, "http://localhost:8080", "", true},
		{"on all addresses", everywhere, "", "", false},
		{"on all addresses, and its public address is loopback", everywhere, "http://127.0.0.1:8080", "", false},
		{"behind a proxy", loopback, "https://pingr.example.com", "", false},
		{"people sign up", loopback, "", "starter", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			public, err := config{PublicURL: tt.public}.publicURL()
			require.NoError(t, err)
			assert.Equal(t, tt.want, isPrivate(&net.TCPAddr{IP: tt.listen, Port: 8080}, public, tt.plan))
		})
	}
}

// A customer on a shared server must not reach what else runs on its machine.
func TestEndpointsOnLoopbackAreForAPrivateServer(t *testing.T) {
	for _, tt := range []struct {
		name string
		env  []string
		want int
	}{
		{"private", nil, 200},
		{"behind a proxy", []string{"PINGR_PUBLIC_URL=https://pingr.example.com"}, 422},
		{"people sign up", []string{"PINGR_SIGNUP=on", "PINGR_SIGNUP_PLAN=starter"}, 422},
		{
			"allowed by who runs it",
			[]string{"PINGR_PUBLIC_URL=https://pingr.example.com", "PINGR_WEBHOOK_ALLOW=127.0.0.0/8"},
			200,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t)
			made := call{args: []string{
				"account", "create", "--email", "anna@example.com", "--data", p.data,
			}, stdin: "correct horse\n"}.run(t)
			require.Equal(t, exitDone, made.code, made.err)
			key := call{args: []string{
				"key", "create", "--account", "anna@example.com", "--mode", "live", "--data", p.data,
			}}.run(t)
			p.env = append(p.env, tt.env...)
			s := p.serve(t)
			s.key = strings.TrimSpace(key.out)
			status, answer := s.call("PUT", "/v1/webhooks", `{"url":"http://127.0.0.1:9/hook"}`)
			assert.Equal(t, tt.want, status, answer)
			status, answer = s.call("PUT", "/v1/webhooks", `{"url":"https://[::1]:9/hook"}`)
			want := tt.want
			if tt.name == "allowed by who runs it" {
				want = 422 // it allowed IPv4's
			}
			assert.Equal(t, want, status, answer)
		})
	}
}

func TestTrustedProxies(t *testing.T) {
	for _, tt := range []struct {
		name, given string
		want        string
	}{
		{"loopback by default", "", "127.0.0.0/8 ::1/128"},
		{
			"networks and addresses", "10.0.0.7/8, 192.0.2.1,2001:db8::/32,::1",
			"10.0.0.0/8 192.0.2.1/32 2001:db8::/32 ::1/128",
		},
		{"nobody", "none", ""},
		{"a name", "proxy.example.com", "fault"},
		{"too many bits", "10.0.0.0/33", "fault"},
		{"none beside others", "none,10.0.0.0/8", "fault"},
		{"an empty one", "10.0.0.0/8,,", "fault"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := config{}
			if tt.given != "" {
				c.TrustedProxies = strings.Split(tt.given, ",")
			}
			got, err := c.trustedProxies()
			if tt.want == "fault" {
				assert.ErrorContains(t, err, "PINGR_TRUSTED_PROXIES")
				return
			}
			require.NoError(t, err)
			assert.NotNil(t, got, "nil is the default")
			var names []string
			for _, p := range got {
				names = append(names, p.String())
			}
			assert.Equal(t, tt.want, strings.Join(names, " "))
		})
	}
}

func TestServeSaysWhatItBelieves(t *testing.T) {
	p := newPlace(t)
	s := p.serve(t)
	assert.Equal(t, "127.0.0.0/8, ::1/128. Logins use http (cookies travel in clear text). "+
		"Webhook endpoints on loopback are allowed. Metrics are served to this machine only", s.waitFor(
		`and Forwarded: (.*)\.\n`,
	))
	_, _ = s.stop()
	p.env = append(p.env, "PINGR_PUBLIC_URL=https://pingr.example.com", "PINGR_TRUSTED_PROXIES=10.0.0.0/8",
		"PINGR_METRICS_LISTEN=127.0.0.1:0")
	assert.Equal(t, "10.0.0.0/8. Logins use https only. Webhook endpoints on loopback are refused. "+
		"Metrics are served at their own address", p.serve(t).waitFor(`and Forwarded: (.*)\.\n`))
}
