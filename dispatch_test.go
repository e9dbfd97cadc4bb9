package pingr

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var sample = Event{
	Type: EventMessageReceived, Session: "s", ID: "evt_1", Attempt: 2,
	From: &From{Phone: "919876543210"}, Message: &EventMessage{Text: "login", Type: "text"},
}

func TestDispatchRequest(t *testing.T) {
	var got *http.Request
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"reply":"hi"}`)
	}))
	defer server.Close()
	now := time.UnixMilli(1714825320123)
	d := &HTTPDispatcher{URL: server.URL + "/hook?key=1", Secret: testSecret, Now: func() time.Time { return now }}
	reply, err := d.Dispatch(t.Context(), sample)
	require.NoError(t, err)
	assert.Equal(t, Reply{Text: "hi", URL: server.URL + "/hook?key=1", Status: 200}, reply)
	assert.Equal(t, "POST", got.Method)
	assert.Equal(t, "key=1", got.URL.RawQuery)
	assert.Equal(t, "application/json", got.Header.Get("Content-Type"))
	assert.Equal(t, "Pingr/"+Version, got.Header.Get("User-Agent"))
	assert.Equal(t, "message.received", got.Header.Get("X-Pingr-Event"))
	assert.Equal(t, "2", got.Header.Get("X-Pingr-Attempt"))
	assert.Equal(t, "evt_1", got.Header.Get("Webhook-Id"))
	assert.Equal(t, "1714825320", got.Header.Get("Webhook-Timestamp"))
	assert.Empty(t, got.Header.Get("Accept-Encoding"))
	event, err := VerifyWebhook(body, got.Header.Get("X-Pingr-Signature"), testSecret, VerifyOptions{Now: now})
	require.NoError(t, err)
	assert.Equal(t, now.UnixMilli(), event.Timestamp, "stamped for this attempt")
	standard, _ := signStandard("evt_1", now, body, testSecret)
	assert.Equal(t, standard, got.Header.Get("Webhook-Signature"))
}

// What endpoints do, on purpose or not. Only endpoints that never finish wait for the timeout.
func TestEndpoints(t *testing.T) {
	asJSON := func(w http.ResponseWriter) { w.Header().Set("Content-Type", "application/json") }
	var redirected atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { redirected.Store(true) }))
	t.Cleanup(func() {
		elsewhere.Close()
		assert.False(t, redirected.Load())
	})
	const late = "no complete response within"
	tests := []struct {
		name   string
		handle http.HandlerFunc
		text   string
		status int
		fault  string // part of the error; empty: the event was taken
	}{
		{"204 without a body", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, "", 204, ""},
		{
			"HTML with status 200", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, "",
			200, "",
		},
		{
			"a number for a reply",
			func(w http.ResponseWriter, _ *http.Request) { asJSON(w); _, _ = io.WriteString(w, `{"reply": 42}`) }, "", 200,
			"",
		},
		{"500", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "", 500, "status 500"},
		{
			"404, for a moment perhaps", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, "", 404,
			"status 404",
		},
		{"401", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, "", 401, "status 401"},
		{"410", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(410) }, "", 410, "gone"},
		{"hangs before its headers", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "", 0, late},
		{"hangs after its headers", func(w http.ResponseWriter, r *http.Request) {
			asJSON(w)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, "", 200, late},
		{"drips", func(w http.ResponseWriter, r *http.Request) {
			asJSON(w)
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, " ")
				w.(http.Flusher).Flush()
				time.Sleep(5 * time.Millisecond)
			}
		}, "", 200, late},
		{"redirects into the cloud's metadata", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusFound)
		}, "", 302, "status 302"},
		{"redirects to another endpoint", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		}, "", 307, "status 307"},
		{"answers without end", func(w http.ResponseWriter, r *http.Request) {
			asJSON(w)
			_, _ = io.WriteString(w, `{"reply":"`)
			for chunk := bytes.Repeat([]byte("a"), 64<<10); r.Context().Err() == nil; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, "", 200, ""},
		{"a body of 64 KiB", func(w http.ResponseWriter, _ *http.Request) {
			asJSON(w)
			_, _ = fmt.Fprintf(w, `{"reply":"hi","pad":"%s"}`, strings.Repeat("a", 64<<10-23))
		}, "hi", 200, ""},
		{"a byte more", func(w http.ResponseWriter, _ *http.Request) {
			asJSON(w)
			_, _ = fmt.Fprintf(w, `{"reply":"hi","pad":"%s"}`, strings.Repeat("a", 64<<10-22))
		}, "", 200, ""},
		{"a reply and spaces beyond 64 KiB", func(w http.ResponseWriter, _ *http.Request) {
			asJSON(w)
			_, _ = io.WriteString(w, `{"reply":"hi"}`+strings.Repeat(" ", 64<<10-13))
		}, "", 200, ""},
		{"a gzip bomb", func(w http.ResponseWriter, _ *http.Request) {
			asJSON(w)
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			for range 256 {
				_, _ = z.Write(make([]byte, 64<<10))
			}
			_ = z.Close()
		}, "", 200, ""},
		{"headers of 1 MiB", func(w http.ResponseWriter, _ *http.Request) {
			for i := range 1024 {
				w.Header().Set(fmt.Sprint("X-", i), strings.Repeat("a", 1024))
			}
		}, "", 0, "header"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // else the server does not notice that the client went away
				tt.handle(w, r)
			}))
			defer server.Close()
			defer server.CloseClientConnections()
			d := &HTTPDispatcher{URL: server.URL + "/?token=hush", Secret: testSecret, Timeout: time.Minute}
			if tt.fault == late {
				d.Timeout = 2 * time.Second
			}
			reply, err := d.Dispatch(t.Context(), sample)
			assert.Equal(t, tt.text, reply.Text)
			assert.Equal(t, tt.status, reply.Status)
			if tt.fault == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.fault)
				assert.NotContains(t, err.Error(), "hush")
			}
			assert.Equal(t, tt.status == 410, errors.Is(err, ErrGone))
		})
	}
}

// serveRaw answers on bare connections; n counts them from 0.
func serveRaw(t *testing.T, serve func(n int, c net.Conn, in *bufio.Reader)) (url string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var served sync.WaitGroup
	served.Go(func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer c.Close()
				serve(n, c, bufio.NewReader(c))
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); served.Wait() })
	return "http://" + l.Addr().String()
}

// readRequest reads one request with its body; nil at the connection's end.
func readRequest(in *bufio.Reader) *http.Request {
	r, err := http.ReadRequest(in)
	if err != nil {
		return nil
	}
	_, _ = io.Copy(io.Discard, r.Body)
	return r
}

// After 101 the body is the bare connection, which no context would end.
func TestEndpointThatSwitchesProtocols(t *testing.T) {
	closed := make(chan struct{})
	url := serveRaw(t, func(_ int, c net.Conn, in *bufio.Reader) {
		readRequest(in)
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		_, _ = io.Copy(io.Discard, in) // until the dispatcher hangs up
		close(closed)
	})
	reply, err := (&HTTPDispatcher{URL: url, Timeout: 10 * time.Second}).Dispatch(t.Context(), sample)
	assert.EqualError(t, err, "status 101")
	assert.Equal(t, 101, reply.Status)
	<-closed
}

func TestRedirectThatIsNoURL(t *testing.T) {
	url := serveRaw(t, func(_ int, c net.Conn, in *bufio.Reader) {
		readRequest(in)
		_, _ = io.WriteString(c, "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: http://%zz/?hush\r\n\r\n")
	})
	reply, err := (&HTTPDispatcher{URL: url}).Dispatch(t.Context(), sample)
	assert.EqualError(t, err, "status 302: redirects are not followed")
	assert.Equal(t, 302, reply.Status)
}

// An endpoint that closes an idle connection just as it is used again costs no failed attempt. The
// request goes out again under the same webhook-id, with its own signature, even if the clock stands
// still.
func TestConnectionsAreKeptAndReplaced(t *testing.T) {
	var mu sync.Mutex
	var ids []string
	signatures := map[string]bool{}
	connections := 0
	url := serveRaw(t, func(n int, c net.Conn, in *bufio.Reader) {
		for i := 0; ; i++ {
			r := readRequest(in)
			if r == nil {
				return
			}
			mu.Lock()
			connections = n + 1
			ids = append(ids, r.Header.Get("Webhook-Id"))
			signatures[r.Header.Get("X-Pingr-Signature")] = true
			mu.Unlock()
			if n == 0 && i == 2 {
				return
			}
			assert.NotContains(t, r.Header, "Idempotency-Key")
			_, _ = io.WriteString(
				c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{\"reply\":\"hi\"}",
			)
		}
	})
	transport := NewTransport(nil)
	defer transport.CloseIdleConnections()
	for i := range 4 {
		e := sample
		e.ID = fmt.Sprint("evt_", i)
		// Each call has its own dispatcher. They share only the transport.
		d := HTTPDispatcher{
			URL: url, Transport: transport, Secret: testSecret,
			Now: func() time.Time { return time.UnixMilli(1714825320000) },
		}
		reply, err := d.Dispatch(t.Context(), e)
		require.NoError(t, err)
		assert.Equal(t, "hi", reply.Text)
	}
	mu.Lock()
	defer mu.Unlock()
	assert.Equal(t, []string{"evt_0", "evt_1", "evt_2", "evt_2", "evt_3"}, ids)
	assert.Len(t, signatures, 5)
	assert.Equal(t, 2, connections)
}

func TestSlowEndpointHoldsNobodyUp(t *testing.T) {
	const slow = 200
	var hanging atomic.Int32
	hang := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		hanging.Add(1)
		<-r.Context().Done()
	}))
	defer hang.Close()
	quick := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
	defer quick.Close()
	transport := NewTransport(nil)
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithCancel(t.Context())
	var calls sync.WaitGroup
	for range slow {
		calls.Go(func() {
			_, err := (&HTTPDispatcher{URL: hang.URL, Transport: transport, Timeout: time.Minute}).Dispatch(ctx, sample)
			assert.ErrorIs(t, err, context.Canceled)
		})
	}
	require.Eventually(t, func() bool { return hanging.Load() == slow }, 10*time.Second, time.Millisecond)
	reply, err := (&HTTPDispatcher{URL: quick.URL, Transport: transport, Timeout: 5 * time.Second}).Dispatch(
		t.Context(), sample,
	)
	assert.NoError(t, err)
	assert.Equal(t, 204, reply.Status)
	assert.EqualValues(t, slow, hanging.Load())
	cancel()
	calls.Wait()
}

func TestSecretsOfOtherForms(t *testing.T) {
	for secret, want := range map[string][2]bool{
		testSecret: {true, true}, "plain": {true, false}, "whsec_***": {true, false}, "whsec_": {true, false},
		"": {false, false},
	} {
		r, err := (&HTTPDispatcher{URL: "https://example.com", Secret: secret}).request(t.Context(), sample, time.Now())
		require.NoError(t, err)
		assert.Equal(t, want, [2]bool{
			r.Header.Get("X-Pingr-Signature") != "", r.Header.Get("Webhook-Signature") != "",
		}, secret)
	}
}

func TestAttemptsCountFromOne(t *testing.T) {
	r, err := (&HTTPDispatcher{URL: "https://example.com"}).request(t.Context(), Event{ID: "evt_1"}, time.Now())
	require.NoError(t, err)
	assert.Equal(t, "1", r.Header.Get("X-Pingr-Attempt"))
}

func TestEndpointThatSpeaksNoHTTP(t *testing.T) {
	for name, say := range map[string]string{
		"garbage": "\x00\x01garbage\r\n\r\n", "nothing": "",
		"a broken chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			url := serveRaw(t, func(_ int, c net.Conn, in *bufio.Reader) {
				readRequest(in)
				_, _ = io.WriteString(c, say)
			})
			_, err := (&HTTPDispatcher{URL: url, Timeout: time.Second}).Dispatch(t.Context(), sample)
			assert.Error(t, err)
		})
	}
}

func TestDispatchEndsWithItsContext(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer server.Close()
	defer server.CloseClientConnections()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err := (&HTTPDispatcher{URL: server.URL}).Dispatch(ctx, sample)
	assert.ErrorIs(t, err, context.Canceled)
}
