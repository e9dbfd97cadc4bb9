//go:build !race

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// clients is where make e2e installs the published packages, each into a
// directory that is named by its version.
func clients(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("PINGR_TEST_CLIENTS")
	if dir == "" {
		t.Skip("PINGR_TEST_CLIENTS names no directory with the published clients; make e2e installs them")
	}
	return dir
}

// A user of the published client who points it here notices no difference in requests, errors or
// webhooks.
func TestPublishedClients(t *testing.T) {
	dir := clients(t)
	for _, version := range []string{"0.1.1", "0.2.0"} {
		t.Run(version, func(t *testing.T) {
			h := newInProcess(t, "growth", time.Now().Add(-12*time.Hour)) // now: the clients know no other clock
			h.must(200, "PATCH", "/v1/settings", `{"cooldown_seconds":0}`)
			h.texts("login X4K9MQ")
			event := h.backend.last(t, 1)
			next(t, h.asha)
			h.must(200, "PATCH", "/v1/settings", `{"cooldown_seconds":60}`)
			hook := h.backend.lastHook()
			hook.Secret = h.login("GET", "/v1/webhooks", "")["secret"].(string)
			forged := hook
			forged.Body = strings.Replace(hook.Body, "X4K9MQ", "X4K9MR", 1)

			said := published(t, h, filepath.Join(dir, version), hook, forged)

			require.Len(t, said.Hooks, 2)
			assert.Equal(t, event.ID, said.Hooks[0]["id"])
			assert.Equal(t, "login X4K9MQ", said.Hooks[0]["message"].(map[string]any)["text"])
			assert.Equal(t, "PingrWebhookError", said.Hooks[1]["class"])
			if version == "0.2.0" {
				assert.Nil(t, said.Sent, "it has no send any more")
				return
			}
			assert.Equal(t, "Your OTP is 482910", next(t, h.asha))
			assert.Equal(t, true, said.Sent["success"])
			assert.Equal(t, ashaNumber, said.Sent["to"])
			assert.Equal(t, "shop", said.Sent["session_id"])
			assert.NotEmpty(t, said.Sent["message_id"])
			assert.InDelta(t, 70_000-2, said.Sent["rate_limit_remaining"], 0)

			assert.Equal(t, "PingrRateLimitError", said.Again["class"])
			assert.Equal(t, "rate_limit", said.Again["code"])
			assert.InDelta(t, 60, said.Again["retry_after"], 10)
			assert.Regexp(t, `^Number \+`+ashaNumber+` is in cooldown\. Try again in \d+s\.$`, said.Again["message"])

			assert.Equal(t, ashaNumber, said.Test["to"])
			assert.Equal(t, "15550100009", said.Async["to"])
			assert.Equal(t, "PingrAuthError", said.Stranger["class"])
			assert.Equal(t, "PingrValidationError", said.Long["class"])
			assert.InDelta(t, 404, said.Nowhere["status"], 0)
			assert.Len(t, h.place.server.Ledger().Replies(), 2, "the reply and what was sent")
		})
	}
}

// publishedSaid is the output of testdata/published.py.
type publishedSaid struct {
	Sent, Again, Test, Async, Stranger, Long, Nowhere map[string]any
	Hooks                                             []map[string]any
}

func published(t *testing.T, h *inProcess, path string, hooks ...hook) (said publishedSaid) {
	t.Helper()
	var stdin, stderr bytes.Buffer
	for _, hook := range hooks {
		require.NoError(t, json.NewEncoder(&stdin).Encode(hook))
	}
	key := call{args: []string{
		"key", "create", "--account", "anna@example.com", "--mode", "test", "--data", h.place.data,
	}}.run(t)
	cmd := exec.CommandContext(t.Context(), "python3", "testdata/published.py", h.url, h.key, strings.TrimSpace(key.out),
		ashaNumber)
	cmd.Env = append(os.Environ(), "PYTHONPATH="+path, "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stdin, cmd.Stderr = &stdin, &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	require.NoError(t, json.Unmarshal(out, &said))
	return said
}
