//go:build !race

package whatsapptest_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/whatsapptest"
)

// page does what a web page does with the handler.
type page struct{ url string }

func newPage(t *testing.T, srv *whatsapptest.Server) page {
	t.Helper()
	web := httptest.NewServer(http.StripPrefix("/whatsapp", srv.Handler()))
	t.Cleanup(web.Close)
	return page{web.URL + "/whatsapp"}
}

func (p page) do(t *testing.T, method, path, body string) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(within(t), method, p.url+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	var answer map[string]any
	if resp.StatusCode != http.StatusNoContent {
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	}
	return resp.StatusCode, answer
}

func TestPageLinksAClientAndChats(t *testing.T) {
	srv := start(t, whatsapptest.Config{})
	web := newPage(t, srv)
	c := newClient(t, srv)

	status, _ := web.do(t, "POST", "/phones", `{"number":"15550100001","name":"Shop"}`)
	require.Equal(t, http.StatusCreated, status)
	status, alice := web.do(t, "POST", "/phones", ``)
	require.Equal(t, http.StatusCreated, status)
	number := alice["number"].(string)

	qr, err := json.Marshal(map[string]string{"qr": c.qr(t)})
	require.NoError(t, err)
	status, answer := web.do(t, "POST", "/phones/15550100001/scan", string(qr))
	require.Equal(t, http.StatusOK, status, answer)
	assert.EqualValues(t, 1, answer["device"])
	_, shop := web.do(t, "GET", "/phones/15550100001", "")
	assert.Equal(t, []any{1.0}, shop["devices"])

	status, answer = web.do(t, "POST", "/phones/"+number+"/messages", `{"to":"15550100001","text":"login"}`)
	require.Equal(t, http.StatusCreated, status, answer)
	m, text := c.text(t)
	assert.Equal(t, "login", text)
	assert.Equal(t, answer["id"], m.Info.ID)

	events := web.events(t, number, "")
	c.send(t, m.Info.Chat, "first")
	assert.Equal(t, "first", (<-events)["text"])
	c.send(t, m.Info.Chat, "second")
	assert.Equal(t, "second", (<-events)["text"])
	assert.Equal(t, "second", (<-web.events(t, number, "1"))["text"], "a browser that reconnects goes on where it was")
	_, answer = web.do(t, "GET", "/phones/"+number+"/messages", "")
	assert.Len(t, answer["messages"], 2)

	status, _ = web.do(t, "DELETE", "/phones/15550100001/devices/1", "")
	assert.Equal(t, http.StatusNoContent, status)
}

// events reads the stream of a phone's messages until the test ends.
func (p page) events(t *testing.T, number, last string) <-chan map[string]any {
	t.Helper()
	r, err := http.NewRequestWithContext(within(t), http.MethodGet, p.url+"/phones/"+number+"/events", nil)
	require.NoError(t, err)
	r.Header.Set("Last-Event-ID", last)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	events := make(chan map[string]any, 16)
	go func() {
		defer close(events)
		defer resp.Body.Close()
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				var event map[string]any
				if json.Unmarshal([]byte(data), &event) == nil {
					events <- event
				}
			}
		}
	}()
	return events
}

func TestHandlerRefuses(t *testing.T) {
	srv := start(t, whatsapptest.Config{})
	srv.NewPhone(whatsapptest.PhoneConfig{Number: "15550100001"})
	web := newPage(t, srv)
	tests := map[string]struct {
		method, path, body string
		status             int
	}{
		"a number that is taken":    {"POST", "/phones", `{"number":"15550100001"}`, http.StatusConflict},
		"an unknown addressing":     {"POST", "/phones", `{"addressing":"smoke"}`, http.StatusUnprocessableEntity},
		"broken JSON":               {"POST", "/phones", `{`, http.StatusBadRequest},
		"an unknown field":          {"POST", "/phones", `{"nom":"Alice"}`, http.StatusBadRequest},
		"an unknown route":          {"POST", "/telephones", ``, http.StatusNotFound},
		"a phone that is not there": {"GET", "/phones/42", ``, http.StatusNotFound},
		"a text to nobody": {
			"POST", "/phones/15550100001/messages", `{"to":"42","text":"hi"}`, http.StatusUnprocessableEntity,
		},
		"no text": {
			"POST", "/phones/15550100001/messages", `{"to":"15550100001"}`, http.StatusUnprocessableEntity,
		},
		"a QR text nobody shows": {"POST", "/phones/15550100001/scan", `{"qr":"x"}`, http.StatusUnprocessableEntity},
		"a code nobody waits for": {
			"POST", "/phones/15550100001/code", `{"code":"ABCD-EFGH"}`, http.StatusUnprocessableEntity,
		},
		"an unlinked device":        {"DELETE", "/phones/15550100001/devices/7", ``, http.StatusNotFound},
		"a group that is not there": {"GET", "/groups/1@g.us", ``, http.StatusNotFound},
		"a group without members":   {"POST", "/groups", `{"subject":"x"}`, http.StatusUnprocessableEntity},
		"a member that is not there": {
			"POST", "/groups", `{"members":["42"]}`, http.StatusUnprocessableEntity,
		},
		"a wait that is too long": {
			"POST", "/phones/15550100001/messages/next", `{"timeout_seconds":61}`, http.StatusUnprocessableEntity,
		},
		"a message that does not come": {
			"POST", "/phones/15550100001/messages/next", `{"timeout_seconds":0.01}`, http.StatusGatewayTimeout,
		},
		"a large body": {
			"POST", "/phones", `{"name":"` + strings.Repeat("x", 1<<24) + `"}`, http.StatusRequestEntityTooLarge,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			status, answer := web.do(t, tt.method, tt.path, tt.body)
			assert.Equal(t, tt.status, status)
			assert.NotEmpty(t, answer["error"])
		})
	}
	t.Run("another web page", func(t *testing.T) {
		r, err := http.NewRequestWithContext(within(t), http.MethodPost, web.url+"/phones", nil)
		require.NoError(t, err)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		assert.Equal(t, http.StatusForbidden, resp.StatusCode)
	})
}
