package whatsapptest

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"go.mau.fi/whatsmeow"
)

// whatsAppHost is where whatsmeow dials (socket.URL, a constant).
const whatsAppHost = "web.whatsapp.com"

// CertKey returns the public key, as 64 hex digits, that whatsmeow.WACertPubKey
// must hold for the handshake to succeed. All servers of one process share it. It is new in each process,
// unless the first server that it starts has one in its Config.StateFile.
func (s *Server) CertKey() string { return hex.EncodeToString(s.keys.root.Pub[:]) }

// HTTPClient returns a client whose connections to web.whatsapp.com end at this
// server, over TLS. It refuses to connect to any other host. Pass it to
// SetPreLoginHTTPClient and SetWebsocketHTTPClient.
func (s *Server) HTTPClient() *http.Client {
	addr := s.listener.Addr().String()
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: s.keys.tls.pool, MinVersion: tls.VersionTLS13},
		DialContext: func(ctx context.Context, network, target string) (net.Conn, error) {
			if target != whatsAppHost+":443" && target != addr {
				return nil, fmt.Errorf("only %s is reachable in this test, not %s", whatsAppHost, target)
			}
			return dialer.DialContext(ctx, network, addr)
		},
	}}
}

// trustRoot writes whatsmeow's variable once. Every handshake reads the variable without a lock, so
// another write would race with clients that connect.
var trustRoot = sync.OnceFunc(func() { whatsmeow.WACertPubKey = *processRoot.get(nil).Pub })

// Point makes client connect to this server instead of WhatsApp. It also makes
// whatsmeow.WACertPubKey, which is global to the process, trust this server.
// Call it before Connect.
func (s *Server) Point(client *whatsmeow.Client) {
	trustRoot()
	h := s.HTTPClient()
	client.SetPreLoginHTTPClient(h)
	client.SetWebsocketHTTPClient(h)
	client.SetMediaHTTPClient(h)
}
