package dashboard

import "github.com/heypingr/pingr/server/api"

func keysPage() page {
	return page{
		path: "/keys", icon: "key", name: "keys",
		routes: map[string]action{
			"GET /keys":              showKeys,
			"GET /keys/list":         listKeys,
			"GET /keys/new":          func(v *visit) error { return v.part(newKey(v, api.AddKey{Mode: "live"}, nil)) },
			"POST /keys":             addKey,
			"GET /keys/{id}/revoke":  askRevoke,
			"POST /keys/{id}/revoke": revokeKey,
		},
	}
}

type apiKey api.Key

// shown returns what a key is called; not all keys have a name.
func (k apiKey) shown() string { return orElse(k.Name, k.Key) }

func (v *visit) keys() ([]apiKey, error) {
	var out api.Keys
	err := v.api.get("/v1/keys", &out)
	return each(out.Keys, func(k api.Key) apiKey { return apiKey(k) }), err
}

func showKeys(v *visit) error {
	all, err := v.keys()
	if err != nil {
		return err
	}
	return v.show(keysBody(v, all))
}

func listKeys(v *visit) error {
	all, err := v.keys()
	if err != nil {
		return err
	}
	return v.part(keyList(v, all))
}

// addKey shows the whole key, this once.
func addKey(v *visit) error {
	asked := api.AddKey{Name: v.field("name"), Mode: v.field("mode")}
	var made apiKey
	err := v.api.post("/v1/keys", asked, &made)
	if p := asProblem(err); p != nil {
		return v.part(newKey(v, asked, p))
	}
	if err != nil {
		return err
	}
	v.w.Header().Set("Pingr-Changed", "1")
	return v.part(keyMade(v, made, v.address()))
}

// address returns where the reader reaches the server.
func (v *visit) address() string {
	scheme := "http"
	if v.r.TLS != nil || v.r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return scheme + "://" + v.r.Host
}

func askRevoke(v *visit) error {
	all, err := v.keys()
	if err != nil {
		return err
	}
	for _, k := range all {
		if k.ID == v.r.PathValue("id") {
			return v.part(revokeDialog(v, k))
		}
	}
	return listKeys(v)
}

func revokeKey(v *visit) error {
	if err := v.api.remove("/v1/keys/" + escapePath(v.r.PathValue("id"))); err != nil {
		return err
	}
	return v.changed(v.T("keys.revoked"))
}
