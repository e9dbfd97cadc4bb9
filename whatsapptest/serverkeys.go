package whatsapptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"sync"
	"time"

	"go.mau.fi/whatsmeow/util/keys"
)

// serverKeys are what clients have to trust: the root key of the Noise certificates, the server's Noise
// key, and the authority of its TLS certificate. A state file keeps all three.
type serverKeys struct {
	root  *keys.KeyPair
	noise noiseIdentity
	tls   certificates
	saved *savedKeys // the one that the state file had
}

// savedKeys has private keys, except for CA.
type savedKeys struct {
	Root  []byte `json:"root"`
	Noise []byte `json:"noise"`
	CA    []byte `json:"ca"`
	CAKey []byte `json:"ca_key"`
}

// newServerKeys returns the saved keys, or new ones if there are none.
func newServerKeys(saved *savedKeys, now time.Time) (serverKeys, error) {
	id := serverKeys{saved: saved}
	static := keys.NewKeyPair()
	var savedRoot *keys.KeyPair
	if saved != nil {
		if len(saved.Root) != 32 || len(saved.Noise) != 32 {
			return id, fmt.Errorf("read state: %w", errDamaged)
		}
		savedRoot = keys.NewKeyPairFromPrivateKey([32]byte(saved.Root))
		static = keys.NewKeyPairFromPrivateKey([32]byte(saved.Noise))
	}
	id.root = processRoot.get(savedRoot)
	ca, err := newAuthority(saved, now)
	if err != nil {
		return id, err
	}
	if id.tls, err = newCertificates(ca, now); err != nil {
		return id, fmt.Errorf("make certificates: %w", err)
	}
	if id.noise, err = newNoiseIdentity(id.root, static, now); err != nil {
		return id, fmt.Errorf("make noise certificate: %w", err)
	}
	return id, nil
}

// save returns what a state file keeps. A root key that could not be used in this process stays there.
func (id serverKeys) save() (*savedKeys, error) {
	if id.saved != nil {
		return id.saved, nil
	}
	key, err := x509.MarshalPKCS8PrivateKey(id.tls.ca.key)
	return &savedKeys{
		Root: id.root.Priv[:], Noise: id.noise.static.Priv[:], CA: id.tls.ca.der, CAKey: key,
	}, err
}

// processRoot signs the Noise certificates of every server in this process, because
// whatsmeow.WACertPubKey, which verifies them, exists once per process too.
var processRoot rootKey

type rootKey struct {
	once sync.Once
	key  *keys.KeyPair
}

// get returns the process's root key, which is the first server's saved one, or new.
func (r *rootKey) get(saved *keys.KeyPair) *keys.KeyPair {
	r.once.Do(func() {
		if r.key = saved; saved == nil {
			r.key = keys.NewKeyPair()
		}
	})
	return r.key
}

// certificates contains an authority and the TLS configuration with a certificate that it signed.
type certificates struct {
	ca     authority
	caPEM  []byte
	pool   *x509.CertPool
	server *tls.Config
}

type authority struct {
	der []byte
	key *ecdsa.PrivateKey
}

func newAuthority(saved *savedKeys, now time.Time) (authority, error) {
	if saved != nil {
		key, err := x509.ParsePKCS8PrivateKey(saved.CAKey)
		private, ok := key.(*ecdsa.PrivateKey)
		if err != nil || !ok {
			return authority{}, fmt.Errorf("read state: %w: key of the authority", errDamaged)
		}
		return authority{saved.CA, private}, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return authority{}, err
	}
	ca := certificateTemplate("whatsapptest authority", now)
	ca.IsCA, ca.KeyUsage = true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	return authority{der, key}, err
}

func certificateTemplate(name string, now time.Time) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-24 * time.Hour), NotAfter: now.AddDate(10, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
	}
}

func newCertificates(ca authority, now time.Time) (certificates, error) {
	issuer, err := x509.ParseCertificate(ca.der)
	if err != nil {
		return certificates{}, fmt.Errorf("%w: certificate of the authority", errDamaged)
	}
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return certificates{}, err
	}
	leaf := certificateTemplate(whatsAppHost, now)
	leaf.DNSNames = []string{whatsAppHost, "localhost"}
	leaf.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, issuer, leafKey.Public(), ca.key)
	if err != nil {
		return certificates{}, err
	}
	caPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.der})
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(caPEM)
	return certificates{ca: ca, caPEM: caPEM, pool: pool, server: &tls.Config{
		MinVersion:   tls.VersionTLS13,
		NextProtos:   []string{"http/1.1"},
		Certificates: []tls.Certificate{{Certificate: [][]byte{leafDER}, PrivateKey: leafKey}},
	}}, nil
}
