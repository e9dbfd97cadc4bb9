package whatsapp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"go.mau.fi/whatsmeow"
)

// An Endpoint is a loopback WhatsApp that replaces the real one, for tests and
// demonstrations (such as package whatsapptest). Only loopback addresses are
// allowed: a program pointed at a stranger's server would hand over every
// message. The zero value is the real WhatsApp.
type Endpoint struct {
	// URL is a WebSocket URL, such as wss://127.0.0.1:8443/ws/chat.
	URL string
	// CA is the content of a PEM file with the certificate authority of its TLS.
	CA []byte
	// CertKey is the public root key of its Noise certificate, 64 hex digits.
	CertKey string
}

// target is a checked Endpoint.
type target struct {
	url  *url.URL // nil: the real WhatsApp
	tls  *tls.Config
	root [32]byte
}

func (e Endpoint) check() (*target, error) {
	if e.URL == "" {
		if len(e.CA) != 0 || e.CertKey != "" {
			return nil, errors.New("a CA or a certificate key is set without a WhatsApp URL")
		}
		return &target{root: realRoot}, nil
	}
	u, err := url.Parse(e.URL)
	if err != nil || u.Host == "" {
		return nil, errors.New("the WhatsApp URL is not a URL")
	}
	switch u.Scheme {
	case "ws", "wss":
	default:
		return nil, fmt.Errorf("the scheme of the WhatsApp URL must be ws or wss, not %s", u.Scheme)
	}
	if ip, err := netip.ParseAddr(u.Hostname()); u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("the WhatsApp URL names %s: only a loopback address may replace WhatsApp", u.Hostname())
	}
	t := &target{url: u, tls: &tls.Config{MinVersion: tls.VersionTLS12}}
	if len(e.CA) != 0 {
		t.tls.RootCAs = x509.NewCertPool()
		if !t.tls.RootCAs.AppendCertsFromPEM(e.CA) {
			return nil, errors.New("the WhatsApp CA contains no PEM certificate")
		}
	}
	root, err := hex.DecodeString(e.CertKey)
	if err != nil || len(root) != len(t.root) {
		return nil, errors.New("the WhatsApp certificate key is not 64 hex digits")
	}
	copy(t.root[:], root)
	return t, nil
}

// realRoot is what whatsmeow was built with.
var realRoot = whatsmeow.WACertPubKey

// trust guards whatsmeow.WACertPubKey, which is global and read without a lock
// at every handshake. It changes only while no pool is open.
var trust struct {
	sync.Mutex
	pools int
	root  [32]byte
}

// claimTrust makes the process trust the target's root until release.
func (t *target) claimTrust() (release func(), err error) {
	trust.Lock()
	defer trust.Unlock()
	if trust.pools > 0 && trust.root != t.root {
		return nil, errors.New("another pool of this process uses a different WhatsApp: there can be only one at a time")
	}
	if trust.pools == 0 {
		trust.root = t.root
		if whatsmeow.WACertPubKey != t.root {
			whatsmeow.WACertPubKey = t.root
		}
	}
	trust.pools++
	return sync.OnceFunc(func() {
		trust.Lock()
		defer trust.Unlock()
		trust.pools--
	}), nil
}

// dialTimeout bounds each step of reaching WhatsApp.
const dialTimeout = 15 * time.Second

// client returns an HTTP client that reaches the target and nothing else. It
// hands each connection that it makes to dialed.
func (t *target) client(dialed func(*meter)) *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout}
	transport := &http.Transport{
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: dialTimeout,
		TLSClientConfig:       t.tls,
		Proxy:                 http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			m := newMeter(conn)
			dialed(m)
			return m, nil
		},
	}
	if t.url == nil {
		return &http.Client{Transport: transport}
	}
	transport.Proxy = nil
	return &http.Client{Transport: redirect{to: t.url, transport: transport}}
}

// A meter is a connection that records when something was read.
type meter struct {
	net.Conn
	last  atomic.Int64  // Unix nanoseconds
	ended chan struct{} // closed when reading has ended
	once  sync.Once
}

func newMeter(conn net.Conn) *meter {
	m := &meter{Conn: conn, ended: make(chan struct{})}
	m.last.Store(time.Now().UnixNano())
	return m
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	if n > 0 {
		m.last.Store(time.Now().UnixNano())
	}
	if err != nil {
		m.once.Do(func() { close(m.ended) })
	}
	return n, err
}

// age returns how long ago something was read.
func (m *meter) age() time.Duration { return time.Since(time.Unix(0, m.last.Load())) }

// endReading makes reads fail, and returns when the reader has noticed.
func (m *meter) endReading() {
	_ = m.SetReadDeadline(time.Unix(1, 0))
	select {
	case <-m.ended:
	case <-time.After(time.Second):
	}
}

// whatsAppHost is the host to which whatsmeow connects, a constant of its own.
const whatsAppHost = "web.whatsapp.com"

// redirect sends what is meant for WhatsApp to its replacement and refuses the
// rest.
type redirect struct {
	to        *url.URL
	transport *http.Transport
}

func (r redirect) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Hostname() != whatsAppHost {
		return nil, fmt.Errorf("%s cannot be reached: WhatsApp is a loopback server", req.URL.Hostname())
	}
	req = req.Clone(req.Context())
	req.URL.Scheme = map[string]string{"ws": "http", "wss": "https"}[r.to.Scheme]
	req.URL.Host = r.to.Host
	if r.to.Path != "" {
		req.URL.Path = r.to.Path
	}
	return r.transport.RoundTrip(req)
}
