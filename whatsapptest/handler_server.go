package whatsapptest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
)

// routes is the whole table.
func routes() []route {
	return slices.Concat(serverRoutes(), phoneRoutes(), numberRoutes(), deviceRoutes(), groupRoutes())
}

// serverRoutes are what concerns all clients, and what happened.
func serverRoutes() []route {
	return []route{
		on("GET /{$}", "Returns this page.", "", func(c *call, _ none) (stream, error) {
			c.w.Header().Set("Content-Type", "text/markdown; charset=utf-8")
			_, _ = c.w.Write(reference()) // the reader may be gone
			return stream{}, errAnswered
		}),
		on("GET /server", "Returns what a client needs to connect.", "Server.URL Server.CAPEM Server.CertKey",
			func(c *call, _ none) (serverJSON, error) {
				return serverJSON{c.srv.URL(), string(c.srv.CAPEM()), c.srv.CertKey()}, nil
			}),
		on("GET /state", "Returns phones, linked clients and groups, and what clients asked for in vain.",
			"Server.UnknownRequests", state),
		on("POST /admin/mock-phone/scan-qr", "Scans a QR text (the raw body), for clients whose tests are made for "+
			"bartender. ?phone= names the phone; without it, a new one is added.", "Phone.Scan", scanRaw),
		on("PUT /latency", "Puts the server some milliseconds away.", "Server.SetLatency",
			does(func(c *call, body latencyJSON) error {
				c.srv.SetLatency(milliseconds(body.OneWayMS))
				return nil
			})),
		on("PUT /tokens", "Sets what happens to privacy tokens.", "Server.SetTokens",
			does(func(c *call, body tokensJSON) error {
				t, err := pick[Tokens]("rule", body.Rule, tokenNames)
				if err == nil {
					c.srv.SetTokens(t)
				}
				return err
			})),
		on("PUT /acks", "Sets how messages of clients without a rule of their own are answered; an empty body restores "+
			"the default.", "Server.Acks", does(func(c *call, body ackRuleJSON) error {
			c.srv.Acks(body.rule())
			return nil
		})),
		on("PUT /upgrades", "Answers the next WebSocket requests with an HTTP status.", "Server.RefuseUpgrades",
			does(func(c *call, body upgradesJSON) error {
				c.srv.RefuseUpgrades(body.Status, body.Times)
				return nil
			})),
		on("PUT /pairing", "Sets what the server asks of a client after the scan.", "Server.SetPairing",
			does(func(c *call, body pairingJSON) error {
				step, err := pick[PairingStep]("step", body.Step, pairingNames)
				if err == nil {
					c.srv.SetPairing(step)
				}
				return err
			})),
		on("DELETE /pairing", "Closes the connections of all clients that wait to be linked.", "Server.EndPairing",
			acts(func(c *call) { c.srv.EndPairing() })),
		on("GET /ledger", "Returns what was sent, acknowledged and answered.",
			"Server.Ledger Ledger.Sent Ledger.Stanzas Ledger.Replies Ledger.Visible Ledger.Undecryptable Ledger.Unread",
			func(c *call, _ none) (ledgerJSON, error) { return c.srv.ledger.json(), nil }),
		on("GET /ledger/activities", "Returns what clients told besides messages: read receipts, typing, presence, calls.",
			"Ledger.Activities", func(c *call, _ none) (activitiesJSON, error) {
				return activitiesJSON{list(c.srv.ledger.Activities(), Activity.json)}, nil
			}),
		on("POST /ledger/activities/wait", "Waits for an activity that fits, and returns the first one, also if it came "+
			"before.", "Ledger.WaitActivity", waitActivity),
		on("GET /trace", "Streams every stanza from now on, a line of JSON each. Messages in it are encrypted.",
			"Server.Traces", streamTrace),
		on("POST /ledger/wait", "Waits until the ledger has so many entries, and returns it.",
			"Ledger.WaitReplies Ledger.WaitAcknowledged Ledger.WaitStanzas", waitLedger),
	}
}

type serverJSON struct {
	URL     string `json:"url" doc:"replaces wss://web.whatsapp.com/ws/chat"`
	CA      string `json:"ca" doc:"PEM; the authority of the TLS certificate"`
	CertKey string `json:"cert_key" doc:"64 hex digits; the key that signs the Noise certificates"`
}

type stateJSON struct {
	Phones  []phoneStateJSON `json:"phones"`
	Groups  []groupJSON      `json:"groups"`
	Unknown map[string]int   `json:"unknown_requests" doc:"requests refused with 501, by namespace and first child"`
}

type phoneStateJSON struct {
	Phone   phoneJSON    `json:"phone"`
	Devices []deviceJSON `json:"devices"`
}

func state(c *call, _ none) (stateJSON, error) {
	phones := list(c.srv.Phones(), func(p *Phone) phoneStateJSON { return phoneStateJSON{p.json(), p.devicesJSON()} })
	return stateJSON{phones, list(c.srv.Groups(), (*Group).json), c.srv.UnknownRequests()}, nil
}

func scanRaw(c *call, qr string) (linkedJSON, error) {
	number := c.r.URL.Query().Get("phone")
	var p *Phone
	var err error
	if number == "" {
		p, err = c.srv.AddPhone(PhoneConfig{})
	} else {
		p, err = c.phoneNamed(number)
	}
	if err != nil {
		return linkedJSON{}, err
	}
	return linked(c, strings.TrimSpace(qr), p.Scan)
}

type latencyJSON struct {
	OneWayMS float64 `json:"one_way_ms" doc:"for each frame in each direction"`
}

type tokensJSON struct {
	Rule string `json:"rule" doc:"given (default), required: refuses messages without one (463), none"`
}

type upgradesJSON struct {
	Status int `json:"status" doc:"such as 503"`
	Times  int `json:"times" doc:"how many requests; negative for all, 0 ends it"`
}

type pairingJSON struct {
	Step string `json:"step" doc:"normal, passkey or unknown"`
}

type ledgerJSON struct {
	Sent          []sentJSON   `json:"sent" doc:"what phones sent"`
	Stanzas       []stanzaJSON `json:"stanzas" doc:"message stanzas from clients"`
	Replies       []replyJSON  `json:"replies" doc:"messages from clients to people"`
	Unread        []replyJSON  `json:"unread" doc:"replies that nobody could read so far"`
	Visible       int          `json:"visible" doc:"replies that people can read"`
	Undecryptable int          `json:"undecryptable" doc:"ciphertexts that phones could not read"`
}

func (l *Ledger) json() ledgerJSON {
	return ledgerJSON{
		list(l.Sent(), Sent.json), list(l.Stanzas(), Stanza.json), list(l.Replies(), Reply.json),
		list(l.Unread(), Reply.json), l.Visible(), l.Undecryptable(),
	}
}

type waitLedgerJSON struct {
	Replies      int `json:"replies" doc:"visible ones"`
	Acknowledged int `json:"acknowledged" doc:"sent messages that clients have acknowledged"`
	Stanzas      int `json:"stanzas" doc:"message stanzas from clients"`
	timeoutJSON
}

func waitLedger(c *call, body waitLedgerJSON) (ledgerJSON, error) {
	ctx, cancel, err := c.within(body.TimeoutSeconds)
	if err != nil {
		return ledgerJSON{}, err
	}
	defer cancel()
	l := c.srv.ledger
	for _, wait := range []struct {
		until func(context.Context, int) error
		n     int
	}{{l.WaitReplies, body.Replies}, {l.WaitAcknowledged, body.Acknowledged}, {l.WaitStanzas, body.Stanzas}} {
		if err := wait.until(ctx, wait.n); err != nil {
			return ledgerJSON{}, waited(err)
		}
	}
	return l.json(), nil
}

type activitiesJSON struct {
	Activities []activityJSON `json:"activities"`
}

type waitActivityJSON struct {
	Kind   string `json:"kind" doc:"such as read or typing; empty for any"`
	Device string `json:"device" doc:"the client's JID; empty for any"`
	Chat   string `json:"chat" doc:"the other person's number or the group's id; empty for any"`
	ID     string `json:"id" doc:"a message of the receipt; empty for any"`
	timeoutJSON
}

func (f waitActivityJSON) accepts(a Activity) bool {
	return (f.Kind == "" || f.Kind == a.Kind) && (f.Device == "" || f.Device == a.Device) &&
		(f.Chat == "" || f.Chat == a.Chat) && (f.ID == "" || slices.Contains(a.IDs, f.ID))
}

func waitActivity(c *call, body waitActivityJSON) (activityJSON, error) {
	ctx, cancel, err := c.within(body.TimeoutSeconds)
	if err != nil {
		return activityJSON{}, err
	}
	defer cancel()
	a, err := c.srv.ledger.WaitActivity(ctx, body.accepts)
	if err != nil {
		return activityJSON{}, waited(err)
	}
	return a.json(), nil
}

// groupRoutes are group chats.
func groupRoutes() []route {
	return []route{
		on("POST /groups", "Creates a group.", "Server.NewGroup", newGroup).created(),
		on("GET /groups", "Lists the groups.", "Server.Groups", func(c *call, _ none) (groupsJSON, error) {
			return groupsJSON{list(c.srv.Groups(), (*Group).json)}, nil
		}),
		on("GET /groups/{group}", "Returns a group.", "Group.ID Group.Members",
			func(c *call, _ none) (groupJSON, error) { return c.group.json(), nil }),
		on("PUT /groups/{group}/acks", "Sets how clients' messages to the group are answered; an empty body ends it.",
			"Group.Acks", does(func(c *call, body ackRuleJSON) error {
				c.group.Acks(body.rule())
				return nil
			})),
		on("PUT /groups/{group}/members/{number}", "Adds a phone to the group.", "Group.Add",
			acts(func(c *call) { c.group.Add(c.phone) })),
		on("DELETE /groups/{group}/members/{number}", "Removes a phone from the group.", "Group.Remove",
			acts(func(c *call) { c.group.Remove(c.phone) })),
	}
}

type newGroupJSON struct {
	Subject string   `json:"subject" doc:"the group's name"`
	ByLID   bool     `json:"by_lid" doc:"names its members by LID, as new groups do"`
	Members []string `json:"members" doc:"their numbers"`
}

func newGroup(c *call, body newGroupJSON) (groupJSON, error) {
	config := GroupConfig{Subject: body.Subject, ByLID: body.ByLID}
	for _, number := range body.Members {
		p, err := c.phoneNamed(number)
		if err != nil {
			return groupJSON{}, failed(http.StatusUnprocessableEntity, "%w", err)
		}
		config.Members = append(config.Members, p)
	}
	if len(config.Members) == 0 {
		return groupJSON{}, errors.New("members is empty; name at least one phone's number")
	}
	return c.srv.NewGroup(config).json(), nil
}

type groupsJSON struct {
	Groups []groupJSON `json:"groups"`
}
