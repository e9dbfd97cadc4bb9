package dashboard

import (
	"strings"
	"time"

	"github.com/heypingr/pingr/server/api"
)

// A trial is the box in which somebody texts without a phone: the text, and the
// result.
type trial struct {
	sessions             []session
	session, phone, text string
	tried                bool
	problem              *Problem

	trigger *api.Trigger
	match   time.Duration
	hook    *hookTrial // nil: there is no endpoint
	reply   string
}

// A hookTrial is how the endpoint was called.
type hookTrial struct {
	api.Simulated

	url   string
	took  time.Duration
	error string
}

const (
	trialPhone = "+91 98765 43210"
	trialCode  = "X4K9MQ"
)

// newTrial proposes a text that fires.
func newTrial(s setup) trial {
	t := trial{sessions: s.sessions, phone: trialPhone, text: "login " + trialCode}
	if len(s.sessions) > 0 {
		t.session = s.sessions[0].ID
	}
	for _, p := range s.phrases {
		if p.Active {
			t.session, t.text = p.Session, p.Phrase+" "+trialCode
			break
		}
	}
	return t
}

// tryIt answers as the engine would, and sends nothing.
func tryIt(v *visit) error {
	sessions, err := v.sessions()
	if err != nil {
		return err
	}
	t := trial{
		sessions: sessions, session: v.field("session"), phone: v.field("phone"), text: v.field("text"), tried: true,
	}
	err = t.run(v)
	if t.problem = asProblem(err); err != nil && t.problem == nil {
		return err
	}
	if t.problem == nil {
		v.noteTried()
		v.w.Header().Set("Pingr-Tried", "1")
	}
	return v.part(tryBox(v, t))
}

func (t *trial) run(v *visit) error {
	began := time.Now()
	var match api.Matched
	if err := v.api.post("/v1/match", api.Match{Session: t.session, Text: t.text}, &match); err != nil {
		return err
	}
	t.trigger, t.match = match.Fires, time.Since(began)
	if t.trigger == nil {
		return nil
	}
	t.reply = strings.ReplaceAll(t.trigger.Reply, "{{phone}}", digits(t.phone))
	began = time.Now()
	var hook hookTrial
	err := v.api.post("/v1/webhooks/simulate", api.Simulate{Session: t.session, Phone: t.phone, Message: t.text}, &hook)
	if p := asProblem(err); p != nil && p.Code == api.Conflict {
		return nil // no endpoint: the trigger answers by itself
	}
	if err != nil {
		return err
	}
	hook.took = time.Since(began)
	t.hook = &hook
	if hook.DynamicReply != nil {
		t.reply = *hook.DynamicReply
	}
	return hook.explain(v)
}

// explain reads from the delivery log what the simulation does not return.
func (h *hookTrial) explain(v *visit) error {
	var log api.Deliveries
	if err := v.api.get("/v1/webhooks/deliveries?limit=1&event_type=webhook.simulated", &log); err != nil ||
		len(log.Deliveries) == 0 {
		return err
	}
	last := log.Deliveries[0]
	h.url, h.took = last.URL, time.Duration(last.DurationMs)*time.Millisecond
	if last.Error != nil {
		h.error = *last.Error
	}
	return nil
}

// noReply returns why the endpoint's answer is not what would be sent.
func (t trial) noReply(v *visit) string {
	if t.hook == nil {
		return ""
	}
	return v.noReply(t.hook.NoReply)
}

func (t trial) total() time.Duration {
	if t.hook == nil {
		return t.match
	}
	return t.match + t.hook.took
}

func digits(phone string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, phone)
}
