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

func showSettings(v *visit) error {
	var s settings
	if err := v.api.get("/v1/settings", &s); err != nil {
		return err
	}
	return v.show(settingsBody(v, s))
}

func saveSettings(v *visit) error {
	var s settings // what the form does not show stays
	if err := v.api.get("/v1/settings", &s); err != nil {
		return err
	}
	s.GroupReply, s.Overage = pingr.GroupReply(v.field("group_reply")), v.field("overage")
	s.TimeZone, s.NoPhoneReply = strings.TrimSpace(v.field("time_zone")), nil
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
