package pingr_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

// A replayed request of Pingr's is refused, however the replayer changes its headers. Pingr's own
// further attempts are answered.
func TestWebhookHandlerTakesEachDeliveryOnce(t *testing.T) {
	const fresh, old = "whsec_ZnJlc2g=", "whsec_b2xk"
	at := time.Now()
	attempt := func(n int) string {
		return `{"event":"message.received","id":"evt_1","timestamp":` + strconv.FormatInt(at.UnixMilli()+int64(n), 10) + `}`
	}
	first, second := attempt(1), attempt(2)
	signed := func(body, secret string, more ...string) http.Header {
		header := http.Header{"X-Pingr-Signature": {pingr.Sign([]byte(body), secret)}}
		for i := 0; i < len(more); i += 2 {
			header.Add(more[i], more[i+1])
		}
		return header
	}
	var told atomic.Int64
	seen := &pingr.SeenInMemory{}
	handler := func(secret string, others ...string) *pingr.WebhookHandler {
		return &pingr.WebhookHandler{
			Secret: secret, OtherSecrets: others, Seen: seen,
			Dispatcher: pingr.DispatcherFunc(func(context.Context, pingr.Event) (pingr.Reply, error) {
				told.Add(1)
				return pingr.Reply{Text: "the link"}, nil
			}),
		}
	}
	before, rotating, after := handler(old), handler(fresh, old), handler(fresh)
	for _, step := range []struct {
		name   string
		at     *pingr.WebhookHandler
		header http.Header
		body   string
		status int
	}{
		{"unsigned, it is not remembered", before, signed(first, "whsec_guess"), first, 401},
		{"the first time", before, signed(first, old, "Webhook-Signature", "v1,x", "Webhook-Id", "evt_1"), first, 200},
		{"the same bytes", before, signed(first, old, "Webhook-Signature", "v1,x", "Webhook-Id", "evt_1"), first, 409},
		{"without the other headers", before, signed(first, old), first, 409},
		{
			"another attempt and another id, by the headers", before,
			signed(first, old, "X-Pingr-Attempt", "2", "Webhook-Id", "evt_2"), first, 409,
		},
		{"one signature more", before, signed(first, old, "X-Pingr-Signature", pingr.Sign([]byte(second), old)), first, 409},
		{
			"the signature in capitals", before,
			http.Header{"X-Pingr-Signature": {"sha256=" + strings.ToUpper(pingr.Sign([]byte(first), old)[7:])}},
			first, 401,
		},
		{"a space behind the body", before, signed(first, old), first + " ", 401},
		{"while the secret is rotated", rotating, signed(first, old), first, 409},
		{"under the new secret, which only Pingr has", rotating, signed(first, fresh), first, 409},
		{"Pingr's next attempt", rotating, signed(second, old), second, 200},
		{"the next attempt again, after the rotation", after, signed(second, fresh), second, 409},
	} {
		r := httptest.NewRequest(http.MethodPost, "/pingr", strings.NewReader(step.body))
		r.Header = step.header
		w := httptest.NewRecorder()
		step.at.ServeHTTP(w, r)
		assert.Equal(t, step.status, w.Code, step.name)
		assert.Equal(t, step.status == 200, strings.Contains(w.Body.String(), "the link"), step.name)
	}
	assert.EqualValues(t, 2, told.Load())
}

// If the same delivery comes many times at once, one is answered. The remembered key does not depend
// on the language, and is kept for longer than the delivery verifies.
func TestWebhookHandlerRemembersAtomically(t *testing.T) {
	body := `{"event":"session.connected","timestamp":` + strconv.FormatInt(time.Now().UnixMilli(), 10) + `}`
	kept := &keptKeys{}
	h := &pingr.WebhookHandler{Secret: "whsec_x", Seen: kept, Dispatcher: pingr.DispatcherFunc(func(
		context.Context, pingr.Event,
	) (pingr.Reply, error) {
		return pingr.Reply{}, nil
	})}
	var answered, refused atomic.Int64
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
			r.Header.Set("X-Pingr-Signature", pingr.Sign([]byte(body), "whsec_x"))
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			switch w.Code {
			case http.StatusOK:
				answered.Add(1)
			case http.StatusConflict:
				refused.Add(1)
			}
		})
	}
	all.Wait()
	assert.EqualValues(t, 1, answered.Load())
	assert.EqualValues(t, 49, refused.Load())
	sum := sha256.Sum256([]byte(body))
	assert.Equal(t, hex.EncodeToString(sum[:]), kept.key)
	assert.Equal(t, 15*time.Minute, kept.life)
}

type keptKeys struct {
	pingr.SeenInMemory

	mu   sync.Mutex
	key  string
	life time.Duration
}

func (k *keptKeys) Add(ctx context.Context, key string, life time.Duration) (bool, error) {
	k.mu.Lock()
	k.key, k.life = key, life
	k.mu.Unlock()
	return k.SeenInMemory.Add(ctx, key, life)
}

// An endpoint accepts each delivery once. It answered, and closed the connection before the answer was
// through. It gets the delivery again and answers the same.
func TestAnswerLostWithItsConnectionIsGivenAgain(t *testing.T) {
	const secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	h := &pingr.WebhookHandler{
		Secret: secret, Seen: &pingr.SeenInMemory{},
		Dispatcher: pingr.DispatcherFunc(func(_ context.Context, e pingr.Event) (pingr.Reply, error) {
			return pingr.Reply{Text: "answer to " + e.ID}, nil
		}),
	}
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 2 {
			h.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		h.ServeHTTP(w, r)
	}))
	defer server.Close()
	d := &pingr.HTTPDispatcher{URL: server.URL, Secret: secret}
	for _, id := range []string{"evt_1", "evt_2"} {
		reply, err := d.Dispatch(t.Context(), pingr.Event{Type: pingr.EventMessageReceived, ID: id})
		require.NoError(t, err)
		assert.Equal(t, "answer to "+id, reply.Text)
	}
	assert.EqualValues(t, 3, requests.Load())
}

// A delivery that is remembered for 15 minutes must not be accepted later because of its age.
func TestWebhookHandlerThatRemembersLetsInNothingOld(t *testing.T) {
	for name, at := range map[string]time.Time{
		"old": time.Now().Add(-6 * time.Minute), "ahead": time.Now().Add(6 * time.Minute),
	} {
		body := `{"event":"session.connected","timestamp":` + strconv.FormatInt(at.UnixMilli(), 10) + `}`
		h := &pingr.WebhookHandler{Secret: "whsec_x", Seen: &pingr.SeenInMemory{}}
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("X-Pingr-Signature", pingr.Sign([]byte(body), "whsec_x"))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		assert.Equal(t, http.StatusUnauthorized, w.Code, name)
	}
}

// A body that broke off was not received, so Pingr must not consider it delivered.
func TestWebhookHandlerWhoseBodyBreaksOff(t *testing.T) {
	var failed error
	h := &pingr.WebhookHandler{Secret: "whsec_x", Failed: func(_ *http.Request, err error) { failed = err }}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", iotest.ErrReader(io.ErrUnexpectedEOF)))
	assert.Equal(t, http.StatusBadRequest, w.Code)
	assert.ErrorIs(t, failed, io.ErrUnexpectedEOF)
}

// When the store fails, nobody is answered, and Pingr tries again.
func TestWebhookHandlerWithoutItsMemory(t *testing.T) {
	body := `{"event":"session.connected","timestamp":` + strconv.FormatInt(time.Now().UnixMilli(), 10) + `}`
	var failed error
	h := &pingr.WebhookHandler{
		Secret: "whsec_x", Seen: broken{}, Failed: func(_ *http.Request, err error) { failed = err },
	}
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("X-Pingr-Signature", pingr.Sign([]byte(body), "whsec_x"))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	assert.Equal(t, http.StatusInternalServerError, w.Code)
	assert.ErrorContains(t, failed, "Redis is down")
	assert.NotContains(t, w.Body.String(), "Redis")
}

type broken struct{}

func (broken) Add(context.Context, string, time.Duration) (bool, error) {
	return false, errors.New("Redis is down")
}

func TestSeenInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen pingr.SeenInMemory
		add := func(key string, life time.Duration) bool {
			t.Helper()
			isNew, err := seen.Add(t.Context(), key, life)
			require.NoError(t, err)
			return isNew
		}
		assert.True(t, add("a", time.Minute))
		assert.False(t, add("a", time.Hour))
		assert.True(t, add("b", time.Minute))
		time.Sleep(time.Minute - 1)
		assert.False(t, add("a", time.Minute), "it lives to its end")
		time.Sleep(time.Nanosecond)
		assert.True(t, add("a", time.Minute), "and not longer, whoever asked meanwhile")
		assert.False(t, add("a", time.Minute))
	})
}

// The memory is bounded. When full, it says so rather than forget a delivery that can still be sent
// again.
func TestSeenInMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen pingr.SeenInMemory
		for i := range 100_000 {
			isNew, err := seen.Add(t.Context(), strconv.Itoa(i), time.Minute)
			require.NoError(t, err)
			require.True(t, isNew)
		}
		_, err := seen.Add(t.Context(), "one more", time.Minute)
		require.ErrorContains(t, err, "store of your own")
		isNew, err := seen.Add(t.Context(), "7", time.Minute)
		require.NoError(t, err)
		assert.False(t, isNew, "it still knows what it holds")
		time.Sleep(time.Minute)
		isNew, err = seen.Add(t.Context(), "one more", time.Minute)
		require.NoError(t, err)
		assert.True(t, isNew)
	})
}
