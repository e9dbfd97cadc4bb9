package pingr

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	signaturePrefix = "sha256="
	secretPrefix    = "whsec_"
	// tolerance is how far a body's timestamp may be from now.
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
// its HMAC-SHA256, keyed by the whole secret string.
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

// ErrWebhook is every error of [VerifyWebhook], by errors.Is; errors.As gives
// the [WebhookError] that says why.
var ErrWebhook = errors.New("webhook not accepted")

// A WebhookError says why a webhook was not accepted. It holds nothing of the
// body, so it may be logged.
type WebhookError struct {
	// Reason is for a person to read, such as "the body has no timestamp".
	Reason string
}

func (e *WebhookError) Error() string { return ErrWebhook.Error() + ": " + e.Reason }

// Unwrap is [ErrWebhook].
func (e *WebhookError) Unwrap() error { return ErrWebhook }

// VerifyOptions are the options of [VerifyWebhook].
type VerifyOptions struct {
	// OtherSecrets are accepted beside the secret: the old one, while it is
	// being rotated. Empty ones accept nothing.
	OtherSecrets []string
	// SkipTimestamp accepts a body of any age, and one whose timestamp is of
	// another type, which leaves Event.Timestamp zero.
	SkipTimestamp bool
	// Now is the time to compare the timestamp with; zero is the clock's.
	Now time.Time
}

// VerifyWebhook checks the x-pingr-signature of a body, byte for byte as it
// came, and returns its event. The signature must be "sha256=" and 64
// lowercase hex digits; it is compared in constant time, and nothing is parsed
// before it holds. The body must be a JSON object whose timestamp is at most
// five minutes from now, either way. Every error is a [WebhookError]. Of
// several options the last counts. It is safe for concurrent use.
func VerifyWebhook(body []byte, signature, secret string, opts ...VerifyOptions) (*Event, error) {
	var o VerifyOptions
	if len(opts) > 0 {
		o = opts[len(opts)-1]
	}
	if reason := checkSignature(body, signature, secret, o.OtherSecrets); reason != "" {
		return nil, &WebhookError{reason}
	}
	event, reason := parseEvent(body)
	if reason == badStamp && o.SkipTimestamp {
		reason = ""
	}
	if reason == "" && !o.SkipTimestamp {
		now := o.Now
		if now.IsZero() {
			now = time.Now()
		}
		reason = checkTimestamp(event.Timestamp, now)
	}
	if reason != "" {
		return nil, &WebhookError{reason}
	}
	return event, nil
}

func checkSignature(body []byte, signature, secret string, others []string) (reason string) {
	const form = "the signature is not sha256= and 64 lowercase hex digits"
	digits, ok := strings.CutPrefix(signature, signaturePrefix)
	if !ok || len(digits) != 2*sha256.Size || strings.Trim(digits, "0123456789abcdef") != "" {
		return form
	}
	var given [sha256.Size]byte
	if _, err := hex.Decode(given[:], []byte(digits)); err != nil {
		return form
	}
	if secret == "" {
		return "no secret is given"
	}
	if fits(body, secret, given[:]) {
		return ""
	}
	for _, other := range others {
		if other != "" && fits(body, other, given[:]) {
			return ""
		}
	}
	return "the signature does not fit the body and the secret"
}

// fits compares in constant time.
func fits(body []byte, secret string, given []byte) bool {
	sum := macOf(body, secret)
	return hmac.Equal(sum[:], given)
}

// macOf is the HMAC-SHA256 (RFC 2104) that [Sign] takes from crypto/hmac, whose
// seven allocations a call it saves: what strangers send makes no garbage
// before it is known to be signed. Sign stays with crypto/hmac, so whatever is
// signed here and verified there compares the two.
func macOf(body []byte, secret string) (sum [sha256.Size]byte) {
	var key [sha256.BlockSize]byte
	if len(secret) > len(key) {
		sum = sha256.Sum256([]byte(secret))
		copy(key[:], sum[:])
	} else {
		copy(key[:], secret)
	}
	inner, outer := sha256.New(), sha256.New() // both stay on the stack
	pad := key
	for i := range pad {
		pad[i] ^= 0x36
	}
	inner.Write(pad[:])
	inner.Write(body)
	inner.Sum(sum[:0])
	pad = key
	for i := range pad {
		pad[i] ^= 0x5c
	}
	outer.Write(pad[:])
	outer.Write(sum[:])
	outer.Sum(sum[:0])
	return sum
}

// parseEvent reads a body as the helpers of all languages do: UTF-8 only
// (RFC 8259, section 8.1), and a timestamp may be any whole number of 64 bits,
// 1.0 and 1e0 included, which JavaScript cannot tell from 1.
func parseEvent(body []byte) (event *Event, reason string) {
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return nil, "the body is not a JSON object"
	}
	event = new(Event)
	err := json.Unmarshal(body, event)
	if err == nil && utf8.Valid(body) {
		return event, ""
	}
	if field, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && field.Field == "timestamp" {
		return parseFloatStamp(body)
	}
	return nil, "the body is not an event"
}

// badStamp is the reason that comes with an event.
const badStamp = "the timestamp is not an integer"

// parseFloatStamp reads an event whose timestamp does not look like an integer.
func parseFloatStamp(body []byte) (event *Event, reason string) {
	var parsed struct {
		Event
		Stamp json.RawMessage `json:"timestamp"` // in place of Event's
	}
	if json.Unmarshal(body, &parsed) != nil || !utf8.Valid(body) {
		return nil, "the body is not an event"
	}
	var ms float64
	if json.Unmarshal(parsed.Stamp, &ms) != nil || ms != math.Trunc(ms) || math.Abs(ms) >= 1<<63 {
		return &parsed.Event, badStamp
	}
	parsed.Timestamp = int64(ms)
	return &parsed.Event, ""
}

func checkTimestamp(timestamp int64, now time.Time) (reason string) {
	if timestamp == 0 {
		return "the body has no timestamp"
	}
	early, late := now.Add(-tolerance).UnixMilli(), now.Add(tolerance).UnixMilli()
	switch {
	case timestamp < early:
		return "the timestamp is more than 5 minutes old; is this an old request, or the clock wrong?"
	case timestamp > late:
		return "the timestamp is more than 5 minutes ahead; is the clock wrong?"
	}
	return ""
}
