package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/server/api"
)

// Whether anything answers or not, the error says what to do, and never the key.
func TestServerTrouble(t *testing.T) {
	const key = "pk_live_QUIET"
	answers := func(status int, kind, body string, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	problem := func(status int, code, message string) http.HandlerFunc {
		return answers(status, "application/json", `{"detail":{"error":"`+code+`","message":"`+message+`"}}`, "X-Request-Id",
			"req_7")
	}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		assert.Failf(t, "a redirect was followed", "with the key %q", r.Header.Get("X-Api-Key"))
	}))
	defer elsewhere.Close()
	tests := []struct {
		name   string
		server http.HandlerFunc // nil: nobody listens
		env    []string
		args   []string
		code   int
		says   string
	}{
		{"nobody listens", nil, nil, nil, exitFailed, "start one with pingr serve"},
		{"a key that is unknown", problem(401, "invalid_key", "x"), nil, nil, exitFailed, "check PINGR_API_KEY"},
		{
			"a login that ended", problem(401, "invalid_key", "x"),
			[]string{"PINGR_TOKEN=eyJ.QUIET"},
			nil, exitFailed,
			"export PINGR_TOKEN=$(pingr login",
		},
		{
			"another website", answers(404, "text/html", "<h1>Not found</h1>"), nil, nil, exitFailed,
			"(404 Not Found) is not Pingr: check --server",
		},
		{"another website that is glad", answers(200, "text/html", "<h1>Hello</h1>"), nil, nil, exitFailed, "is not Pingr"},
		{
			"a redirect", answers(308, "text/html", "", "Location", elsewhere.URL), nil, nil, exitFailed,
			"redirects to " + elsewhere.URL,
		},
		{
			"a server that fails", problem(500, "internal", "Something went wrong."), nil, nil, exitFailed,
			"Something went wrong (request req_7: see the server's log)",
		},
		{
			"a limit", problem(429, "rate_limit", "Too many requests. Try again in 4s."), nil, nil, exitFailed,
			"Try again in 4s",
		},
		{
			"an error that would move the cursor", problem(403, "forbidden", `\u001b[2Jhello`), nil, nil, exitFailed,
			`\x1b[2Jhello`,
		},
		{
			"no key", problem(500, "internal", "x"),
			[]string{"PINGR_API_KEY="},
			nil, exitUsage,
			"create a key with pingr key create",
		},
		{
			"a key of two lines", problem(500, "internal", "x"),
			[]string{"PINGR_API_KEY=pk_live_QUIET\nX: y"},
			nil,
			exitFailed, "invalid header field value",
		},
		{
			"an address without a scheme", nil, nil,
			[]string{"--server", "pingr.example.com"},
			exitUsage,
			"https://pingr.example.com",
		},
		{
			"an address with a password", nil, nil,
			[]string{"--server", "https://anna:QUIET@pingr.example.com"},
			exitUsage,
			"--server must be",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(tt.server)
			if tt.server == nil {
				server.Close()
			}
			defer server.Close()
			env := append([]string{"PINGR_SERVER=" + server.URL, "PINGR_API_KEY=" + key}, tt.env...)
			got := call{args: append([]string{"usage"}, tt.args...), env: env}.run(t)
			assert.Equal(t, tt.code, got.code, got.err)
			assert.Contains(t, got.err, tt.says)
			assert.NotContains(t, got.err, "QUIET")
			assert.Empty(t, got.out)
		})
	}
}

func TestAsksOverHTTPSWhereItIsSpoken(t *testing.T) {
	plainly := httptest.NewServer(http.NotFoundHandler())
	defer plainly.Close()
	got := call{
		args: []string{"usage", "--server", strings.Replace(plainly.URL, "http:", "https:", 1)},
		env:  []string{"PINGR_API_KEY=pk_x"},
	}.run(t)
	assert.Equal(t, exitFailed, got.code)
	assert.Contains(t, got.err, "try http://\n")

	got = call{args: []string{"usage", "--server", "http://pingr.invalid"}, env: []string{"PINGR_API_KEY=pk_x"}}.run(t)
	assert.Equal(t, exitFailed, got.code)
	assert.Contains(t, got.err, "clear text to pingr.invalid")
}

// The output is the same whether the server's address ends with a slash, a version, or neither.
func TestServerAddress(t *testing.T) {
	asked := make(chan *http.Request, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r
		_, _ = io.WriteString(
			w,
			`{"plan":"starter","month":"2026-11","used":10001,"included":10000,"remaining":0,"overage_messages":1,"overage_cost_micros":2000}`,
		)
	}))
	defer server.Close()
	for _, ending := range []string{"", "/", "/v1", "/v1/"} {
		got := call{args: []string{"usage", "--server", server.URL + ending}, env: []string{"PINGR_API_KEY=pk_x"}}.run(t)
		require.Equal(t, exitDone, got.code, got.err)
		r := <-asked
		assert.Equal(t, "/v1/usage", r.URL.Path)
		assert.Equal(t, "pk_x", r.Header.Get("X-Api-Key"))
		assert.Equal(t, ""+
			"MONTH    PLAN     USED   INCLUDED  REMAINING  OVERAGE  COST\n"+
			"2026-11  starter  10001  10000     0          1        $0.002\n", got.out)
	}
}

func TestTable(t *testing.T) {
	table := newTable("ID", "NAME", "NOTE", "TODAY")
	table.add("shop", "登录", "", "7")
	table.add("b", "Zoë\u001b[2J\nx", "", "10")
	var out strings.Builder
	table.print(&out)
	assert.Equal(t, ""+
		"ID    NAME          TODAY\n"+
		"shop  登录          7\n"+
		"b     Zoë\\x1b[2J x  10\n", out.String(), "aligned, an empty column left out, nothing for a terminal to obey")
}

func TestLocalTime(t *testing.T) {
	assert.Regexp(t, `^2026-11-2[234] \d\d:\d5:03$`, local(time.Date(2026, 11, 23, 7, 35, 3, 965e6, time.UTC)))
	assert.Empty(t, local(time.Time{}))
}

func TestDollars(t *testing.T) {
	for micros, want := range map[int64]string{
		0: "$0.00", 2000: "$0.002", 800: "$0.0008", 4_000: "$0.004", 10_000: "$0.01", 1_500_000: "$1.50",
		12_000_000: "$12.00", 1: "$0.000001", 100_000_000: "$100.00",
	} {
		assert.Equal(t, want, dollars(micros))
	}
}

// An attempt's line keeps its columns, whatever is in it.
func TestDeliveryLine(t *testing.T) {
	at, code, refused := time.Date(2026, 11, 23, 7, 35, 3, 965e6, time.UTC), 200, "dial tcp: refused"
	for _, tt := range []struct {
		line api.Delivery
		want string
	}{
		{
			api.Delivery{
				Status: "delivered", HTTPStatus: &code, DynamicReply: true, CreatedAt: api.At(at), EventID: "evt_1",
				Event: "message.received", Attempt: 1, DurationMs: 12,
			},
			local(at) + "  delivered   200    1      12  dynamic  message.received evt_1",
		},
		{
			api.Delivery{
				Status: "failed", CreatedAt: api.At(at), EventID: "evt_2", Event: "session.disconnected", Attempt: 10,
				DurationMs: 8000, Error: &refused,
			},
			local(at) + "  failed        -   10    8000  -        session.disconnected evt_2  dial tcp: refused",
		},
	} {
		assert.Equal(t, tt.want, deliveryText(tt.line))
	}
}
