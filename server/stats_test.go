package server

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/server/api"
	"github.com/heypingr/pingr/session/sim"
)

// An event counts in the hour in which it ended, and for nobody else.
func TestStats(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 201, w.call("anna", "POST", "/v1/triggers",
		`{"session_id":"anna-bot","trigger_phrase":"login","reply_message":"static"}`).Code)
	require.Equal(t, 200, w.call("anna", "PUT", "/v1/webhooks", `{"url":"`+w.hook.URL+`"}`).Code)
	line := w.sessions.find("anna-bot")
	asha, ravi := line.NewPhone(sim.PhoneConfig{Number: "919876543210"}), line.NewPhone(
		sim.PhoneConfig{Number: "919876543211"},
	)
	stats := func(who, query string) (got api.Stats) {
		require.NoError(t, json.Unmarshal(w.call(who, "GET", "/v1/stats"+query, "").Body.Bytes(), &got))
		return got
	}
	counted := func(n int64) {
		require.Eventually(t, func() bool {
			got := hosted.Counts(stats("anna", "").Total.Firings)
			return got.Firings() == n
		}, 10*time.Second, 10*time.Millisecond)
	}
	w.hook.answer(200, "your link")
	asha.Send("login")
	w.shown(asha)
	asha.Send("login") // in cooldown
	counted(2)
	w.wait(time.Hour)
	w.hook.answer(503, "")
	ravi.Send("login")
	w.shown(ravi)

	counted(3)
	day := stats("anna's live key", "?range=24h")
	require.Len(t, day.Steps, 24)
	assert.Equal(t, api.Counts{Dynamic: 1, Cooldown: 1}, day.Steps[22].Firings)
	assert.Equal(t, api.Counts{Static: 1}, day.Steps[23].Firings)
	assert.EqualValues(t, 3, day.Total.Webhooks)
	assert.NotNil(t, day.Total.P95MS)
	assert.Nil(t, day.Steps[0].P50MS)
	for _, r := range []struct {
		name  string
		steps int
	}{{"7d", 7}, {"30d", 30}, {"90d", 90}} {
		assert.Len(t, stats("anna", "?range="+r.name).Steps, r.steps)
	}
	for _, other := range []string{"ben", "anna's test key"} {
		assert.Zero(t, stats(other, "").Total.Firings, other)
	}
}
