package whatsapptest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/socket"
	"go.mau.fi/whatsmeow/util/keys"
	"google.golang.org/protobuf/proto"
)

// A client that greets with Noise IK after a restart finds the key that it remembers.
func TestNoiseKeyIsKept(t *testing.T) {
	first, err := newServerKeys(nil, time.Now())
	require.NoError(t, err)
	saved, err := first.save()
	require.NoError(t, err)
	second, err := newServerKeys(saved, time.Now())
	require.NoError(t, err)
	assert.Equal(t, first.noise.static, second.noise.static)
	again, err := second.save()
	require.NoError(t, err)
	assert.Equal(t, saved, again)
}

// A client that remembers the server's key greets with Noise IK. If it remembers
// another one, both fall back to XX without a new connection.
func TestClientThatRemembersTheServersKey(t *testing.T) {
	id, err := newNoiseIdentity(keys.NewKeyPair(), keys.NewKeyPair(), time.Now())
	require.NoError(t, err)
	for name, remembered := range map[string]*keys.KeyPair{"the same": id.static, "another": keys.NewKeyPair()} {
		t.Run(name, func(t *testing.T) {
			client, ephemeral := keys.NewKeyPair(), keys.NewKeyPair()
			payload, err := proto.Marshal(&waWa6.ClientPayload{PushName: proto.String("Asha")})
			require.NoError(t, err)
			h, err := newHandshake(patternIK)
			require.NoError(t, err)
			h.mixHash(remembered.Pub[:])
			h.mixHash(ephemeral.Pub[:])
			require.NoError(t, h.mixKey(ephemeral.Priv[:], remembered.Pub[:]))
			static := h.seal(client.Pub[:])
			require.NoError(t, h.mixKey(client.Priv[:], remembered.Pub[:]))
			toServer := make(chan []byte, 2)
			toServer <- message(t, &waWa6.HandshakeMessage{ClientHello: &waWa6.HandshakeMessage_ClientHello{
				Ephemeral: ephemeral.Pub[:], Static: static, Payload: h.seal(payload),
			}})
			hands, err := id.accept(func() ([]byte, error) { return <-toServer, nil }, func(frame []byte) error {
				var m waWa6.HandshakeMessage
				require.NoError(t, proto.Unmarshal(frame, &m))
				hello := m.GetServerHello()
				if hello.GetStatic() == nil {
					assert.Equal(t, "the same", name)
					return nil
				}
				assert.Equal(t, "another", name)
				h, err = newHandshake(patternFallback)
				require.NoError(t, err)
				h.mixHash(ephemeral.Pub[:])
				h.mixHash(hello.GetEphemeral())
				require.NoError(t, h.mixKey(ephemeral.Priv[:], hello.GetEphemeral()))
				server, err := h.open(hello.GetStatic())
				require.NoError(t, err)
				assert.Equal(t, id.static.Pub[:], server)
				require.NoError(t, h.mixKey(ephemeral.Priv[:], server))
				_, err = h.open(hello.GetPayload())
				require.NoError(t, err)
				static := h.seal(client.Pub[:])
				require.NoError(t, h.mixKey(client.Priv[:], hello.GetEphemeral()))
				toServer <- message(t, &waWa6.HandshakeMessage{ClientFinish: &waWa6.HandshakeMessage_ClientFinish{
					Static: static, Payload: h.seal(payload),
				}})
				return nil
			})
			require.NoError(t, err)
			assert.Equal(t, *client.Pub, hands.clientKey)
			assert.Equal(t, "Asha", hands.payload.GetPushName())
		})
	}
}

func message(t *testing.T, m *waWa6.HandshakeMessage) []byte {
	t.Helper()
	data, err := proto.Marshal(m)
	require.NoError(t, err)
	return data
}

func TestRoutingInformationInFrontOfTheHeader(t *testing.T) {
	tests := map[string]struct {
		said string
		rest string
		ok   bool
	}{
		"none":               {string(socket.WAConnHeader) + "frame", "frame", true},
		"some":               {"ED\x00\x01\x00\x00\x04info" + string(socket.WAConnHeader) + "frame", "frame", true},
		"longer than all":    {"ED\x00\x01\x00\x00\x40info" + string(socket.WAConnHeader), "", false},
		"without the header": {"ED\x00\x01\x00\x00\x04infoframe", "", false},
		"cut off":            {"ED\x00\x01\x00", "", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			rest, err := cutHeader([]byte(tt.said))
			assert.Equal(t, tt.ok, err == nil)
			assert.Equal(t, tt.rest, string(rest))
		})
	}
}
