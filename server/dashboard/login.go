package dashboard

import (
	"errors"
	"net/http"

	"github.com/a-h/templ"

	"github.com/heypingr/pingr/server/api"
)

// typed returns the body of the route behind a door.
func (at door) typed(password string) any {
	switch at.kind {
	case "setup":
		return api.SetUp{Token: at.token, Email: at.email, Password: password}
	case "signup":
		return api.SignUp{Email: at.email, Password: password}
	}
	return api.LogIn{Email: at.email, Password: password}
}

func (d *Dashboard) showLogin(w http.ResponseWriter, r *http.Request) {
	d.showDoor(w, r, door{kind: "login", next: r.URL.Query().Get("next")})
}

func (d *Dashboard) logIn(w http.ResponseWriter, r *http.Request) {
	d.enter(w, r, "/v1/auth/login", door{kind: "login", next: r.PostFormValue("next")})
}

// showSetup is the page of the one-time link of the first start.
func (d *Dashboard) showSetup(w http.ResponseWriter, r *http.Request) {
	token := r.URL.Query().Get("token")
	if token == "" || d.config.Empty != nil && !d.config.Empty(r.Context()) {
		v := d.newVisit(w, r)
		v.must(http.StatusOK, deadLink(v))
		return
	}
	d.showDoor(w, r, door{kind: "setup", token: token})
}

func (d *Dashboard) setUp(w http.ResponseWriter, r *http.Request) {
	d.enter(w, r, "/v1/auth/setup", door{kind: "setup", token: r.PostFormValue("token")})
}

func (d *Dashboard) showSignUp(w http.ResponseWriter, r *http.Request) {
	if !d.config.SignUp {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	d.showDoor(w, r, door{kind: "signup"})
}

func (d *Dashboard) signUp(w http.ResponseWriter, r *http.Request) {
	d.enter(w, r, "/v1/auth/signup", door{kind: "signup"})
}

func (d *Dashboard) showDoor(w http.ResponseWriter, r *http.Request, at door) {
	v := d.newVisit(w, r)
	v.must(http.StatusOK, doorPage(v, at))
}

// enter passes what was typed to the API, whose cookie is the login.
func (d *Dashboard) enter(w http.ResponseWriter, r *http.Request, path string, at door) {
	v := d.newVisit(w, r)
	at.email = v.field("email")
	header, err := v.api.ask(http.MethodPost, path, at.typed(v.field("password")), nil)
	if err == nil {
		w.Header()["Set-Cookie"] = header.Values("Set-Cookie")
		http.Redirect(w, r, safeNext(at.next), http.StatusSeeOther)
		return
	}
	var problem *Problem
	if !errors.As(err, &problem) || problem.Status >= http.StatusInternalServerError {
		text, status := v.errorText(err)
		problem = complaint(text)
		problem.Status = status
	}
	if at.kind == "setup" && problem.Status == http.StatusUnauthorized {
		v.must(http.StatusUnauthorized, deadLink(v))
		return
	}
	at.problem = problem
	v.must(problem.Status, doorPage(v, at))
}

func (d *Dashboard) logOut(w http.ResponseWriter, r *http.Request) {
	v := d.newVisit(w, r)
	header, err := v.api.ask(http.MethodPost, "/v1/auth/logout", nil, nil)
	if err == nil {
		w.Header()["Set-Cookie"] = header.Values("Set-Cookie")
	}
	http.Redirect(w, r, "/login", http.StatusSeeOther) // who is not logged in is where they want to be
}

// must writes a page that does not depend on the API.
func (v *visit) must(status int, c templ.Component) {
	if err := v.write(status, c); err != nil {
		http.Error(v.w, v.T("error.internal"), http.StatusInternalServerError)
	}
}
