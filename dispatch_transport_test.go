package pingr

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// overHTTP2 is an endpoint that speaks HTTP/2, and a transport that trusts it.
func overHTTP2(t *testing.T, handle http.HandlerFunc) (url string, transport *http.Transport) {
	t.Helper()
	server := httptest.NewUnstartedServer(handle)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	transport = NewTransport(nil)
	transport.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
	t.Cleanup(transport.CloseIdleConnections)
	return server.URL, transport
}

// Over HTTP/2, one connection carries many requests. If the endpoint begins a request and breaks it
// off, the attempt has failed and the request is not repeated: the endpoint may have acted on it, and
// would be asked again until the timeout.
func TestRequestThatIsBrokenOffOverHTTP2IsNotRepeated(t *testing.T) {
	var requests, others atomic.Int32
	url, transport := overHTTP2(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			others.Add(1)
		}
		if requests.Add(1) > 1 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(http.StatusNoContent)
	})
	d := &HTTPDispatcher{URL: url, Transport: transport, Timeout: 10 * time.Second}
	_, err := d.Dispatch(t.Context(), sample)
	require.NoError(t, err)
	_, err = d.Dispatch(t.Context(), sample)
	assert.ErrorContains(t, err, "INTERNAL_ERROR")
	assert.EqualValues(t, 2, requests.Load())
	assert.Zero(t, others.Load())
}

// If an endpoint answers half and hangs up, the event is delivered again later, by the schedule: the
// endpoint has it.
func TestRequestThatIsHalfAnsweredIsNotRepeated(t *testing.T) {
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1) == 1 {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		c, _, err := w.(http.Hijacker).Hijack()
		if assert.NoError(t, err) {
			_, _ = c.Write([]byte("HTTP/1.1 200 O"))
			_ = c.Close()
		}
	}))
	defer server.Close()
	d := &HTTPDispatcher{URL: server.URL, Transport: NewTransport(nil), Timeout: 10 * time.Second}
	defer d.Transport.CloseIdleConnections()
	_, err := d.Dispatch(t.Context(), sample)
	require.NoError(t, err)
	_, err = d.Dispatch(t.Context(), sample)
	require.Error(t, err)
	assert.EqualValues(t, 2, requests.Load())
}

// A crowd's connections are kept for the next one, but not forever.
func TestConnectionsOfACrowdAreKept(t *testing.T) {
	const crowd = 40
	var connections atomic.Int32
	var mu sync.Mutex
	here, gate := 0, make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		all := gate
		if here++; here == crowd {
			here, gate = 0, make(chan struct{})
			close(all)
		}
		mu.Unlock()
		<-all // of them are here at once
		w.WriteHeader(http.StatusNoContent)
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	transport := NewTransport(nil)
	defer transport.CloseIdleConnections()
	for range 2 {
		var calls sync.WaitGroup
		for range crowd {
			calls.Go(func() {
				_, err := (&HTTPDispatcher{URL: server.URL, Transport: transport, Timeout: time.Minute}).Dispatch(
					t.Context(), sample,
				)
				assert.NoError(t, err)
			})
		}
		calls.Wait()
	}
	assert.EqualValues(t, crowd, connections.Load())
	assert.Positive(t, transport.MaxIdleConns)
	assert.Positive(t, transport.IdleConnTimeout)
}

// The timeout covers everything from the lookup on. What net/http continues beyond it ends by itself.
func TestAttemptTakes8SecondsAtMost(t *testing.T) {
	for timeout, want := range map[time.Duration]time.Duration{0: 8 * time.Second, 3 * time.Second: 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			transport := NewTransport(nil)
			transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
				time.Sleep(time.Minute) // net/http lets it go on, for another request perhaps
				return nil, errors.New("nobody there")
			}
			began := time.Now()
			_, err := (&HTTPDispatcher{URL: "https://shop.example/hook", Transport: transport, Timeout: timeout}).Dispatch(
				t.Context(), sample,
			)
			assert.EqualError(t, err, "no complete response within "+want.String()+": context deadline exceeded")
			assert.Equal(t, want, time.Since(began))
			time.Sleep(time.Minute)
		})
	}
	for _, guard := range []*Guard{nil, {}} {
		assert.Positive(t, guard.dialer().Timeout)
		assert.Positive(t, NewTransport(guard).TLSHandshakeTimeout)
	}
}

// An endpoint that nobody may configure is refused before anything is sent, even if every address is
// trusted.
func TestDispatchChecksItsURL(t *testing.T) {
	var reached atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	defer server.Close()
	_, err := (&HTTPDispatcher{URL: strings.Replace(server.URL, "://", "://user:hush@", 1)}).Dispatch(t.Context(), sample)
	require.ErrorContains(t, err, "user name or password")
	assert.NotContains(t, err.Error(), "hush")
	assert.False(t, reached.Load())
}
