package dashboard

import (
	"net/http"
	"strconv"
	"strings"
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

// settings are GET /v1/settings, as a form holds them.
type settings struct {
	Cooldown     int     `json:"cooldown_seconds"`
	NoPhoneReply *string `json:"no_phone_reply"`
	GroupReply   string  `json:"group_reply"`
	MaxAge       int     `json:"max_message_age_seconds"`
	Grace        int     `json:"disconnect_grace_seconds"`
	Overage      string  `json:"overage"`
	TimeZone     string  `json:"time_zone"`
}

func showSettings(v *visit) error {
	var s settings
	if err := v.api.get("/v1/settings", &s); err != nil {
		return err
	}
	return v.show(settingsBody(v, s))
}

func saveSettings(v *visit) error {
	s := settings{GroupReply: v.field("group_reply"), Overage: v.field("overage"), TimeZone: strings.TrimSpace(v.field("time_zone"))}
	var err error
	if s.Cooldown, err = strconv.Atoi(v.field("cooldown_seconds")); err != nil {
		return v.part(settingsForm(v, s, &Problem{Message: v.T("settings.whole", v.T("settings.cooldown"))}))
	}
	if s.MaxAge, err = strconv.Atoi(v.field("max_message_age_seconds")); err != nil {
		return v.part(settingsForm(v, s, &Problem{Message: v.T("settings.whole", v.T("settings.age"))}))
	}
	if s.Grace, err = strconv.Atoi(v.field("disconnect_grace_seconds")); err != nil {
		return v.part(settingsForm(v, s, &Problem{Message: v.T("settings.whole", v.T("settings.grace"))}))
	}
	if text := v.field("no_phone_reply"); strings.TrimSpace(text) != "" {
		s.NoPhoneReply = &text
	}
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

func (s settings) noPhoneReply() string {
	if s.NoPhoneReply == nil {
		return ""
	}
	return *s.NoPhoneReply
}

// changePassword ends all logins. The reader continues with the new one from
// the API.
func changePassword(v *visit) error {
	asked := map[string]string{"current_password": v.field("current_password"), "new_password": v.field("new_password")}
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
