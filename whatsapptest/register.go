package whatsapptest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"

	"go.mau.fi/libsignal/ecc"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"
	"google.golang.org/protobuf/proto"
)

// Errors of Phone.Scan and Phone.EnterCode.
var (
	// ErrNoSuchCode means that no connected client shows this QR text or waits for a pairing code of
	// this phone. The code is wrong, used or expired.
	ErrNoSuchCode = errors.New("no client waits to be linked with this code")
	// ErrPairingStep means that the server asked the client for another step (see Server.SetPairing).
	// The client is not linked.
	ErrPairingStep = errors.New("linking stopped at another step")
	// ErrPairingRefused means that the client did not accept the link.
	ErrPairingRefused = errors.New("client refused to be linked")
)

// qrRefs is how many QR texts a client can show one after the other.
const qrRefs = 6

// registration is a client that waits to be linked.
type registration struct {
	srv   *Server
	conn  *conn
	dev   *Device // becomes the linked device; contains the client's keys
	codes []string

	mu      sync.Mutex
	taken   bool // a phone is linking it, or has tried to
	code    *codePairing
	answers map[string]chan *waBinary.Node // by the id of our request
}

// startRegistration offers QR references to a client without an account (whatsmeow pair.go).
func (c *conn) startRegistration(data *waWa6.ClientPayload_DevicePairingRegistrationData) error {
	r := &registration{srv: c.srv, conn: c, answers: make(map[string]chan *waBinary.Node)}
	d := &Device{srv: c.srv, noiseKey: c.hands.clientKey}
	if len(data.GetEIdent()) != 32 || len(data.GetESkeyVal()) != 32 || len(data.GetESkeySig()) != 64 ||
		len(data.GetESkeyID()) != 3 || len(data.GetERegid()) != 4 {
		return errors.New("registration: malformed keys")
	}
	id := data.GetESkeyID()
	d.identity = [32]byte(data.GetEIdent())
	d.registration = binary.BigEndian.Uint32(data.GetERegid())
	d.signed = &keys.PreKey{
		KeyID: uint32(id[0])<<16 | uint32(id[1])<<8 | uint32(id[2]), Signature: (*[64]byte)(data.GetESkeySig()),
	}
	d.signed.Pub = (*[32]byte)(data.GetESkeyVal())
	r.dev, c.reg = d, r
	refs := make([]waBinary.Node, qrRefs)
	for i := range refs {
		ref := "2@" + base64.StdEncoding.EncodeToString(randomBytes(48))
		r.codes = append(r.codes, ref)
		refs[i] = waBinary.Node{Tag: "ref", Content: []byte(ref)}
	}
	r.srv.mu.Lock()
	for _, ref := range r.codes {
		r.srv.pairing[ref] = r
	}
	r.srv.mu.Unlock()
	return c.send(waBinary.Node{
		Tag:     "iq",
		Attrs:   waBinary.Attrs{"from": types.ServerJID, "type": "set", "id": r.srv.nextID(), "xmlns": "md"},
		Content: []waBinary.Node{{Tag: "pair-device", Content: refs}},
	})
}

// end forgets the registration's codes when its connection is over.
func (r *registration) end() {
	r.srv.mu.Lock()
	for _, ref := range r.codes {
		delete(r.srv.pairing, ref)
	}
	r.srv.mu.Unlock()
	r.conn.cancel()
}

// Scan reads the QR text that a client shows and links the client to the phone.
// It returns when the client has confirmed. The client then reconnects by
// itself; see Device.WaitOnline.
func (p *Phone) Scan(ctx context.Context, qr string) (*Device, error) {
	if _, after, ok := strings.Cut(qr, "#"); ok {
		qr = after
	}
	parts := strings.Split(qr, ",")
	if len(parts) < 4 {
		return nil, ErrNoSuchCode
	}
	p.srv.mu.RLock()
	r := p.srv.pairing[parts[0]]
	p.srv.mu.RUnlock()
	if r == nil {
		return nil, ErrNoSuchCode
	}
	noise, err1 := base64.StdEncoding.DecodeString(parts[1])
	identity, err2 := base64.StdEncoding.DecodeString(parts[2])
	secret, err3 := base64.StdEncoding.DecodeString(parts[3])
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, fmt.Errorf("read QR text: %w", err)
	}
	if !bytes.Equal(noise, r.dev.noiseKey[:]) || !bytes.Equal(identity, r.dev.identity[:]) {
		return nil, errors.New("QR text contains different keys than the client that shows it")
	}
	return p.link(ctx, r, secret)
}

// link signs the client's key with the account's and hands over the link.
func (p *Phone) link(ctx context.Context, r *registration, secret []byte) (*Device, error) {
	if !p.Online() {
		return nil, errOffline
	}
	if step := p.srv.pairingStep(); step != PairNormally {
		return nil, errors.Join(r.conn.send(step.node(p.srv)), ErrPairingStep)
	}
	number, err := p.nextDevice(r)
	if err != nil {
		return nil, err
	}
	d := r.dev
	d.phone, d.jid, d.lid = p, withDevice(p.pn(), number), withDevice(p.lid, number)
	identity, signed, err := p.signDevice(d, secret)
	if err != nil {
		return nil, err
	}
	props, err := p.clientProps()
	if err != nil {
		return nil, err
	}
	answer, err := r.ask(ctx, waBinary.Node{
		Tag: "iq",
		Attrs: waBinary.Attrs{
			"from": types.ServerJID, "type": "set", "id": p.srv.nextID(), "xmlns": "md", "t": p.srv.now().Unix(),
		},
		Content: []waBinary.Node{{Tag: "pair-success", Content: append([]waBinary.Node{
			{Tag: "device-identity", Content: identity},
			{Tag: "platform", Attrs: waBinary.Attrs{"name": "android"}},
			{Tag: "device", Attrs: waBinary.Attrs{"jid": d.jid, "lid": d.lid}},
			props,
		}, p.biz()...)}},
	})
	if err != nil {
		return nil, err
	}
	if err := signed.confirm(d, answer); err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.devices = append(p.devices, d)
	p.mu.Unlock()
	p.devicesChanged("add", number)
	// 515 makes the client log in on a new connection.
	_ = r.conn.send(streamError(515))
	r.conn.end()
	return d, nil
}

// maxDevice is the highest device number, which is one byte on the wire.
const maxDevice = 255

// nextDevice assigns a device number to a registration that nobody else has taken.
func (p *Phone) nextDevice(r *registration) (uint16, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.taken {
		return 0, ErrNoSuchCode
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lastNo == maxDevice {
		return 0, errors.New("phone has had all 255 devices")
	}
	p.lastNo++
	r.taken = true
	return p.lastNo, nil
}

// pairedIdentity is the data that the account has signed for a new device.
type pairedIdentity struct{ details, accountKey []byte }

// account returns the key that signs the account's devices, which is the
// identity of the phone itself (whatsmeow pair.go stores it as such).
func (p *Phone) account() *keys.KeyPair {
	h := p.handset(0)
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.keys().identity
}

// signDevice creates the account's signature over the client's identity key. It seals it with the
// secret that only the QR text or the pairing code contains.
func (p *Phone) signDevice(d *Device, secret []byte) (container []byte, signed pairedIdentity, err error) {
	vouched, err := p.vouch(d.jid.Device, d.identity[:])
	if err != nil {
		return nil, signed, err
	}
	identity, err := proto.Marshal(vouched)
	if err != nil {
		return nil, signed, err
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write(identity)
	container, err = proto.Marshal(&waAdv.ADVSignedDeviceIdentityHMAC{Details: identity, HMAC: mac.Sum(nil)})
	return container, pairedIdentity{vouched.GetDetails(), vouched.GetAccountSignatureKey()}, err
}

// vouch returns the account's signature on a device's identity key.
func (p *Phone) vouch(device uint16, identity []byte) (*waAdv.ADVSignedDeviceIdentity, error) {
	account := p.account()
	details, err := proto.Marshal(&waAdv.ADVDeviceIdentity{
		RawID: proto.Uint32(rawID(account.Pub)), Timestamp: proto.Uint64(uint64(p.srv.now().Unix())),
		KeyIndex: proto.Uint32(uint32(device)), AccountType: waAdv.ADVEncryptionType_E2EE.Enum(),
		DeviceType: waAdv.ADVEncryptionType_E2EE.Enum(),
	})
	return &waAdv.ADVSignedDeviceIdentity{
		Details:             details,
		AccountSignatureKey: account.Pub[:],
		AccountSignature:    sign(account, concat([]byte{6, 0}, details, identity)),
	}, err
}

// confirm checks the client's answer and its signature.
func (s pairedIdentity) confirm(d *Device, answer *waBinary.Node) error {
	if answer.Attrs["type"] != "result" {
		failure := answer.GetChildByTag("error")
		return fmt.Errorf("%w: %s", ErrPairingRefused, failure.AttrGetter().OptionalString("text"))
	}
	raw, _ := answer.GetChildByTag("pair-device-sign", "device-identity").Content.([]byte)
	var identity waAdv.ADVSignedDeviceIdentity
	if err := proto.Unmarshal(raw, &identity); err != nil || len(identity.GetDeviceSignature()) != 64 {
		return fmt.Errorf("%w: malformed confirmation", ErrPairingRefused)
	}
	message := concat([]byte{6, 1}, s.details, d.identity[:], s.accountKey)
	if !ecc.VerifySignature(ecc.NewDjbECPublicKey(d.identity), message, [64]byte(identity.GetDeviceSignature())) {
		return fmt.Errorf("%w: bad device signature", ErrPairingRefused)
	}
	d.proof = raw
	return nil
}

// ask sends an iq to the client and waits for the answer.
func (r *registration) ask(ctx context.Context, n waBinary.Node) (*waBinary.Node, error) {
	id := n.Attrs["id"].(string)
	answer := make(chan *waBinary.Node, 1)
	r.mu.Lock()
	r.answers[id] = answer
	r.mu.Unlock()
	if err := r.conn.send(n); err != nil {
		return nil, fmt.Errorf("reach client: %w", err)
	}
	return r.wait(ctx, answer)
}

func (r *registration) wait(ctx context.Context, answer <-chan *waBinary.Node) (*waBinary.Node, error) {
	select {
	case n := <-answer:
		return n, nil
	case <-r.conn.ctx.Done():
		return nil, errors.New("client hung up while being linked")
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for client to be linked: %w", ctx.Err())
	}
}

// answered takes the client's answer to ask.
func (r *registration) answered(n *waBinary.Node) {
	id, _ := n.Attrs["id"].(string)
	r.mu.Lock()
	answer := r.answers[id]
	delete(r.answers, id)
	r.mu.Unlock()
	if answer != nil {
		answer <- n
	}
}

// node is the notification with which the server asks for the step.
func (step PairingStep) node(s *Server) waBinary.Node {
	n := waBinary.Node{Tag: "notification", Attrs: waBinary.Attrs{
		"from": types.ServerJID, "id": s.nextID(), "t": s.now().Unix(), "type": "pairing_step_of_tomorrow",
	}}
	if step == PairWithPasskey {
		n.Attrs["type"] = "passkey_prologue_request"
		n.Content = []waBinary.Node{{Tag: "passkey_request_options", Content: []byte(
			`{"challenge":"` + base64.RawURLEncoding.EncodeToString(randomBytes(32)) +
				`","rpId":"whatsapp.com","timeout":60000,"userVerification":"required","allowCredentials":[]}`)}}
	}
	return n
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

func concat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
