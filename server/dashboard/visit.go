package dashboard

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"

	"github.com/a-h/templ"

	"github.com/heypingr/pingr/server/api"
)

// A visit is one request, with what its page needs.
type visit struct {
	*Dashboard
	*locale
	w       http.ResponseWriter
	r       *http.Request
	api     client
	page    page
	account api.Account // from GET /v1/auth/me
	theme   string      // "light", "dark" or "", which is the system's
	about   string      // the part of its page that is shown, for the title; "" is all
}

func (d *Dashboard) newVisit(w http.ResponseWriter, r *http.Request) *visit {
	v := &visit{Dashboard: d, locale: localeOf(r), w: w, r: r, api: client{api: d.config.API, r: r}}
	if c, err := r.Cookie("pingr_theme"); err == nil && (c.Value == "light" || c.Value == "dark") {
		v.theme = c.Value
	}
	return v
}

// partial reports whether htmx asks for a part of the page that it shows.
func (v *visit) partial() bool { return v.r.Header.Get("HX-Request") == "true" }

// title returns the document's title, which distinguishes tabs and steps of the
// history.
func (v *visit) title() string {
	title := v.T(v.page.name + ".title")
	if v.about != "" {
		return v.about + " · " + title
	}
	return title
}

// where returns the page that the reader sees, without the server's address.
func (v *visit) where() string {
	if v.partial() || v.r.Method != http.MethodGet {
		return v.page.path
	}
	return v.r.URL.RequestURI()
}

// show writes a whole page: body in the frame of the navigation.
func (v *visit) show(body templ.Component) error {
	return v.write(http.StatusOK, v.frame(body))
}

// part writes a piece of HTML that htmx puts in its place.
func (v *visit) part(body templ.Component) error { return v.write(http.StatusOK, body) }

func (v *visit) write(status int, c templ.Component) error {
	var html bytes.Buffer
	if err := c.Render(v.r.Context(), &html); err != nil {
		return fmt.Errorf("render: %w", err)
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	v.w.WriteHeader(status)
	_, _ = v.w.Write(html.Bytes()) // the reader left
	return nil
}

// redirect sends the reader to a page of ours, also from a part.
func (v *visit) redirect(to string) {
	if v.partial() {
		v.w.Header().Set("HX-Redirect", to)
		v.w.WriteHeader(http.StatusNoContent)
		return
	}
	http.Redirect(v.w, v.r, to, http.StatusSeeOther) //nolint:gosec // its own paths
}

// toast makes the page show a message for some seconds, beside its content.
func (v *visit) toast(text string) { v.w.Header().Set("Pingr-Toast", escapePath(text)) }

// fail shows an error in words: as a page, or as a toast while the page stays.
func (v *visit) fail(err error) {
	text, status := v.errorText(err)
	if v.partial() {
		v.toast(text)
		v.w.Header().Set("Pingr-Failed", "1")
		v.w.Header().Set("HX-Reswap", "none")
		v.w.WriteHeader(status)
		return
	}
	v.about = v.T("error.title")
	_ = v.write(status, v.frame(errorState(v, text)))
}

// errorText returns an error in errorText for people. What is not meant for them is
// logged.
func (v *visit) errorText(err error) (text string, status int) {
	var problem *Problem
	if errors.As(err, &problem) && problem.Status < http.StatusInternalServerError {
		return v.shown(problem), problem.Status
	}
	v.config.Log.Error("page failed", "page", v.page.name, "error", err)
	return v.T("error.internal"), http.StatusInternalServerError
}

// asProblem returns the refusal in an error if the reader can correct it. Forms
// show it beside their fields.
func asProblem(err error) *Problem {
	var problem *Problem
	if errors.As(err, &problem) && problem.Status != http.StatusUnauthorized &&
		problem.Status < http.StatusInternalServerError {
		return problem
	}
	return nil
}

// field returns a value of a posted form.
func (v *visit) field(name string) string { return v.r.PostFormValue(name) }

// each returns the items of a list of the API as the pages know them.
func each[T, P any](list []T, page func(T) P) []P {
	out := make([]P, len(list))
	for i, item := range list {
		out[i] = page(item)
	}
	return out
}

// orElse returns text, or other if text is empty.
func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
