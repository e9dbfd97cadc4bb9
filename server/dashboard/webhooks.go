package dashboard

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/heypingr/pingr"
)

func webhooksPage() page {
	return page{
		path: "/webhooks", icon: "webhook", name: "webhooks",
		routes: map[string]action{
			"GET /webhooks":                            showWebhook,
			"POST /webhooks":                           saveWebhook,
			"GET /webhooks/check":                      checkWebhook,
			"GET /webhooks/rotate":                     func(v *visit) error { return v.part(rotateDialog(v, nil)) },
			"POST /webhooks/rotate":                    rotateSecret,
			"GET /webhooks/test":                       showWebhookTest,
			"POST /webhooks/test":                      testWebhook,
			"GET /webhooks/deliveries":                 showDeliveries,
			"GET /webhooks/deliveries/rows":            listDeliveries,
			"GET /webhooks/deliveries/news":            func(v *visit) error { return v.part(deliveryNews(v, v.outcome(), true)) },
			"POST /webhooks/deliveries/{id}/redeliver": redeliver,
		},
	}
}

// A webhook is GET /v1/webhooks.
type webhook struct {
	URL          *string           `json:"url"`
	Events       []pingr.EventType `json:"events"`
	Secret       string            `json:"secret"`
	OldExpiresAt *string           `json:"old_secret_expires_at"`
}

func (w webhook) url() string {
	if w.URL == nil {
		return ""
	}
	return *w.URL
}

// cutSecret returns enough to tell one secret from another. The API gives a
// login the whole secret; a page that is left open does not show it.
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
		return v.part(webhookForm(v, webhook{}, &Problem{Message: v.T("error.internal")}))
	}
	url := strings.TrimSpace(v.field("url"))
	asked := webhook{URL: &url, Events: slices.DeleteFunc(pingr.EventTypes(), func(e pingr.EventType) bool {
		return !slices.Contains(v.r.PostForm["events"], string(e))
	})}
	if len(asked.Events) == 0 {
		return v.part(webhookForm(v, asked, &Problem{Message: v.T("webhooks.events.none")}))
	}
	var before, saved webhook
	if err := v.api.get("/v1/webhooks", &before); err != nil {
		return err
	}
	err := v.api.put("/v1/webhooks", map[string]any{"url": url, "events": asked.Events}, &saved)
	if p := asProblem(err); p != nil {
		return v.part(webhookForm(v, asked, p))
	}
	if err != nil {
		return err
	}
	v.toast(v.T("webhooks.saved"))
	return v.part(webhookSaved(v, saved, before.url() == ""))
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

// A rotation is POST /v1/webhooks/rotate-secret.
type rotation struct {
	Secret    string `json:"secret"`
	SignsFrom string `json:"signs_from"`
}

func rotateSecret(v *visit) error {
	seconds, err := strconv.Atoi(v.field("overlap"))
	if err != nil {
		seconds = 86400
	}
	var out rotation
	err = v.api.post("/v1/webhooks/rotate-secret", map[string]int{"overlap_seconds": seconds}, &out)
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

	result  *hookResult
	problem *Problem
}

type hookResult struct {
	hookTrial
	Payload json.RawMessage `json:"payload_sent"`
}

func showWebhookTest(v *visit) error {
	s, err := v.setup()
	if err != nil {
		return err
	}
	t := newTrial(s)
	v.about = v.T("webhooks.test")
	return v.show(webhookTestBody(v, hookTest{sessions: s.sessions, session: t.session, phone: t.phone, text: t.text, hook: s.hook}))
}

func testWebhook(v *visit) error {
	sessions, err := v.sessions()
	if err != nil {
		return err
	}
	t := hookTest{sessions: sessions, session: v.field("session"), phone: v.field("phone"), text: v.field("text"), hook: v.field("hook")}
	var result hookResult
	err = v.api.post("/v1/webhooks/simulate", map[string]string{"session_id": t.session, "phone": t.phone, "message": t.text}, &result)
	if err == nil {
		t.result = &result
		err = result.explain(v)
	}
	if t.problem = asProblem(err); err != nil && t.problem == nil {
		return err
	}
	return v.part(hookTestBox(v, t))
}

// A delivery is one of GET /v1/webhooks/deliveries.
type delivery struct {
	ID         string  `json:"id"`
	Status     string  `json:"status"`
	URL        string  `json:"url"`
	HTTPStatus *int    `json:"http_status"`
	Dynamic    bool    `json:"dynamic_reply"`
	Session    string  `json:"session_id"`
	CreatedAt  string  `json:"created_at"`
	Event      string  `json:"event"`
	EventID    string  `json:"event_id"`
	Attempt    int     `json:"attempt"`
	Duration   int64   `json:"duration_ms"`
	Error      *string `json:"error"`
	NoReply    *string `json:"no_reply_reason"`
	Waits      bool    `json:"redeliverable"`
	superseded bool    // a later attempt of the same event is on the page
}

// A deliveryPage is some of the deliveries, and where the next ones begin.
type deliveryPage struct {
	Deliveries []delivery `json:"deliveries"`
	Next       *string    `json:"next_cursor"`
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
	if err := v.api.get(path, &p); err != nil {
		return p, err
	}
	p.supersede()
	return p, nil
}

// supersede marks attempts that were followed by another one, which is then the
// one to redeliver. A page is newest first.
func (p *deliveryPage) supersede() {
	later := make(map[string]bool, len(p.Deliveries))
	for i := range p.Deliveries {
		d := &p.Deliveries[i]
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
		v.toast(p.Message)
	default:
		return err
	}
	v.w.Header().Set("HX-Reswap", "none")
	return v.part(nothing())
}

// next returns where the page's script fetches the following rows.
func (p deliveryPage) next() string {
	return "/webhooks/deliveries/rows?outcome=" + p.outcome + "&before=" + escapeQuery(*p.Next)
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
	if d.Error == nil || d.HTTPStatus != nil && *d.Error == "status "+strconv.Itoa(*d.HTTPStatus) {
		return ""
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
func (d delivery) took() string {
	switch {
	case d.Attempt == 0:
		return notMade
	case d.Duration == 0:
		return "< 1 ms"
	}
	return grouped(d.Duration) + " ms"
}

// bar returns the width of the bar for an attempt's time, out of a hundred:
// eight seconds fill it.
func (d delivery) bar() int { return int(min(max(d.Duration*100/8000, 1), 100)) }
