package pingr

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

const (
	signaturePrefix = "sha256="
	secretPrefix    = "whsec_"
	// tolerance is how far a body's timestamp may be from now.
	tolerance = 5 * time.Minute
)

// NewSecret returns a new webhook secret: "whsec_" and the standard base64 of
// 32 random bytes.
func NewSecret() string {
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails (crypto/rand)
	return secretPrefix + base64.StdEncoding.EncodeToString(key[:])
}

// Sign returns the x-pingr-signature of a body: "sha256=" and the lowercase hex
// of its HMAC-SHA256. The key is the whole secret string.
func Sign(body []byte, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return signaturePrefix + hex.EncodeToString(mac.Sum(nil))
}

// signStandard returns the webhook-signature of Standard Webhooks 1.0: "v1,"
// and the base64 of the HMAC-SHA256 over id, seconds and body. The key is the
// decoded part of the secret. ok is false if the secret has another form.
func signStandard(id string, at time.Time, body []byte, secret string) (signature string, ok bool) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, secretPrefix))
	if err != nil || len(key) == 0 || !strings.HasPrefix(secret, secretPrefix) {
		return "", false
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)), true
}
