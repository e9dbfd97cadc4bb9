package server

import (
	"encoding/json"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

// However many rows share one millisecond, whatever the client does with the cursor, and even if rows
// keep coming, each row is seen once, newest first.
func TestPagingLosesAndRepeatsNothing(t *testing.T) {
	verbatim := func(s string) string { return s }
	python := func(s string) string {
		at, err := time.Parse(time.RFC3339, s)
		require.NoError(t, err)
		return at.Truncate(time.Microsecond).Format("2006-01-02T15:04:05.000000+00:00")
	}
	javaScript := func(s string) string {
		at, err := time.Parse(time.RFC3339, s)
		require.NoError(t, err)
		return at.Truncate(time.Millisecond).Format("2006-01-02T15:04:05.000Z")
	}
	tests := []struct {
		name   string
		crowd  int // rows a millisecond
		limit  int
		client func(string) string
	}{
		{"one row a millisecond", 1, 7, verbatim},
		{"many rows a millisecond", 5, 7, verbatim},
		{"more rows a millisecond than a page holds", 50, 7, verbatim},
		{"all in one millisecond", 200, 7, verbatim},
		{"by Python's datetime", 5, 7, python},
		{"by Python's datetime, more than a page holds", 50, 7, python},
		{"by JavaScript's Date", 5, 7, javaScript},
		{"by JavaScript's Date, just what a page holds", 7, 7, javaScript},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			log := func(id string, at time.Time) {
				d := pingr.Delivery{ID: id, Account: "acc_anna", Status: "delivered", URL: "https://example.com", At: at}
				require.NoError(t, w.store.LogDelivery(t.Context(), d))
			}
			var want []string
			for i := range 200 {
				id := fmt.Sprintf("dlv_%03d", i)
				log(id, w.clock().Add(time.Duration(i/tt.crowd)*time.Millisecond))
				want = append([]string{id}, want...)
			}
			var got []string
			for before, pages := "", 0; ; pages++ {
				require.Less(t, pages, 250, "it never ends")
				path := fmt.Sprintf("/v1/webhooks/deliveries?limit=%d&before=%s", tt.limit, url.QueryEscape(before))
				var page struct {
					Deliveries []struct{ ID string }
					Next       *string `json:"next_cursor"`
				}
				answer := w.call("anna's live key", "GET", path, "")
				require.Equal(t, 200, answer.Code, answer.Body)
				require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &page))
				require.LessOrEqual(t, len(page.Deliveries), tt.limit)
				for _, d := range page.Deliveries {
					got = append(got, d.ID)
				}
				if page.Next == nil {
					break
				}
				before = tt.client(*page.Next)
				log(fmt.Sprint("new", pages), w.clock()) // begun before all, and logged after
			}
			assert.Equal(t, want, got)
		})
	}
}
