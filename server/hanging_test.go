package server

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/sim"
)

// loggedRow is what these tests read of a row of the delivery log.
type loggedRow struct {
	ID, Status, URL string
	EventID         string         `json:"event_id"`
	HTTPStatus      *int           `json:"http_status"`
	Attempt         int            `json:"attempt"`
	Duration        int64          `json:"duration_ms"`
	Error           *string        `json:"error"`
	NoReply         *pingr.NoReply `json:"no_reply_reason"`
	Redeliverable   bool           `json:"redeliverable"`
}

func (w *world) logged() []loggedRow {
	w.Helper()
	var page struct{ Deliveries []loggedRow }
	got := w.call("anna", "GET", "/v1/webhooks/deliveries?limit=200", "")
	require.NoError(w, json.Unmarshal(got.Body.Bytes(), &page))
	return page.Deliveries
}

// The log of a hanging endpoint shows every request and its destination. While most requests hang, it
// shows for whom the endpoint was not asked, and that event can be sent.
func TestTheLogOfAnEndpointThatHangs(t *testing.T) {
	w := newWorld(t)
	var waiting atomic.Int64
	attempts := make(chan string, 100) // of events delivered again
	mended := make(chan struct{})
	hook := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), `"answered"`) {
			attempts <- r.Header.Get("X-Pingr-Attempt")
		}
		waiting.Add(1)
		defer waiting.Add(-1)
		select {
		case <-r.Context().Done():
		case <-mended:
			rw.Header().Set("Content-Type", "application/json")
			fmt.Fprint(rw, `{"reply":"link"}`)
		}
	}))
	defer hook.Close()
	require.Equal(t, 201, w.call("anna", "POST", "/v1/triggers",
		`{"session_id":"anna-bot","trigger_phrase":"login","reply_message":"static"}`).Code)
	require.Equal(t, 200, w.call("anna", "PUT", "/v1/webhooks", `{"url":"`+hook.URL+`"}`).Code)
	crowd := func(prefix string, n int) (people []*sim.Phone) {
		for i := range n {
			p := w.sessions.find("anna-bot").NewPhone(sim.PhoneConfig{Number: fmt.Sprintf("%s%07d", prefix, i)})
			p.Send("login")
			people = append(people, p)
		}
		return people
	}

	const most = 20
	people := crowd("49170", most)
	require.Eventually(t, func() bool { return waiting.Load() == most }, 5*time.Second, time.Millisecond)
	for _, p := range people {
		require.Eventually(t, func() bool { return len(p.Received()) == 1 }, 15*time.Second, time.Millisecond)
	}
	rows := w.logged()
	require.Len(t, rows, most)
	for _, row := range rows {
		assert.Equal(t, "failed", row.Status)
		assert.Equal(t, hook.URL, row.URL)
		assert.Equal(t, 1, row.Attempt)
		assert.Contains(t, *row.Error, "no complete response within")
		assert.True(t, row.Redeliverable)
	}

	asked := crowd("49171", 8)
	require.Eventually(t, func() bool { return waiting.Load() == 8 }, 5*time.Second, time.Millisecond)
	notAsked := crowd("49172", 1)
	assert.Equal(t, "static", w.shown(notAsked[0]), "at once")
	require.Len(t, w.logged(), most+1)
	row := w.logged()[0]
	assert.NotEmpty(t, row.ID)
	assert.Equal(t, "failed", row.Status)
	assert.Equal(t, hook.URL, row.URL)
	assert.Zero(t, row.Attempt)
	assert.Zero(t, row.Duration)
	assert.Nil(t, row.HTTPStatus)
	assert.Contains(t, *row.Error, "not asked")
	assert.True(t, row.Redeliverable)
	stats := w.call("anna", "GET", "/v1/stats", "").Body.String()
	assert.Contains(t, stats, fmt.Sprintf(`"webhooks":%d`, most), "what was not asked took no time")

	close(mended)
	for _, p := range asked {
		assert.Equal(t, "link", w.shown(p))
	}
	require.Equal(t, http.StatusAccepted, w.call("anna", "POST", "/v1/webhooks/deliveries/"+row.ID+"/redeliver", "").Code)
	delivered := func() (found *loggedRow) {
		for _, r := range w.logged() {
			if r.EventID == row.EventID && r.Status == "delivered" {
				found = &r
			}
		}
		return found
	}
	require.Eventually(t, func() bool { return delivered() != nil }, 30*time.Second, 10*time.Millisecond)
	assert.Equal(t, 1, delivered().Attempt, "the first that was made")
	assert.Equal(t, pingr.NoReplyAnswered, *delivered().NoReply)
	assert.Len(t, notAsked[0].Received(), 1)
}
