package whatsapptest

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"go.mau.fi/whatsmeow/util/keys"
	"golang.org/x/crypto/curve25519"
	"golang.org/x/crypto/pbkdf2"
)

// codePairing is a client's request to be linked by a code that the phone's owner types (whatsmeow
// pair-code.go).
type codePairing struct {
	phone    types.JID
	ref      []byte
	wrapped  []byte // salt, IV and the client's ephemeral key, encrypted with the code
	finished chan *waBinary.Node
}

// handleCodePairing answers a client's two requests: its hello, and the end of the key exchange.
func (r *registration) handleCodePairing(c *conn, iq *waBinary.Node) {
	n := iq.GetChildByTag("link_code_companion_reg")
	ag := n.AttrGetter()
	switch stage := ag.OptionalString("stage"); stage {
	case "companion_hello":
		phone := ag.OptionalJIDOrEmpty("jid")
		wrapped, _ := n.GetChildByTag("link_code_pairing_wrapped_companion_ephemeral_pub").Content.([]byte)
		if r.srv.phone(phone) == nil || len(wrapped) != 80 {
			c.refuse(iq, 400, "bad-request")
			return
		}
		code := &codePairing{
			phone: phone.ToNonAD(), ref: randomBytes(24), wrapped: wrapped,
			finished: make(chan *waBinary.Node, 1),
		}
		r.mu.Lock()
		r.code = code
		r.mu.Unlock()
		c.answer(iq, waBinary.Node{Tag: "link_code_companion_reg", Content: []waBinary.Node{
			{Tag: "link_code_pairing_ref", Content: code.ref},
		}})
	case "companion_finish":
		r.mu.Lock()
		code := r.code
		r.mu.Unlock()
		if code == nil {
			c.refuse(iq, 400, "bad-request")
			return
		}
		c.answer(iq)
		select {
		case code.finished <- &n:
		default: // a repeated finish; the first counts
		}
	default:
		c.refuse(iq, 400, "bad-request")
	}
}

// EnterCode types a pairing code ("ABCD-EFGH", any case, with or without the dash) that a client got
// for this phone's number, and links the client as Scan does. A wrong code results in
// ErrPairingRefused.
func (p *Phone) EnterCode(ctx context.Context, code string) (*Device, error) {
	r, pairing := p.waitingForCode()
	if r == nil {
		return nil, ErrNoSuchCode
	}
	code = strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(code))
	theirs, err := codeCipher(code, pairing.wrapped)
	if err != nil {
		return nil, err
	}
	ephemeral := keys.NewKeyPair()
	h := p.parts[0]
	h.mu.Lock()
	account := h.keys().identity
	h.mu.Unlock()
	wrapped := append(randomBytes(48), ephemeral.Pub[:]...) // salt, IV, then the key
	sealed, err := codeCipher(code, wrapped)
	if err != nil {
		return nil, err
	}
	copy(wrapped[48:], sealed)
	if err := r.conn.send(waBinary.Node{
		Tag: "notification",
		Attrs: waBinary.Attrs{
			"from": types.ServerJID, "type": "link_code_companion_reg", "id": p.srv.nextID(), "t": p.srv.now().Unix(),
		},
		Content: []waBinary.Node{{Tag: "link_code_companion_reg", Content: []waBinary.Node{
			{Tag: "link_code_pairing_ref", Content: pairing.ref},
			{Tag: "link_code_pairing_wrapped_primary_ephemeral_pub", Content: wrapped},
			{Tag: "primary_identity_pub", Content: account.Pub[:]},
		}}},
	}); err != nil {
		return nil, fmt.Errorf("reach client: %w", err)
	}
	finish, err := r.wait(ctx, pairing.finished)
	if err != nil {
		return nil, err
	}
	secret, err := codeSecret(finish, ephemeral, account, theirs, r.dev.identity)
	if err != nil {
		return nil, err
	}
	return p.link(ctx, r, secret)
}

// waitingForCode finds the client that waits for a code typed on this phone.
func (p *Phone) waitingForCode() (*registration, *codePairing) {
	p.srv.mu.RLock()
	defer p.srv.mu.RUnlock()
	for _, r := range p.srv.pairing {
		r.mu.Lock()
		code := r.code
		r.mu.Unlock()
		if code != nil && code.phone == p.pn() {
			return r, code
		}
	}
	return nil, nil
}

// codeCipher en- or decrypts the key at the end of salt (32), IV (16), key (32).
func codeCipher(code string, wrapped []byte) ([]byte, error) {
	key := pbkdf2.Key([]byte(code), wrapped[:32], 2<<16, 32, sha256.New)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 32)
	cipher.NewCTR(block, wrapped[32:48]).XORKeyStream(out, wrapped[48:80])
	return out, nil
}

// codeSecret opens the client's key bundle and derives the secret that seals the link.
func codeSecret(
	finish *waBinary.Node, ephemeral, account *keys.KeyPair, theirs []byte, identity [32]byte,
) ([]byte, error) {
	bundle, _ := finish.GetChildByTag("link_code_pairing_wrapped_key_bundle").Content.([]byte)
	if len(bundle) < 44 {
		return nil, errors.New("client sent a malformed key bundle")
	}
	shared, err := curve25519.X25519(ephemeral.Priv[:], theirs)
	if err != nil {
		return nil, fmt.Errorf("%w: wrong code", ErrPairingRefused)
	}
	key := hkdfutil.SHA256(shared, bundle[:32], []byte("link_code_pairing_key_bundle_encryption_key"), 32)
	plain, err := gcmutil.Decrypt(key, bundle[32:44], bundle[44:], nil)
	if err != nil || len(plain) != 96 {
		return nil, fmt.Errorf("%w: wrong code", ErrPairingRefused)
	}
	if !bytes.Equal(plain[:32], identity[:]) || !bytes.Equal(plain[32:64], account.Pub[:]) {
		return nil, fmt.Errorf("%w: identity keys do not match", ErrPairingRefused)
	}
	sharedIdentity, err := curve25519.X25519(account.Priv[:], plain[:32])
	if err != nil {
		return nil, err
	}
	return hkdfutil.SHA256(concat(shared, sharedIdentity, plain[64:]), nil, []byte("adv_secret"), 32), nil
}
