package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/server"
	"github.com/heypingr/pingr/store/memory"
)

func TestHealth(t *testing.T) {
	// An engine that does not run is not ready; its answer is the real one.
	stopped, err := server.New(t.Context(), server.Config{Store: memory.New(), MetricsApart: true})
	require.NoError(t, err)
	defer stopped.Close()
	says := func(status int, text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, "/readyz", r.URL.Path)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text)
		})
	}
	tests := []struct {
		name    string
		server  http.Handler
		code    int
		out     string
		problem string
	}{
		{"ready", says(200, `{"status":"ready","checks":{}}`), exitDone, "ready\n", ""},
		{"not ready", stopped.Ready(), exitFailed, "", "engine: the engine is not running. Wait if it is starting"},
		{"not ready, without reasons", says(503, `{"status":"not ready"}`), exitFailed, "", "is not ready"},
		{"another program", says(200, "<html>"), exitFailed, "", "is not pingr serve: it answered 200 OK without JSON"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			web := httptest.NewServer(tt.server)
			defer web.Close()
			r := pingrRun(t, "health", "--listen", strings.TrimPrefix(web.URL, "http://"))
			assert.Equal(t, tt.code, r.code, r.err)
			assert.Equal(t, tt.out, r.out)
			assert.Contains(t, r.err, tt.problem)
		})
	}
	t.Run("nobody", func(t *testing.T) {
		web := httptest.NewServer(nil)
		web.Close()
		r := pingrRun(t, "health", "--listen", strings.TrimPrefix(web.URL, "http://"))
		assert.Equal(t, exitFailed, r.code)
		assert.Contains(t, r.err, "no answer at 127.0.0.1:")
	})
	t.Run("no address", func(t *testing.T) {
		assert.Equal(t, exitUsage, pingrRun(t, "health", "--listen", "8080").code)
	})
}

func TestDialable(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:8080": "127.0.0.1:8080", "0.0.0.0:8080": "127.0.0.1:8080", ":8080": "127.0.0.1:8080",
		"[::]:8080": "[::1]:8080", "10.0.0.5:80": "10.0.0.5:80", "pingr.internal:80": "pingr.internal:80",
	} {
		assert.Equal(t, want, dialable(listen), listen)
	}
}
