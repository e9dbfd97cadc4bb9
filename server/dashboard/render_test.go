package dashboard

import (
	"bytes"
	"html"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/server/api"
)

func TestOnlyTheLastAttemptOffersToRedeliver(t *testing.T) {
	d, err := New(Config{})
	require.NoError(t, err)
	v := d.newVisit(httptest.NewRecorder(),
		httptest.NewRequestWithContext(t.Context(), "GET", "/webhooks/deliveries", nil))
	p := deliveryPage{}
	for _, d := range []api.Delivery{
		{ID: "dlv_6", Status: "failed", EventID: "evt_d", Attempt: 1}, // its next attempt is on no page of those that failed
		{ID: "dlv_5", Status: "failed", Redeliverable: true, EventID: "evt_b", Attempt: 2},
		{ID: "dlv_4", Status: "delivered", EventID: "evt_a", Attempt: 2},
		{ID: "dlv_3", Status: "failed", Redeliverable: true, EventID: "evt_b", Attempt: 1},
		{ID: "dlv_2", Status: "failed", EventID: "evt_a", Attempt: 1},
		{ID: "dlv_1", Status: "failed", Redeliverable: true, EventID: "evt_c", Attempt: 1},
	} {
		p.deliveries = append(p.deliveries, delivery{Delivery: d})
	}
	p.supersede()

	var html strings.Builder
	require.NoError(t, deliveriesBody(v, p).Render(t.Context(), &html))

	var offered []string
	buttons := regexp.MustCompile(`/webhooks/deliveries/(\w+)/redeliver`)
	for _, found := range buttons.FindAllStringSubmatch(html.String(), -1) {
		offered = append(offered, found[1])
	}
	assert.Equal(t, []string{"dlv_5", "dlv_1"}, offered)
}

// The history and a tried webhook say why an answer gave no reply, whatever the reason.
func TestWhyThereWasNoReplyIsShown(t *testing.T) {
	d, err := New(Config{})
	require.NoError(t, err)
	v := d.newVisit(httptest.NewRecorder(),
		httptest.NewRequestWithContext(t.Context(), "GET", "/webhooks/deliveries", nil))
	ok := 200
	for _, reason := range pingr.NoReplies() {
		want := html.EscapeString("No reply: " + reason.Description() + ".")
		var row, answer strings.Builder
		require.NoError(
			t,
			deliveryRow(v, delivery{Delivery: api.Delivery{
				Status: "delivered", HTTPStatus: &ok, NoReply: &reason,
			}}).Render(t.Context(), &row),
		)
		assert.Contains(t, row.String(), want)
		require.NoError(
			t,
			hookAnswer(v, hookTrial{Simulated: api.Simulated{Delivered: true, StatusCode: &ok, NoReply: &reason}}).Render(
				t.Context(), &answer,
			),
		)
		assert.Contains(t, answer.String(), want)
	}
}

// A row without an attempt shows why, no number and no time, and can be sent now.
func TestAnEndpointThatWasNotAsked(t *testing.T) {
	d, err := New(Config{})
	require.NoError(t, err)
	v := d.newVisit(httptest.NewRecorder(),
		httptest.NewRequestWithContext(t.Context(), "GET", "/webhooks/deliveries", nil))
	why := "not asked"
	var row strings.Builder
	require.NoError(
		t,
		deliveryRow(v, delivery{Delivery: api.Delivery{
			ID: "dlv_1", Status: "failed", Error: &why, Redeliverable: true,
		}}).Render(t.Context(), &row),
	)
	assert.Contains(t, row.String(), why)
	assert.Contains(t, row.String(), "/webhooks/deliveries/dlv_1/redeliver")
	assert.Equal(t, 2, strings.Count(row.String(), notMade))
	assert.NotContains(t, row.String(), "ms")
}

// The colour of a number's state: red is a number that answers nobody.
func TestColourOfASession(t *testing.T) {
	d, err := New(Config{})
	require.NoError(t, err)
	v := d.newVisit(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/sessions", nil))
	for status, colour := range map[pingr.SessionState]string{
		"connected": "good", "connecting": "warn", "pairing": "warn",
		"disconnected": "bad", "link_expired": "bad", "restricted": "bad", "logged_out": "bad",
	} {
		var html strings.Builder
		require.NoError(
			t,
			sessionList(v, []session{{
				ID: "shop", Name: "Shop", Status: status, Detail: "What to do.",
			}}).Render(t.Context(), &html),
		)
		assert.Contains(t, html.String(), `class="badge badge-`+colour+`"`, status)
		assert.Equal(t, status != "pairing", strings.Contains(html.String(), "What to do."), status)
		if status == "disconnected" || status == "logged_out" {
			assert.Contains(t, html.String(), "session-detail-bad", status)
		}
	}
}

// The page itself shows how to scan or type a code. Only what went wrong is said in
// addition, whatever the server's words for it are.
func TestWhatLinkingSays(t *testing.T) {
	d, err := New(Config{})
	require.NoError(t, err)
	v := d.newVisit(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/sessions/shop/link", nil))
	for reason, shown := range map[int]bool{0: false, 1001: true} {
		var html strings.Builder
		s := session{ID: "shop", Status: "pairing", Reason: reason, Detail: "What to do."}
		require.NoError(t, linkState(v, s, qrCode{}).Render(t.Context(), &html))
		assert.Equal(t, shown, strings.Contains(html.String(), "What to do."), reason)
	}
}

// BenchmarkTwoHundredDeliveries is a page's HTML, made of what the API told.
func BenchmarkTwoHundredDeliveries(b *testing.B) {
	status, failed := 503, "the endpoint did not answer in time"
	next := "2026-11-23T10:00:00.000Z"
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	p := deliveryPage{next: &next}
	for i := range 200 {
		d := api.Delivery{
			ID: "dlv_" + strconv.Itoa(i), Status: "delivered", HTTPStatus: &status, Session: "shop", CreatedAt: api.At(at),
			Event: "message.received", EventID: "evt_01a207da2b", Attempt: 1, DurationMs: 41,
		}
		if i%5 == 0 {
			d.Status, d.Error = "failed", &failed
		}
		p.deliveries = append(p.deliveries, delivery{Delivery: d})
	}
	d, err := New(Config{})
	require.NoError(b, err)
	v := d.newVisit(httptest.NewRecorder(),
		httptest.NewRequestWithContext(b.Context(), "GET", "/webhooks/deliveries", nil))
	v.page = webhooksPage()
	b.ReportAllocs()
	for b.Loop() {
		var html bytes.Buffer
		if err := v.frame(deliveriesBody(v, p)).Render(b.Context(), &html); err != nil {
			b.Fatal(err)
		}
	}
}

// Who links a number is told that it can be banned, and how fast it may send.
func TestTheBanRiskWhereANumberIsLinked(t *testing.T) {
	for rate, says := range map[float64]string{
		0: "any number of messages a second", 0.5: "at most 0.5 messages a second",
	} {
		d, err := New(Config{SendRate: rate})
		require.NoError(t, err)
		v := d.newVisit(httptest.NewRecorder(),
			httptest.NewRequestWithContext(t.Context(), "GET", "/sessions/shop/link", nil))
		var html strings.Builder
		require.NoError(t, linkBody(v, session{ID: "shop", Status: "pairing"}, qrCode{}).Render(t.Context(), &html))
		assert.Contains(t, html.String(), "can ban this number")
		assert.Contains(t, html.String(), says)
	}
}
