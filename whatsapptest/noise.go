package whatsapptest

import (
	"bytes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"go.mau.fi/whatsmeow/proto/waCert"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/socket"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"go.mau.fi/whatsmeow/util/keys"
	"golang.org/x/crypto/curve25519"
	"golang.org/x/crypto/hkdf"
	"google.golang.org/protobuf/proto"
)

// noiseIdentity is the server's static key with the certificate chain that
// vouches for it (whatsmeow handshake.go, verifyServerCert).
type noiseIdentity struct {
	static *keys.KeyPair
	chain  []byte
}

func newNoiseIdentity(root, static *keys.KeyPair, now time.Time) (noiseIdentity, error) {
	intermediate := keys.NewKeyPair()
	from, to := uint64(now.Add(-24*time.Hour).Unix()), uint64(now.AddDate(10, 0, 0).Unix())
	certificate := func(serial, issuer uint32, key, signer *keys.KeyPair) (*waCert.CertChain_NoiseCertificate, error) {
		details, err := proto.Marshal(&waCert.CertChain_NoiseCertificate_Details{
			Serial: &serial, IssuerSerial: &issuer, Key: key.Pub[:], NotBefore: &from, NotAfter: &to,
		})
		return &waCert.CertChain_NoiseCertificate{Details: details, Signature: sign(signer, details)}, err
	}
	// whatsmeow wants issuer serial 0 (WACertIssuerSerial) on the intermediate certificate.
	middle, err := certificate(1, 0, intermediate, root)
	if err != nil {
		return noiseIdentity{}, err
	}
	leaf, err := certificate(2, 1, static, intermediate)
	if err != nil {
		return noiseIdentity{}, err
	}
	chain, err := proto.Marshal(&waCert.CertChain{Intermediate: middle, Leaf: leaf})
	return noiseIdentity{static: static, chain: chain}, err
}

// handshake is a side's state of a Noise handshake. whatsmeow's
// socket.NoiseHandshake cannot serve here: its Finish wants a client's socket.
type handshake struct {
	hash, salt []byte
	key        cipher.AEAD
	counter    uint32
}

// The handshakes that clients begin or fall back to: one that has never met the
// server, one that knows its key, and one that knew another.
const (
	patternXX       = socket.NoiseStartPattern
	patternIK       = "Noise_IK_25519_AESGCM_SHA256\x00\x00\x00\x00"
	patternFallback = "Noise_XXfallback_25519_AESGCM_SHA256"
)

// newHandshake begins a handshake; a pattern's name is hashed if it is longer than a hash.
func newHandshake(pattern string) (*handshake, error) {
	name := []byte(pattern)
	if len(name) > sha256.Size {
		sum := sha256.Sum256(name)
		name = sum[:]
	}
	h := &handshake{hash: name, salt: name}
	var err error
	if h.key, err = gcmutil.Prepare(h.hash); err != nil {
		return nil, err
	}
	h.mixHash(socket.WAConnHeader)
	return h, nil
}

func (h *handshake) mixHash(data []byte) {
	d := sha256.New()
	d.Write(h.hash)
	d.Write(data)
	h.hash = d.Sum(nil)
}

func (h *handshake) expand(secret []byte) (first, second []byte, err error) {
	out := make([]byte, 64)
	if _, err := io.ReadFull(hkdf.New(sha256.New, secret, h.salt, nil), out); err != nil {
		return nil, nil, err
	}
	return out[:32], out[32:], nil
}

func (h *handshake) mixKey(private, public []byte) error {
	secret, err := curve25519.X25519(private, public)
	if err != nil {
		return err
	}
	salt, key, err := h.expand(secret)
	if err != nil {
		return err
	}
	h.salt, h.counter = salt, 0
	h.key, err = gcmutil.Prepare(key)
	return err
}

func (h *handshake) seal(plain []byte) []byte {
	sealed := h.key.Seal(nil, nonce(h.counter), plain, h.hash)
	h.counter++
	h.mixHash(sealed)
	return sealed
}

func (h *handshake) open(sealed []byte) ([]byte, error) {
	plain, err := h.key.Open(nil, nonce(h.counter), sealed, h.hash)
	h.counter++
	if err != nil {
		return nil, err
	}
	h.mixHash(sealed)
	return plain, nil
}

func nonce(counter uint32) []byte {
	iv := make([]byte, 12)
	binary.BigEndian.PutUint32(iv[8:], counter)
	return iv
}

// shakenHands is the result of a completed handshake.
type shakenHands struct {
	read, write cipher.AEAD
	clientKey   [32]byte // the client's static key, with which it logs in
	payload     *waWa6.ClientPayload
}

// accept runs the responder's side. read returns the client's frames in order, and write sends one.
func (id noiseIdentity) accept(read func() ([]byte, error), write func([]byte) error) (*shakenHands, error) {
	first, err := readHandshake(read)
	if err != nil {
		return nil, fmt.Errorf("client hello: %w", err)
	}
	pattern := patternXX
	if hello := first.GetClientHello(); hello.GetStatic() != nil {
		if done, err := id.resume(hello, write); !errors.Is(err, errOtherKey) {
			return done, err
		}
		pattern = patternFallback
	}
	h, err := newHandshake(pattern)
	if err != nil {
		return nil, err
	}
	theirs := first.GetClientHello().GetEphemeral()
	h.mixHash(theirs)
	ephemeral := keys.NewKeyPair()
	h.mixHash(ephemeral.Pub[:])
	if err := h.mixKey(ephemeral.Priv[:], theirs); err != nil {
		return nil, fmt.Errorf("mix ephemeral keys: %w", err)
	}
	static := h.seal(id.static.Pub[:])
	if err := h.mixKey(id.static.Priv[:], theirs); err != nil {
		return nil, fmt.Errorf("mix static key: %w", err)
	}
	hello, err := proto.Marshal(&waWa6.HandshakeMessage{ServerHello: &waWa6.HandshakeMessage_ServerHello{
		Ephemeral: ephemeral.Pub[:], Static: static, Payload: h.seal(id.chain),
	}})
	if err != nil {
		return nil, err
	}
	if err := write(hello); err != nil {
		return nil, fmt.Errorf("send server hello: %w", err)
	}
	last, err := readHandshake(read)
	if err != nil {
		return nil, fmt.Errorf("client finish: %w", err)
	}
	return h.finish(last.GetClientFinish(), ephemeral)
}

func (h *handshake) finish(last *waWa6.HandshakeMessage_ClientFinish, ephemeral *keys.KeyPair) (*shakenHands, error) {
	key, err := h.open(last.GetStatic())
	if err != nil || len(key) != 32 {
		return nil, errors.New("client's static key does not decrypt")
	}
	if err := h.mixKey(ephemeral.Priv[:], key); err != nil {
		return nil, fmt.Errorf("mix client key: %w", err)
	}
	plain, err := h.open(last.GetPayload())
	if err != nil {
		return nil, errors.New("client's payload does not decrypt")
	}
	return h.split(key, plain)
}

// split ends a handshake with a client of that static key and payload.
func (h *handshake) split(key, plain []byte) (*shakenHands, error) {
	done := &shakenHands{clientKey: [32]byte(key), payload: new(waWa6.ClientPayload)}
	if err := proto.Unmarshal(plain, done.payload); err != nil {
		return nil, fmt.Errorf("client payload: %w", err)
	}
	toServer, toClient, err := h.expand(nil)
	if err != nil {
		return nil, err
	}
	if done.read, err = gcmutil.Prepare(toServer); err != nil {
		return nil, err
	}
	done.write, err = gcmutil.Prepare(toClient)
	return done, err
}

func readHandshake(read func() ([]byte, error)) (*waWa6.HandshakeMessage, error) {
	frame, err := read()
	if err != nil {
		return nil, err
	}
	m := new(waWa6.HandshakeMessage)
	return m, proto.Unmarshal(frame, m)
}

// splitFrames takes whole frames (3 bytes of length, then data) off the front of
// data and returns them with what is left. The first bytes of a connection are
// the header socket.WAConnHeader, which the caller removes.
func splitFrames(data []byte) (frames [][]byte, rest []byte) {
	for len(data) >= socket.FrameLengthSize {
		n := int(data[0])<<16 | int(data[1])<<8 | int(data[2])
		if len(data)-socket.FrameLengthSize < n {
			break
		}
		data = data[socket.FrameLengthSize:]
		frames = append(frames, data[:n:n])
		data = data[n:]
	}
	return frames, data
}

var errNotWhatsApp = errors.New("connection does not begin with the WhatsApp header")

// cutHeader removes the header from a client's first bytes. Before the header, a client may repeat the
// routing information of an earlier connection: "ED", 0, 1, three bytes of length, then that (Baileys
// noise-handler.js).
func cutHeader(data []byte) ([]byte, error) {
	if routed, ok := bytes.CutPrefix(data, []byte{'E', 'D', 0, 1}); ok {
		info, _ := splitFrames(routed) // only the first is one
		if len(info) == 0 {
			return nil, errNotWhatsApp
		}
		data = routed[socket.FrameLengthSize+len(info[0]):]
	}
	rest, ok := bytes.CutPrefix(data, socket.WAConnHeader)
	if !ok {
		return nil, errNotWhatsApp
	}
	return rest, nil
}
