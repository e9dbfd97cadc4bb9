package server

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheLoginCookie(t *testing.T) {
	for _, tt := range []struct {
		name        string
		https, tls  bool
		cookie      string
		secure, sts bool
	}{
		{"by http", false, false, "pingr_login", false, false},
		{"behind a proxy that speaks https", true, false, "__Host-pingr_login", true, true},
		{"by TLS to the process itself", false, true, "__Host-pingr_login", true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, func(c *Config) { c.HTTPS = tt.https })
			ask := func(method, path, body, kind string, cookies ...string) *httptest.ResponseRecorder {
				r := httptest.NewRequestWithContext(t.Context(), method, "http://api.example.com"+path, strings.NewReader(body))
				if tt.tls {
					r.TLS = &tls.ConnectionState{}
				}
				r.Header.Set("Content-Type", kind)
				for _, c := range cookies {
					r.Header.Add("Cookie", c)
				}
				got := httptest.NewRecorder()
				w.server.ServeHTTP(got, r)
				return got
			}
			check := func(got *httptest.ResponseRecorder) *http.Cookie {
				t.Helper()
				cookies := got.Result().Cookies()
				require.Len(t, cookies, 1, got.Body)
				c := cookies[0]
				assert.Equal(t, tt.cookie, c.Name)
				assert.Equal(t, tt.secure, c.Secure)
				assert.True(t, c.HttpOnly)
				assert.Equal(t, "/", c.Path)
				assert.Empty(t, c.Domain)
				assert.Equal(t, http.SameSiteLaxMode, c.SameSite)
				return c
			}
			api := check(ask("POST", "/v1/auth/login", `{"email":"anna@example.com","password":"`+password+`"}`,
				"application/json"))
			page := check(ask("POST", "/login", "email=anna%40example.com&password="+strings.ReplaceAll(password, " ", "+"),
				"application/x-www-form-urlencoded"))
			anna, ben := api.Name+"="+api.Value, api.Name+"="+w.logIn("ben")
			assert.Equal(t, 200, ask("GET", "/v1/auth/me", "", "", anna).Code)
			assert.Equal(t, 200, ask("GET", "/overview", "", "", page.Name+"="+page.Value).Code)
			sts := ask("GET", "/login", "", "").Header().Get("Strict-Transport-Security")
			assert.Equal(t, tt.sts, sts == "max-age=31536000", sts)

			for name, planted := range map[string][]string{
				"after hers":            {anna, ben},
				"before hers":           {ben, anna},
				"in one header":         {anna + "; " + ben},
				"in one header, before": {ben + "; " + anna},
				"the same one twice":    {anna, anna},
			} {
				got := ask("GET", "/v1/auth/me", "", "", planted...)
				assert.Equal(t, invalidKey, codeOf(t, got), name)
				assert.Contains(t, got.Body.String(), "two logins", name)
				door := ask("GET", "/login", "", "", planted...).Body.String()
				assert.Contains(t, door, "This browser sends two logins", name)
			}
			if tt.secure {
				plain := "pingr_login=" + w.logIn("ben") // a sub-domain or a plain connection can set it
				assert.Equal(t, 401, ask("GET", "/v1/auth/me", "", "", plain).Code)
				got := ask("GET", "/v1/auth/me", "", "", plain, anna)
				assert.Contains(t, got.Body.String(), "anna@example.com")
				assert.NotContains(t, ask("GET", "/login", "", "", plain, anna).Body.String(), "This browser sends two logins")
			}
			gone := check(ask("POST", "/v1/auth/logout", "", "", anna))
			assert.Negative(t, gone.MaxAge)
			assert.Equal(t, 401, ask("GET", "/v1/auth/me", "", "", anna).Code)
		})
	}
}

func TestTwoKeysAreNone(t *testing.T) {
	w := newWorld(t)
	w.who["both"] = http.Header{"X-Api-Key": {
		w.who["anna's live key"].Get("X-Api-Key"), w.who["ben's live key"].Get("X-Api-Key"),
	}}
	assert.Equal(t, invalidKey, codeOf(t, w.call("both", "GET", "/v1/settings", "")))
}
