package dashboard_test

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/heypingr/pingr/server"
	"github.com/heypingr/pingr/server/dashboard"
	"github.com/heypingr/pingr/store/memory"
)

// The machine is where it is tomorrow already: whatever takes its clock's day or
// month for UTC's fails on every machine.
func init() { time.Local = time.FixedZone("Kiritimati", 14*60*60) }

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A browser is one that runs no scripts.
type browser struct {
	*testing.T
	*http.Client
	url string
}

// newBrowser starts a server without accounts, and a browser before its set-up link.
func newBrowser(t *testing.T) (b *browser, setup string) {
	t.Helper()
	s, err := server.New(t.Context(), server.Config{Store: memory.New(), SignUpPlan: "starter"})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	token, err := s.SetupToken(t.Context())
	require.NoError(t, err)
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	return anotherBrowser(t, web.URL), "/setup?token=" + token
}

func anotherBrowser(t *testing.T, url string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &browser{t, &http.Client{Jar: jar, Transport: transport}, url}
}

// do makes a request, follows where it is led, and returns where it ended.
func (b *browser) do(method, path string, form url.Values, header ...string) (status int, page, at string) {
	b.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, b.url+path, strings.NewReader(form.Encode()))
	require.NoError(b, err)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := b.Do(r)
	require.NoError(b, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(b, err)
	return resp.StatusCode, string(body), resp.Request.URL.RequestURI()
}

func (b *browser) get(path string) (status int, page, at string) {
	b.Helper()
	return b.do(http.MethodGet, path, nil)
}

var anna = url.Values{"email": {"anna@example.com"}, "password": {"correct horse"}}

func with(form url.Values, name, value string) url.Values {
	out := url.Values{name: {value}}
	for k, v := range form {
		if k != name {
			out[k] = v
		}
	}
	return out
}

// enter makes the first account.
func (b *browser) enter(setup string) {
	b.Helper()
	_, token, _ := strings.Cut(setup, "token=")
	status, _, at := b.do(http.MethodPost, "/setup", with(anna, "token", token))
	require.Equal(b, http.StatusOK, status)
	require.Equal(b, "/overview", at)
}

func TestFromTheSetUpLinkToTheFirstPageWithoutScripts(t *testing.T) {
	b, setup := newBrowser(t)
	status, page, _ := b.get(setup)
	require.Equal(t, http.StatusOK, status)
	assert.Contains(t, page, `name="token"`)
	_, token, _ := strings.Cut(setup, "token=")

	status, page, _ = b.do(http.MethodPost, "/setup", with(with(anna, "token", token), "password", "short"))
	assert.Equal(t, http.StatusUnprocessableEntity, status)
	assert.Contains(t, page, `role="alert"`)
	assert.Contains(t, page, "anna@example.com", "what was typed stays, but for the password")
	assert.NotContains(t, page, "short")

	b.enter(setup)
	_, page, _ = b.get(setup)
	assert.Contains(t, page, "This link was already used", "nobody fills in a form in vain")
	status, page, _ = b.do(http.MethodPost, "/setup", with(anna, "token", token))
	assert.Equal(t, http.StatusUnauthorized, status)
	assert.Contains(t, page, "This link was already used")
}

func TestTheLoginTellsOfTheSetUpLinkUntilThereIsAnAccount(t *testing.T) {
	b, setup := newBrowser(t)
	_, page, at := b.get("/")
	assert.Equal(t, "/login?next=%2Foverview", at)
	assert.Contains(t, page, "There is no account yet.")
	b.enter(setup)
	_, page, _ = b.get("/login")
	assert.NotContains(t, page, "There is no account yet.")
}

func TestEachPageHasATitleOfItsOwn(t *testing.T) {
	b, setup := newBrowser(t)
	b.enter(setup)
	for path, want := range map[string]string{
		"/webhooks":            "Webhooks · Pingr",
		"/webhooks/test":       "Test · Webhooks · Pingr",
		"/webhooks/deliveries": "Delivery History · Webhooks · Pingr",
		"/sessions/nope/link":  "That did not work · Sessions · Pingr",
	} {
		_, page, _ := b.get(path)
		assert.Contains(t, page, "<title>"+want+"</title>", path)
	}
}

func TestAFilterThatFindsNothingDoesNotSayThatNothingWasSent(t *testing.T) {
	b, setup := newBrowser(t)
	b.enter(setup)
	_, page, _ := b.get("/webhooks/deliveries")
	assert.Contains(t, page, "Nothing sent yet")
	_, page, _ = b.get("/webhooks/deliveries?outcome=failed")
	assert.Contains(t, page, "Nothing found")
	assert.NotContains(t, page, "Nothing sent yet")
}

func TestLoggingInLeadsBackToWhereOneWas(t *testing.T) {
	b, setup := newBrowser(t)
	b.enter(setup)
	_, _, at := b.do(http.MethodPost, "/logout", url.Values{})
	assert.Equal(t, "/login", at)
	_, page, at := b.get("/sessions?x=1&y=2")
	assert.Equal(t, "/login?next=%2Fsessions%3Fx%3D1%26y%3D2", at)
	assert.Contains(t, page, `name="next" value="/sessions?x=1&amp;y=2"`)

	status, page, _ := b.do(http.MethodPost, "/login", with(anna, "password", "wrong horse"))
	assert.Equal(t, http.StatusUnauthorized, status)
	assert.Contains(t, page, "The email or password is wrong.")

	for next, want := range map[string]string{
		"/sessions":            "/sessions",
		"//evil.example":       "/overview",
		"https://evil.example": "/overview",
		"/\\evil.example":      "/overview",
		"/\t/evil.example":     "/overview",
		"":                     "/overview",
	} {
		status, _, at = b.do(http.MethodPost, "/login", with(anna, "next", next))
		assert.Equal(t, http.StatusOK, status)
		assert.Equal(t, want, at, "next=%q", next)
	}
}

func TestPartsOfAPageSendWhoIsLoggedOutToTheLogin(t *testing.T) {
	b, _ := newBrowser(t)
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+"/sessions/list", nil)
	require.NoError(t, err)
	r.Header.Set("HX-Request", "true")
	resp, err := b.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	assert.Equal(t, http.StatusNoContent, resp.StatusCode)
	assert.Equal(t, "/login?next=%2Fsessions", resp.Header.Get("HX-Redirect"))
}

func TestOtherSitesChangeNothing(t *testing.T) {
	b, setup := newBrowser(t)
	b.enter(setup)
	for _, path := range []string{
		"/login", "/logout", "/language", "/setup", "/signup", "/sessions", "/sessions/x/name", "/sessions/x/unlink",
		"/sessions/x/reconnect", "/overview/try",
	} {
		for _, header := range [][]string{
			{"Sec-Fetch-Site", "cross-site"},
			{"Sec-Fetch-Site", "same-site"},
			{"Origin", "https://evil.example"},
			{"Origin", "null"},
		} {
			status, _, _ := b.do(http.MethodPost, path, anna, header...)
			assert.Equal(t, http.StatusForbidden, status, "%s %v", path, header)
		}
	}
	_, _, at := b.get("/sessions")
	assert.Equal(t, "/sessions", at, "still logged in")
}

func TestSignUpIsShownWhereItIsAllowed(t *testing.T) {
	b, setup := newBrowser(t)
	b.enter(setup)
	ben := anotherBrowser(t, b.url)
	_, page, _ := ben.get("/login")
	assert.Contains(t, page, `href="/signup"`)
	_, _, at := ben.do(http.MethodPost, "/signup", with(anna, "email", "ben@example.com"))
	assert.Equal(t, "/overview", at)
	status, page, _ := ben.do(http.MethodPost, "/signup", anna)
	assert.Equal(t, http.StatusConflict, status)
	assert.Contains(t, page, "An account with this email already exists.")
}

var asset = regexp.MustCompile(`(?:src|href)="(/static/[^"]+)"`)

// What a browser fetches before it has painted, compressed as it is sent.
func TestFirstPaintIsUnder100KB(t *testing.T) {
	b, setup := newBrowser(t)
	b.enter(setup)
	for _, path := range []string{"/login", "/overview", "/sessions"} {
		_, page, _ := b.get(path)
		size, files := len(page), 0
		for _, found := range asset.FindAllStringSubmatch(page, -1) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+found[1], nil)
			require.NoError(t, err)
			r.Header.Set("Accept-Encoding", "gzip")
			resp, err := b.Do(r)
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, http.StatusOK, resp.StatusCode, found[1])
			assert.Contains(t, resp.Header.Get("Cache-Control"), "immutable")
			_, err = gzip.NewReader(strings.NewReader(string(body)))
			require.NoError(t, err, found[1])
			size, files = size+len(body), files+1
		}
		assert.Positive(t, files)
		assert.Less(t, size, 100_000, path)
		t.Logf("%s: %d bytes with %d files", path, size, files)
	}
}

// Nothing inline and nothing from elsewhere, or the policy would stop it.
func TestPagesKeepTheirContentPolicy(t *testing.T) {
	b, setup := newBrowser(t)
	b.enter(setup)
	for _, path := range []string{"/login", "/setup", "/signup", "/overview", "/sessions", "/sessions/new"} {
		status, page, _ := b.get(path)
		assert.Equal(t, http.StatusOK, status, path)
		assert.NotRegexp(t, `<script(\s[^>]*)?>[^<]`, page, path)
		assert.NotRegexp(t, `<style|\sstyle="|\son[a-z]+="|javascript:`, page, path)
		assert.NotRegexp(t, `src="(https?:)?//|<link[^>]*href="(https?:)?//`, page, path)
	}
}

func TestTheIconOfPagesThatNameNone(t *testing.T) {
	b, _ := newBrowser(t)
	status, icon, _ := b.get("/favicon.ico")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, icon, "<svg")
}

func TestAPathThatIsNoPage(t *testing.T) {
	b, _ := newBrowser(t)
	status, page, _ := b.do(http.MethodGet, "/nowhere", nil, "Accept", "text/html,*/*;q=0.8")
	assert.Equal(t, http.StatusNotFound, status)
	assert.Contains(t, page, "Page not found")
	for _, accept := range []string{"", "application/json"} {
		status, page, _ = b.do(http.MethodGet, "/nowhere", nil, "Accept", accept)
		assert.Equal(t, http.StatusNotFound, status)
		assert.JSONEq(t, `{"detail":{"error":"not_found","message":"There is no such path."}}`, page,
			"programs are answered as ever")
	}
	status, page, _ = b.do(http.MethodGet, "/v1/nowhere", nil, "Accept", "text/html")
	assert.Equal(t, http.StatusNotFound, status)
	assert.Contains(t, page, "not_found")
}

// The product's documentation says where the cooldown is set.
func TestTheCooldownIsUnderItsDocumentedName(t *testing.T) {
	b, setup := newBrowser(t)
	_, _, _ = b.do(http.MethodPost, "/setup", with(anna, "token", strings.TrimPrefix(setup, "/setup?token=")))
	status, page, _ := b.get("/settings")
	require.Equal(t, http.StatusOK, status)
	_, section, found := strings.Cut(page, `<h2 id="settings-cooldown">Cooldown settings</h2>`)
	require.True(t, found)
	section, _, _ = strings.Cut(section, "</section>")
	assert.Contains(t, section, `name="cooldown_seconds"`)
}

func TestChangingThePasswordOnThePage(t *testing.T) {
	b, setup := newBrowser(t)
	_, _, _ = b.do(http.MethodPost, "/setup", with(anna, "token", strings.TrimPrefix(setup, "/setup?token=")))
	other := anotherBrowser(t, b.url)
	_, _, at := other.do(http.MethodPost, "/login", anna)
	require.Equal(t, "/overview", at)

	_, page, _ := b.get("/settings")
	assert.Contains(t, page, `name="current_password"`)
	change := func(current, next string) string {
		_, part, _ := b.do(http.MethodPost, "/settings/password",
			url.Values{"current_password": {current}, "new_password": {next}}, "HX-Request", "true")
		return part
	}
	assert.Contains(t, change("wrong", "battery staple"), "The current password is wrong.")
	assert.Contains(t, change("correct horse", "short"), "New password")
	assert.NotContains(t, change("correct horse", "battery staple"), "correct horse", "no password is in a page")
	_, _, at = b.get("/settings")
	assert.Equal(t, "/settings", at, "whoever changed it stays")
	_, _, at = other.get("/settings")
	assert.Equal(t, "/login?next=%2Fsettings", at, "others do not")
}

func TestChoosingALanguageWithoutScripts(t *testing.T) {
	b, setup := newBrowser(t)
	_, page, _ := b.do(http.MethodGet, setup, nil, "Accept-Language", "pt-BR,pt;q=0.9")
	assert.Contains(t, page, `<html lang="pt-BR" dir="ltr"`)
	assert.Contains(t, page, "Boas-vindas ao Pingr")
	next := regexp.MustCompile(`name="next" value="([^"]+)"`).FindStringSubmatch(page)
	require.NotEmpty(t, next)
	assert.Equal(t, setup, next[1], "the set-up link stays usable")

	_, page, at := b.do(http.MethodPost, "/language", url.Values{"language": {"en"}, "next": {next[1]}}, "Accept-Language",
		"pt-BR")
	assert.Equal(t, setup, at)
	assert.Contains(t, page, `<html lang="en" dir="ltr"`)
	b.enter(setup)
	for next, want := range map[string]string{
		"/sessions?x=1": "/sessions?x=1", "//evil.example": "/overview", "https://evil.example": "/overview",
	} {
		_, page, at = b.do(http.MethodPost, "/language", url.Values{"language": {"pt-BR"}, "next": {next}})
		assert.Equal(t, want, at)
		assert.Contains(t, page, `<html lang="pt-BR"`)
	}
	_, page, _ = b.do(http.MethodPost, "/language", url.Values{"language": {"xx"}, "next": {"/sessions"}})
	assert.Contains(t, page, `<html lang="pt-BR"`, "an unknown language changes nothing")
	assert.Contains(t, page, "Nenhum número conectado ainda")

	_, page, _ = anotherBrowser(t, b.url).do(http.MethodPost, "/login", with(anna, "password", "wrong horse"),
		"Accept-Language", "pt-BR")
	assert.Contains(t, page, "O e-mail ou a senha está errado.")
}

var (
	hidden = regexp.MustCompile(
		`(?s)<(script|style|svg|pre|title)\b.*?</(script|style|svg|pre|title)>|<details class="languages">.*?</details>|<!doctype html>|<!DOCTYPE html>|<code>whsec_[^<]*</code>`,
	)
	spoken   = regexp.MustCompile(`(?:aria-label|placeholder|title|data-copied|data-failed|data-say)="([^"]*)"|>([^<]*)<`)
	inBraces = regexp.MustCompile(`⟦[^⟧]*⟧`)
	letters  = regexp.MustCompile(`\p{L}{3,}`)
)

// In a language in which every text stands in brackets, nothing else is said.
func TestNothingIsSaidOutsideTheStrings(t *testing.T) {
	tag, remove := dashboard.AddPseudo()
	defer remove()
	b, setup := newBrowser(t)
	b.enter(setup)
	data := strings.NewReplacer( // names that are the same in every language
		"anna@example.com", "", "Pingr", "", "unlimited", "", "message.received", "", "session.disconnected", "",
		"session.connected", "",
		"https://shop.example/pingr", "", "Node", "", "Python", "", "login X4K9MQ", "", "PINGR_WEBHOOK_SECRET", "",
	)
	for _, path := range []string{
		"/login", "/setup", "/signup", "/nowhere", "/overview", "/sessions", "/sessions/new", "/sessions/nope/link",
		"/auto-reply",
		"/webhooks", "/webhooks/rotate", "/webhooks/test", "/webhooks/deliveries", "/webhooks/deliveries?outcome=failed",
		"/settings", "/keys", "/keys/new",
	} {
		_, page, _ := b.do(http.MethodGet, path, nil, "Cookie", "pingr_language="+tag, "Accept", "text/html")
		require.Contains(t, page, "⟦", path)
		for _, found := range spoken.FindAllStringSubmatch(hidden.ReplaceAllString(page, "<"), -1) {
			text := data.Replace(inBraces.ReplaceAllString(found[1]+found[2], ""))
			assert.NotRegexp(t, letters, text, "%s says %q", path, found[0])
		}
	}
}

// The secret opens by itself with the first endpoint, stays until somebody hides it, and is
// revealed at any time, also to who set the endpoint elsewhere.
func TestSecretIsRevealed(t *testing.T) {
	b, setup := newBrowser(t)
	b.enter(setup)
	whole := regexp.MustCompile(`<code>(whsec_[A-Za-z0-9+/=]{44})</code>`)
	_, page, _ := b.do(http.MethodGet, "/webhooks", nil)
	assert.NotRegexp(t, whole, page)
	_, page, _ = b.do(http.MethodPost, "/webhooks/secret/reveal", nil)
	found := whole.FindStringSubmatch(page)
	require.NotNil(t, found, "even before there is an endpoint")
	_, page, _ = b.do(http.MethodPost, "/webhooks/secret/hide", nil)
	assert.NotContains(t, page, found[1])

	save := url.Values{"url": {"https://shop.example/pingr"}, "events": {"message.received"}}
	_, page, _ = b.do(http.MethodPost, "/webhooks", save)
	assert.Contains(t, page, found[1], "the first endpoint opens it")
	_, page, _ = b.do(http.MethodGet, "/webhooks", nil)
	assert.Contains(t, page, found[1], "it stays")
	b.do(http.MethodPost, "/webhooks/secret/hide", nil)
	_, page, _ = b.do(http.MethodPost, "/webhooks", save)
	assert.NotContains(t, page, found[1], "a later change does not open it")
}
