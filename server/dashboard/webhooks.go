package dashboard

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/server/api"
)

func webhooksPage() page {
	return page{
		path: "/webhooks", icon: "webhook", name: "webhooks",
		routes: map[string]action{
			"GET /webhooks":                 showWebhook,
			"POST /webhooks":                saveWebhook,
			"GET /webhooks/check":           checkWebhook,
			"POST /webhooks/secret/reveal":  func(v *visit) error { return showSecret(v, true) },
			"POST /webhooks/secret/hide":    func(v *visit) error { return showSecret(v, false) },
			"GET /webhooks/rotate":          func(v *visit) error { return v.part(rotateDialog(v, nil)) },
			"POST /webhooks/rotate":         rotateSecret,
			"GET /webhooks/test":            showWebhookTest,
			"POST /webhooks/test":           testWebhook,
			"GET /webhooks/deliveries":      showDeliveries,
			"GET /webhooks/deliveries/rows": listDeliveries,
			"GET /webhooks/deliveries/news": func(v *visit) error {
				return v.part(deliveryNews(v, v.outcome(), true))
			},
			"POST /webhooks/deliveries/{id}/redeliver": redeliver,
		},
	}
}

type webhook api.Webhook

func (w webhook) url() string {
	if w.URL == nil {
		return ""
	}
	return *w.URL
}

// cutSecret returns enough to tell one secret from another, for a page that
// somebody may look at over a shoulder.
func (w webhook) cutSecret() string {
	if len(w.Secret) < 12 {
		return "…"
	}
	return w.Secret[:6] + "…" + w.Secret[len(w.Secret)-4:]
}

func showWebhook(v *visit) error {
	var w webhook
	if err := v.api.get("/v1/webhooks", &w); err != nil {
		return err
	}
	return v.show(webhookBody(v, w))
}

func saveWebhook(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return v.part(webhookForm(v, webhook{}, complaint(v.T("error.internal"))))
	}
	url := strings.TrimSpace(v.field("url"))
	asked := webhook{URL: &url, Events: slices.DeleteFunc(pingr.EventTypes(), func(e pingr.EventType) bool {
		return !slices.Contains(v.r.PostForm["events"], string(e))
	})}
	if len(asked.Events) == 0 {
		return v.part(webhookForm(v, asked, complaint(v.T("webhooks.events.none"))))
	}
	var before, saved webhook
	if err := v.api.get("/v1/webhooks", &before); err != nil {
		return err
	}
	err := v.api.put("/v1/webhooks", api.SetWebhook{URL: url, Events: &asked.Events}, &saved)
	if p := asProblem(err); p != nil {
		return v.part(webhookForm(v, asked, p))
	}
	if err != nil {
		return err
	}
	v.toast(v.T("webhooks.saved"))
	open := v.secretOpen()
	if before.url() == "" && saved.url() != "" {
		open = true
		v.keepSecretOpen(true)
	}
	return v.part(webhookSaved(v, saved, open))
}

// secretCookie lets the secret stay open, once somebody revealed it or saved the
// first endpoint, until he hides it or ends the browser.
const secretCookie = "pingr_secret"

func (v *visit) secretOpen() bool {
	_, err := v.r.Cookie(secretCookie)
	return err == nil
}

func (v *visit) keepSecretOpen(open bool) {
	c := &http.Cookie{ //nolint:gosec // says no secret
		Name: secretCookie, Value: "open", Path: "/webhooks", HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: v.r.TLS != nil,
	}
	if !open {
		c.MaxAge = -1
	}
	http.SetCookie(v.w, c)
}

func showSecret(v *visit, open bool) error {
	var w webhook
	if err := v.api.get("/v1/webhooks", &w); err != nil {
		return err
	}
	v.keepSecretOpen(open)
	return v.part(secretCard(v, w, open, false))
}

// checkWebhook shows what the API would say of the address that is being typed.
func checkWebhook(v *visit) error {
	url := strings.TrimSpace(v.r.URL.Query().Get("url"))
	if url == "" || v.config.CheckURL == nil {
		return v.part(urlVerdict(v, "", nil))
	}
	return v.part(urlVerdict(v, url, v.config.CheckURL(url)))
}

// overlaps are how long an old secret may continue, in seconds.
var overlaps = []string{"86400", "604800", "3600", "0"}

func rotateSecret(v *visit) error {
	seconds, err := strconv.Atoi(v.field("overlap"))
	if err != nil {
		seconds = 86400
	}
	overlap := api.Whole(seconds)
	var out api.Secret
	err = v.api.post("/v1/webhooks/rotate-secret", api.RotateSecret{Overlap: &overlap}, &out)
	if p := asProblem(err); p != nil {
		return v.part(rotateDialog(v, p))
	}
	if err != nil {
		return err
	}
	return v.part(rotatedDialog(v, out, seconds))
}

// A hookTest is a simulated event as it was requested, and its result.
type hookTest struct {
	sessions             []session
	session, phone, text string
	hook                 string

	result  *hookTrial
	problem *Problem
}

func showWebhookTest(v *visit) error {
	s, err := v.setup()
	if err != nil {
		return err
	}
	t := newTrial(s)
	v.about = v.T("webhooks.test")
	return v.show(webhookTestBody(v, hookTest{
		sessions: s.sessions, session: t.session, phone: t.phone, text: t.text, hook: s.hook,
	}))
}

func testWebhook(v *visit) error {
	sessions, err := v.sessions()
	if err != nil {
		return err
	}
	t := hookTest{
		sessions: sessions, session: v.field("session"), phone: v.field("phone"), text: v.field("text"),
		hook: v.field("hook"),
	}
	var result hookTrial
	err = v.api.post("/v1/webhooks/simulate", api.Simulate{Session: t.session, Phone: t.phone, Message: t.text}, &result)
	if err == nil {
		t.result = &result
		err = result.explain(v)
	}
	if t.problem = asProblem(err); err != nil && t.problem == nil {
		return err
	}
	return v.part(hookTestBox(v, t))
}

type delivery struct {
	api.Delivery
	superseded bool // a later attempt of the same event is on the page
}

// A deliveryPage is some of the deliveries, and where the next ones begin.
type deliveryPage struct {
	deliveries []delivery
	next       *string // a cursor; nil on the last page
	outcome    string
}

// deliveryOutcomes are the filters of the history; "" is all.
var deliveryOutcomes = []string{"", "delivered", "failed", "simulated"}

func (v *visit) outcome() string {
	if o := v.r.URL.Query().Get("outcome"); slices.Contains(deliveryOutcomes, o) {
		return o
	}
	return ""
}

func (v *visit) deliveries() (p deliveryPage, err error) {
	p.outcome = v.outcome()
	path := "/v1/webhooks/deliveries?limit=50"
	if p.outcome != "" {
		path += "&event_type=webhook." + p.outcome
	}
	if before := v.r.URL.Query().Get("before"); before != "" {
		path += "&before=" + escapeQuery(before)
	}
	var out api.Deliveries
	if err := v.api.get(path, &out); err != nil {
		return p, err
	}
	p.deliveries, p.next = each(
		out.Deliveries, func(d api.Delivery) delivery { return delivery{Delivery: d} },
	), out.NextCursor
	p.supersede()
	return p, nil
}

// supersede marks attempts that were followed by another one, which is then the
// one to redeliver. A page is newest first.
func (p *deliveryPage) supersede() {
	later := make(map[string]bool, len(p.deliveries))
	for i := range p.deliveries {
		d := &p.deliveries[i]
		d.superseded = later[d.EventID]
		later[d.EventID] = true
	}
}

func showDeliveries(v *visit) error {
	p, err := v.deliveries()
	if err != nil {
		return err
	}
	v.about = v.T("deliveries.history")
	return v.show(deliveriesBody(v, p))
}

func listDeliveries(v *visit) error {
	p, err := v.deliveries()
	if err != nil {
		return err
	}
	if v.r.URL.Query().Has("before") {
		return v.part(deliveryRows(v, p))
	}
	return v.part(deliveryList(v, p))
}

func redeliver(v *visit) error {
	err := v.api.post("/v1/webhooks/deliveries/"+escapePath(v.r.PathValue("id"))+"/redeliver", nil, nil)
	var p *Problem
	switch {
	case err == nil:
		v.toast(v.T("deliveries.again.done"))
	case errors.As(err, &p) && p.Status != 401 && p.Status < 500:
		v.toast(v.shown(p))
	default:
		return err
	}
	v.w.Header().Set("HX-Reswap", "none")
	return v.part(nothing())
}

// next returns where the page's script fetches the following rows.
func (p deliveryPage) more() string {
	return "/webhooks/deliveries/rows?outcome=" + p.outcome + "&before=" + escapeQuery(*p.next)
}

func (d delivery) light() string {
	switch d.Status {
	case "delivered":
		return "good"
	case "failed":
		return "bad"
	}
	if d.Error != nil {
		return "bad"
	}
	return "info"
}

// failure returns what the status does not already say.
func (d delivery) failure() string {
	if d.Error == nil {
		return ""
	}
	if d.HTTPStatus != nil {
		said := strings.TrimPrefix(*d.Error, "status "+strconv.Itoa(*d.HTTPStatus))
		return strings.TrimPrefix(said, ": ")
	}
	return *d.Error
}

// notMade replaces the number and the time of an attempt that was not made.
const notMade = "–"

func (d delivery) tried() string {
	if d.Attempt == 0 {
		return notMade
	}
	return strconv.Itoa(d.Attempt)
}

// took is in whole milliseconds, as in the log.
func (d delivery) took(v *visit) string {
	switch {
	case d.Attempt == 0:
		return notMade
	case d.DurationMs == 0:
		return "< 1 ms"
	}
	return v.grouped(d.DurationMs) + " ms"
}

// bar returns the width of the bar for an attempt's time, out of a hundred:
// eight seconds fill it.
func (d delivery) bar() int { return int(min(max(d.DurationMs*100/8000, 1), 100)) }
