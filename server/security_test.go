package server

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/server/api"
	"github.com/heypingr/pingr/session/sim"
)

// codeOf returns the code of a refusal, or an empty string.
func codeOf(t *testing.T, got *httptest.ResponseRecorder) api.Code {
	t.Helper()
	if got.Code < 400 {
		return ""
	}
	var p problem
	require.NoError(t, json.Unmarshal(got.Body.Bytes(), &p), got.Body.String())
	assert.Equal(t, statuses[p.Detail.Code], got.Code)
	assert.Equal(t, "application/json", got.Header().Get("Content-Type"))
	return p.Detail.Code
}

func TestForgedLogins(t *testing.T) {
	w := newWorld(t)
	a, err := w.store.Account(t.Context(), "acc_anna")
	require.NoError(t, err)
	good, _, err := w.server.newLogin(a)
	require.NoError(t, err)
	me := func(token string) int {
		w.who["forger"] = http.Header{"Authorization": {"Bearer " + token}}
		byHeader := w.call("forger", "GET", "/v1/auth/me", "").Code
		w.who["forger"] = http.Header{"Cookie": {loginCookie + "=" + token}}
		assert.Equal(t, byHeader, w.call("forger", "GET", "/v1/auth/me", "").Code, "the cookie says otherwise")
		return byHeader
	}
	require.Equal(t, http.StatusOK, me(good))

	forged := map[string]string{}
	encode := base64.RawURLEncoding.EncodeToString
	parts := strings.Split(good, ".")
	body := map[string]any{}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &body))
	claims := func(change func(jwt.MapClaims)) jwt.MapClaims {
		c := jwt.MapClaims{}
		for name, value := range body {
			c[name] = value
		}
		change(c)
		return c
	}
	sign := func(method jwt.SigningMethod, key any, c jwt.MapClaims) string {
		token, err := jwt.NewWithClaims(method, c).SignedString(key)
		require.NoError(t, err)
		return token
	}
	same := func(jwt.MapClaims) {}
	for _, alg := range []string{
		"none", "None", "NONE", "nOnE", "", "HS256 ", "hs256", "HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA", "dir",
	} {
		for _, signature := range []string{"", parts[2], "AA"} {
			header := encode(fmt.Appendf(nil, `{"alg":%q,"typ":"JWT"}`, alg))
			forged[fmt.Sprintf("alg %q signed %q", alg, signature)] = header + "." + parts[1] + "." + signature
		}
	}
	for _, key := range []string{
		"", "secret", "password", "pingr", "HS256", a.ID, a.Email, a.Webhook.Secret, strings.Repeat("\x00", 32),
		encode(w.server.signing),
	} {
		forged[fmt.Sprintf("signed with %q", key)] = sign(jwt.SigningMethodHS256, []byte(key), claims(same))
	}
	forged["the right key, HS384"] = sign(jwt.SigningMethodHS384, w.server.signing, claims(same))
	forged["the right key, HS512"] = sign(jwt.SigningMethodHS512, w.server.signing, claims(same))
	forged["none, as the library makes it"] = sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(same))
	for name, change := range map[string]func(jwt.MapClaims){
		"without an end":         func(c jwt.MapClaims) { delete(c, "exp") },
		"ended":                  func(c jwt.MapClaims) { c["exp"] = w.clock().Unix() - 1 },
		"an end that is a text":  func(c jwt.MapClaims) { c["exp"] = "tomorrow" },
		"an end of null":         func(c jwt.MapClaims) { c["exp"] = nil },
		"issued tomorrow":        func(c jwt.MapClaims) { c["iat"] = w.clock().Add(24 * time.Hour).Unix() },
		"not valid yet":          func(c jwt.MapClaims) { c["nbf"] = w.clock().Add(time.Hour).Unix() },
		"another issuer":         func(c jwt.MapClaims) { c["iss"] = "elsewhere" },
		"no issuer":              func(c jwt.MapClaims) { delete(c, "iss") },
		"of nobody":              func(c jwt.MapClaims) { delete(c, "sub") },
		"of an unknown account":  func(c jwt.MapClaims) { c["sub"] = "acc_eve" },
		"of an e-mail":           func(c jwt.MapClaims) { c["sub"] = a.Email },
		"without a name":         func(c jwt.MapClaims) { delete(c, "jti") },
		"of an earlier password": func(c jwt.MapClaims) { c["pwd"] = "0123456789abcdef" },
		"of no password":         func(c jwt.MapClaims) { delete(c, "pwd") },
		"of two accounts":        func(c jwt.MapClaims) { c["sub"] = []string{"acc_anna", "acc_ben"} },
	} {
		forged["rightly signed, "+name] = sign(jwt.SigningMethodHS256, w.server.signing, claims(change))
	}
	ben := encode([]byte(strings.Replace(string(raw), "acc_anna", "acc_ben", 1)))
	forged["another's claims"] = parts[0] + "." + ben + "." + parts[2]
	forged["without the signature"] = parts[0] + "." + parts[1]
	forged["an empty signature"] = parts[0] + "." + parts[1] + "."
	forged["a part more"] = good + ".x"
	forged["twice"] = good + good
	forged["cut"] = good[:len(good)-2]
	forged["only dots"] = ".."
	forged["JSON"] = string(raw)
	for i := range 12 {
		b := []byte(good)
		at := len(parts[0]) + 1 + i*5
		b[at] ^= 1
		forged[fmt.Sprint("changed at ", at)] = string(b)
	}
	for _, extra := range []string{
		`"kid":"../../dev/null"`, `"jwk":{"kty":"oct","k":"AA"}`, `"jku":"https://evil.test/"`,
		`"crit":["b64"],"b64":false`,
	} {
		header := encode([]byte(`{"alg":"HS256",` + extra + `}`))
		forged["with "+extra] = header + "." + parts[1] + "." + parts[2]
	}
	assert.GreaterOrEqual(t, len(forged), 80)
	for name, token := range forged {
		assert.Equal(t, http.StatusUnauthorized, me(token), name)
	}

	_, err = w.store.UpdateAccount(t.Context(), a.ID,
		func(a *hosted.Account) error { a.PasswordHash = "another"; return nil })
	require.NoError(t, err)
	assert.Equal(t, http.StatusUnauthorized, me(good), "another password ends all logins")
}

func TestEveryRouteAsksWho(t *testing.T) {
	w := newWorld(t)
	for _, r := range table() {
		if r.auth == public {
			continue
		}
		got := w.call("nobody", r.method, strings.ReplaceAll(r.path, "{id}", "x"), "{}")
		assert.Equal(t, invalidKey, codeOf(t, got), r.method+" "+r.path)
	}
}

// This table decides who may call each route. A route that is not named accepts keys and logins.
func TestWhoMayCallWhat(t *testing.T) {
	special := map[string]auth{
		"POST /v1/send": byKey, "POST /v1/numbers/resolve": byKey,

		"GET /v1/keys": byJWT, "POST /v1/keys": byJWT, "DELETE /v1/keys/{id}": byJWT,
		"POST /v1/webhooks/rotate-secret": byJWT, "POST /v1/webhooks/simulate": byJWT,
		"POST /v1/auth/logout": byJWT, "POST /v1/auth/password": byJWT, "GET /v1/auth/me": byJWT,

		"POST /v1/auth/login": public, "POST /v1/auth/setup": public, "POST /v1/auth/signup": public,
	}
	found := 0
	for _, r := range table() {
		want, known := special[r.name()]
		if !known {
			want = byBoth
		} else {
			found++
		}
		assert.Equal(t, want, r.auth, r.name())
	}
	assert.Len(t, special, found)
}

// A form of the dashboard has the same size limit as a body of the API.
func TestAFormIsBounded(t *testing.T) {
	w := newWorld(t)
	enter := func(pad int) int {
		form := url.Values{"pad": {strings.Repeat("x", pad)}, "email": {"anna@example.com"}, "password": {password}}
		return w.call("nobody", "POST", "/login", form.Encode(), "Content-Type", "application/x-www-form-urlencoded").Code
	}
	assert.Equal(t, http.StatusSeeOther, enter(1000))
	assert.Equal(t, http.StatusUnprocessableEntity, enter(maxBody))
}

// Ben calls every route that takes an id with one of Anna's ids. The answer is not found, and nothing
// changes.
func TestAnotherAccountsIDs(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 200, w.call("anna's test key", "GET", "/v1/settings", "").Code) // its last use is seen below
	anna := w.furnish("anna")
	ids := map[string]string{"sessions": "anna-bot", "triggers": anna.trigger, "webhooks": anna.delivery, "keys": anna.key}
	bodies := map[string]string{
		"PATCH /v1/sessions/{id}":          `{"name":"mine"}`,
		"POST /v1/sessions/{id}/pair-code": `{"phone":"15550100001"}`,
		"PATCH /v1/triggers/{id}":          `{"reply_message":"mine"}`,
		"PUT /v1/triggers/{id}":            `{"reply_message":"mine"}`,
	}
	tried := 0
	for _, r := range table() {
		if !strings.Contains(r.path, "{id}") {
			continue
		}
		id := ids[strings.Split(r.path, "/")[2]]
		require.NotEmpty(t, id, "say here what of Anna's %s takes", r.path)
		path := strings.ReplaceAll(r.path, "{id}", id)
		for _, who := range []string{"ben", "ben's live key", "ben's test key", "anna's test key"} {
			if r.auth == byJWT && who != "ben" {
				continue
			}
			if who == "anna's test key" && strings.HasPrefix(r.path, "/v1/sessions/") {
				continue // it simulates her sessions; see TestTestKeysNameLiveSessions
			}
			got := w.call(who, r.method, path, bodies[r.method+" "+r.path])
			assert.Equal(t, notFound, codeOf(t, got), "%s %s as %s", r.method, r.path, who)
			tried++
		}
	}
	assert.Greater(t, tried, 35)
	assert.Equal(t, anna, w.furnished("anna"))
}

// Ben calls every route that takes a session's id outside its path, with Anna's. The OpenAPI document
// knows which routes these are, and how to call them.
func TestAnotherAccountsSession(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 200, w.call("anna's test key", "GET", "/v1/settings", "").Code) // its last use is seen below
	anna := w.furnish("anna")
	require.Equal(t, 200, w.call("ben", "PUT", "/v1/webhooks", `{"url":"`+w.hook.URL+`"}`).Code)
	told, _ := w.hook.got()
	var tried []string
	for _, r := range table() {
		op := operationOf(w.server.api.OpenAPI(), r)
		path, body := r.path, ""
		for _, p := range op.Parameters {
			if p.Name == "session_id" {
				path += "?session_id=anna-bot"
			}
		}
		if op.RequestBody != nil {
			schema := op.RequestBody.Content["application/json"].Schema
			if schema.Ref != "" {
				schema = w.server.api.OpenAPI().Components.Schemas.SchemaFromRef(schema.Ref)
			}
			if schema.Properties["session_id"] != nil {
				asked := object{}
				for name, s := range schema.Properties {
					require.NotEmpty(t, s.Examples, r.name()+" "+name)
					asked[name] = s.Examples[0]
				}
				asked["session_id"] = "anna-bot"
				text, err := json.Marshal(asked)
				require.NoError(t, err)
				body = string(text)
			}
		}
		if path == r.path && body == "" {
			continue
		}
		tried = append(tried, r.name())
		for _, who := range []string{"ben", "ben's live key", "ben's test key"} {
			if r.auth == byJWT && who != "ben" || r.auth == byKey && who == "ben" {
				continue
			}
			assert.Equal(t, notFound, codeOf(t, w.call(who, r.method, path, body)), "%s as %s", r.name(), who)
		}
	}
	for _, name := range []string{"POST /v1/send", "GET /v1/triggers", "POST /v1/triggers", "POST /v1/webhooks/simulate"} {
		assert.Contains(t, tried, name)
	}
	assert.Equal(t, anna, w.furnished("anna"))
	after, _ := w.hook.got()
	assert.Len(t, after, len(told), "nothing was told")
	assert.Empty(t, w.sessions.find("anna-bot").NewPhone(sim.PhoneConfig{Number: "919876543210"}).Received(),
		"nothing was sent")
}

// Another site, in the browser of a logged-in user, makes every request that changes something. All
// are refused, and nothing changes. Scripts of other sites cannot read the requests that only show
// something.
func TestAcrossOrigins(t *testing.T) {
	w := newWorld(t)
	anna := w.furnish("anna")
	settings := w.call("anna", "GET", "/v1/settings", "").Body.String() + w.call("anna", "GET", "/v1/webhooks",
		"").Body.String()
	ids := map[string]string{"sessions": "anna-bot", "triggers": anna.trigger, "webhooks": anna.delivery, "keys": anna.key}
	cookie := w.who["anna's browser"].Get("Cookie")
	sites := map[string]http.Header{
		"as new browsers say it":       {"Sec-Fetch-Site": {"cross-site"}},
		"a sister of our domain":       {"Sec-Fetch-Site": {"same-site"}},
		"as old browsers say it":       {"Origin": {"https://evil.example"}},
		"from a file, or a frame":      {"Origin": {"null"}},
		"a host that begins like ours": {"Origin": {"http://api.example.com.evil.example"}},
		"another port of ours":         {"Origin": {"http://api.example.com:8081"}},
	}
	refused := 0
	for name, head := range sites {
		head.Set("Cookie", cookie)
		w.who[name] = head
		for _, r := range table() {
			path := strings.ReplaceAll(r.path, "{id}", ids[strings.Split(r.path, "/")[2]])
			switch {
			case r.path == "/v1/events":
				continue // a stream; see TestEvents
			case r.method == http.MethodGet:
				got := w.call(name, r.method, path, "")
				assert.Empty(t, got.Header().Get("Access-Control-Allow-Origin"), r.name())
				assert.Equal(t, "DENY", got.Header().Get("X-Frame-Options"), r.name())
			case r.auth == byKey:
				assert.Equal(t, invalidKey, codeOf(t, w.call(name, r.method, path, "{}")), "a cookie is no key")
			case r.auth == public:
				body := `{"email":"anna@example.com","password":"` + password + `","token":"x"}`
				if r.path != "/v1/auth/setup" {
					body = `{"email":"anna@example.com","password":"` + password + `"}`
				}
				assert.Equal(t, forbidden, codeOf(t, w.call(name, r.method, path, body)), "%s: %s", r.name(), name)
				refused++
			default:
				assert.Equal(t, forbidden, codeOf(t, w.call(name, r.method, path, "{}")), "%s: %s", r.name(), name)
				refused++
			}
			got := w.call(name, http.MethodOptions, path, "", "Access-Control-Request-Method", r.method)
			assert.Equal(t, methodNotAllowed, codeOf(t, got), "a browser asks first, and is told no")
		}
	}
	assert.GreaterOrEqual(t, refused, 40)
	assert.Equal(t, anna, w.furnished("anna"))
	assert.Equal(t, settings,
		w.call("anna", "GET", "/v1/settings", "").Body.String()+w.call("anna", "GET", "/v1/webhooks", "").Body.String())
	assert.Equal(t, 200, w.call("anna's browser", "PATCH", "/v1/sessions/anna-bot", `{"name":"Shop"}`).Code,
		"her own page may")
}

// furniture is one of everything that has an id, and the answers that show it.
type furniture struct{ trigger, delivery, key, answers string }

func (w *world) furnish(name string) furniture {
	w.Helper()
	require.Equal(w, 200, w.call(name, "PUT", "/v1/webhooks", `{"url":"`+w.hook.URL+`"}`).Code)
	require.Equal(w, 201, w.call(name, "POST", "/v1/triggers",
		`{"session_id":"`+name+`-bot","trigger_phrase":"login","reply_message":"x"}`).Code)
	require.Equal(w, 200, w.call(name, "POST", "/v1/webhooks/simulate",
		`{"phone":"919876543210","message":"login","session_id":"`+name+`-bot"}`).Code)
	return w.furnished(name)
}

func (w *world) furnished(name string) furniture {
	w.Helper()
	var f furniture
	for path, id := range map[string]*string{
		"/v1/triggers": &f.trigger, "/v1/webhooks/deliveries": &f.delivery, "/v1/keys": &f.key,
	} {
		got := w.call(name, "GET", path, "").Body.String()
		_, rest, ok := strings.Cut(got, `"id":"`)
		require.True(w, ok, got)
		*id, _, _ = strings.Cut(rest, `"`)
	}
	f.answers = w.call(name, "GET", "/v1/triggers", "").Body.String() + w.call(name, "GET", "/v1/sessions",
		"").Body.String() + w.call(
		name, "GET", "/v1/keys", "",
	).Body.String()
	return f
}

func TestARevokedKeyIsOfNoUseAtOnce(t *testing.T) {
	w := newWorld(t)
	got := w.call("anna", "POST", "/v1/keys", `{"mode":"live"}`)
	var k api.Key
	require.NoError(t, json.Unmarshal(got.Body.Bytes(), &k))
	w.who["the key"] = http.Header{"X-Api-Key": {k.Key}}
	require.Equal(t, 200, w.call("the key", "GET", "/v1/settings", "").Code)
	require.Equal(t, 204, w.call("anna", "DELETE", "/v1/keys/"+k.ID, "").Code)
	assert.Equal(t, invalidKey, codeOf(t, w.call("the key", "GET", "/v1/settings", "")))
}

func TestTenBadLogins(t *testing.T) {
	w := newWorld(t)
	login := func(email, password, address string) *httptest.ResponseRecorder {
		return w.call("nobody", "POST", "/v1/auth/login", `{"email":"`+email+`","password":"`+password+`"}`,
			"X-Forwarded-For", address)
	}
	// httptest's address is 192.0.2.1, which is no proxy of ours.
	for range 9 {
		require.Equal(t, 401, login("anna@example.com", "wrong", "").Code)
	}
	require.Equal(t, 200, login("anna@example.com", password, "").Code, "a good one gives its try back")
	require.Equal(t, 401, login("anna@example.com", "wrong", "").Code)
	got := login("anna@example.com", password, "198.51.100.7")
	assert.Equal(t, rateLimit, codeOf(t, got), "the right password too")
	assert.Equal(t, "900", got.Header().Get("Retry-After"))
	assert.Equal(t, rateLimit, codeOf(t, login("ben@example.com", password, "")), "nor others from that address")
	w.wait(15 * time.Minute)
	assert.Equal(t, 200, login("anna@example.com", password, "").Code)
}

func TestTwentySimulationsAMinute(t *testing.T) {
	w := newWorld(t)
	w.furnish("anna") // one
	simulate := func() *httptest.ResponseRecorder {
		return w.call("anna", "POST", "/v1/webhooks/simulate",
			`{"phone":"919876543210","message":"login","session_id":"anna-bot"}`)
	}
	for range 19 {
		require.Equal(t, 200, simulate().Code)
	}
	got := simulate()
	assert.Equal(t, rateLimit, codeOf(t, got))
	assert.Equal(t, "60", got.Header().Get("Retry-After"))
	w.furnish("ben") // he simulates too
	w.wait(time.Minute)
	assert.Equal(t, 200, simulate().Code)
}

func TestBodies(t *testing.T) {
	w := newWorld(t)
	pad := func(n int) string {
		body := `{"session_id":"anna-bot","trigger_phrase":"x","reply_message":"x"}`
		return body + strings.Repeat(" ", n-len(body))
	}
	assert.Equal(t, 201, w.call("anna", "POST", "/v1/triggers", pad(64<<10)).Code)
	assert.Equal(t, payloadTooLarge, codeOf(t, w.call("anna", "POST", "/v1/triggers", pad(64<<10+1))))
	assert.Equal(t, payloadTooLarge, codeOf(t, w.call("anna", "POST", "/v1/triggers", pad(1<<20))))
	for _, body := range []string{
		"null", "[]", `"x"`, "1", "{", "}", "\x00", "\xff", `{"a":1}{"b":2}`, strings.Repeat("[", 60000),
		`{"session_id":{"$ne":1}}`,
	} {
		assert.Equal(t, missingParam, codeOf(t, w.call("anna", "POST", "/v1/triggers", body)), "%.20q", body)
	}
}

// Every answer has the headers that tell browsers and proxies how to treat it.
func TestEveryAnswersHeaders(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{
		"/v1/keys", "/v1/nothing", "/nothing", "/login", "/openapi.json", "/healthz", "/v1//keys",
	} {
		for _, who := range []string{"anna", "nobody"} {
			h := w.call(who, "GET", path, "").Header()
			for name, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
				"Cache-Control":           "no-store",
				"Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
			} {
				assert.Equal(t, want, h.Get(name), "%s of %s for %s", name, path, who)
			}
			assert.NotEmpty(t, h.Get("X-Request-Id"), path)
		}
	}
}

func TestAPanicIsAnswered(t *testing.T) {
	said := &logs{}
	w := newWorld(t, func(c *Config) { c.Log = slog.New(slog.NewJSONHandler(said, nil)) })
	mux := http.NewServeMux()
	mux.HandleFunc("GET /boom", func(http.ResponseWriter, *http.Request) { panic("a secret") })
	got := httptest.NewRecorder()
	w.server.around(mux).ServeHTTP(got, httptest.NewRequestWithContext(t.Context(), "GET", "/boom", nil))
	assert.Equal(t, internal, codeOf(t, got))
	id := got.Header().Get("X-Request-Id")
	assert.Contains(t, got.Body.String(), id)
	assert.NotContains(t, got.Body.String(), "secret")
	assert.Contains(t, said.String(), id)
	assert.NotContains(t, said.String(), "secret")
}

func TestPasswords(t *testing.T) {
	hash, err := HashPassword("correct horse")
	require.NoError(t, err)
	assert.Contains(t, hash, "$argon2id$v=19$m=19456,t=2,p=1$")
	for given, want := range map[string]bool{"correct horse": true, "correct horse ": false, "": false} {
		holds, err := checkPassword(hash, given)
		require.NoError(t, err)
		assert.Equal(t, want, holds, given)
	}
	for _, short := range []string{"", "1234567", strings.Repeat("x", 201)} {
		_, err := HashPassword(short)
		require.ErrorIs(t, err, ErrPassword)
	}
	for _, fits := range []string{"12345678", strings.Repeat("é", 200)} {
		_, err := HashPassword(fits)
		require.NoError(t, err)
	}
	for _, broken := range []string{
		"", "x", "$argon2id$v=19$m=1,t=1,p=1$AA$AA", "$argon2i$v=19$m=19456,t=2,p=1$AA$AA",
		"$argon2id$v=19$m=99999999,t=2,p=1$AA$AA", "$argon2id$v=19$m=19456,t=2,p=1$AA$",
	} {
		_, err := checkPassword(broken, "x")
		require.Error(t, err, broken)
	}
}
