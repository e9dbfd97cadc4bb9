package pingr

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	signaturePrefix = "sha256="
	secretPrefix    = "whsec_"
	// tolerance is how far a body's timestamp may be from now (SPEC section 6).
	tolerance = 5 * time.Minute
)

// NewSecret makes a webhook secret: "whsec_" and the standard base64 of 32
// random bytes.
func NewSecret() string {
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails (crypto/rand)
	return secretPrefix + base64.StdEncoding.EncodeToString(key[:])
}

// Sign is the x-pingr-signature of a body: "sha256=" and the lowercase hex of
// its HMAC-SHA256, keyed by the whole secret string (SPEC section 6).
func Sign(body []byte, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return signaturePrefix + hex.EncodeToString(mac.Sum(nil))
}

// signStandard is the webhook-signature of Standard Webhooks 1.0: "v1," and the
// base64 of the HMAC-SHA256 over id, seconds and body, keyed by the decoded
// part of the secret. A secret of another form gives none.
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

// ErrWebhook is every error of [VerifyWebhook]; its text says what is wrong and
// holds nothing of the body.
var ErrWebhook = errors.New("webhook not accepted")

// VerifyOptions are the options of [VerifyWebhook].
type VerifyOptions struct {
	// OtherSecrets are accepted beside the secret: the old one, while it is
	// being rotated.
	OtherSecrets []string
	// SkipTimestamp accepts a body of any age.
	SkipTimestamp bool
	// Now is the time to compare the timestamp with; zero is the clock's.
	Now time.Time
}

// VerifyWebhook checks the x-pingr-signature of a body, byte for byte as it
// came, and returns its event. The signature must be "sha256=" and 64
// lowercase hex digits; it is compared in constant time, and nothing is parsed
// before it holds. The body must be a JSON object whose timestamp is at most
// five minutes from now, either way. Every error is [ErrWebhook]. It is safe
// for concurrent use.
func VerifyWebhook(body []byte, signature, secret string, opts ...VerifyOptions) (*Event, error) {
	var o VerifyOptions
	if len(opts) > 0 {
		o = opts[len(opts)-1]
	}
	if err := checkSignature(body, signature, secret, o.OtherSecrets); err != nil {
		return nil, err
	}
	event := new(Event)
	if trimmed := firstByte(body); trimmed != '{' {
		return nil, fmt.Errorf("%w: the body is not a JSON object", ErrWebhook)
	}
	if err := json.Unmarshal(body, event); err != nil {
		return nil, fmt.Errorf("%w: the body is not an event", ErrWebhook)
	}
	if o.SkipTimestamp {
		return event, nil
	}
	now := o.Now
	if now.IsZero() {
		now = time.Now()
	}
	if event.Timestamp == 0 {
		return nil, fmt.Errorf("%w: the body has no timestamp", ErrWebhook)
	}
	if off := now.UnixMilli() - event.Timestamp; off > tolerance.Milliseconds() || off < -tolerance.Milliseconds() {
		return nil, fmt.Errorf("%w: the timestamp is more than 5 minutes from now; is the clock right?", ErrWebhook)
	}
	return event, nil
}

func checkSignature(body []byte, signature, secret string, others []string) error {
	digits, ok := strings.CutPrefix(signature, signaturePrefix)
	if !ok || len(digits) != 2*sha256.Size || strings.Trim(digits, "0123456789abcdef") != "" {
		return fmt.Errorf("%w: the signature is not sha256= and 64 lowercase hex digits", ErrWebhook)
	}
	if secret == "" {
		return fmt.Errorf("%w: no secret is given", ErrWebhook)
	}
	if hmac.Equal([]byte(Sign(body, secret)), []byte(signature)) {
		return nil
	}
	for _, other := range others {
		if other != "" && hmac.Equal([]byte(Sign(body, other)), []byte(signature)) {
			return nil
		}
	}
	return fmt.Errorf("%w: the signature does not fit the body and the secret", ErrWebhook)
}

func firstByte(body []byte) byte {
	for _, c := range body {
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c
		}
	}
	return 0
}
