// Package dashboard is what people see of Pingr: pages made on the server, over
// the REST API and with the reader's own login, so that a page can do nothing
// that the API would refuse. It imports nothing of the server. README.md
// explains how a page is made.
package dashboard

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
)

//go:generate go run github.com/a-h/templ/cmd/templ@v0.3.1020 generate -log-level error

// Config configures a Dashboard. API is required.
type Config struct {
	// API answers the requests that the pages make, in process. It gets the
	// reader's cookie, address and origin, and makes its own checks.
	API http.Handler
	// SignUp enables the sign-up page.
	SignUp bool
	// Empty reports whether there is no account yet, so that the login page can
	// mention the set-up link. Nil means that there is one.
	Empty func(context.Context) bool
	// TwoLogins reports whether a request carries two logins, one of which is
	// planted. The API accepts neither. Nil means that no request does.
	TwoLogins func(*http.Request) bool
	// CheckURL returns what is wrong with a webhook endpoint's address, as far as
	// the address shows it. If nil, addresses are not checked while they are
	// typed.
	CheckURL func(string) error
	// Limits are how many sessions and triggers a plan allows; 0 means no limit.
	Limits func(plan string) (sessions, triggers int)
	// SendRate is the most messages that a session sends a second; 0 means no
	// limit.
	SendRate float64
	// Log receives pages that fail. If nil, they are discarded.
	Log *slog.Logger
}

// A Dashboard is an http.Handler for the pages. Create one with [New]. It is
// safe for concurrent use.
type Dashboard struct {
	config Config
	files  *files
	pages  []page
	mux    *http.ServeMux
	// patterns are the patterns of mux.
	patterns []string
}

// A page is an entry of the navigation with its routes. Routes are those of
// http.ServeMux. All of them need a login.
type page struct {
	path, icon string
	// name is the prefix of the page's strings; NAME.title is its title.
	name   string
	routes map[string]action
}

// An action answers a request of a reader who is logged in. An error that it
// returns before it wrote anything is shown in words.
type action func(*visit) error

// allPages returns the navigation, in order.
func allPages() []page {
	return []page{
		overviewPage(),
		sessionsPage(),
		triggersPage(),
		webhooksPage(),
		settingsPage(),
		keysPage(),
	}
}

// New returns the dashboard.
func New(c Config) (*Dashboard, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	files, err := readFiles()
	if err != nil {
		return nil, err
	}
	d := &Dashboard{config: c, files: files, pages: allPages(), mux: http.NewServeMux()}
	d.handle("GET /static/{file}", files.serve)
	// Browsers request it on pages that name no icon, such as /docs.
	d.handle("GET /favicon.ico", http.RedirectHandler(files.url("favicon.svg"), http.StatusFound).ServeHTTP)
	d.handle("GET /{$}", d.home)
	d.handle("GET /login", d.showLogin)
	d.handle("POST /login", d.logIn)
	d.handle("POST /logout", d.logOut)
	d.handle("POST /language", d.chooseLanguage)
	d.handle("GET /setup", d.showSetup)
	d.handle("POST /setup", d.setUp)
	d.handle("GET /signup", d.showSignUp)
	d.handle("POST /signup", d.signUp)
	for _, p := range d.pages {
		for pattern, do := range p.routes {
			d.handle(pattern, func(w http.ResponseWriter, r *http.Request) {
				d.visit(w, r, p, do)
			})
		}
	}
	return d, nil
}

func (d *Dashboard) handle(pattern string, f http.HandlerFunc) {
	d.mux.HandleFunc(pattern, f)
	d.patterns = append(d.patterns, pattern)
}

// Patterns returns the patterns at which to mount the dashboard, in the syntax
// of http.ServeMux.
func (d *Dashboard) Patterns() []string { return d.patterns }

// ServeHTTP implements http.Handler.
func (d *Dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := new(http.CrossOriginProtection).Check(r); err != nil {
		http.Error(w, localeOf(r).T("error.foreign"), http.StatusForbidden)
		return
	}
	d.mux.ServeHTTP(w, r)
}

// visit answers for a page. Without a login it leads to the login page.
func (d *Dashboard) visit(w http.ResponseWriter, r *http.Request, p page, do action) {
	v := d.newVisit(w, r)
	v.page = p
	err := v.api.get("/v1/auth/me", &v.account)
	if err == nil {
		err = do(v)
	}
	var problem *Problem
	switch {
	case err == nil:
	case errors.As(err, &problem) && problem.Status == http.StatusUnauthorized:
		v.redirect("/login?next=" + escapeQuery(v.where()))
	default:
		v.fail(err)
	}
}

// NotFound answers for a path that is not a page.
func (d *Dashboard) NotFound(w http.ResponseWriter, r *http.Request) {
	v := d.newVisit(w, r)
	v.must(http.StatusNotFound, lostPage(v))
}

// home is GET /.
func (d *Dashboard) home(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, d.pages[0].path, http.StatusSeeOther)
}

// safeNext returns where to go after the login: a page of ours, or the first
// page.
func safeNext(next string) string {
	if strings.HasPrefix(next, "/") && !strings.HasPrefix(next, "//") && !strings.ContainsAny(next, "\\\r\n\t") {
		return next
	}
	return "/"
}
