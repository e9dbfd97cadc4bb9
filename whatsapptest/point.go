package whatsapptest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"sync"
	"time"

	"go.mau.fi/whatsmeow"
)

// whatsAppHost is where whatsmeow dials (socket.URL, a constant).
const whatsAppHost = "web.whatsapp.com"

// CertKey returns the public key, as 64 hex digits, that whatsmeow.WACertPubKey
// must hold for the handshake to succeed. All servers of one process share it;
// another process has another.
func (s *Server) CertKey() string { return hex.EncodeToString(rootKey().Pub[:]) }

// HTTPClient returns a client whose connections to web.whatsapp.com end at this
// server, over TLS. It refuses to connect to any other host. Pass it to
// SetPreLoginHTTPClient and SetWebsocketHTTPClient.
func (s *Server) HTTPClient() *http.Client {
	addr := s.listener.Addr().String()
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: s.tls.pool, MinVersion: tls.VersionTLS13},
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
var trustRoot = sync.OnceFunc(func() { whatsmeow.WACertPubKey = *rootKey().Pub })

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

// certificates contains an authority for one server and the TLS configuration with a certificate that
// it signed.
type certificates struct {
	caPEM  []byte
	pool   *x509.CertPool
	server *tls.Config
}

func newCertificates(now time.Time) (certificates, error) {
	template := func(name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(now.UnixNano()),
			Subject:      pkix.Name{CommonName: name},
			NotBefore:    now.Add(-24 * time.Hour), NotAfter: now.AddDate(10, 0, 0),
			KeyUsage:              x509.KeyUsageDigitalSignature,
			BasicConstraintsValid: true,
		}
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return certificates{}, err
	}
	ca := template("whatsapptest authority")
	ca.IsCA, ca.KeyUsage = true, x509.KeyUsageCertSign
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		return certificates{}, err
	}
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return certificates{}, err
	}
	leaf := template(whatsAppHost)
	leaf.DNSNames = []string{whatsAppHost, "localhost"}
	leaf.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, leafKey.Public(), caKey)
	if err != nil {
		return certificates{}, err
	}
	caPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER})
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(caPEM)
	return certificates{caPEM: caPEM, pool: pool, server: &tls.Config{
		MinVersion:   tls.VersionTLS13,
		NextProtos:   []string{"http/1.1"},
		Certificates: []tls.Certificate{{Certificate: [][]byte{leafDER}, PrivateKey: leafKey}},
	}}, nil
}
