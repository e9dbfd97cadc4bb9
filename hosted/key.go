package hosted

import (
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"time"

	"github.com/heypingr/pingr"
)

// A Mode is what a key acts on.
type Mode string

const (
	// Live sends and counts.
	Live Mode = "live"
	// Test acts on data of its own. Nothing leaves the process.
	Test Mode = "test"
)

// A Key is an API key as it is stored, without the key itself.
type Key struct {
	ID      string // "key_…"
	Account string
	Name    string // for people
	Mode    Mode
	// Hash is the SHA-256 of the whole key.
	Hash [sha256.Size]byte
	// Last holds the key's last four characters, for display.
	Last string
	// CreatedAt, LastUsed and RevokedAt are in whole milliseconds. Zero means
	// never.
	CreatedAt, LastUsed, RevokedAt time.Time
}

// KeptRevoked is how many revoked keys of an account stores keep: the ones
// revoked last.
const KeptRevoked = 100

const (
	keyLength   = 30
	keyAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// Prefix returns the prefix of the mode's keys.
func (m Mode) Prefix() string { return "pk_" + string(m) + "_" }

// NewKey makes a key for an account. secret is shown once and not stored.
func NewKey(account, name string, mode Mode, now time.Time) (secret string, k Key) {
	secret = mode.Prefix() + randomText(keyLength)
	return secret, Key{
		ID: pingr.NewID("key_"), Account: account, Name: name, Mode: mode, Hash: HashKey(secret),
		Last: secret[len(secret)-4:], CreatedAt: now.Truncate(time.Millisecond).UTC(),
	}
}

// HashKey returns the hash by which a key is found.
func HashKey(secret string) [sha256.Size]byte { return sha256.Sum256([]byte(secret)) }

// Display returns the key without its middle.
func (k Key) Display() string { return k.Mode.Prefix() + "…" + k.Last }

// randomText returns random characters, drawn uniformly: bytes that would
// favour some characters are drawn again.
func randomText(n int) string {
	const fair = 256 - 256%len(keyAlphabet)
	var text strings.Builder
	var b [64]byte
	for text.Len() < n {
		_, _ = rand.Read(b[:]) // never fails (crypto/rand)
		for _, v := range b {
			if int(v) < fair && text.Len() < n {
				text.WriteByte(keyAlphabet[int(v)%len(keyAlphabet)])
			}
		}
	}
	return text.String()
}
