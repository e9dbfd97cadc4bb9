package server

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

func (w *world) loginFrom(email, password, peer string, header []string) *http.Request {
	w.Helper()
	r := httptest.NewRequestWithContext(w.Context(), http.MethodPost, "http://api.example.com/v1/auth/login",
		strings.NewReader(`{"email":"`+email+`","password":"`+password+`"}`))
	r.RemoteAddr = peer
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// knock logs in by a peer and with headers.
func (w *world) knock(email, password, peer string, header ...string) *httptest.ResponseRecorder {
	w.Helper()
	got := httptest.NewRecorder()
	w.server.ServeHTTP(got, w.loginFrom(email, password, peer, header))
	return got
}

// guess tries one e-mail after another with a wrong password, and returns how many tries were let
// through. It skips the slow check of the password.
func (w *world) guess(n int, peer func(i int) string, header ...string) (through int) {
	w.Helper()
	for i := range n {
		email := fmt.Sprintf("user%d@example.com", i)
		from := w.server.client(w.loginFrom(email, "wrong", peer(i), header))
		if _, err := w.server.takeLogin(w.Context(), email, from, w.clock()); err == nil {
			through++
		}
	}
	return through
}

func TestAnIPv6NetworkIsOneAddress(t *testing.T) {
	w := newWorld(t)
	in64 := func(i int) string { return fmt.Sprintf("[2001:db8:1:1::%x]:1", i+1) }
	assert.Equal(t, 10, w.guess(15, in64), "one /64 is one")
	assert.Equal(t, 429, w.knock("anna@example.com", password, in64(99)).Code)
	in48 := func(i int) string { return fmt.Sprintf("[2001:db8:1:%x::1]:1", i+2) }
	assert.Equal(t, 90, w.guess(95, in48), "a /48 has ten times as many")
	assert.Equal(t, 200, w.knock("anna@example.com", password, "[2001:db8:2::1]:1").Code, "another /48")
	assert.Equal(t, 10, w.guess(12, func(int) string { return "[::ffff:203.0.113.9]:1" }), "IPv4 in IPv6 is IPv4")
	assert.Equal(t, 429, w.knock("ben@example.com", password, "203.0.113.9:1").Code)
}

// If nothing tells a proxy's clients apart, one guesser among them must not lock the others out.
func TestAProxyLocksNobodyOut(t *testing.T) {
	for _, tt := range []struct {
		name, peer string
		header     []string
	}{
		{"on this machine, that says nothing", "127.0.0.1:1", nil},
		{"in a private network, not trusted", "172.17.0.1:1", []string{"X-Forwarded-For", "198.51.100.7"}},
		{"by a Unix socket", "@", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			proxy := func(int) string { return tt.peer }
			assert.Equal(t, 20, w.guess(20, proxy, tt.header...))
			assert.Equal(t, 200, w.knock("anna@example.com", password, tt.peer, tt.header...).Code, "who is new here")
			assert.Equal(t, 80, w.guess(90, proxy, tt.header...), "a hundred are enough, whoever it is")
			assert.Equal(t, 429, w.knock("ben@example.com", password, tt.peer, tt.header...).Code)
			assert.Equal(t, 200, w.knock("anna@example.com", password, tt.peer, tt.header...).Code, "who was here before")
			w.wait(15 * time.Minute)
			assert.Equal(t, 200, w.knock("ben@example.com", password, tt.peer, tt.header...).Code)
		})
	}
	t.Run("a public one that is not trusted", func(t *testing.T) {
		w := newWorld(t)
		assert.Equal(t, 200, w.knock("anna@example.com", password, "203.0.113.9:1").Code)
		assert.Equal(t, 10, w.guess(20, func(int) string { return "203.0.113.9:1" }))
		assert.Equal(t, 200, w.knock("anna@example.com", password, "203.0.113.9:1").Code, "who was here before")
		assert.Equal(t, 429, w.knock("ben@example.com", password, "203.0.113.9:1").Code)
	})
}

func TestWhoIsKnownMayGuessNoMore(t *testing.T) {
	w := newWorld(t)
	assert.Equal(t, 200, w.knock("anna@example.com", password, "203.0.113.9:1").Code)
	for range 10 {
		assert.Equal(t, 401, w.knock("anna@example.com", "wrong", "203.0.113.9:1").Code)
	}
	assert.Equal(t, 429, w.knock("anna@example.com", password, "203.0.113.9:1").Code)
	assert.Equal(t, 429, w.knock("ben@example.com", password, "203.0.113.9:1").Code, "they count for the address")
}

// A login from a known place gives every try back, to all who are there. Elsewhere, and after a month,
// the person is as unknown as anybody.
func TestWhereALoginIsKnown(t *testing.T) {
	w := newWorld(t)
	const office, cafe = "203.0.113.9:1", "198.51.100.7:1"
	for range 15 {
		require.Equal(t, 200, w.knock("anna@example.com", password, office).Code)
	}
	assert.Equal(t, 200, w.knock("ben@example.com", password, office).Code, "good logins lock no colleague out")
	full := func(peer string) { w.guess(10, func(int) string { return peer }) }
	full(cafe)
	assert.Equal(t, 429, w.knock("anna@example.com", password, cafe).Code, "known elsewhere")
	w.wait(29 * 24 * time.Hour)
	full(office)
	assert.Equal(t, 200, w.knock("anna@example.com", password, office).Code, "after 29 days")
	w.wait(31 * 24 * time.Hour)
	full(office)
	assert.Equal(t, 429, w.knock("anna@example.com", password, office).Code, "after 31 more")
}

// An address gets ten guesses, however it is written and wherever they come from.
func TestGuessesCountHoweverTheAddressIsWritten(t *testing.T) {
	w := newWorld(t)
	for i, email := range []string{"anna@example.com", "ANNA@example.com", " anna@example.com", "Anna@Example.Com "} {
		for j := range 3 {
			peer := fmt.Sprintf("203.0.113.%d:1", 3*i+j)
			want := 401
			if 3*i+j >= maxBadLogins {
				want = 429
			}
			assert.Equal(t, want, w.knock(email, "wrong", peer).Code, "%q by %s", email, peer)
		}
	}
}

// A proxy on this machine is believed unless the deployment says otherwise.
func TestLoopbackProxiesAreTrustedByDefault(t *testing.T) {
	w := newWorld(t)
	assert.Equal(t, 10, w.guess(12, func(int) string { return "127.0.0.1:1" }, "X-Forwarded-For", "198.51.100.7"))
}

// The log says once that a proxy is not trusted, and of no other request.
func TestAProxyThatIsNotTrustedIsLoggedOnce(t *testing.T) {
	for _, tt := range []struct {
		name, peer string
		header     []string
		logged     int
	}{
		{"on the network", "172.17.0.1:1", []string{"X-Forwarded-For", "198.51.100.7"}, 1},
		{"on this machine, which is trusted", "127.0.0.1:1", []string{"X-Forwarded-For", "198.51.100.7"}, 0},
		{"nobody forwards", "172.17.0.1:1", nil, 0},
		{"a stranger who claims to forward", "203.0.113.9:1", []string{"X-Forwarded-For", "198.51.100.7"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			said := &logs{}
			w := newWorld(t, func(c *Config) { c.Log = slog.New(slog.NewJSONHandler(said, nil)) })
			w.guess(3, func(int) string { return tt.peer }, tt.header...)
			assert.Equal(t, tt.logged, strings.Count(said.String(), `"proxy":"172.17.0.1"`), said)
		})
	}
}

func TestATrustedProxyTellsItsClientsApart(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("172.17.0.0/16")} })
	proxy := func(int) string { return "172.17.0.1:1" }
	assert.Equal(t, 10, w.guess(12, proxy, "X-Forwarded-For", "192.0.2.9, 198.51.100.7"))
	assert.Equal(t, 200,
		w.knock("anna@example.com", password, "172.17.0.1:1", "X-Forwarded-For", "198.51.100.7, 192.0.2.9").Code)
	assert.Equal(t, 10, w.guess(12, proxy, "Forwarded", `for="[2001:db8::1]:99"`))
	assert.Equal(t, 200, w.knock("ben@example.com", password, "172.17.0.1:1", "Forwarded", `for="[2001:db8:9::1]"`).Code)
}

func TestLimitsOnWhatRingsAndConnects(t *testing.T) {
	for _, tt := range []struct {
		name   string
		most   int
		window time.Duration
		ask    func(w *world, i int) *httptest.ResponseRecorder
	}{
		{"codes for one number, whoever asks", 5, time.Hour, func(w *world, i int) *httptest.ResponseRecorder {
			who := []string{"anna", "ben"}[i%2]
			return w.call(who+"'s live key", "POST", "/v1/sessions/"+who+"-new/pair-code", `{"phone":"919876543210"}`)
		}},
		{"codes for many numbers", 20, time.Hour, func(w *world, i int) *httptest.ResponseRecorder {
			return w.call("anna", "POST", "/v1/sessions/anna-new/pair-code", fmt.Sprintf(`{"phone":"9198765432%02d"}`, i))
		}},
		{"sessions made and deleted", 60, time.Hour, func(w *world, i int) *httptest.ResponseRecorder {
			got := w.call("anna", "POST", "/v1/sessions", `{"id":"churn","name":"churn"}`)
			if got.Code == http.StatusCreated {
				require.Equal(w, 204, w.call("anna", "DELETE", "/v1/sessions/churn", "").Code)
			}
			return got
		}},
		{"rounds of QR codes", 30, time.Hour, func(w *world, i int) *httptest.ResponseRecorder {
			w.sessions.find("anna-new:acc_anna").setState(pingr.SessionLinkExpired)
			return w.call("anna", "GET", "/v1/sessions/anna-new/qr", "")
		}},
		{"reconnects", 10, time.Minute, func(w *world, i int) *httptest.ResponseRecorder {
			return w.call("anna", "POST", "/v1/sessions/anna-bot/reconnect", "")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			for _, who := range []string{"anna", "ben"} {
				require.Equal(t, 201, w.call(who, "POST", "/v1/sessions", `{"id":"`+who+`-new","name":"new"}`).Code)
			}
			if tt.most == maxNewSessions {
				w.wait(time.Hour)
			}
			for i := range tt.most {
				require.NotEqual(t, 429, tt.ask(w, i).Code, i)
			}
			got := tt.ask(w, tt.most)
			assert.Equal(t, rateLimit, codeOf(t, got))
			assert.Equal(t, fmt.Sprint(int(tt.window.Seconds())), got.Header().Get("Retry-After"))
			for _, path := range []string{"/pair-code", "/reconnect", "/qr"} {
				method := map[string]string{"/qr": "GET"}[path]
				w.sessions.find("ben-new:acc_ben").setState(pingr.SessionLinkExpired)
				got := w.call("ben's live key", cmp.Or(method, "POST"), "/v1/sessions/ben-new"+path,
					map[string]string{"/pair-code": `{"phone":"919876500000"}`}[path])
				assert.NotEqual(t, 429, got.Code, "another account's %s", path)
			}
			assert.NotEqual(t, 429, w.call("ben's live key", "POST", "/v1/sessions", `{"name":"another"}`).Code)
			w.wait(tt.window)
			w.logIn("anna")
			assert.NotEqual(t, 429, tt.ask(w, tt.most).Code)
		})
	}
}
