package dashboard

// A session is one of GET /v1/sessions.
type session struct {
	ID            string  `json:"id"`
	Name          string  `json:"name"`
	Number        *string `json:"number"`
	Status        string  `json:"status"`
	ConnectedAt   *string `json:"connectedAt"`
	MessagesToday int64   `json:"messagesToday"`
	Detail        string  `json:"detail"`
}

func sessionsPage() page {
	return page{
		path: "/sessions", icon: "phone", name: "sessions",
		routes: map[string]action{
			"GET /sessions":      showSessions,
			"GET /sessions/list": listSessions,
		},
	}
}

func (v *visit) sessions() ([]session, error) {
	var out struct {
		Sessions []session `json:"sessions"`
	}
	err := v.api.get("/v1/sessions", &out)
	return out.Sessions, err
}

// showSessions is the page; listSessions the part of it that events renew.
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

// light is the colour of a status: good, warn or bad.
func (s session) light() string {
	switch s.Status {
	case "connected":
		return "good"
	case "connecting", "pairing", "disconnected":
		return "warn"
	}
	return "bad"
}
