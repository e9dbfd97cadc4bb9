package pingr_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

func ExampleWebhookHandler() {
	http.Handle("/pingr", &pingr.WebhookHandler{
		Secret: "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
		Dispatcher: pingr.DispatcherFunc(func(_ context.Context, e pingr.Event) (pingr.Reply, error) {
			if e.Type != pingr.EventMessageReceived || e.Simulated {
				return pingr.Reply{}, nil
			}
			return pingr.Reply{Text: "Tap to log in: " + "https://shop.example/in/one-time-token"}, nil
		}),
	})
}

func TestWebhookHandler(t *testing.T) {
	const secret, old = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "whsec_b2xk"
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	event := func(at time.Time) string {
		return `{"event":"message.received","from":{"phone":"919876543210"},"timestamp":` + strconv.FormatInt(
			at.UnixMilli(), 10,
		) + `,"id":"evt_1"}`
	}
	says := func(text string, err error) pingr.DispatcherFunc {
		return func(_ context.Context, e pingr.Event) (pingr.Reply, error) {
			if e.From.Phone != "919876543210" || e.Attempt != 3 {
				return pingr.Reply{}, fmt.Errorf("told of %q, attempt %d", e.From.Phone, e.Attempt)
			}
			return pingr.Reply{Text: text}, err
		}
	}
	hi, body := says("hi", nil), event(now)
	tests := []struct {
		name       string
		dispatcher pingr.Dispatcher
		method     string
		body       string
		signature  string
		status     int
		answer     string
	}{
		{"an answer", hi, "POST", body, pingr.Sign([]byte(body), secret), 200, `{"reply":"hi"}`},
		{"no answer", says("", nil), "POST", body, pingr.Sign([]byte(body), secret), 200, `{}`},
		{"the old secret", hi, "POST", body, pingr.Sign([]byte(body), old), 200, `{"reply":"hi"}`},
		{
			"a reply with markup", says("<b>&\u2028", nil), "POST", body, pingr.Sign([]byte(body), secret), 200,
			`{"reply":"\u003cb\u003e\u0026\u2028"}`,
		},
		{"another's secret", hi, "POST", body, pingr.Sign([]byte(body), "whsec_x"), 401, "does not match"},
		{"no signature", hi, "POST", body, "", 401, "is missing"},
		{
			"a replay of the day before", hi, "POST", event(now.Add(-24 * time.Hour)),
			pingr.Sign([]byte(event(now.Add(-24*time.Hour))), secret), 401, "more than 5 minutes old",
		},
		{
			"a changed body", hi, "POST", strings.Replace(body, "9198", "9199", 1), pingr.Sign([]byte(body), secret), 401,
			"does not match",
		},
		{"a visit", hi, "GET", "", "", 405, "POST"},
		{"a long body", hi, "POST", strings.Repeat(" ", 1<<20+1), "", 413, "1 MiB"},
		{
			"a backend that fails", says("", errors.New("database of +919876543210 is down")), "POST", body,
			pingr.Sign([]byte(body), secret), 500, "not handled; try again later",
		},
		{"a backend that is gone", says("", pingr.ErrGone), "POST", body, pingr.Sign([]byte(body), secret), 410, "gone"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var failed error
			h := &pingr.WebhookHandler{
				Secret: secret, OtherSecrets: []string{old}, Dispatcher: tt.dispatcher, Now: func() time.Time { return now },
				Failed: func(_ *http.Request, err error) { failed = err },
			}
			server := httptest.NewServer(h)
			defer server.Close()
			req, err := http.NewRequestWithContext(t.Context(), tt.method, server.URL, strings.NewReader(tt.body))
			require.NoError(t, err)
			req.Header.Set("X-Pingr-Signature", tt.signature)
			req.Header.Set("X-Pingr-Attempt", "3")
			resp, err := server.Client().Do(req)
			require.NoError(t, err)
			defer resp.Body.Close()
			content, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			answer := string(content)
			assert.Equal(t, tt.status, resp.StatusCode)
			assert.Equal(t, tt.status != 200, failed != nil)
			if tt.status == 200 {
				assert.Equal(t, tt.answer, answer)
				assert.Equal(t, "application/json", resp.Header.Get("Content-Type"))
				return
			}
			assert.Contains(t, answer, tt.answer)
			assert.NotContains(t, answer, "919876543210")
		})
	}
}

// An event that Pingr delivers over HTTP arrives as it would in plain Go.
func TestWebhookHandlerIsTheOtherEndOfHTTPDispatcher(t *testing.T) {
	const secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	told := make(chan pingr.Event, 1)
	server := httptest.NewServer(&pingr.WebhookHandler{
		Secret: secret,
		Dispatcher: pingr.DispatcherFunc(func(_ context.Context, e pingr.Event) (pingr.Reply, error) {
			told <- e
			return pingr.Reply{Text: "Zoë \U0001F389"}, nil
		}),
	})
	defer server.Close()
	sent := pingr.Event{
		Type: pingr.EventMessageReceived, Session: "main", ID: "evt_1", Attempt: 2,
		From:    &pingr.From{Phone: "919876543210", JID: "919876543210@s.whatsapp.net"},
		Message: &pingr.EventMessage{Text: strings.Repeat("\U0001F389", 65536), Type: "text"},
	}
	reply, err := (&pingr.HTTPDispatcher{URL: server.URL, Secret: secret}).Dispatch(t.Context(), sent)
	require.NoError(t, err)
	assert.Equal(t, "Zoë \U0001F389", reply.Text)
	got := <-told
	got.Timestamp = 0
	assert.Equal(t, sent, got)
}
