package whatsapptest

import (
	"errors"
	"fmt"

	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/util/keys"
	"google.golang.org/protobuf/proto"
)

// errOtherKey means that the client remembers another key of the server. Both sides then fall back to
// XX.
var errOtherKey = errors.New("client greets another server")

// resume answers a client that remembers the server's key from an earlier
// connection and sends its own key and payload at once, as WhatsApp Web does
// (Noise IK; whatsapp-rust wacore-noise/src/handshake.rs).
func (id noiseIdentity) resume(
	hello *waWa6.HandshakeMessage_ClientHello, write func([]byte) error,
) (*shakenHands, error) {
	h, err := newHandshake(patternIK)
	if err != nil {
		return nil, err
	}
	h.mixHash(id.static.Pub[:])
	h.mixHash(hello.GetEphemeral())
	if err := h.mixKey(id.static.Priv[:], hello.GetEphemeral()); err != nil {
		return nil, fmt.Errorf("mix ephemeral key: %w", err)
	}
	key, err := h.open(hello.GetStatic())
	if err != nil || len(key) != 32 {
		return nil, errOtherKey
	}
	if err := h.mixKey(id.static.Priv[:], key); err != nil {
		return nil, fmt.Errorf("mix static keys: %w", err)
	}
	plain, err := h.open(hello.GetPayload())
	if err != nil {
		return nil, errOtherKey
	}
	ephemeral := keys.NewKeyPair()
	h.mixHash(ephemeral.Pub[:])
	for _, theirs := range [][]byte{hello.GetEphemeral(), key} {
		if err := h.mixKey(ephemeral.Priv[:], theirs); err != nil {
			return nil, fmt.Errorf("mix ephemeral keys: %w", err)
		}
	}
	answer, err := proto.Marshal(&waWa6.HandshakeMessage{ServerHello: &waWa6.HandshakeMessage_ServerHello{
		Ephemeral: ephemeral.Pub[:], Payload: h.seal(id.chain),
	}})
	if err != nil {
		return nil, err
	}
	if err := write(answer); err != nil {
		return nil, fmt.Errorf("send server hello: %w", err)
	}
	return h.split(key, plain)
}
