package server

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/hosted"
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
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/v1/auth/setup",
			strings.NewReader(body))
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
	assert.Equal(t, "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'", got.Header().Get(
		"Content-Security-Policy",
	),
		"default-src says nothing of the last three")
	assert.Contains(t, got.Body.String(), "This link was already used", "before somebody fills in a form in vain")
}

// An accountReads store counts the reads that a stranger can cause.
type accountReads struct {
	*memory.Store
	n atomic.Int64
}

func (s *accountReads) AnyAccount(ctx context.Context) (bool, error) {
	s.n.Add(1)
	return s.Store.AnyAccount(ctx)
}

func (s *accountReads) Account(ctx context.Context, id string) (hosted.Account, error) {
	s.n.Add(1)
	return s.Store.Account(ctx, id)
}

func (s *accountReads) AccountByEmail(ctx context.Context, email string) (hosted.Account, error) {
	s.n.Add(1)
	return s.Store.AccountByEmail(ctx, email)
}

func (s *accountReads) LoadOrStoreValue(ctx context.Context, name string, make func() []byte) ([]byte, error) {
	s.n.Add(1)
	return s.Store.LoadOrStoreValue(ctx, name, make)
}

func TestStrangersReadNoAccounts(t *testing.T) {
	doors := []struct{ method, path, body, kind string }{
		{"GET", "/login", "", ""},
		{"GET", "/setup?token=guess", "", ""},
		{"GET", "/signup", "", ""},
		{
			"POST", "/v1/auth/setup", `{"token":"guess","email":"eve@example.com","password":"correct horse"}`,
			"application/json",
		},
		{"POST", "/setup", "token=guess&email=eve%40example.com&password=correct+horse", "application/x-www-form-urlencoded"},
	}
	knock := func(s *Server, method, path, body, kind string) int {
		r := httptest.NewRequestWithContext(t.Context(), method, "http://localhost"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		got := httptest.NewRecorder()
		s.ServeHTTP(got, r)
		return got.Code
	}
	store := &accountReads{Store: memory.New()}
	empty, err := New(t.Context(), Config{Store: store})
	require.NoError(t, err)
	defer empty.Close()
	store.n.Store(0)
	for range 50 {
		assert.Equal(t, 401, knock(empty, "POST", "/v1/auth/setup", doors[3].body, doors[3].kind))
	}
	assert.Zero(t, store.n.Load(), "a guessed token is compared before anything is read")
	empty.settingUp.Lock() // as while somebody makes the first account
	assert.Equal(t, 401, knock(empty, "POST", "/v1/auth/setup", doors[3].body, doors[3].kind),
		"and before anything is locked")
	empty.settingUp.Unlock()

	for i := range 2000 {
		a, err := hosted.New(fmt.Sprintf("user%d@example.com", i), "x", "growth", time.Now())
		require.NoError(t, err)
		require.NoError(t, store.CreateAccount(t.Context(), a))
	}
	for range 50 {
		for _, d := range doors {
			knock(empty, d.method, d.path, d.body, d.kind)
		}
	}
	assert.EqualValues(t, 1, store.n.Load(), "asked once, whether there is an account")

	later, err := New(t.Context(), Config{Store: store})
	require.NoError(t, err)
	defer later.Close()
	store.n.Store(0)
	for range 50 {
		for _, d := range doors {
			knock(later, d.method, d.path, d.body, d.kind)
		}
	}
	assert.Zero(t, store.n.Load())
	assert.Equal(
		t, 401,
		knock(later, "POST", "/v1/auth/setup", `{"token":"","email":"eve@example.com","password":"correct horse"}`,
			doors[3].kind),
		"no token is not the empty one",
	)
}
