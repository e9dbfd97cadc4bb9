package whatsapp

import (
	"context"
	"errors"

	groups "go.mau.fi/libsignal/groups/state/record"
	"go.mau.fi/libsignal/state/record"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/util/keys"
)

// soundStore hides damaged keys: what cannot be read is treated as missing, and
// the protocol creates it again by itself (a retry receipt brings a new Signal
// session, a new message the identity). If whatsmeow saw a damaged key, every
// message of its person would be unreadable for good.
type soundStore struct {
	deviceStore
	// sound reports whether a Signal session or group key can be read.
	sound soundness
}

type soundness struct{ session, senderKey func([]byte) bool }

// realSoundness checks keys by reading them as whatsmeow does
// (store/signal.go).
func realSoundness() soundness {
	s := store.SignalProtobufSerializer
	return soundness{
		session: reads(func(b []byte) error {
			_, err := record.NewSessionFromBytes(b, s.Session, s.State)
			return err
		}),
		senderKey: reads(func(b []byte) error {
			_, err := groups.NewSenderKeyFromBytes(b, s.SenderKeyRecord, s.SenderKeyState)
			return err
		}),
	}
}

// reads turns a parser, which may panic on damage, into a check whether it can
// parse.
func reads(parse func([]byte) error) func([]byte) bool {
	return func(b []byte) (ok bool) {
		defer func() {
			if recover() != nil {
				ok = false
			}
		}()
		return parse(b) == nil
	}
}

// GetSession returns a session. A damaged one counts as missing.
func (s soundStore) GetSession(ctx context.Context, address string) ([]byte, error) {
	session, err := s.deviceStore.GetSession(ctx, address)
	if session != nil && !s.sound.session(session) {
		return nil, err
	}
	return session, err
}

// GetSenderKey returns a group member's key. A damaged one counts as missing.
func (s soundStore) GetSenderKey(ctx context.Context, group, user string) ([]byte, error) {
	key, err := s.deviceStore.GetSenderKey(ctx, group, user)
	if key != nil && !s.sound.senderKey(key) {
		return nil, err
	}
	return key, err
}

// GetPreKey returns a one-time key. A damaged one counts as used.
func (s soundStore) GetPreKey(ctx context.Context, id uint32) (*keys.PreKey, error) {
	key, err := s.deviceStore.GetPreKey(ctx, id)
	if errors.Is(err, sqlstore.ErrInvalidLength) {
		return nil, nil
	}
	return key, err
}

// IsTrustedIdentity reports whether the key is the known one. A damaged key is
// not known.
func (s soundStore) IsTrustedIdentity(ctx context.Context, address string, key [32]byte) (bool, error) {
	trusted, err := s.deviceStore.IsTrustedIdentity(ctx, address, key)
	if errors.Is(err, sqlstore.ErrInvalidLength) {
		return true, nil
	}
	return trusted, err
}
