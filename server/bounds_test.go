package server

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/store/sqlite"
)

// Strangers choose keys, e-mail addresses and phones. Their choices must not pile up in memory. make
// bounds runs it with a million of each.
func TestNothingThatStrangersChoosePilesUp(t *testing.T) {
	many, whole := 3000, false
	if text := os.Getenv("PINGR_TEST_STRANGERS"); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		many, whole = n, true
	}
	store, err := sqlite.Open(t.Context(), sqlite.Config{Dir: t.TempDir()})
	require.NoError(t, err)
	defer store.Close()
	s, err := New(t.Context(), Config{Store: store})
	require.NoError(t, err)
	a := hosted.Account{
		ID: "acc_anna", Email: "anna@example.com", Plan: hosted.Unlimited, Settings: hosted.DefaultSettings(),
		CreatedAt: time.Now(),
	}
	require.NoError(t, store.CreateAccount(t.Context(), a))
	secret, k := hosted.NewKey(a.ID, "", hosted.Test, time.Now())
	require.NoError(t, store.CreateKey(t.Context(), k))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	require.Eventually(t, s.running.Load, 5*time.Second, time.Millisecond)
	defer func() {
		stop()
		assert.NoError(t, <-done)
	}()
	call := func(key, method, path, body string) int {
		r := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
		r.Header.Set("X-API-Key", key)
		r.Header.Set("Content-Type", "application/json")
		got := httptest.NewRecorder()
		s.ServeHTTP(got, r)
		return got.Code
	}
	for _, stranger := range []struct {
		name string
		call func(i int) (got, want int)
	}{
		{"bad keys", func(i int) (int, int) {
			return call(fmt.Sprintf("pk_live_%030d", i), "GET", "/v1/settings", ""), http.StatusUnauthorized
		}},
		{"phones", func(i int) (int, int) {
			return call(secret, "POST", "/v1/send", fmt.Sprintf(`{"to":"9%010d","message":"x"}`, i)), http.StatusOK
		}},
		{"paths", func(i int) (int, int) { return call(secret, "GET", fmt.Sprintf("/v1/%d", i), ""), http.StatusNotFound }},
	} {
		t.Run(stranger.name, func(t *testing.T) {
			half := func(from, to int) {
				var next, wrong atomic.Int64
				next.Store(int64(from))
				var all sync.WaitGroup
				for range 64 {
					all.Go(func() {
						for i := int(next.Add(1)); i <= to; i = int(next.Add(1)) {
							if got, want := stranger.call(i); got != want {
								wrong.Add(1)
							}
						}
					})
				}
				all.Wait()
				require.Zero(t, wrong.Load())
			}
			half(0, many/2) // what is kept on purpose, such as caches of a fixed size, exists now
			before := liveHeap()
			half(many/2, many)
			grown := max(liveHeap()-before, 0)
			t.Logf("the second half of %d left %d KiB", many, grown>>10)
			assert.Less(t, grown, int64(4<<20), "of live heap")
		})
	}
	if whole {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		peak := int64(m.Sys)
		if status, err := os.ReadFile("/proc/self/status"); err == nil {
			_, rest, _ := strings.Cut(string(status), "VmHWM:")
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			require.NoError(t, err)
			peak = kib << 10
		}
		t.Logf("at its peak the process had %d MiB", peak>>20)
		assert.Less(t, peak, int64(400<<20))
	}
}

func liveHeap() int64 {
	runtime.GC()
	runtime.GC() // what finalizers let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
