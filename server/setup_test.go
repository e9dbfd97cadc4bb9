package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/store/memory"
)

func TestTheFirstAccountIsMadeOnceByItsLink(t *testing.T) {
	s, err := New(t.Context(), Config{Store: memory.New()})
	require.NoError(t, err)
	defer s.Close()
	token, err := s.SetupToken(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, token)
	again, err := s.SetupToken(t.Context())
	require.NoError(t, err)
	assert.Equal(t, token, again, "a second start prints the same")

	setUp := func(token, email, password string, header ...string) *httptest.ResponseRecorder {
		body := `{"token":"` + token + `","email":"` + email + `","password":"` + password + `"}`
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/v1/auth/setup", strings.NewReader(body))
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		got := httptest.NewRecorder()
		s.ServeHTTP(got, r)
		return got
	}
	assert.Equal(t, invalidKey, codeOf(t, setUp("", "anna@example.com", password)))
	assert.Equal(t, invalidKey, codeOf(t, setUp("guess", "anna@example.com", password)))
	assert.Equal(t, missingParam, codeOf(t, setUp(token, "anna", password)))
	assert.Equal(t, missingParam, codeOf(t, setUp(token, "anna@example.com", "short")))
	assert.Equal(t, forbidden, codeOf(t, setUp(token, "anna@example.com", password, "Sec-Fetch-Site", "cross-site")))
	made := setUp(token, "anna@example.com", password)
	require.Equal(t, http.StatusCreated, made.Code, made.Body.String())
	cookies := made.Result().Cookies()
	require.Len(t, cookies, 1)
	assert.True(t, cookies[0].HttpOnly)
	assert.Equal(t, http.SameSiteLaxMode, cookies[0].SameSite)
	assert.Equal(t, invalidKey, codeOf(t, setUp(token, "eve@example.com", password)), "once")
	token, err = s.SetupToken(t.Context())
	require.NoError(t, err)
	assert.Empty(t, token)
	assert.Equal(t, invalidKey, codeOf(t, setUp("", "eve@example.com", password)))

	got := httptest.NewRecorder()
	s.ServeHTTP(got, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/setup?token=x", nil))
	assert.Equal(t, http.StatusOK, got.Code)
	assert.Contains(t, got.Header().Get("Content-Type"), "text/html")
	assert.Equal(t, "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'", got.Header().Get("Content-Security-Policy"),
		"default-src says nothing of the last three")
	assert.Contains(t, got.Body.String(), "This link was used", "before somebody fills in a form in vain")
}
