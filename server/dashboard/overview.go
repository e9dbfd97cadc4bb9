package dashboard

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/a-h/templ"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/server/api"
)

func overviewPage() page {
	return page{
		path: "/overview", icon: "home", name: "overview",
		routes: map[string]action{
			"GET /overview":           showOverview,
			"GET /overview/checklist": showChecklist,
			"GET /overview/alarms":    showAlarms,
			"GET /overview/charts":    showCharts,
			"POST /overview/try":      tryIt,
		},
	}
}

// An overview is the content of the page.
type overview struct {
	setup setup
	trial trial
	stats stats
	usage usage
}

func showOverview(v *visit) error {
	setup, err := v.setup()
	if err != nil {
		return err
	}
	stats, err := v.stats()
	if err != nil {
		return err
	}
	o := overview{setup: setup, trial: newTrial(setup), stats: stats}
	if err := v.api.get("/v1/usage", &o.usage); err != nil {
		return err
	}
	return v.show(overviewBody(v, o))
}

// A setup is how far somebody has come in the first steps.
type setup struct {
	sessions []session
	linked   *session // the first that is linked; nil before that
	phrases  []trigger
	hook     string // the endpoint's URL
	tried    bool
}

// A step is one of the checklist.
type step struct {
	name, href string
	done       bool
}

func (s setup) steps() []step {
	number := "/sessions"
	if s.linked == nil && len(s.sessions) > 0 {
		number = s.sessions[0].linkPath()
	}
	return []step{
		{"number", number, s.linked != nil},
		{"trigger", "/auto-reply", len(s.phrases) > 0},
		{"webhook", "/webhooks", s.hook != ""},
		{"try", "#try", s.tried},
	}
}

// left returns how many steps are still to do.
func (s setup) left() (n int) {
	for _, one := range s.steps() {
		if !one.done {
			n++
		}
	}
	return n
}

// An invitation is how to send a real text. Its link is empty while nobody
// would answer.
type invitation struct{ text, number, link string }

func (s setup) invitation() invitation {
	if s.linked == nil {
		return invitation{}
	}
	for _, p := range s.phrases {
		if p.Active && p.Session == s.linked.ID {
			return invitation{p.Phrase, s.linked.number(), pingr.LoginLink(s.linked.number(), p.Phrase)}
		}
	}
	return invitation{}
}

// again is the event on which the checklist is fetched again; a finished
// checklist stays.
func (s setup) again() string {
	if s.left() == 0 {
		return "pingr:session from:body"
	}
	return "pingr:session from:body, pingr:delivery-soon from:body, pingr:tried from:body, pingr:back from:body"
}

func (v *visit) setup() (s setup, err error) {
	if s.sessions, err = v.sessions(); err != nil {
		return s, err
	}
	if i := slices.IndexFunc(s.sessions, func(one session) bool { return one.Number != nil && !one.unlinked() }); i >= 0 {
		s.linked = &s.sessions[i]
	}
	var triggers api.Triggers
	if err := v.api.get("/v1/triggers", &triggers); err != nil {
		return s, err
	}
	s.phrases = each(triggers.Triggers, func(t api.Trigger) trigger { return trigger(t) })
	var hook api.Webhook
	if err := v.api.get("/v1/webhooks", &hook); err != nil {
		return s, err
	}
	if hook.URL != nil {
		s.hook = *hook.URL
	}
	var log api.Deliveries
	err = v.api.get("/v1/webhooks/deliveries?limit=1", &log)
	if s.tried = log.Count > 0; !s.tried {
		cookie, err := v.r.Cookie(triedCookie) // without an endpoint nothing is logged
		s.tried = err == nil && cookie.Value == v.account.ID
	}
	return s, err
}

func showAlarms(v *visit) error {
	all, err := v.sessions()
	if err != nil {
		return err
	}
	return v.part(alarms(v, all))
}

const triedCookie = "pingr_tried"

func showChecklist(v *visit) error {
	s, err := v.setup()
	if err != nil {
		return err
	}
	return v.part(checklist(v, s))
}

type (
	stats  api.Stats
	counts api.Counts
	usage  api.Usage
)

func (s stats) total() counts { return counts(s.Total.Firings) }

func (c counts) replied() int64 { return c.Dynamic + c.Static }
func (c counts) none() int64    { return c.Cooldown + c.Quota + c.Expired + c.NoPhone + c.Failed }
func (c counts) all() int64     { return c.replied() + c.none() }

// A share is a part of all firings.
type share struct {
	name  string
	count int64
}

// shares returns the outcomes that occurred, in a fixed order.
func (c counts) shares() []share {
	all := []share{
		{"dynamic", c.Dynamic},
		{"static", c.Static},
		{"cooldown", c.Cooldown},
		{"quota", c.Quota},
		{"expired", c.Expired},
		{"no_phone", c.NoPhone},
		{"failed", c.Failed},
	}
	return slices.DeleteFunc(all, func(s share) bool { return s.count == 0 })
}

var ranges = []string{"24h", "7d", "30d", "90d"}

func (v *visit) stats() (s stats, err error) {
	want := v.r.URL.Query().Get("range")
	if !slices.Contains(ranges, want) {
		want = "7d"
	}
	path := "/v1/stats?range=" + want
	if zone, err := v.r.Cookie("pingr_zone"); err == nil {
		if _, err := time.LoadLocation(zone.Value); err == nil {
			path += "&time_zone=" + escapeQuery(zone.Value)
		}
	}
	return s, v.api.get(path, &s)
}

// showCharts is the part that firings refresh: charts, and the month's usage in
// its own place.
func showCharts(v *visit) error {
	s, err := v.stats()
	if err != nil {
		return err
	}
	var u usage
	if err := v.api.get("/v1/usage", &u); err != nil {
		return err
	}
	return v.part(templ.Join(charts(v, s), usageCard(v, u, true)))
}

// A plot is what the script draws: columns of numbers over times in seconds.
type plot struct {
	Zone    string     `json:"zone"`
	Hours   bool       `json:"hours"`
	At      []int64    `json:"at"`
	Columns [][]*int64 `json:"columns"`
}

func (s stats) plot(columns ...func(api.StatsStep) *int64) string {
	p := plot{Zone: s.Zone, Hours: s.Range == "24h", Columns: make([][]*int64, len(columns))}
	for _, step := range s.Steps {
		p.At = append(p.At, step.From.Unix())
		for i, of := range columns {
			p.Columns[i] = append(p.Columns[i], of(step))
		}
	}
	text, _ := json.Marshal(p) // numbers
	return string(text)
}

func (s stats) replies() string {
	return s.plot(
		func(t api.StatsStep) *int64 { return &t.Firings.Dynamic },
		func(t api.StatsStep) *int64 { return &t.Firings.Static },
		func(t api.StatsStep) *int64 { n := counts(t.Firings).none(); return &n },
	)
}

func (s stats) latency() string {
	return s.plot(func(t api.StatsStep) *int64 { return t.P50MS }, func(t api.StatsStep) *int64 { return t.P95MS })
}

// forecast returns the month's total if it goes on as so far. The first hours
// of a month say nothing.
func (u usage) forecast(now time.Time) (n int64, ok bool) {
	begin, err := time.Parse("2006-01", u.Month)
	if err != nil {
		return 0, false
	}
	gone, whole := now.Sub(begin), begin.AddDate(0, 1, 0).Sub(begin)
	if gone < 6*time.Hour || gone > whole {
		return 0, false
	}
	return int64(float64(u.Used) * float64(whole) / float64(gone)), true
}

// noteTried remembers that somebody used Try it, because nothing else does.
func (v *visit) noteTried() {
	http.SetCookie(v.w, &http.Cookie{ //nolint:gosec // says no secret
		Name: triedCookie, Value: v.account.ID, Path: "/overview", MaxAge: 365 * 24 * 3600, HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	})
}

// feedWords holds the feed script's words for a firing: data-STATE and
// data-OUTCOME.
func (v *visit) feedWords() templ.Attributes {
	attributes := templ.Attributes{}
	for _, state := range []string{"accepted", "decided", "unknown", "replied"} {
		attributes["data-"+state] = v.T("feed." + state)
	}
	for _, outcome := range []string{"cooldown", "quota", "expired", "no_phone", "failed"} {
		attributes["data-"+outcome] = v.T("outcome." + outcome)
	}
	return attributes
}
