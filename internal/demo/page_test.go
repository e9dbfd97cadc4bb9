package demo

import (
	"context"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func files(t *testing.T, ending string) map[string]string {
	t.Helper()
	names, err := fs.Glob(static, "static/*"+ending)
	require.NoError(t, err)
	require.NotEmpty(t, names)
	texts := map[string]string{}
	for _, name := range names {
		text, err := static.ReadFile(name)
		require.NoError(t, err)
		texts[name] = string(text)
	}
	return texts
}

// The pages work under default-src 'self'.
func TestPagesLoadNothingElse(t *testing.T) {
	for name, text := range files(t, ".html") {
		assert.NotRegexp(t, `(?i)\son\w+\s*=|\sstyle\s*=|<style|javascript:`, text, name)
		for _, script := range regexp.MustCompile(`(?s)<script[^>]*>(.*?)</script>`).FindAllStringSubmatch(text, -1) {
			assert.Empty(t, script[1], "%s: no inline script", name)
		}
		for _, ref := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(text, -1) {
			require.True(t, strings.HasPrefix(ref[1], "/"), "%s: %s", name, ref[1])
			if strings.HasPrefix(ref[1], "/static/") {
				_, err := fs.Stat(static, ref[1][1:])
				assert.NoError(t, err, name)
			}
		}
	}
	for name, text := range files(t, ".css") {
		assert.NotRegexp(t, `url\(|@import`, text, name)
	}
}

// Every id that a script looks up is in its page.
func TestScriptsKnowTheirPages(t *testing.T) {
	for _, pair := range [][2]string{{"page.js", "page.html"}, {"shop.js", "shop.html"}} {
		script, page := files(t, pair[0])["static/"+pair[0]], files(t, pair[1])["static/"+pair[1]]
		for _, id := range regexp.MustCompile(`\$\("([a-z-]+)"\)`).FindAllStringSubmatch(script, -1) {
			assert.Contains(t, page, `id="`+id[1]+`"`, pair[0])
		}
	}
	script := files(t, "page.js")["static/page.js"]
	for _, step := range []Step{
		StepSent, StepReceived, StepStored, StepAsked, StepAnswered, StepDecided, StepReplied, StepShown, StepOpened,
		StepSignedIn,
	} {
		assert.Contains(t, script, `["`+string(step)+`",`, "the timeline has a row for each step")
	}
}

func TestGuard(t *testing.T) {
	h := guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	for host, want := range map[string]int{
		"127.0.0.1:8090":          http.StatusNoContent,
		"localhost:8090":          http.StatusNoContent,
		"[::1]:8090":              http.StatusNoContent,
		"localhost":               http.StatusNoContent,
		"evil.example:8090":       http.StatusForbidden,
		"127.0.0.1.evil.example":  http.StatusForbidden,
		"192.168.1.7:8090":        http.StatusForbidden,
		"localhost.evil.example.": http.StatusForbidden,
		"":                        http.StatusForbidden,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		assert.Equal(t, want, w.Code, host)
	}
}

func TestFeed(t *testing.T) {
	f := newFeed()
	for i := range keep + 10 {
		f.publish("n", i)
	}
	events, err := f.after(t.Context(), 0)
	require.NoError(t, err)
	assert.Len(t, events, keep, "who comes late sees the last ones")
	assert.Equal(t, keep+10, events[keep-1].ID)
	events, err = f.after(t.Context(), keep+8)
	require.NoError(t, err)
	assert.Len(t, events, 2)
	events, err = f.after(t.Context(), 99999)
	require.NoError(t, err)
	assert.Len(t, events, keep, "a reader from before a restart starts over")

	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err = f.after(ctx, keep+10)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
}
