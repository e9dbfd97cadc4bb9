package hosted

import (
	"errors"
	"slices"
	"time"

	"github.com/heypingr/pingr"
)

// A Webhook is an account's endpoint.
type Webhook struct {
	// URL is empty if there is no endpoint.
	URL string `json:"url"`
	// Events lists the events to deliver. Empty means all.
	Events []pingr.EventType `json:"events,omitempty"`
	// Secret is the newest secret. Until OldUntil (Unix milliseconds), OldSecret
	// signs, which the endpoint knows. Between holds the secrets given out after
	// OldSecret and before Secret; the endpoint may know only one of these.
	Secret    string   `json:"secret"`
	OldSecret string   `json:"old_secret,omitempty"`
	Between   []string `json:"between,omitempty"`
	OldUntil  int64    `json:"old_until,omitempty"`
}

// maxBetween bounds how often a secret is rotated while an older one signs.
const maxBetween = 8

// ErrRotations means that the secret was rotated too often while an older one
// still signs.
var ErrRotations = errors.New("rotated too often while an older secret signs")

// Rotate makes next the newest secret. The secret that signs now continues to
// sign for the overlap. During the overlap, every secret given out since also
// signs where several signatures are allowed (see [Webhook.Signing]), so an
// endpoint can verify at every moment, whichever of them it knows. An overlap
// of zero, for a leaked secret, drops all older ones at once. Rotate returns
// when next begins to sign, or [ErrRotations].
func (w *Webhook) Rotate(next string, overlap time.Duration, now time.Time) (signsFrom time.Time, err error) {
	signing, others := w.Signing(now)
	if overlap <= 0 {
		w.Secret, w.OldSecret, w.Between, w.OldUntil = next, "", nil, 0
		return now, nil
	}
	if len(others) > maxBetween {
		return time.Time{}, ErrRotations
	}
	w.Secret, w.OldSecret, w.Between, w.OldUntil = next, signing, others, now.Add(overlap).UnixMilli()
	return time.UnixMilli(w.OldUntil), nil
}

// Signing returns the secret that signs at a time. others are those that also
// sign in a header that holds several signatures (Standard Webhooks), oldest
// first.
func (w Webhook) Signing(now time.Time) (secret string, others []string) {
	if w.OldSecret == "" || now.UnixMilli() >= w.OldUntil {
		return w.Secret, nil
	}
	return w.OldSecret, append(slices.Clone(w.Between), w.Secret)
}
