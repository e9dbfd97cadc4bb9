package server

import (
	"compress/gzip"
	"html"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The reference shows every route with a request to try, and loads nothing that
// its Content-Security-Policy, default-src 'self', would refuse.
func TestReference(t *testing.T) {
	w := newWorld(t)
	got := w.call("nobody", "GET", "/docs", "")
	require.Equal(t, http.StatusOK, got.Code)
	assert.Equal(t, "text/html; charset=utf-8", got.Header().Get("Content-Type"))
	page := html.UnescapeString(got.Body.String())
	for _, r := range table() {
		_, article, ok := strings.Cut(page, `<article id="`+operationID(r.method, r.path)+`">`)
		require.True(t, ok, "%s is not shown", r.name())
		article, _, _ = strings.Cut(article, "</article>")
		assert.Contains(t, article, r.summary)
		assert.Contains(t, article, r.says)
		path := regexp.QuoteMeta(`"$PINGR_URL` + r.path)
		path = strings.ReplaceAll(path, `\{id\}`, `[A-Za-z0-9_-]+`)
		assert.Regexp(t, `curl[^"]*`+path+`"`, article, r.name())
		assert.Equal(t, r.auth == byKey || r.auth == byBoth, strings.Contains(article, "X-API-Key: $PINGR_API_KEY"), r.name())
	}
	assert.NotRegexp(t, `<script|<style| style=| on[a-z]+=|src=|https?://[^ "]*"[ />]`, got.Body.String(),
		"it loads from itself alone")
	assert.Equal(t, []string{`href="/docs/reference.css"`},
		regexp.MustCompile(`href="/docs[^"]*"`).FindAllString(page, -1))

	small := w.call("nobody", "GET", "/docs", "", "Accept-Encoding", "gzip")
	assert.Less(t, small.Body.Len(), 40<<10)
	plain, err := gzip.NewReader(small.Body)
	require.NoError(t, err)
	whole, err := io.ReadAll(plain)
	require.NoError(t, err)
	assert.Equal(t, got.Body.String(), string(whole))

	css := w.call("nobody", "GET", "/docs/reference.css", "")
	assert.Equal(t, "text/css; charset=utf-8", css.Header().Get("Content-Type"))
	assert.NotContains(t, css.Body.String(), "url(")
	assert.Contains(t, css.Body.String(), "color-scheme: light dark")
	assert.Equal(t, notFound, codeOf(t, w.call("nobody", "GET", "/docs/other", "")))
}
