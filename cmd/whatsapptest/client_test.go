//go:build !race

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"net"
	"net/http"
	"net/url"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow"
)

// pointAt makes a client of this process trust a server of another, as docs/test-your-bot.md says.
func pointAt(t *testing.T, client *whatsmeow.Client, r ready) *http.Client {
	t.Helper()
	key, err := hex.DecodeString(r.CertKey)
	require.NoError(t, err)
	whatsmeow.WACertPubKey = [32]byte(key)
	pem, err := os.ReadFile(r.CAFile)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(pem))
	server, err := url.Parse(r.URL)
	require.NoError(t, err)
	web := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, server.Host)
		},
	}}
	client.SetPreLoginHTTPClient(web)
	client.SetWebsocketHTTPClient(web)
	client.SetMediaHTTPClient(web)
	return web
}
