package server

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/session/sim"
	"github.com/heypingr/pingr/store/memory"

	"github.com/heypingr/pingr"
)

// lateSessions lists its sessions only when told to, so that a start takes its time.
type lateSessions struct {
	*simSessions
	list chan struct{}
}

func (l lateSessions) List() []Session {
	<-l.list
	return l.simSessions.List()
}

// A client that asks while the server starts does not hear that nothing is connected.
func TestServeAnswersWhenTheEngineCanSend(t *testing.T) {
	store := memory.New()
	require.NoError(t, store.CreateAccount(t.Context(), hosted.Account{
		ID: "acc_anna", Email: "anna@example.com", Plan: "growth", Settings: hosted.DefaultSettings(),
	}))
	key, hashed := hosted.NewKey("acc_anna", "", hosted.Live, time.Now())
	require.NoError(t, store.CreateKey(t.Context(), hashed))
	sessions := lateSessions{&simSessions{}, make(chan struct{})}
	asha := sessions.add(pingr.SessionRecord{
		ID: "bot", Account: "acc_anna", Phone: "15550100", State: pingr.SessionConnected,
	}).
		NewPhone(sim.PhoneConfig{Number: "919876543210"})
	s, err := New(t.Context(), Config{Store: store, Sessions: func(Notify) (Sessions, error) { return sessions, nil }})
	require.NoError(t, err)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()

	answered := make(chan int, 1)
	go func() {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+l.Addr().String()+"/v1/send",
			strings.NewReader(`{"to":"919876543210","message":"Your order left.","session_id":"bot"}`))
		r.Header = http.Header{"X-Api-Key": {key}, "Content-Type": {"application/json"}}
		r.Close = true
		res, err := http.DefaultClient.Do(r)
		if !assert.NoError(t, err) {
			answered <- 0
			return
		}
		_ = res.Body.Close()
		answered <- res.StatusCode
	}()
	select {
	case status := <-answered:
		close(sessions.list)
		require.FailNow(t, "answered while it starts", "%d", status)
	case <-time.After(100 * time.Millisecond):
	}
	close(sessions.list)
	assert.Equal(t, http.StatusOK, <-answered)
	assert.Len(t, asha.Received(), 1)
	stop()
	assert.NoError(t, <-ended)
}
