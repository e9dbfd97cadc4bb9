package pingr

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// resolver answers every question with a code of RFC 1035, section 4.1.1.
func resolver(t *testing.T, code int) *net.Resolver {
	t.Helper()
	l, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := l.ReadFrom(buffer)
			if err != nil {
				return
			}
			if n > 12 {
				buffer[2] |= 0x80
				buffer[3] = byte(code)
				_, _ = l.WriteTo(buffer[:n], from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", l.LocalAddr().String())
	}}
}

// Customers read the outcome of a delivery, so it reveals nothing about our own network.
func TestDeliveryErrorsNameNothingOfOurs(t *testing.T) {
	hangsUp, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer hangsUp.Close()
	go func() {
		for {
			c, err := hangsUp.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1)) // the rest unread makes the close a reset
			_ = c.Close()
		}
	}()
	for _, tt := range []struct {
		name, url string
		resolver  *net.Resolver
		want      string
	}{
		{"no such name", "https://no.such.example./", resolver(t, 3), "lookup no.such.example.: no such host"},
		{
			"a resolver that fails", "https://no.such.example./", resolver(t, 2),
			"lookup no.such.example.: the resolver failed",
		},
		{"nobody listens", "http://127.0.0.1:1/", nil, "dial tcp 127.0.0.1:1: connect: connection refused"},
		{
			"it hangs up", "http://" + hangsUp.Addr().String() + "/", nil,
			"read tcp " + hangsUp.Addr().String() + ": read: connection reset by peer",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			transport := NewTransport(nil)
			if tt.resolver != nil {
				transport.DialContext = (&net.Dialer{Resolver: tt.resolver}).DialContext
			}
			defer transport.CloseIdleConnections()
			_, err := (&HTTPDispatcher{URL: tt.url, Transport: transport}).Dispatch(t.Context(), sample)
			assert.EqualError(t, err, tt.want)
		})
	}
}

func TestALookupThatTimedOutSaysSo(t *testing.T) {
	err := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{
		Err: "read udp 10.0.0.4:4321->10.0.0.2:53: i/o timeout", Name: "shop.example", Server: "10.0.0.2:53", IsTimeout: true,
	}}
	got := plainly(err, time.Second)
	assert.EqualError(t, got, "lookup shop.example: the resolver did not answer in time")
	var timeout net.Error
	assert.True(t, errors.As(got, &timeout) && timeout.Timeout())
	assert.Equal(t, http.ErrServerClosed, plainly(http.ErrServerClosed, time.Second), "others stay as they are")
}

// The delivery log tells why an endpoint refused, in its own words, without the
// person's number and text.
func TestErrorAnswersAreToldByTheirBeginning(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, tt := range []struct {
		name, kind, body, want string
	}{
		{
			"text", "text/plain; charset=utf-8", "webhook not accepted:\n the signature does not fit\n",
			"status 400: webhook not accepted: the signature does not fit",
		},
		{"JSON", "application/json", `{"error":"no user <b>x</b>"}`, `status 400: {"error":"no user <b>x</b>"}`},
		{"a page", "text/html", "<h1>Bad request</h1>", "status 400"},
		{"nothing", "text/plain", "", "status 400"},
		{"too much", "text/plain", long, "status 400: " + long[:200]},
		{"whom it is about", "text/plain", "no account of +91 98765-43210 for X4K9MQ", "status 400: no account of +… for …"},
		{"a link", "application/json", `{"reply":"https://shop.example/in/x?y=1"}`, `status 400: {"reply":"https://shop.example/…"}`},
		{"control characters", "text/plain", "a\x1b[31m\x00b", "status 400: a [31m b"},
		{"not UTF-8", "text/plain", "a\xffb", "status 400: a\uFFFDb"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tt.kind)
				w.WriteHeader(http.StatusBadRequest)
				_, _ = w.Write([]byte(tt.body))
			}))
			defer endpoint.Close()
			event := sample
			event.From = &From{Phone: "919876543210"}
			event.Message = &EventMessage{Text: "login x4k9mq"}
			_, err := (&HTTPDispatcher{URL: endpoint.URL}).Dispatch(t.Context(), event)
			assert.EqualError(t, err, tt.want)
		})
	}
}
