package dashboard

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/server/api"
)

func settingsPage() page {
	return page{
		path: "/settings", icon: "settings", name: "settings",
		routes: map[string]action{
			"GET /settings":  showSettings,
			"POST /settings": saveSettings,

			"POST /settings/password": changePassword,
		},
	}
}

type settings api.Settings

// hiddenChoices are the values of hidden_numbers, the default first.
var hiddenChoices = []string{
	string(pingr.HiddenRefuse), string(pingr.HiddenAsk), string(pingr.HiddenPass),
}

func showSettings(v *visit) error {
	var s settings
	if err := v.api.get("/v1/settings", &s); err != nil {
		return err
	}
	var month api.Stats
	if err := v.api.get("/v1/stats?range=30d", &month); err != nil {
		return err
	}
	return v.show(settingsBody(v, s, month.Total.Firings.NoPhone))
}

func saveSettings(v *visit) error {
	var s settings // what the form does not show stays
	if err := v.api.get("/v1/settings", &s); err != nil {
		return err
	}
	s.GroupReply, s.Overage = pingr.GroupReply(v.field("group_reply")), v.field("overage")
	s.TimeZone = strings.TrimSpace(v.field("time_zone"))
	var err error
	if s.CooldownSeconds, err = strconv.Atoi(v.field("cooldown_seconds")); err != nil {
		return v.part(settingsForm(v, s, complaint(v.T("settings.whole", v.T("settings.cooldown")))))
	}
	if s.MaxMessageAgeSeconds, err = strconv.Atoi(v.field("max_message_age_seconds")); err != nil {
		return v.part(settingsForm(v, s, complaint(v.T("settings.whole", v.T("settings.age")))))
	}
	if s.DisconnectGraceSeconds, err = strconv.Atoi(v.field("disconnect_grace_seconds")); err != nil {
		return v.part(settingsForm(v, s, complaint(v.T("settings.whole", v.T("settings.grace")))))
	}
	s.HiddenNumbers = pingr.HiddenNumbers(v.field("hidden_numbers"))
	s.NoPhoneReply, s.NumberQuestion = v.optional("no_phone_reply"), v.optional("number_question")
	err = v.api.patch("/v1/settings", s, &s)
	if p := asProblem(err); p != nil {
		return v.part(settingsForm(v, s, p))
	}
	if err != nil {
		return err
	}
	v.toast(v.T("settings.saved"))
	return v.part(settingsForm(v, s, nil))
}

// optional returns a field of a form, or nil if it is blank.
func (v *visit) optional(name string) *string {
	text := v.field(name)
	if strings.TrimSpace(text) == "" {
		return nil
	}
	return &text
}

func orEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// changePassword ends all logins. The reader continues with the new one from
// the API.
func changePassword(v *visit) error {
	asked := api.ChangePassword{Current: v.field("current_password"), New: v.field("new_password")}
	header, err := v.api.ask(http.MethodPost, "/v1/auth/password", asked, nil)
	if p := asProblem(err); p != nil {
		return v.part(passwordForm(v, p))
	}
	if err != nil {
		return err
	}
	v.w.Header()["Set-Cookie"] = header.Values("Set-Cookie")
	v.toast(v.T("settings.password.done"))
	return v.part(passwordForm(v, nil))
}
