package main

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/server"
	"github.com/heypingr/pingr/store/memory"
)

func TestMetricsHaveAnAddressOfTheirOwn(t *testing.T) {
	s, err := server.New(t.Context(), server.Config{Store: memory.New(), MetricsApart: true})
	require.NoError(t, err)
	defer s.Close()
	address, stop, err := serveMetrics(t.Context(), "127.0.0.1:0", s.Metrics(), s.Ready())
	require.NoError(t, err)
	defer http.DefaultClient.CloseIdleConnections()
	get := func(path string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, http.NoBody)
		require.NoError(t, err)
		got, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer got.Body.Close()
		body, err := io.ReadAll(got.Body)
		require.NoError(t, err)
		return got.StatusCode, string(body)
	}
	status, body := get("/metrics")
	assert.Equal(t, 200, status)
	assert.Contains(t, body, "pingr_sessions{status=\"connected\"} 0\n")
	status, body = get("/readyz")
	assert.Equal(t, 503, status)
	assert.Contains(t, body, `"engine":{"status":"fail"`)
	status, _ = get("/v1/triggers")
	assert.Equal(t, 404, status)
	_, _, err = serveMetrics(t.Context(), address, s.Metrics(), s.Ready())
	assert.ErrorContains(t, err, "another program listens on "+address)
	stop()
	_, _, err = serveMetrics(t.Context(), "192.0.2.1:0", s.Metrics(), s.Ready())
	assert.ErrorContains(t, err, "--metrics-listen: ")
}

// What the server also asks a session, if the session can tell.
var _ interface {
	Undecryptable() uint64
	ClockOffset() (time.Duration, bool)
} = session{}
