package server

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/heypingr/pingr/session/sim"
)

const resolveAsha = `{"phone":"919876543210","session_id":"anna-bot"}`

// What WhatsApp answers, and what comes of it when it doesn't.
func TestResolveNumber(t *testing.T) {
	tests := []struct {
		name   string
		fault  sim.Fault
		status int
		body   string
	}{
		{"somebody has it", sim.None, http.StatusOK, `{"on_whatsapp":true,"phone":"919876543210"}`},
		{"nobody has it", sim.Nobody, http.StatusOK, `{"on_whatsapp":false,"phone":"919876543210"}`},
		{
			"the session is away", sim.Away, http.StatusConflict,
			`{"detail":{"error":"session_unavailable","message":"The session is not connected."}}`,
		},
		{
			"WhatsApp limits", sim.RefuseForNow, http.StatusTooManyRequests, `{"detail":{"error":"rate_limit",` +
				`"message":"WhatsApp may not be asked about more numbers now. Try again in 60s.","retry_after":60}}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.sessions.find("anna-bot").SetFault(tt.fault)
			got := w.call("anna's live key", "POST", "/v1/numbers/resolve", resolveAsha)
			assert.Equal(t, tt.status, got.Code)
			assert.JSONEq(t, tt.body, got.Body.String())
		})
	}
}

// An account resolves at most so many numbers in an hour. Test mode has a limit of its own.
func TestResolvesAreLimited(t *testing.T) {
	w := newWorld(t)
	for i := range maxResolves {
		got := w.call("anna's live key", "POST", "/v1/numbers/resolve", resolveAsha)
		if !assert.Equal(t, http.StatusOK, got.Code, "%d: %s", i, got.Body) {
			return
		}
	}
	got := w.call("anna's live key", "POST", "/v1/numbers/resolve", resolveAsha)
	assert.Equal(t, http.StatusTooManyRequests, got.Code)
	assert.Equal(t, "3600", got.Header().Get("Retry-After"))
	assert.Equal(t, http.StatusOK, w.call("anna's test key", "POST", "/v1/numbers/resolve", `{"phone":"+1 555 0100 222"}`).Code)
	assert.Equal(t, http.StatusOK, w.call("ben's live key", "POST", "/v1/numbers/resolve", `{"phone":"15550100222"}`).Code)
	w.wait(resolveWindow)
	assert.Equal(t, http.StatusOK, w.call("anna's live key", "POST", "/v1/numbers/resolve", resolveAsha).Code)
	assert.Len(t, w.sessions.find("anna-bot").Asked(), 1, fmt.Sprint("of ", maxResolves))
}
