//go:build !race

package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/session/whatsapp"
	"github.com/heypingr/pingr/whatsapptest"
)

// The example against a loopback WhatsApp: linked by QR, started again, and
// answering both times.
func TestLogin(t *testing.T) {
	server, err := whatsapptest.Start(whatsapptest.Config{})
	require.NoError(t, err)
	defer server.Close()
	shop := server.NewPhone(whatsapptest.PhoneConfig{Number: "15550100001"})
	links := newLinks("http://127.0.0.1:8080", time.Now)
	config := whatsapp.Config{
		Dir:      t.TempDir(),
		Endpoint: whatsapp.Endpoint{URL: server.URL(), CA: server.CAPEM(), CertKey: server.CertKey()},
	}
	device := make(chan *whatsapptest.Device, 1)
	for _, number := range []string{"919876543210", "919876543211"} {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		done := make(chan error, 1)
		go func() {
			done <- run(ctx, config, links, func(code string) {
				d, err := shop.Scan(ctx, code)
				if assert.NoError(t, err) {
					device <- d
				}
			})
		}()
		if len(shop.Devices()) == 0 {
			require.NoError(t, (<-device).WaitOnline(ctx)) // it is not told what was written before
		}
		person := server.NewPhone(whatsapptest.PhoneConfig{Number: number})
		_, err = person.Send(ctx, shop.Number(), "login")
		require.NoError(t, err)
		reply, err := person.Next(ctx)
		require.NoError(t, err)
		path, ok := strings.CutPrefix(reply.Text, "Tap to sign in: http://127.0.0.1:8080")
		require.True(t, ok, reply.Text)
		mux := http.NewServeMux()
		mux.Handle("/in/{token}", links)
		for _, visit := range []struct {
			method, says string
			code         int
		}{
			{http.MethodGet, "Sign in as +" + number + "?", http.StatusOK},
			{http.MethodGet, "Sign in as +" + number + "?", http.StatusOK},
			{http.MethodPost, "Signed in as +" + number, http.StatusOK},
			{http.MethodPost, "used", http.StatusGone},
		} {
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, httptest.NewRequest(visit.method, path, http.NoBody))
			assert.Equal(t, visit.code, w.Code)
			assert.Contains(t, w.Body.String(), visit.says)
		}
		cancel()
		require.NoError(t, <-done)
	}
	assert.Len(t, shop.Devices(), 1, "it was linked once")
}

func TestLinkExpires(t *testing.T) {
	now := time.Now()
	l := newLinks("", func() time.Time { return now })
	token := regexp.MustCompile(`[^/]+$`).FindString(l.New("919876543210"))
	_, ok := l.find(token, false)
	assert.True(t, ok)
	now = now.Add(linkLife + time.Second)
	_, ok = l.find(token, true)
	assert.False(t, ok)
}
