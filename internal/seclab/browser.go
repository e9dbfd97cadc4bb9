package main

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	pollCookie    = "pingr_poll"
	sessionCookie = "pingr_session"
	onceCookie    = "pingr_once"
	hostOnly      = "__Host-"
	firefox       = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
)

// A browser keeps cookies as browsers do. It shows what a script in the page, or a thief, would see of
// them.
type browser struct {
	origin string // of the site
	public string // the address by which the browser knows it
	agent  string
	client *http.Client
	// cookies are by name; the site is the only one that it visits.
	cookies map[string]*http.Cookie
	// tossed are the cookies that another host of the same domain put there. They are sent too, and
	// first.
	tossed []*http.Cookie
}

func newBrowser(origin string) *browser {
	return &browser{
		origin: origin, public: origin, agent: firefox, cookies: map[string]*http.Cookie{},
		client: &http.Client{
			Timeout:       10 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// A page is an answer of the site.
type page struct {
	status int
	header http.Header
	body   string
}

// field is a field of a JSON answer, as text.
func (p page) field(name string) string {
	var all map[string]any
	_ = json.Unmarshal([]byte(p.body), &all) // then the answer has no fields
	text, _ := all[name].(string)
	return text
}

// framable reports whether another site may show the page inside its own.
func (p page) framable() bool {
	return !strings.Contains(p.header.Get("Content-Security-Policy"), "frame-ancestors 'none'") &&
		!strings.EqualFold(p.header.Get("X-Frame-Options"), "DENY")
}

// leaks reports whether the page's address goes to other sites.
func (p page) leaks() bool {
	switch p.header.Get("Referrer-Policy") {
	case "same-origin", "no-referrer":
		return false
	}
	return true
}

// from returns the headers in which a browser reports where a request comes from.
type from map[string]string

// ask makes a request. It adds the site's origin to a path, and uses an address as it is.
func (b *browser) ask(method, address, body string, says from) (page, error) {
	if path := strings.TrimPrefix(address, b.public); strings.HasPrefix(path, "/") {
		address = b.origin + path
	}
	r, err := http.NewRequest(method, address, bytes.NewReader([]byte(body))) //nolint:noctx // the client has a timeout
	if err != nil {
		return page{}, err
	}
	r.Header.Set("User-Agent", b.agent)
	if strings.HasPrefix(body, "{") {
		r.Header.Set("Content-Type", "application/json")
	} else if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range says {
		r.Header.Set(name, value)
	}
	for _, c := range slices.Concat(b.tossed, slices.Collect(maps.Values(b.cookies))) {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value}) //nolint:gosec // as browsers send them
	}
	answer, err := b.client.Do(r)
	if err != nil {
		return page{}, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	for _, c := range answer.Cookies() {
		if c.MaxAge < 0 || c.Value == "" {
			delete(b.cookies, c.Name)
			continue
		}
		b.cookies[c.Name] = c
	}
	return page{answer.StatusCode, answer.Header, string(text)}, err
}

func (b *browser) get(address string) (page, error) { return b.ask(http.MethodGet, address, "", nil) }

// post sends a POST as the site's own page does.
func (b *browser) post(address, body string) (page, error) {
	return b.ask(http.MethodPost, address, body, from{"Origin": b.public, "Sec-Fetch-Site": "same-origin"})
}

// plant puts a cookie into the browser, as another host of the same domain can.
func (b *browser) plant(name, value string) {
	b.cookies[name] = &http.Cookie{Name: name, Value: value} //nolint:gosec // an attacker's
}

// toss is plant for a cookie of the same name that the browser keeps beside its
// own. No browser takes one whose name begins with __Host- from another host.
func (b *browser) toss(name, value string) {
	if !strings.HasPrefix(name, hostOnly) {
		b.tossed = append(b.tossed, &http.Cookie{Name: name, Value: value}) //nolint:gosec // an attacker's
	}
}

// at returns the same browser at another process of the site. From then on the cookies of the two are
// separate.
func (b *browser) at(address string) *browser {
	twin := newBrowser(address)
	twin.public, twin.agent, twin.cookies = b.public, b.agent, maps.Clone(b.cookies)
	return twin
}

// steal gives a browser those of the other's cookies for which which returns true.
func (b *browser) steal(of *browser, which func(*http.Cookie) bool) {
	stolen := maps.Clone(of.cookies)
	maps.DeleteFunc(stolen, func(_ string, c *http.Cookie) bool { return !which(c) })
	maps.Copy(b.cookies, stolen)
}

func everyCookie(*http.Cookie) bool { return true }

// forScripts is what a script in the page can read.
func forScripts(c *http.Cookie) bool { return !c.HttpOnly }

// me returns the account that the browser is logged in as, or an empty string.
func (b *browser) me() (phone string, err error) {
	p, err := b.get("/me")
	if err != nil || p.status != http.StatusOK {
		return "", err
	}
	return p.field("phone"), nil
}
