package whatsapptest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/libsignal/groups"
	groupRecord "go.mau.fi/libsignal/groups/state/record"
	"go.mau.fi/libsignal/keys/identity"
	"go.mau.fi/libsignal/keys/prekey"
	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/libsignal/session"
	"go.mau.fi/libsignal/state/record"
	signalStore "go.mau.fi/libsignal/state/store"
	"go.mau.fi/libsignal/util/optional"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"
	"google.golang.org/protobuf/proto"
)

var serializer = store.SignalProtobufSerializer

// keychain is what a simulated device needs to speak Signal. It is generated when first needed, so
// that a thousand phones cost no curve operation.
type keychain struct {
	identity     *keys.KeyPair
	pair         *identity.KeyPair
	registration uint32
	signed       *keys.PreKey
	signedRecord *record.SignedPreKey
	oneTime      map[uint32]*record.PreKey
	lastOneTime  uint32
}

func newKeychain(id *keys.KeyPair, signed *keys.PreKey, registration uint32) *keychain {
	return &keychain{
		identity:     id,
		pair:         identity.NewKeyPair(identity.NewKey(ecc.NewDjbECPublicKey(*id.Pub)), ecc.NewDjbECPrivateKey(*id.Priv)),
		registration: registration,
		signed:       signed,
		signedRecord: record.NewSignedPreKey(signed.KeyID, 0, ecKeyPair(&signed.KeyPair), *signed.Signature, nil),
		oneTime:      make(map[uint32]*record.PreKey),
	}
}

// keys returns the handset's keychain; the caller holds h.mu.
func (h *handset) keys() *keychain {
	if h.chain == nil {
		id := keys.NewKeyPair()
		h.chain = newKeychain(id, id.CreateSignedPreKey(1), rand.Uint32N(16380)+1)
	}
	return h.chain
}

func ecKeyPair(kp *keys.KeyPair) *ecc.ECKeyPair {
	return ecc.NewECKeyPair(ecc.NewDjbECPublicKey(*kp.Pub), ecc.NewDjbECPrivateKey(*kp.Priv))
}

// bundleNodes returns the answer to a request for this handset's keys, with a
// one-time prekey that nobody else gets.
func (h *handset) bundleNodes() []waBinary.Node {
	h.mu.Lock()
	defer h.mu.Unlock()
	k := h.keys()
	k.lastOneTime = k.lastOneTime%0xFFFFFE + 1
	once := keys.NewPreKey(k.lastOneTime)
	k.oneTime[once.KeyID] = record.NewPreKey(once.KeyID, ecKeyPair(&once.KeyPair), nil)
	nodes := append([]waBinary.Node{
		{Tag: "registration", Content: binary.BigEndian.AppendUint32(nil, k.registration)},
	}, keyNodes(k.identity.Pub[:], k.signed, once)...)
	return append(nodes, h.proof()...)
}

// proof returns the account's signature on a companion's key, with the companion's own. The phone itself
// needs none: its key is the account's. The caller holds h.mu.
func (h *handset) proof() []waBinary.Node {
	if h.number == 0 {
		return nil
	}
	if h.signature == nil {
		k := h.keys()
		vouched, err := h.phone.vouch(h.number, k.identity.Pub[:])
		if err == nil {
			signed := concat([]byte{6, 1}, vouched.GetDetails(), k.identity.Pub[:], vouched.GetAccountSignatureKey())
			vouched.DeviceSignature = sign(k.identity, signed)
			h.signature, err = proto.Marshal(vouched)
		}
		if err != nil {
			h.phone.srv.log.Error("cannot sign a companion's key", "error", err)
			return nil
		}
	}
	return []waBinary.Node{{Tag: "device-identity", Content: h.signature}}
}

func keyNodes(identity []byte, signed, once *keys.PreKey) []waBinary.Node {
	nodes := []waBinary.Node{
		{Tag: "type", Content: []byte{ecc.DjbType}},
		{Tag: "identity", Content: identity},
		preKeyNode("skey", signed),
	}
	if once != nil {
		nodes = append(nodes, preKeyNode("key", once))
	}
	return nodes
}

func preKeyNode(tag string, k *keys.PreKey) waBinary.Node {
	content := []waBinary.Node{
		{Tag: "id", Content: binary.BigEndian.AppendUint32(nil, k.KeyID)[1:]},
		{Tag: "value", Content: k.Pub[:]},
	}
	if k.Signature != nil {
		content = append(content, waBinary.Node{Tag: "signature", Content: k.Signature[:]})
	}
	return waBinary.Node{Tag: tag, Content: content}
}

func parsePreKey(n waBinary.Node) (*keys.PreKey, error) {
	id, _ := n.GetChildByTag("id").Content.([]byte)
	value, _ := n.GetChildByTag("value").Content.([]byte)
	if len(id) != 3 || len(value) != 32 {
		return nil, errors.New("malformed prekey")
	}
	k := &keys.PreKey{KeyID: uint32(id[0])<<16 | uint32(id[1])<<8 | uint32(id[2])}
	k.Pub = (*[32]byte)(value)
	if sig, _ := n.GetChildByTag("signature").Content.([]byte); len(sig) == 64 {
		k.Signature = (*[64]byte)(sig)
	}
	return k, nil
}

// publicBundle is what others need for their first message to a device.
type publicBundle struct {
	registration uint32
	identity     [32]byte
	signed       *keys.PreKey
	once         *keys.PreKey // nil if the device has run out
}

func (b publicBundle) signal(device uint16) (*prekey.Bundle, error) {
	if b.signed == nil || b.signed.Signature == nil {
		return nil, errors.New("device has uploaded no signed prekey")
	}
	onceID, once := optional.NewEmptyUint32(), ecc.ECPublicKeyable(nil)
	if b.once != nil {
		onceID, once = optional.NewOptionalUint32(b.once.KeyID), ecc.NewDjbECPublicKey(*b.once.Pub)
	}
	return prekey.NewBundle(b.registration, uint32(device), onceID, b.signed.KeyID, once,
		ecc.NewDjbECPublicKey(*b.signed.Pub), *b.signed.Signature,
		identity.NewKey(ecc.NewDjbECPublicKey(b.identity))), nil
}

// peer is a handset's Signal session with one linked client. It is kept as an
// object, so that a message needs no serialization. It is the store that
// libsignal works on; h.mu guards it.
type peer struct {
	h       *handset
	address *protocol.SignalAddress
	builder *session.Builder
	cipher  *session.Cipher
	session *record.Session // nil before the first message
}

var _ signalStore.SignalProtocol = (*peer)(nil)

// peer returns the session with the device that jid names; the caller holds h.mu.
func (h *handset) peer(jid types.JID) *peer {
	if p := h.peers[jid]; p != nil {
		return p
	}
	p := &peer{h: h, address: jid.SignalAddress()}
	p.builder = session.NewBuilderFromSignal(p, p.address, serializer)
	p.cipher = session.NewCipher(p.builder, p.address)
	if h.peers == nil {
		h.peers = make(map[types.JID]*peer)
	}
	h.peers[jid] = p
	return p
}

// renew starts a session from a bundle, archiving the one before.
func (p *peer) renew(b publicBundle, device uint16) error {
	bundle, err := b.signal(device)
	if err != nil {
		return err
	}
	if err := p.builder.ProcessBundle(context.Background(), bundle); err != nil {
		return fmt.Errorf("start session: %w", err)
	}
	return nil
}

// encrypt returns the ciphertext and whether it is a prekey message.
func (p *peer) encrypt(plain []byte) (ciphertext []byte, first bool, err error) {
	m, err := p.cipher.Encrypt(context.Background(), pad(plain))
	if err != nil {
		return nil, false, fmt.Errorf("encrypt: %w", err)
	}
	return m.Serialize(), m.Type() == protocol.PREKEY_TYPE, nil
}

// decrypt opens one <enc> of type pkmsg or msg. libsignal changes a session even if it fails. A
// serializing store forgets such a change, and so does this one.
func (p *peer) decrypt(kind string, ciphertext []byte) ([]byte, error) {
	before := p.snapshot()
	plain, err := p.open(kind, ciphertext)
	if err != nil {
		p.restore(before)
		return nil, err
	}
	return unpad(plain)
}

func (p *peer) open(kind string, ciphertext []byte) ([]byte, error) {
	if kind == "pkmsg" {
		m, err := protocol.NewPreKeySignalMessageFromBytes(ciphertext, serializer.PreKeySignalMessage,
			serializer.SignalMessage)
		if err != nil {
			return nil, err
		}
		return p.cipher.DecryptMessage(context.Background(), m)
	}
	m, err := protocol.NewSignalMessageFromBytes(ciphertext, serializer.SignalMessage)
	if err != nil {
		return nil, err
	}
	return p.cipher.Decrypt(context.Background(), m)
}

func (p *peer) snapshot() *record.SessionStructure {
	if p.session == nil {
		return nil
	}
	return p.session.Structure()
}

func (p *peer) restore(s *record.SessionStructure) {
	p.session = nil
	if s != nil {
		// The library itself has just taken this apart, so it can be put together again.
		p.session, _ = record.NewSessionFromStructure(s, serializer.Session, serializer.State)
	}
}

// The store's side trusts everything and looks up nothing by address.

func (p *peer) GetIdentityKeyPair() *identity.KeyPair { return p.h.keys().pair }
func (p *peer) GetLocalRegistrationID() uint32        { return p.h.keys().registration }

func (p *peer) SaveIdentity(context.Context, *protocol.SignalAddress, *identity.Key) error {
	return nil
}

func (p *peer) IsTrustedIdentity(context.Context, *protocol.SignalAddress, *identity.Key) (bool, error) {
	return true, nil
}

func (p *peer) LoadPreKey(_ context.Context, id uint32) (*record.PreKey, error) {
	return p.h.keys().oneTime[id], nil
}

func (p *peer) RemovePreKey(_ context.Context, id uint32) error {
	delete(p.h.keys().oneTime, id)
	return nil
}

func (p *peer) LoadSession(context.Context, *protocol.SignalAddress) (*record.Session, error) {
	if p.session == nil {
		return record.NewSession(serializer.Session, serializer.State), nil
	}
	return p.session, nil
}

func (p *peer) StoreSession(_ context.Context, _ *protocol.SignalAddress, r *record.Session) error {
	if r.IsFresh() {
		// A fresh record never archives its state; loaded from bytes it would no longer be fresh.
		r = record.NewSessionFromState(r.SessionState(), serializer.Session)
	}
	p.session = r
	return nil
}

func (p *peer) ContainsSession(context.Context, *protocol.SignalAddress) (bool, error) {
	return p.session != nil, nil
}

func (p *peer) LoadSignedPreKey(_ context.Context, id uint32) (*record.SignedPreKey, error) {
	if k := p.h.keys(); id == k.signed.KeyID {
		return k.signedRecord, nil
	}
	return nil, nil
}

func (p *peer) StoreSenderKey(_ context.Context, n *protocol.SenderKeyName, k *groupRecord.SenderKey) error {
	if p.h.senderKeys == nil {
		p.h.senderKeys = make(map[senderKeyID]*groupRecord.SenderKey)
	}
	p.h.senderKeys[senderKeyID{n.GroupID(), n.Sender().String()}] = k
	return nil
}

func (p *peer) LoadSenderKey(_ context.Context, n *protocol.SenderKeyName) (*groupRecord.SenderKey, error) {
	if k := p.h.senderKeys[senderKeyID{n.GroupID(), n.Sender().String()}]; k != nil {
		return k, nil
	}
	return groupRecord.NewSenderKey(serializer.SenderKeyRecord, serializer.SenderKeyState), nil
}

type senderKeyID struct{ group, sender string }

// The session builder and ciphers never call these.
var errUnused = errors.New("not used by sessions")

func (p *peer) StorePreKey(context.Context, uint32, *record.PreKey) error      { return errUnused }
func (p *peer) ContainsPreKey(context.Context, uint32) (bool, error)           { return false, errUnused }
func (p *peer) GetSubDeviceSessions(context.Context, string) ([]uint32, error) { return nil, errUnused }
func (p *peer) DeleteSession(context.Context, *protocol.SignalAddress) error   { return errUnused }
func (p *peer) DeleteAllSessions(context.Context) error                        { return errUnused }
func (p *peer) LoadSignedPreKeys(context.Context) ([]*record.SignedPreKey, error) {
	return nil, errUnused
}

func (p *peer) StoreSignedPreKey(context.Context, uint32, *record.SignedPreKey) error {
	return errUnused
}
func (p *peer) ContainsSignedPreKey(context.Context, uint32) (bool, error) { return false, errUnused }
func (p *peer) RemoveSignedPreKey(context.Context, uint32) error           { return errUnused }

// groupSession returns the session builder and the name under which the sender's
// key for a group is kept; the caller holds h.mu.
func (h *handset) groupSession(group, sender types.JID) (*groups.SessionBuilder, *protocol.SenderKeyName, *peer) {
	p := h.peer(sender)
	return groups.NewGroupSessionBuilder(p, serializer), protocol.NewSenderKeyName(group.String(), p.address), p
}

// learnSenderKey stores the key that a sender of the group has distributed.
func (h *handset) learnSenderKey(group, sender types.JID, raw []byte) error {
	m, err := protocol.NewSenderKeyDistributionMessageFromBytes(raw, serializer.SenderKeyDistributionMessage)
	if err != nil {
		return fmt.Errorf("sender key: %w", err)
	}
	builder, name, _ := h.groupSession(group, sender)
	return builder.Process(context.Background(), name, m)
}

func (h *handset) decryptGroup(group, sender types.JID, ciphertext []byte) ([]byte, error) {
	m, err := protocol.NewSenderKeyMessageFromBytes(ciphertext, serializer.SenderKeyMessage)
	if err != nil {
		return nil, err
	}
	builder, name, p := h.groupSession(group, sender)
	plain, err := groups.NewGroupCipher(builder, name, p).Decrypt(context.Background(), m)
	if err != nil {
		return nil, err
	}
	return unpad(plain)
}

// encryptGroup encrypts with the handset's own sender key. It also returns the
// key, for clients that do not have it yet.
func (h *handset) encryptGroup(group types.JID, plain []byte) (ciphertext, distribution []byte, err error) {
	builder, name, p := h.groupSession(group, h.lid())
	d, err := builder.Create(context.Background(), name)
	if err != nil {
		return nil, nil, fmt.Errorf("make sender key: %w", err)
	}
	m, err := groups.NewGroupCipher(builder, name, p).Encrypt(context.Background(), pad(plain))
	if err != nil {
		return nil, nil, fmt.Errorf("encrypt for group: %w", err)
	}
	return m.SignedSerialize(), d.Serialize(), nil
}

// pad adds 1 to 15 bytes, each with the number of them (whatsmeow message.go).
func pad(plain []byte) []byte {
	n := byte(rand.IntN(15) + 1)
	out := make([]byte, len(plain)+int(n))
	copy(out, plain)
	for i := len(plain); i < len(out); i++ {
		out[i] = n
	}
	return out
}

func unpad(padded []byte) ([]byte, error) {
	if len(padded) == 0 || int(padded[len(padded)-1]) > len(padded) {
		return nil, errors.New("bad padding")
	}
	return padded[:len(padded)-int(padded[len(padded)-1])], nil
}
