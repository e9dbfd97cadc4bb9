package dashboard

import (
	"strings"
	"unicode/utf8"

	"github.com/heypingr/pingr/server/api"
)

func triggersPage() page {
	return page{
		path: "/auto-reply", icon: "reply", name: "triggers",
		routes: map[string]action{
			"GET /auto-reply":              showTriggers,
			"GET /auto-reply/new":          newTrigger,
			"POST /auto-reply":             addTrigger,
			"GET /auto-reply/{id}":         editTrigger,
			"POST /auto-reply/{id}":        saveTrigger,
			"POST /auto-reply/{id}/active": switchTrigger,
			"GET /auto-reply/{id}/delete":  askDelete,
			"POST /auto-reply/{id}/delete": deleteTrigger,
			"POST /auto-reply/match":       matchText,
		},
	}
}

type trigger api.Trigger

func (t trigger) path(rest string) string { return "/auto-reply/" + escapePath(t.ID) + rest }

// action returns where the form is sent.
func (t trigger) action() string {
	if t.ID == "" {
		return "/auto-reply"
	}
	return t.path("")
}

// preview returns the reply as its sample reader sees it.
func (t trigger) preview() string {
	return strings.ReplaceAll(t.Reply, "{{phone}}", digits(trialPhone))
}

func (t trigger) length() int { return utf8.RuneCountInString(t.Reply) }

// A triggerList is the content of the page.
type triggerList struct {
	sessions []session
	triggers []trigger
	limit    int // of the plan; 0 means no limit
}

func (l triggerList) full() bool { return l.limit > 0 && len(l.triggers) >= l.limit }

func (l triggerList) of(session string) (out []trigger) {
	for _, t := range l.triggers {
		if t.Session == session {
			out = append(out, t)
		}
	}
	return out
}

func (v *visit) triggers() (l triggerList, err error) {
	if l.sessions, err = v.sessions(); err != nil {
		return l, err
	}
	var out api.Triggers
	err = v.api.get("/v1/triggers", &out)
	l.triggers = each(out.Triggers, func(t api.Trigger) trigger { return trigger(t) })
	if v.config.Limits != nil {
		_, l.limit = v.config.Limits(v.account.Plan)
	}
	return l, err
}

func showTriggers(v *visit) error {
	l, err := v.triggers()
	if err != nil {
		return err
	}
	return v.show(triggersBody(v, l))
}

func newTrigger(v *visit) error {
	l, err := v.triggers()
	if err != nil {
		return err
	}
	if len(l.sessions) == 0 {
		v.redirect("/auto-reply")
		return nil
	}
	t := trigger{
		Session: orElse(v.r.URL.Query().Get("session"), l.sessions[0].ID), Active: true,
		Reply: v.T("triggers.reply.example"),
	}
	v.about = v.T("triggers.add")
	return v.show(triggerBody(v, l.sessions, t, nil))
}

// typed returns the trigger in the form.
func (v *visit) typed() trigger {
	return trigger{
		ID: v.r.PathValue("id"), Session: v.field("session"), Phrase: v.field("phrase"),
		Reply: strings.ReplaceAll(v.field("reply"), "\r\n", "\n"), Active: v.field("active") != "",
	}
}

func addTrigger(v *visit) error {
	t := v.typed()
	asked := api.AddTrigger{Session: t.Session, Phrase: t.Phrase, Reply: t.Reply, Active: &t.Active}
	return v.saved(t, v.api.post("/v1/triggers", asked, nil))
}

func (v *visit) trigger() (t trigger, err error) {
	return t, v.api.get("/v1/triggers/"+escapePath(v.r.PathValue("id")), &t)
}

func editTrigger(v *visit) error {
	t, err := v.trigger()
	if err != nil {
		return err
	}
	sessions, err := v.sessions()
	if err != nil {
		return err
	}
	v.about = v.T("triggers.edit.of", t.Phrase)
	return v.show(triggerBody(v, sessions, t, nil))
}

func saveTrigger(v *visit) error {
	t := v.typed()
	change := api.ChangeTrigger{Phrase: &t.Phrase, Reply: &t.Reply, Active: &t.Active}
	return v.saved(t, v.api.patch("/v1/triggers/"+escapePath(t.ID), change, nil))
}

// saved goes back to the list, or shows the form with what is wrong.
func (v *visit) saved(t trigger, err error) error {
	if err == nil {
		v.redirect("/auto-reply")
		return nil
	}
	p := asProblem(err)
	if p == nil {
		return err
	}
	sessions, err := v.sessions()
	if err != nil {
		return err
	}
	return v.part(triggerForm(v, sessions, t, p))
}

func switchTrigger(v *visit) error {
	t := trigger{ID: v.r.PathValue("id"), Active: v.field("active") != ""}
	if err := v.api.patch("/v1/triggers/"+escapePath(t.ID), api.ChangeTrigger{Active: &t.Active}, &t); err != nil {
		return err
	}
	return v.part(triggerCard(v, t))
}

func askDelete(v *visit) error {
	t, err := v.trigger()
	if err != nil {
		return err
	}
	return v.part(deleteDialog(v, t))
}

func deleteTrigger(v *visit) error {
	if err := v.api.remove("/v1/triggers/" + escapePath(v.r.PathValue("id"))); err != nil {
		return err
	}
	v.redirect("/auto-reply")
	return nil
}

func matchText(v *visit) error {
	var m api.Matched
	err := v.api.post("/v1/match", api.Match{Session: v.field("session"), Text: v.field("text")}, &m)
	if p := asProblem(err); p != nil {
		return v.part(matchProblem(v, p))
	}
	if err != nil {
		return err
	}
	return v.part(matchAnswer(v, m))
}
