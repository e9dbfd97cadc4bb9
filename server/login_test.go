package server

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/store/memory"
)

// A logout ends one login, and for as long as its token would have lived.
func TestALogoutEndsOneLogin(t *testing.T) {
	w := newWorld(t)
	me := func() int { return w.call("anna", "GET", "/v1/auth/me", "").Code }
	ended := w.who["anna"]
	require.Equal(t, 204, w.call("anna", "POST", "/v1/auth/logout", "").Code)
	w.logIn("anna")
	assert.Equal(t, 200, me(), "another login of hers")
	w.wait(loginTime - time.Second)
	assert.Equal(t, 200, me())
	w.who["anna"] = ended
	assert.Equal(t, 401, me(), "just before it would end by itself")
}

// Nobody learns which addresses have accounts: an unknown address costs a hash, too.
func TestAnUnknownAddressCostsAHash(t *testing.T) {
	w := newWorld(t)
	for _, email := range []string{"anna@example.com", "nobody@example.com"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		require.Equal(t, 401, w.knock(email, "wrong", "203.0.113.9:1").Code)
		runtime.ReadMemStats(&after)
		assert.Greater(t, after.TotalAlloc-before.TotalAlloc, uint64(argonMemory<<10), email)
	}
}

// However many people log in, two passwords are hashed at once and the others wait.
func TestPasswordsWaitForTheirTurn(t *testing.T) {
	s, err := New(t.Context(), Config{Store: memory.New()})
	require.NoError(t, err)
	defer s.Close()
	for range maxPasswordChecks {
		s.passwords <- struct{}{}
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	_, err = s.passwordHolds(gone, s.decoy, password)
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.hashPassword(gone, password)
	require.ErrorIs(t, err, context.Canceled)
	for range maxPasswordChecks {
		<-s.passwords
	}
	_, err = s.passwordHolds(gone, s.decoy, password)
	require.True(t, err == nil || errors.Is(err, context.Canceled))
	assert.Empty(t, s.passwords, "each gives its place back")
}

// A changingStore changes the password just before somebody else does.
type changingStore struct{ Store }

func (c changingStore) UpdateAccount(
	ctx context.Context, id string, change func(*hosted.Account) error,
) (hosted.Account, error) {
	if _, err := c.Store.UpdateAccount(ctx, id,
		func(a *hosted.Account) error { a.PasswordHash = "another"; return nil }); err != nil {
		return hosted.Account{}, err
	}
	return c.Store.UpdateAccount(ctx, id, change)
}

// If somebody takes an account over with a new password, another change under way does not throw them
// out.
func TestTwoPasswordChangesAtOnce(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Store = changingStore{c.Store} })
	got := w.call("anna", "POST", "/v1/auth/password",
		`{"current_password":"`+password+`","new_password":"battery staple"}`)
	assert.Equal(t, conflict, codeOf(t, got))
	a, err := w.store.Account(t.Context(), "acc_anna")
	require.NoError(t, err)
	assert.Equal(t, "another", a.PasswordHash)
}

// However many people use the set-up link at once, one account is created. It gets the last of the
// plans. A second start has the same link.
func TestManyComeByTheSetUpLink(t *testing.T) {
	store := memory.New()
	var servers []*Server
	var tokens []string
	for range 2 {
		s, err := New(t.Context(), Config{Store: store})
		require.NoError(t, err)
		defer s.Close()
		token, err := s.SetupToken(t.Context())
		require.NoError(t, err)
		servers, tokens = append(servers, s), append(tokens, token)
	}
	assert.Equal(t, tokens[0], tokens[1])
	var all sync.WaitGroup
	var mu sync.Mutex
	var made []string
	for _, name := range []string{"anna", "ben", "eve", "mallory"} {
		all.Go(func() {
			body := `{"token":"` + tokens[0] + `","email":"` + name + `@example.com","password":"` + password + `"}`
			got := httptest.NewRecorder()
			servers[0].ServeHTTP(got, httptest.NewRequestWithContext(t.Context(), http.MethodPost,
				"http://localhost/v1/auth/setup", strings.NewReader(body)))
			mu.Lock()
			defer mu.Unlock()
			if got.Code == http.StatusCreated {
				made = append(made, got.Body.String())
			}
		})
	}
	all.Wait()
	require.Len(t, made, 1)
	assert.Contains(t, made[0], `"plan":"`+hosted.Unlimited+`"`)
}
