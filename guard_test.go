package pingr

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGuardRefuses(t *testing.T) {
	var g Guard
	for _, ip := range []string{
		"127.0.0.1", "127.8.8.8", "::1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "fe80::1", "fc00::1",
		"fd00:ec2::254", "224.0.0.1", "ff02::1", "0.0.0.0", "::", "100.64.0.1", "100.100.100.200", "192.0.0.192",
		"198.18.0.1",
		"192.0.2.1", "203.0.113.1", "240.0.0.1", "255.255.255.255", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
		"64:ff9b:1::1", "2002:7f00:1::", "2001:0:4136:e378::", "2001:db8::1", "100::1", "fec0::1", "168.63.129.16",
		"::ffff:168.63.129.16",
		// The ends of those networks.
		"127.255.255.255", "10.255.255.255", "172.31.255.255", "192.168.255.255", "169.254.255.255", "0.255.255.255",
		"100.127.255.255",
		"64:ff9b::ffff:ffff", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"2001:0:ffff:ffff:ffff:ffff:ffff:ffff", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		// A zone after an address does not change it.
		"::1%lo", "fe80::1%eth0", "fd00::1%1", "64:ff9b::7f00:1%x", "2002:7f00:1::%x", "::%x",
	} {
		err := g.check(netip.MustParseAddr(ip))
		if assert.Error(t, err, ip) {
			assert.ErrorContains(t, err, ip, "names the address")
			assert.ErrorContains(t, err, "Guard.Allow", "and the setting")
		}
	}
	for _, ip := range []string{
		"93.184.216.34", "::ffff:93.184.216.34", "1.1.1.1", "168.63.129.15", "2606:4700:4700::1111",
	} {
		assert.NoError(t, g.check(netip.MustParseAddr(ip)), ip)
	}
	g.Allow = []netip.Prefix{
		netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("fe80::/10"),
	}
	assert.NoError(t, g.check(netip.MustParseAddr("10.1.2.3")))
	assert.NoError(t, g.check(netip.MustParseAddr("::ffff:127.0.0.1")))
	assert.NoError(t, g.check(netip.MustParseAddr("fe80::1%eth0")))
	assert.Error(t, g.check(netip.MustParseAddr("10.2.0.1")))
	assert.Error(t, g.check(netip.MustParseAddr("fd00::1%eth0")))
}

// A public address of this host leads to what listens on this host.
func TestGuardRefusesTheHostItself(t *testing.T) {
	own := netip.MustParseAddr("93.184.216.34")
	g := &Guard{interfaces: func() ([]net.Addr, error) {
		return []net.Addr{&net.IPNet{IP: own.AsSlice(), Mask: net.CIDRMask(24, 32)}}, nil
	}}
	assert.ErrorContains(t, g.check(own), "93.184.216.34 is not public")
	assert.Error(t, g.check(netip.MustParseAddr("::ffff:93.184.216.34")))
	assert.NoError(t, g.check(own.Next()), "a neighbour is another host")
	g.interfaces = func() ([]net.Addr, error) { return nil, errors.New("no netlink") }
	assert.Error(t, g.check(own.Next()), "who does not know refuses")
	g.Allow = []netip.Prefix{netip.MustParsePrefix("93.184.216.34/32")}
	assert.NoError(t, g.check(own))
}

func TestGuardURL(t *testing.T) {
	loopback := &Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Setting: "PINGR_WEBHOOK_ALLOW"}
	tests := []struct {
		name  string
		guard *Guard
		url   string
		fault string
	}{
		{"https", &Guard{}, "https://example.com/hook", ""},
		{"http", &Guard{}, "http://example.com/hook", "must use https"},
		{"another scheme", &Guard{}, "ftp://example.com", "https URL"},
		{"no URL", &Guard{}, "://", "https URL"},
		{"no host", &Guard{}, "https:///x", "https URL"},
		{"a password", &Guard{}, "https://a:b@example.com", "user name"},
		{"a password, trusted", nil, "https://a:b@example.com", "user name"},
		{"an address of this machine", &Guard{}, "https://127.0.0.1/", "127.0.0.1 is not public"},
		{"IPv6", &Guard{}, "https://[::1]/", "::1 is not public"},
		{"allowed", loopback, "http://127.0.0.1:8080/", ""},
		{"http to a public address", loopback, "http://1.1.1.1/", "PINGR_WEBHOOK_ALLOW"},
		{"trusted", nil, "http://127.0.0.1:1/", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.guard.CheckURL(tt.url)
			if tt.fault == "" {
				assert.NoError(t, err)
			} else {
				assert.ErrorContains(t, err, tt.fault)
			}
		})
	}
}

// A name may lead anywhere: what counts is the address that is connected to.
func TestGuardChecksAfterDNS(t *testing.T) {
	var reached atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	_, err = (&HTTPDispatcher{URL: "https://localhost:" + port, Guard: &Guard{}}).Dispatch(t.Context(), sample)
	require.ErrorContains(t, err, "is not public")
	elsewhere := &Guard{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	for _, scheme := range []string{"http", "HTTP"} {
		_, err = (&HTTPDispatcher{URL: scheme + "://localhost:" + port, Guard: elsewhere}).Dispatch(t.Context(), sample)
		require.ErrorContains(t, err, "must use https")
	}
	assert.False(t, reached.Load())
	allowed := &Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}
	_, err = (&HTTPDispatcher{URL: "http://localhost:" + port, Guard: allowed}).Dispatch(t.Context(), sample)
	require.NoError(t, err)
	assert.True(t, reached.Load())
}

func TestEnvironmentProxyIsIgnored(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	assert.Nil(t, NewTransport(nil).Proxy)
}
