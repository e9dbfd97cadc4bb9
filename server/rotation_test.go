package server

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/server/api"
)

// An endpoint verifies a webhook with the secrets that it knows, by our signature or that of Standard
// Webhooks.
type endpoint struct {
	standard bool
	knows    []string
}

func (e endpoint) verifies(body string, head http.Header, now time.Time) bool {
	if !e.standard {
		_, err := pingr.VerifyWebhook([]byte(body), head.Get("X-Pingr-Signature"), e.knows[0],
			pingr.VerifyOptions{OtherSecrets: e.knows[1:], Now: now})
		return err == nil
	}
	for _, secret := range e.knows {
		key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(head.Get("Webhook-Id") + "." + head.Get("Webhook-Timestamp") + "." + body))
		want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
		if strings.Contains(" "+head.Get("Webhook-Signature")+" ", " "+want+" ") {
			return true
		}
	}
	return false
}

// An event comes every hour while the secret is rotated twice within a day. An endpoint that takes up
// a new secret at any time before only that one signs misses none.
func TestRotationWithoutAFailedVerification(t *testing.T) {
	const first, second, last = 5, 15, 15 + 24 // hours: the rotations, and when the newest signs alone
	for _, tt := range []struct {
		name     string
		standard bool
		// knows are the secrets that the endpoint has so far, oldest first.
		knows func(hour int, secrets []string) []string
	}{
		{"adds each as it comes", false, func(_ int, secrets []string) []string { return secrets }},
		{"adds the newest in the last hour", false, func(hour int, secrets []string) []string {
			switch {
			case hour < last-1:
				return secrets[:1]
			case hour < last:
				return []string{secrets[2], secrets[0]}
			}
			return secrets[2:]
		}},
		{
			"Standard Webhooks: replaces each by the next", true,
			func(_ int, secrets []string) []string { return secrets[len(secrets)-1:] },
		},
		{"Standard Webhooks: replaces the first in the last hour", true, func(hour int, secrets []string) []string {
			if hour < last-1 {
				return secrets[:1]
			}
			return secrets[2:]
		}},
		{"Standard Webhooks: takes up the second and not the third, until it must", true, func(
			hour int, secrets []string,
		) []string {
			if hour >= last-1 {
				return secrets[2:]
			}
			return secrets[min(len(secrets)-1, 1):][:1]
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			require.Equal(t, 200, w.call("anna", "PUT", "/v1/webhooks", `{"url":"`+w.hook.URL+`"}`).Code)
			secrets := []string{w.rotate(`{"overlap_seconds":0}`).Secret}
			for hour := range last + 5 {
				if hour == first || hour == second {
					answer := w.rotate("")
					assert.Equal(t, api.At(w.clock().Add(24*time.Hour)).String(), answer.SignsFrom)
					secrets = append(secrets, answer.Secret)
				}
				body, head := w.simulated()
				e := endpoint{tt.standard, tt.knows(hour, secrets)}
				require.True(t, e.verifies(body, head, w.clock()), "in hour %d", hour)
				w.wait(time.Hour)
				w.logIn("anna")
			}
			assert.NotContains(t, w.call("anna", "GET", "/v1/webhooks", "").Body.String(), "old_secret")
		})
	}
}

func TestALeakedSecretSignsNothingMore(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 200, w.call("anna", "PUT", "/v1/webhooks", `{"url":"`+w.hook.URL+`"}`).Code)
	leaked := []string{w.secret()}
	leaked = append(leaked, w.rotate(`{"overlap_seconds":604800}`).Secret)
	last := w.rotate(`{"overlap_seconds":0}`)
	assert.Equal(t, api.At(w.clock()).String(), last.SignsFrom)
	body, head := w.simulated()
	for _, standard := range []bool{false, true} {
		assert.False(t, endpoint{standard, leaked}.verifies(body, head, w.clock()))
		assert.True(t, endpoint{standard, []string{last.Secret}}.verifies(body, head, w.clock()))
	}
}

func TestEndlessRotations(t *testing.T) {
	w := newWorld(t)
	n := 0
	for w.call("anna", "POST", "/v1/webhooks/rotate-secret", "").Code == http.StatusOK {
		n++
		require.Less(t, n, 100)
	}
	assert.Equal(t, conflict, codeOf(t, w.call("anna", "POST", "/v1/webhooks/rotate-secret", "")))
	assert.Greater(t, n, 5)
	w.rotate(`{"overlap_seconds":0}`)
	w.rotate("")
}

func (w *world) rotate(body string) (answer struct {
	Secret    string `json:"secret"`
	SignsFrom string `json:"signs_from"`
},
) {
	w.Helper()
	got := w.call("anna", "POST", "/v1/webhooks/rotate-secret", body)
	require.Equal(w, http.StatusOK, got.Code, got.Body.String())
	require.NoError(w, json.Unmarshal(got.Body.Bytes(), &answer))
	return answer
}

// secret returns Anna's secret from GET /v1/webhooks.
func (w *world) secret() string {
	w.Helper()
	var answer struct {
		Secret string `json:"secret"`
	}
	require.NoError(w, json.Unmarshal(w.call("anna", "GET", "/v1/webhooks", "").Body.Bytes(), &answer))
	return answer.Secret
}

// simulated has an event sent, and returns the request that the endpoint got.
func (w *world) simulated() (body string, head http.Header) {
	w.Helper()
	got := w.call("anna", "POST", "/v1/webhooks/simulate",
		`{"phone":"919876543210","message":"login","session_id":"anna-bot"}`)
	require.Contains(w, got.Body.String(), `"delivered":true`)
	bodies, heads := w.hook.got()
	return bodies[len(bodies)-1], heads[len(heads)-1]
}
