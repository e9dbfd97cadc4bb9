package dashboard

import (
	"bytes"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkTwoHundredDeliveries is a page's HTML, made of what the API told.
func BenchmarkTwoHundredDeliveries(b *testing.B) {
	status, failed := 503, "the endpoint did not answer in time"
	next := "2026-11-23T10:00:00.000Z"
	p := deliveryPage{Next: &next}
	for i := range 200 {
		d := delivery{
			ID: "dlv_" + strconv.Itoa(i), Status: "delivered", HTTPStatus: &status, Session: "shop", CreatedAt: next,
			Event: "message.received", EventID: "evt_01a207da2b", Attempt: 1, Duration: 41,
		}
		if i%5 == 0 {
			d.Status, d.Error = "failed", &failed
		}
		p.Deliveries = append(p.Deliveries, d)
	}
	d, err := New(Config{})
	require.NoError(b, err)
	v := d.newVisit(httptest.NewRecorder(), httptest.NewRequestWithContext(b.Context(), "GET", "/webhooks/deliveries", nil))
	v.page = webhooksPage()
	b.ReportAllocs()
	for b.Loop() {
		var html bytes.Buffer
		if err := v.frame(deliveriesBody(v, p)).Render(b.Context(), &html); err != nil {
			b.Fatal(err)
		}
	}
}
