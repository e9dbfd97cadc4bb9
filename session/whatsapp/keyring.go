package whatsapp

import (
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// A Keyring seals the keys of numbers before they go to a database that others
// read too: its administrators, its backups. The database alone is then no
// linked device. It is safe for concurrent use.
//
// The envelope is a version (1), the id of the sealing key (4 bytes), a nonce
// (24 bytes), and the value under XChaCha20-Poly1305. The table, the device and
// the row are authenticated with it, so that no value can be put elsewhere.
type Keyring struct {
	current sealer
	all     map[[4]byte]sealer
}

type sealer struct {
	id [4]byte
	cipher.AEAD
}

const sealVersion = 1

var (
	// errUnknownKey means that a value was sealed with a key that the keyring lacks.
	errUnknownKey = errors.New("the keys of numbers are sealed with another key than the configured ones")
	// errBrokenSeal means that a value is damaged, or another row's.
	errBrokenSeal = errors.New("the seal of a key is broken")
)

// NewSealingKey returns a key for [ParseKeyring].
func NewSealingKey() string {
	key := make([]byte, chacha20poly1305.KeySize)
	_, _ = rand.Read(key) // never fails
	return base64.StdEncoding.EncodeToString(key)
}

// ParseKeyring parses keys of 32 bytes in base64, with space or commas between
// them. The first seals, all open. To replace a key, put the new one behind it
// at all processes, then before it at all, and remove the old one when every
// number has been served like this: what the old one sealed is sealed again when
// a process begins to serve the number. The error contains no part of the text.
func ParseKeyring(text string) (*Keyring, error) {
	r := &Keyring{all: make(map[[4]byte]sealer)}
	fields := strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(", \t\r\n", c) })
	for i, field := range fields {
		key, err := base64.StdEncoding.DecodeString(field)
		if err != nil || len(key) != chacha20poly1305.KeySize {
			return nil, fmt.Errorf("sealing key %d must be %d bytes in base64", i+1, chacha20poly1305.KeySize)
		}
		aead, err := chacha20poly1305.NewX(key)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(append([]byte("pingr sealing key\x00"), key...))
		s := sealer{[4]byte(sum[:4]), aead}
		if _, twice := r.all[s.id]; twice {
			return nil, fmt.Errorf("sealing key %d is there twice", i+1)
		}
		r.all[s.id] = s
		if i == 0 {
			r.current = s
		}
	}
	if len(fields) == 0 {
		return nil, errors.New("a sealing key is needed")
	}
	return r, nil
}

// A place is where a sealed value is.
type place struct{ table, device, row string }

// bytes returns the place so that no two places have the same.
func (p place) bytes() []byte {
	var b []byte
	for _, part := range []string{p.table, p.device, p.row} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	return b
}

// prefix returns the beginning of all that the current key seals.
func (r *Keyring) prefix() []byte { return append([]byte{sealVersion}, r.current.id[:]...) }

// seal seals a value for its place.
func (r *Keyring) seal(value []byte, at place) []byte {
	const head = 1 + 4 + chacha20poly1305.NonceSizeX
	sealed := make([]byte, head, head+len(value)+chacha20poly1305.Overhead)
	copy(sealed, r.prefix())
	nonce := sealed[5:head]
	_, _ = rand.Read(nonce) // never fails
	return r.current.Seal(sealed, nonce, value, at.bytes())
}

// open opens what was sealed for that place. It returns errUnknownKey or
// errBrokenSeal.
func (r *Keyring) open(sealed []byte, at place) ([]byte, error) {
	const head = 1 + 4 + chacha20poly1305.NonceSizeX
	if len(sealed) < head || sealed[0] != sealVersion {
		return nil, errBrokenSeal
	}
	s, ok := r.all[[4]byte(sealed[1:5])]
	if !ok {
		return nil, errUnknownKey
	}
	value, err := s.Open(nil, sealed[5:head], sealed[head:], at.bytes())
	if err != nil {
		return nil, errBrokenSeal
	}
	return value, nil
}
