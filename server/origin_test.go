package server

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestClientAddress(t *testing.T) {
	trusted := append(LoopbackProxies(), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:ffff::/48"))
	for _, tt := range []struct{ name, peer, xff, forwarded, want string }{
		{"direct", "203.0.113.9:1234", "", "", "203.0.113.9"},
		{"direct, and it claims to be another", "203.0.113.9:1234", "198.51.100.7", "for=198.51.100.7", "203.0.113.9"},
		{"direct by IPv6", "[2001:db8::9]:1234", "", "", "2001:db8::9"},
		{"direct, IPv4 in IPv6", "[::ffff:203.0.113.9]:1234", "", "", "203.0.113.9"},
		{"an untrusted proxy on the network", "192.168.1.1:1234", "198.51.100.7", "", "192.168.1.1"},

		{"by a proxy on this machine", "127.0.0.1:1234", "198.51.100.7", "", "198.51.100.7"},
		{"by one that is trusted", "10.1.2.3:1234", "198.51.100.7", "", "198.51.100.7"},
		{"by one, IPv4 in IPv6", "[::ffff:10.1.2.3]:1234", "198.51.100.7", "", "198.51.100.7"},
		{"by one with a zone", "[2001:db8:ffff::1%eth0]:1234", "198.51.100.7", "", "198.51.100.7"},
		{"what the proxy added counts", "[::1]:1234", "192.0.2.1, 198.51.100.7", "", "198.51.100.7"},
		{"by two that are trusted", "127.0.0.1:1234", "192.0.2.1, 198.51.100.7, 10.9.9.9", "", "198.51.100.7"},
		{"all are trusted", "127.0.0.1:1234", "10.1.1.1, 10.2.2.2", "", "10.1.1.1"},
		{"with a port", "127.0.0.1:1234", "198.51.100.7:5678", "", "198.51.100.7"},
		{"IPv6", "127.0.0.1:1234", "2001:db8::9", "", "2001:db8::9"},
		{"IPv6 in brackets", "127.0.0.1:1234", "[2001:db8::9]", "", "2001:db8::9"},
		{"IPv6 with a port", "127.0.0.1:1234", "[2001:db8::9]:5678", "", "2001:db8::9"},
		{"IPv4 in IPv6", "127.0.0.1:1234", "::ffff:198.51.100.7", "", "198.51.100.7"},

		{"Forwarded", "127.0.0.1:1234", "", "for=198.51.100.7;proto=https;by=10.0.0.1", "198.51.100.7"},
		{"Forwarded, as RFC 7239 writes IPv6", "127.0.0.1:1234", "", `For="[2001:db8::9]:4711"`, "2001:db8::9"},
		{
			"Forwarded by two", "127.0.0.1:1234", "", `for=192.0.2.1, for=198.51.100.7;host="a,b;c", for="10.9.9.9:80"`,
			"198.51.100.7",
		},
		{"both headers agree", "127.0.0.1:1234", "198.51.100.7", "for=198.51.100.7", "198.51.100.7"},
		{"they differ: one may be the client's", "127.0.0.1:1234", "198.51.100.7", "for=192.0.2.1", "127.0.0.1"},

		{"nonsense", "127.0.0.1:1234", "<script>", "", "127.0.0.1"},
		{"nonsense behind a trusted hop", "127.0.0.1:1234", "unknown, 10.1.1.1", "", "127.0.0.1"},
		{"nonsense before the client", "127.0.0.1:1234", "<script>, 198.51.100.7", "", "198.51.100.7"},
		{"nothing in it", "127.0.0.1:1234", " ", "", "127.0.0.1"},
		{"an empty hop", "127.0.0.1:1234", "198.51.100.7,", "", "127.0.0.1"},
		{"unknown, as RFC 7239 has it", "127.0.0.1:1234", "", "for=unknown", "127.0.0.1"},
		{"hidden, as RFC 7239 has it", "127.0.0.1:1234", "", `for="_gazonk"`, "127.0.0.1"},
		{"Forwarded for nobody", "127.0.0.1:1234", "", "proto=https", "127.0.0.1"},
		{"a quote that does not end", "127.0.0.1:1234", "", `for="198.51.100.7, for=192.0.2.1`, "127.0.0.1"},
		{"a Unix socket", "@", "198.51.100.7", "", "invalid IP"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
			r.RemoteAddr = tt.peer
			if tt.xff != "" {
				r.Header.Set("X-Forwarded-For", tt.xff)
			}
			if tt.forwarded != "" {
				r.Header.Set("Forwarded", tt.forwarded)
			}
			assert.Equal(t, tt.want, clientAddress(r, trusted).String())
		})
	}
}

func TestHeadersInSeveralLinesAreOneList(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	r.RemoteAddr = "127.0.0.1:1"
	r.Header["X-Forwarded-For"] = []string{"192.0.2.1", "198.51.100.7"}
	assert.Equal(t, "198.51.100.7", clientAddress(r, LoopbackProxies()).String())
	assert.Equal(t, "127.0.0.1", clientAddress(r, nil).String(), "nobody is trusted")
}

// Only this machine may see internals, and a proxy on it is not the client.
func TestWhoSeesTheInside(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		name, peer string
		header     http.Header
		inside     bool
	}{
		{"this machine", "127.0.0.1:1", nil, true},
		{"this machine by IPv6", "[::1]:1", nil, true},
		{"another", "192.0.2.1:1", nil, false},
		{"the local network", "10.0.0.7:1", nil, false},
		{"a proxy on this machine", "127.0.0.1:1", http.Header{"X-Forwarded-For": {"198.51.100.7"}}, false},
		{"one whose client says that it is local", "127.0.0.1:1", http.Header{"X-Forwarded-For": {"127.0.0.1"}}, false},
		{"one that writes Forwarded", "127.0.0.1:1", http.Header{"Forwarded": {"for=127.0.0.1"}}, false},
		{"one that writes X-Real-IP alone", "127.0.0.1:1", http.Header{"X-Real-Ip": {"127.0.0.1"}}, false},
		{"one that writes X-Forwarded-Proto alone", "127.0.0.1:1", http.Header{"X-Forwarded-Proto": {"https"}}, false},
		{"one that writes X-Client-IP alone", "127.0.0.1:1", http.Header{"X-Client-Ip": {"127.0.0.1"}}, false},
		{"one that writes True-Client-IP alone", "127.0.0.1:1", http.Header{"True-Client-Ip": {"127.0.0.1"}}, false},
		{"one that writes CF-Connecting-IP alone", "127.0.0.1:1", http.Header{"Cf-Connecting-Ip": {"127.0.0.1"}}, false},
		{"one that writes X-Original-For alone", "127.0.0.1:1", http.Header{"X-Original-For": {"127.0.0.1"}}, false},
		{"one that writes Via alone", "127.0.0.1:1", http.Header{"Via": {"1.1 proxy"}}, false},
		{"another, that says it is local", "192.0.2.1:1", http.Header{"X-Forwarded-For": {"127.0.0.1"}}, false},
		{"a Unix socket", "@", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ask := func(path string) *httptest.ResponseRecorder {
				r := httptest.NewRequestWithContext(t.Context(), "GET", "http://localhost"+path, nil)
				r.RemoteAddr = tt.peer
				for name, values := range tt.header {
					r.Header[name] = values
				}
				got := httptest.NewRecorder()
				w.server.ServeHTTP(got, r)
				return got
			}
			ready, metrics := ask("/readyz"), ask("/metrics")
			assert.Equal(t, 200, ready.Code)
			if tt.inside {
				assert.Contains(t, ready.Body.String(), `"disk"`)
				assert.Contains(t, metrics.Body.String(), "pingr_firings_total")
				return
			}
			assert.Equal(t, `{"status":"ready"}`+"\n", ready.Body.String())
			assert.Equal(t, forbidden, codeOf(t, metrics))
			assert.Contains(t, metrics.Body.String(), "--metrics-listen")
			w.server.running.Store(false)
			ready = ask("/readyz")
			w.server.running.Store(true)
			assert.Equal(t, 503, ready.Code)
			assert.Equal(t, `{"status":"not ready"}`+"\n", ready.Body.String())
		})
	}
}
