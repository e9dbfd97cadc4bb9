package login

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/json"
	"html/template"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/heypingr/pingr"
)

const (
	pollCookie    = "pingr_poll"
	sessionCookie = "pingr_session"
	// onceCookie belongs to the browser that opened a step and may repeat it.
	onceCookie  = "pingr_once"
	sessionLife = 24 * time.Hour
	// maxWebhook is more than an event takes: 65536 characters, of up to 12 bytes
	// when JSON escapes them.
	maxWebhook = 1 << 20
	maxForm    = 4 << 10
)

//go:embed style.css confirm.html gone.html
var shared embed.FS

var pages = template.Must(template.ParseFS(shared, "*.html"))

// A Site is one example: what all flows share, to which each adds its paths by
// Handle and its answers by OnMessage before it serves.
type Site struct {
	Options
	State State
	// Log receives what went wrong, and never a phone, text, code or secret.
	Log func(error)

	mux    *http.ServeMux
	answer func(ctx context.Context, m Message) (string, error)
}

// NewSite makes a site with the paths of every flow. pages holds page.html and
// page.js.
func NewSite(o Options, state State, pages fs.FS) *Site {
	s := &Site{Options: o, State: state, Log: func(error) {}, mux: http.NewServeMux()}
	s.mux.Handle("GET /{$}", s.page(pages))
	s.mux.Handle("GET /style.css", static(shared))
	s.mux.Handle("GET /page.js", static(pages))
	s.Handle("GET /me", s.me)
	s.Handle("POST /logout", s.logout)
	s.mux.Handle("POST /webhook", http.MaxBytesHandler(&pingr.WebhookHandler{
		Secret: o.Secret, Seen: seen{state}, Dispatcher: pingr.DispatcherFunc(s.dispatch),
		Failed: func(_ *http.Request, err error) { s.Log(err) },
	}, maxWebhook))
	return s
}

// Handle adds a path. An error is logged and answered with 500.
func (s *Site) Handle(pattern string, h func(http.ResponseWriter, *http.Request) error) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := h(w, r); err != nil {
			s.Log(err)
			http.Error(w, "something went wrong; try again", http.StatusInternalServerError)
		}
	})
}

// ServeHTTP implements [http.Handler].
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin") // with no-referrer, browsers send Origin: null from our own forms
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src "+
		"'self'; connect-src 'self'; "+
		"form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	if s.https() {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
	if r.Method == http.MethodPost && r.URL.Path != "/webhook" && !s.ours(r) {
		http.Error(w, "this request comes from another site", http.StatusForbidden)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// ours reports whether a POST comes from our own pages. No other page may log a
// browser in or out.
func (s *Site) ours(r *http.Request) bool {
	if origin := r.Header.Values("Origin"); len(origin) > 0 {
		return len(origin) == 1 && origin[0] == s.Origin
	}
	return r.Header.Get("Sec-Fetch-Site") == "same-origin"
}

// page serves the first page.
func (s *Site) page(pages fs.FS) http.Handler {
	page := template.Must(template.ParseFS(pages, "page.html"))
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		err := page.Execute(w, map[string]string{
			"Site": s.Name, "Number": "+" + s.Number, "Link": pingr.LoginLink(s.Number, "login"),
		})
		if err != nil {
			s.Log(err)
		}
	})
}

func static(files fs.FS) http.Handler {
	serve := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		serve.ServeHTTP(w, r)
	})
}

// WriteJSON answers with JSON.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the reader may be gone
	return nil
}

// newToken returns a token of at least 128 random bits.
func newToken() string { return rand.Text() }

func (s *Site) https() bool { return strings.HasPrefix(s.Origin, "https:") }

// cookieName is a cookie's name in browsers. They take one that begins with
// __Host- from this host by https alone, not from its sisters.
func (s *Site) cookieName(name string) string {
	if s.https() {
		return "__Host-" + name
	}
	return name
}

func (s *Site) setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure on https; trying it out needs no certificate
		Name: s.cookieName(name), Value: value, Path: "/", MaxAge: int(life / time.Second),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.https(),
	})
}

// cookie returns a cookie's value. A cookie that comes twice is ignored:
// somebody put one of them there, and nobody knows which.
func (s *Site) cookie(r *http.Request, name string) string {
	found := r.CookiesNamed(s.cookieName(name))
	if len(found) != 1 {
		return ""
	}
	return found[0].Value
}
