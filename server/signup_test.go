package server

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/server/api"
	"github.com/heypingr/pingr/store/memory"
)

func TestSigningUp(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.SignUpPlan = "starter" })
	signUp := func(email, password string, header ...string) (int, api.Code, string) {
		got := w.call("nobody", "POST", "/v1/auth/signup", `{"email":"`+email+`","password":"`+password+`"}`, header...)
		if got.Code == http.StatusCreated {
			return got.Code, "", got.Body.String()
		}
		return got.Code, codeOf(t, got), got.Body.String()
	}
	status, _, body := signUp(" Eve@Example.com ", "correct horse")
	require.Equal(t, http.StatusCreated, status, body)
	assert.Contains(t, body, `"email":"eve@example.com","plan":"starter"`)
	logged := w.call("nobody", "POST", "/v1/auth/login", `{"email":"eve@example.com","password":"correct horse"}`)
	assert.Equal(t, http.StatusOK, logged.Code)

	for _, tt := range []struct {
		name, email, password string
		header                []string
		want                  api.Code
	}{
		{"an address that has an account", "anna@example.com", "correct horse", nil, conflict},
		{"no address", "eve", "correct horse", nil, missingParam},
		{"a short password", "mallory@example.com", "horse", nil, missingParam},
		{"from another site", "mallory@example.com", "correct horse", []string{"Sec-Fetch-Site", "cross-site"}, forbidden},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, got, _ := signUp(tt.email, tt.password, tt.header...)
			assert.Equal(t, tt.want, got)
		})
	}
	t.Run("five times an hour from an address", func(t *testing.T) {
		w.wait(2 * time.Hour)
		for i := range 5 {
			status, _, body := signUp(fmt.Sprintf("many%d@example.com", i), "correct horse")
			require.Equal(t, http.StatusCreated, status, body)
		}
		_, got, _ := signUp("one-more@example.com", "correct horse")
		assert.Equal(t, rateLimit, got)
		w.wait(time.Hour)
		status, _, body := signUp("one-more@example.com", "correct horse")
		assert.Equal(t, http.StatusCreated, status, body)
	})
}

func TestSignUpPlanMustBeAPlan(t *testing.T) {
	_, err := New(t.Context(), Config{Store: memory.New(), SignUpPlan: "strater"})
	require.ErrorContains(t, err, `"strater"`)
}
