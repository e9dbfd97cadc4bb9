package server

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/session/sim"
	"github.com/heypingr/pingr/store/memory"
)

// stream opens an event stream as somebody and returns its lines after the first, which reports that
// it is open.
func (w *world) stream(web *httptest.Server, who string) *bufio.Scanner {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 30*time.Second) // for a reader that waits in vain
	w.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, web.URL+"/v1/events", nil)
	require.NoError(w, err)
	r.Header = w.who[who].Clone()
	got, err := web.Client().Do(r)
	require.NoError(w, err)
	w.Cleanup(func() { got.Body.Close() })
	require.Equal(w, "text/event-stream", got.Header.Get("Content-Type"))
	lines := bufio.NewScanner(got.Body)
	require.True(w, lines.Scan())
	require.Equal(w, ": open", lines.Text())
	return lines
}

// ends reads a stream to its end, which must come long before a heartbeat could notice.
func (w *world) ends(lines *bufio.Scanner) {
	w.Helper()
	began := time.Now()
	for lines.Scan() {
	}
	require.NoError(w, lines.Err())
	require.Less(w, time.Since(began), heartbeat/2, "at once, not by the heartbeat")
}

func TestAStreamEndsWithItsKeyOrLogin(t *testing.T) {
	w := newWorld(t)
	web := httptest.NewServer(w.server)
	t.Cleanup(web.Close)
	secret, k := hosted.NewKey("acc_anna", "", hosted.Test, w.clock())
	require.NoError(t, w.store.CreateKey(t.Context(), k))
	w.who["the key"] = http.Header{"X-Api-Key": {secret}}
	liveSecret, live := hosted.NewKey("acc_anna", "", hosted.Live, w.clock())
	require.NoError(t, w.store.CreateKey(t.Context(), live))
	w.who["the live key"] = http.Header{"X-Api-Key": {liveSecret}}
	byKey, byLive := w.stream(web, "the key"), w.stream(web, "the live key")
	byLogin, other := w.stream(web, "anna"), w.stream(web, "anna's live key")

	require.Equal(t, 204, w.call("anna", "DELETE", "/v1/keys/"+k.ID, "").Code)
	w.ends(byKey)
	require.Equal(t, 204, w.call("anna", "DELETE", "/v1/keys/"+live.ID, "").Code)
	w.ends(byLive)
	require.Equal(t, 204, w.call("anna", "POST", "/v1/auth/logout", "").Code)
	w.ends(byLogin)

	w.call("anna's live key", "PATCH", "/v1/sessions/anna-bot", `{"name":"Shop"}`)
	require.True(t, other.Scan(), "the streams of others go on")
	require.True(t, other.Scan())
	assert.Equal(t, "event: session", other.Text())
}

// Another process (pingr key revoke) cannot tell the stream: its heartbeat asks.
func TestAStreamEndsWhenAnotherProcessRevokesItsKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		a := hosted.Account{
			ID: "acc_anna", Email: "anna@example.com", Plan: hosted.Unlimited, Settings: hosted.DefaultSettings(),
		}
		require.NoError(t, store.CreateAccount(t.Context(), a))
		secret, k := hosted.NewKey(a.ID, "", hosted.Live, time.Now())
		require.NoError(t, store.CreateKey(t.Context(), k))
		s, err := New(t.Context(), Config{Store: store})
		require.NoError(t, err)
		defer s.Close()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/events", nil)
		r.Header.Set("X-API-Key", secret)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			s.ServeHTTP(httptest.NewRecorder(), r)
		}()
		time.Sleep(4*heartbeat + time.Second)
		require.NoError(t, store.RevokeKey(t.Context(), a.ID, k.ID, time.Now()))
		select {
		case <-ended:
			t.Fatal("it ended before its time")
		default:
		}
		time.Sleep(heartbeat)
		synctest.Wait()
		select {
		case <-ended:
		default:
			t.Error("it goes on")
		}
	})
}

// A store that fails to answer for a while ends no stream.
func TestAStreamOutlivesTheStoresTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		require.NoError(t, store.CreateAccount(t.Context(), hosted.Account{ID: "acc_anna", Plan: hosted.Unlimited}))
		secret, k := hosted.NewKey("acc_anna", "", hosted.Live, time.Now())
		require.NoError(t, store.CreateKey(t.Context(), k))
		broken := &brokenStore{Store: store}
		s, err := New(t.Context(), Config{Store: broken})
		require.NoError(t, err)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/events", nil)
		r.Header.Set("X-API-Key", secret)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			s.ServeHTTP(httptest.NewRecorder(), r)
		}()
		synctest.Wait()
		broken.breaks("KeyByHash")
		time.Sleep(3 * heartbeat)
		assert.Equal(t, []string{"KeyByHash"}, broken.made())
		assert.Equal(t, 1, s.hub.count())
		s.Close()
		<-ended
	})
}

func TestHub(t *testing.T) {
	h := newHub()
	mine, ok := h.open("acc_anna", "key_1")
	require.True(t, ok)
	for range maxStreams - 1 {
		_, ok := h.open("acc_anna", "key_2")
		require.True(t, ok)
	}
	_, ok = h.open("acc_anna", "key_1")
	assert.False(t, ok, "as many as one account may have")
	other, ok := h.open("acc_ben", "key_3")
	require.True(t, ok, "another has places of its own")

	for i := range streamBuffer + 1 {
		h.publish("acc_anna", "firing", i)
	}
	require.Equal(t, 1, h.count(), "the streams of slow readers end, so that they come again and miss nothing unknowingly")
	n := 0
	for range mine {
		n++
	}
	assert.Equal(t, streamBuffer, n)

	h.close()
	_, open := <-other
	assert.False(t, open)
	_, ok = h.open("acc_ben", "key_3")
	assert.False(t, ok, "the server stops")
}

// events reads events of a stream until one that has all of texts, and returns
// them.
func (w *world) events(lines *bufio.Scanner, texts ...string) (all []string) {
	w.Helper()
	for lines.Scan() {
		name, ok := strings.CutPrefix(lines.Text(), "event: ")
		if !ok {
			continue
		}
		require.True(w, lines.Scan())
		one := name + " " + strings.TrimPrefix(lines.Text(), "data: ")
		all = append(all, one)
		if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(one, text) }) {
			return all
		}
	}
	w.Fatalf("the stream ended before %q; it had %q", texts, all)
	return nil
}

// A stream reports what happens in its account and mode, and contains no phone or text.
func TestWhatAStreamTells(t *testing.T) {
	w := newWorld(t)
	web := httptest.NewServer(w.server)
	t.Cleanup(web.Close)
	for _, name := range []string{"anna", "ben"} {
		w.furnish(name)
	}
	live, test, ben := w.stream(web, "anna's live key"), w.stream(web, "anna's test key"), w.stream(web, "ben's live key")
	w.hook.answer(200, "your hush link")
	w.sessions.find("anna-bot").NewPhone(sim.PhoneConfig{Number: "919876543210"}).Send("login hush")
	told := strings.Join(w.events(live, "firing ", `"outcome":"replied"`), "\n")
	for _, want := range []string{
		`"state":"accepted"`, `"state":"decided"`, `"state":"done"`, `"session_id":"anna-bot"`, `delivery {`,
		`"status":"delivered"`,
	} {
		assert.Contains(t, told, want)
	}
	assert.NotContains(t, told, "hush")
	assert.NotContains(t, told, "919876543210")

	simulate := `{"phone":"919876543210","message":"login","session_id":"`
	require.Equal(t, 200, w.call("anna", "POST", "/v1/webhooks/simulate", simulate+`sess_test"}`).Code)
	assert.Len(t, w.events(test, "delivery ", `"session_id":"sess_test"`), 1, "nothing of what was live")
	require.Equal(t, 200, w.call("anna", "POST", "/v1/webhooks/simulate", simulate+`anna-bot"}`).Code)
	assert.Len(t, w.events(live, "delivery ", `"status":"simulated"`, `"session_id":"anna-bot"`), 1,
		"nothing of test mode's")
	w.call("ben", "PATCH", "/v1/sessions/ben-bot", `{"name":"Shop"}`)
	assert.Len(t, w.events(ben, "session ", `"id":"ben-bot"`), 1, "nothing of Anna's")
}

// A reader that reads nothing keeps no goroutine of ours.
func TestAStreamEndsWhenItsReaderTakesNothing(t *testing.T) {
	w := newWorld(t)
	w.server.hub.patience = 200 * time.Millisecond
	ended := make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		defer close(ended)
		w.server.ServeHTTP(rw, r)
	}))
	defer web.Close()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", web.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte(
		"GET /v1/events HTTP/1.1\r\nHost: x\r\nX-API-Key: " + w.who["anna's live key"].Get("X-Api-Key") + "\r\n\r\n",
	))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return w.server.hub.count() == 1 }, 5*time.Second, time.Millisecond)
	much := strings.Repeat("x", 1<<20)
	for range streamBuffer {
		w.server.hub.publish("acc_anna", "session", much)
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("it waits for a reader that takes nothing")
	}
	assert.Zero(t, w.server.hub.count())
}
