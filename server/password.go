package server

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// OWASP's second choice of parameters: 19 MiB, two passes, one lane.
const (
	argonMemory = 19 << 10 // KiB
	argonTime   = 2
	argonLanes  = 1
	argonSalt   = 16
	argonKey    = 32

	// maxPasswordChecks is how many checks run at once, because each costs
	// argonMemory.
	maxPasswordChecks = 2
	minPassword       = 8
	maxPassword       = 200
)

var passwordRule = fmt.Sprintf("must be %d to %d characters", minPassword, maxPassword)

// ErrPassword means that a password is too short or too long.
var ErrPassword = errors.New("password " + passwordRule)

// passwordFits reports whether a text may be a password.
func passwordFits(password string) bool {
	n := utf8.RuneCountInString(password)
	return n >= minPassword && n <= maxPassword
}

// HashPassword returns the argon2id string by which a password is stored, or
// [ErrPassword].
func HashPassword(password string) (string, error) {
	if !passwordFits(password) {
		return "", ErrPassword
	}
	salt := make([]byte, argonSalt)
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	key := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonLanes, argonKey)
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonLanes,
		encode(salt), encode(key)), nil
}

// checkPassword reports whether the hash is the password's.
func checkPassword(hash, password string) (bool, error) {
	parts := strings.Split(hash, "$")
	var version, memory, time, lanes int
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, errors.New("not an argon2id hash")
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &time, &lanes); err != nil ||
		version != argon2.Version ||
		memory > 1<<20 || time > 100 || lanes > 16 || memory < 8 || time < 1 || lanes < 1 {
		return false, errors.New("argon2id hash with unsupported parameters")
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	key, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err := errors.Join(err1, err2); err != nil || len(key) == 0 {
		return false, errors.New("malformed argon2id hash")
	}
	got := argon2.IDKey([]byte(password), salt, uint32(time), uint32(memory), uint8(lanes), uint32(len(key)))
	return subtle.ConstantTimeCompare(got, key) == 1, nil
}

// hashPassword waits for its turn, then hashes.
func (s *Server) hashPassword(ctx context.Context, password string) (string, error) {
	select {
	case s.passwords <- struct{}{}:
		defer func() { <-s.passwords }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	return HashPassword(password)
}

// passwordHolds waits for its turn, then checks. An empty hash takes as long
// and never matches, so that nobody learns which addresses have accounts.
func (s *Server) passwordHolds(ctx context.Context, hash, password string) (bool, error) {
	select {
	case s.passwords <- struct{}{}:
		defer func() { <-s.passwords }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	if hash == "" || len(password) > 4*maxPassword {
		_, err := checkPassword(s.decoy, "")
		return false, err
	}
	return checkPassword(hash, password)
}
