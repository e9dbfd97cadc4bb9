package dashboard_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/server"
	"github.com/heypingr/pingr/store/sqlite"
)

// BenchmarkPages is what the server does for a page, from request to HTML.
func BenchmarkPages(b *testing.B) {
	store, err := sqlite.Open(b.Context(), sqlite.Config{Dir: b.TempDir()})
	require.NoError(b, err)
	defer func() { require.NoError(b, store.Close()) }()
	s, err := server.New(b.Context(), server.Config{Store: store})
	require.NoError(b, err)
	defer s.Close()
	token, err := s.SetupToken(b.Context())
	require.NoError(b, err)
	form := url.Values{"email": {"anna@example.com"}, "password": {"correct horse"}, "token": {token}}
	r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/setup", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	require.Equal(b, http.StatusSeeOther, w.Code)
	cookie := w.Result().Cookies()[0]
	var me struct {
		ID string `json:"id"`
	}
	w = httptest.NewRecorder()
	r = httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/v1/auth/me", nil)
	r.AddCookie(cookie)
	s.ServeHTTP(w, r)
	require.NoError(b, json.Unmarshal(w.Body.Bytes(), &me))
	for i := range 200 {
		failed := ""
		if i%9 == 0 {
			failed = "connect: refused"
		}
		require.NoError(b, store.LogDelivery(b.Context(), pingr.Delivery{
			ID: "dlv_" + strconv.Itoa(i), Account: me.ID, Session: "shop", EventID: "evt_" + strconv.Itoa(i),
			Event: pingr.EventMessageReceived,
			URL:   "https://shop.example/pingr", Status: "delivered", HTTPStatus: 200, Attempt: 1,
			Duration: 40 * time.Millisecond, At: time.Now(), Error: failed,
		}))
	}
	for _, path := range []string{
		"/v1/auth/me", "/v1/stats?range=7d", "/v1/usage", "/overview", "/overview/charts?range=7d", "/overview/checklist",
		"/sessions", "/webhooks/deliveries/rows?limit=200",
	} {
		b.Run(path, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, path, nil)
				r.AddCookie(cookie)
				w := httptest.NewRecorder()
				s.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatal(w.Code, w.Body.String())
				}
			}
		})
	}
}
