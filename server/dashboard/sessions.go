package dashboard

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/heypingr/pingr/server/api"
)

type (
	session api.Session
	qrCode  api.QR
)

func sessionsPage() page {
	return page{
		path: "/sessions", icon: "phone", name: "sessions",
		routes: map[string]action{
			"GET /sessions":                 showSessions,
			"GET /sessions/list":            listSessions,
			"GET /sessions/new":             func(v *visit) error { return v.part(newSession(v, "", nil)) },
			"POST /sessions":                addSession,
			"GET /sessions/{id}/name":       askName,
			"POST /sessions/{id}/name":      renameSession,
			"GET /sessions/{id}/unlink":     askUnlink,
			"POST /sessions/{id}/unlink":    unlinkSession,
			"POST /sessions/{id}/reconnect": reconnectSession,
			"GET /sessions/{id}/link":       showLink,
			"GET /sessions/{id}/link/code":  showCode,
			"POST /sessions/{id}/link/code": newCode,
			"POST /sessions/{id}/link/pair": pairByCode,
		},
	}
}

func (v *visit) sessions() ([]session, error) {
	var out api.Sessions
	err := v.api.get("/v1/sessions", &out)
	return each(out.Sessions, func(s api.Session) session { return session(s) }), err
}

// session returns the session of the path.
func (v *visit) session() (s session, err error) {
	return s, v.api.get(v.sessionPath(), &s)
}

func (v *visit) sessionPath() string { return "/v1/sessions/" + escapePath(v.r.PathValue("id")) }

// sessionLimit returns the plan's limit; 0 means no limit.
func (v *visit) sessionLimit() int {
	if v.config.Limits == nil {
		return 0
	}
	sessions, _ := v.config.Limits(v.account.Plan)
	return sessions
}

// showSessions is the page; listSessions is the part of it that events refresh.
func showSessions(v *visit) error {
	all, err := v.sessions()
	if err != nil {
		return err
	}
	return v.show(sessionsBody(v, all))
}

func listSessions(v *visit) error {
	all, err := v.sessions()
	if err != nil {
		return err
	}
	return v.part(sessionList(v, all))
}

func addSession(v *visit) error {
	var made session
	name := v.field("name")
	err := v.api.post("/v1/sessions", api.AddSession{Name: name}, &made)
	if p := asProblem(err); p != nil {
		return v.part(newSession(v, name, p))
	}
	if err != nil {
		return err
	}
	v.redirect(made.linkPath())
	return nil
}

func askName(v *visit) error {
	s, err := v.session()
	if err != nil {
		return err
	}
	return v.part(renameDialog(v, s, nil))
}

func renameSession(v *visit) error {
	s := session{ID: v.r.PathValue("id"), Name: v.field("name")}
	err := v.api.patch(v.sessionPath(), api.RenameSession{Name: s.Name}, nil)
	if p := asProblem(err); p != nil {
		return v.part(renameDialog(v, s, p))
	}
	if err != nil {
		return err
	}
	return v.changed(v.T("sessions.renamed"))
}

func askUnlink(v *visit) error {
	s, err := v.session()
	if err != nil {
		return err
	}
	return v.part(unlinkDialog(v, s))
}

func unlinkSession(v *visit) error {
	if err := v.api.remove(v.sessionPath()); err != nil {
		return err
	}
	return v.changed(v.T("sessions.unlinked"))
}

// changed closes the dialog that asked, and has the list fetched again.
func (v *visit) changed(toast string) error {
	v.toast(toast)
	v.w.Header().Set("Pingr-Changed", "1")
	return v.part(done())
}

func reconnectSession(v *visit) error {
	if err := v.api.post(v.sessionPath()+"/reconnect", nil, nil); err != nil {
		return err
	}
	return listSessions(v)
}

// showLink is the page where a number is linked. Opening it begins a round of
// codes if none is running.
func showLink(v *visit) error {
	s, err := v.session()
	if err != nil {
		return err
	}
	v.about = v.T("link.title", s.Name)
	if s.Status == "link_expired" || s.Status == "logged_out" {
		return v.beginLink(func(s session, code qrCode) error { return v.show(linkBody(v, s, code)) })
	}
	code, err := v.code(s)
	if err != nil {
		return err
	}
	return v.show(linkBody(v, s, code))
}

// showCode is the part that shows the progress of linking.
func showCode(v *visit) error {
	s, err := v.session()
	if p := asProblem(err); p != nil && p.Status == http.StatusNotFound { // deleted elsewhere: its code leads nowhere
		v.redirect("/sessions")
		return nil
	}
	if err != nil {
		return err
	}
	code, err := v.code(s)
	if err != nil {
		return err
	}
	return v.part(linkState(v, s, code))
}

// newCode begins a new round after one that nobody scanned.
func newCode(v *visit) error {
	return v.beginLink(func(s session, code qrCode) error { return v.part(linkState(v, s, code)) })
}

func (v *visit) beginLink(show func(session, qrCode) error) error {
	err := v.api.get(v.sessionPath()+"/qr", nil) // begins a round
	if err != nil && asProblem(err) == nil {
		return err
	}
	s, err := v.session()
	if err != nil {
		return err
	}
	code, err := v.code(s)
	if err != nil {
		return err
	}
	return show(s, code)
}

// code returns what to scan now, or "" if there is nothing.
func (v *visit) code(s session) (code qrCode, err error) {
	if s.Status != "pairing" {
		return code, nil
	}
	_, err = v.api.asking("application/json").ask(http.MethodGet, v.sessionPath()+"/qr", nil, &code)
	if asProblem(err) != nil {
		return qrCode{}, nil //nolint:nilerr // not yet, or linked in the meantime
	}
	return code, err
}

func pairByCode(v *visit) error {
	var out api.PairCode
	phone := strings.TrimSpace(v.field("phone"))
	err := v.api.post(v.sessionPath()+"/pair-code", api.AskPairCode{Phone: phone}, &out)
	if p := asProblem(err); p != nil {
		return v.part(pairForm(v, v.r.PathValue("id"), phone, p))
	}
	if err != nil {
		return err
	}
	return v.part(pairCode(v, out.Code))
}

// light returns the colour of a status: good, warn or bad.
func (s session) light() string {
	switch s.Status {
	case "connected":
		return "good"
	case "connecting", "pairing":
		return "warn"
	}
	return "bad"
}

func (s session) path(rest string) string { return "/sessions/" + escapePath(s.ID) + rest }

func (s session) linkPath() string { return s.path("/link") }

// unlinked reports whether the number must be linked (again).
func (s session) unlinked() bool {
	return s.Status == "pairing" || s.Status == "link_expired" || s.Status == "logged_out"
}

// alarming reports whether a number that was linked does not answer.
func (s session) alarming() bool {
	return s.Number != nil && s.Status != "connected" && s.Status != "connecting" && s.Status != "pairing"
}

func (s session) number() string {
	if s.Number == nil {
		return ""
	}
	return *s.Number
}

func (s session) since() time.Time {
	if s.ConnectedAt == nil {
		return time.Time{}
	}
	return s.ConnectedAt.Time
}

// again returns when to look for the next code, for hx-trigger. It uses every
// and not load: a part that morphing replaces with the same trigger does not
// load again.
func (c qrCode) again() string {
	const soon = "every 1500ms"
	if c.Code == "" {
		return soon
	}
	left := min(time.Until(c.ExpiresAt.Time)+300*time.Millisecond, 20*time.Second)
	if left < time.Second {
		return soon
	}
	return "every " + strconv.FormatInt(left.Milliseconds(), 10) + "ms"
}

// sendRate returns the sentence on how many messages a session may send.
func (v *visit) sendRate() string {
	if v.config.SendRate == 0 {
		return v.T("link.rate.none")
	}
	return v.N("link.rate", v.config.SendRate, v.decimals(v.config.SendRate, -1))
}
