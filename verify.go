package pingr

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// ErrWebhook matches every error of [VerifyWebhook] with errors.Is. Use
// errors.As to get the [WebhookError] with the reason.
var ErrWebhook = errors.New("webhook not accepted")

// A WebhookError reports why a webhook was not accepted. It holds nothing of
// the body, so it may be logged.
type WebhookError struct {
	// Reason is for people to read, such as "the body has no timestamp".
	Reason string
}

func (e *WebhookError) Error() string { return ErrWebhook.Error() + ": " + e.Reason }

// Unwrap returns [ErrWebhook].
func (e *WebhookError) Unwrap() error { return ErrWebhook }

// VerifyOptions are the options of [VerifyWebhook].
type VerifyOptions struct {
	// OtherSecrets are accepted in addition to the secret, such as the old secret
	// during a rotation. Empty ones are ignored.
	OtherSecrets []string
	// SkipTimestamp accepts a body of any age. It also accepts a timestamp of
	// another type, and leaves Event.Timestamp zero then.
	SkipTimestamp bool
	// Now is the time to compare the timestamp with. Defaults to the current time.
	Now time.Time
}

// VerifyWebhook checks the x-pingr-signature of a body and returns its event.
// The body must be passed byte for byte as it was received. The signature must
// be "sha256=" and 64 lowercase hex digits. It is compared in constant time,
// and nothing is parsed before it has been verified. The body must be a JSON
// object whose timestamp is within five minutes of now, in either direction.
// Every error is a [WebhookError]. If several options are given, the last one
// counts. VerifyWebhook is safe for concurrent use.
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
	if signature == "" {
		return "there is no signature: the header x-pingr-signature is missing or empty"
	}
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
	return "the signature does not match the body and the secret"
}

// fits reports in constant time whether given signs body.
func fits(body []byte, secret string, given []byte) bool {
	sum := macOf(body, secret)
	return hmac.Equal(sum[:], given)
}

// macOf returns the HMAC-SHA256 (RFC 2104) that [Sign] takes from crypto/hmac.
// It saves that package's seven allocations a call, so that what strangers send
// makes no garbage before its signature is verified. Sign stays with
// crypto/hmac, so whatever is signed there and verified here compares the two.
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

// parseEvent reads a body as the helpers of all languages do. It accepts only
// UTF-8 (RFC 8259, section 8.1). A timestamp may be any whole 64-bit number,
// including 1.0 and 1e0, which JavaScript cannot tell from 1.
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

// badStamp is the one reason that comes with an event.
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
