package whatsapptest

import (
	"encoding/json"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
)

// The names of settings in JSON, in the order of their constants. The first is the default.
var (
	addressingNames = []string{"lid", "number", "hidden", "number-only"}
	moveNames       = []string{"moving", "not-moved", "moved"}
	lookupNames     = []string{"all", "no-lid", "no-devices"}
	withheldNames   = []string{"none", "view-once", "hosted"}
	formNames       = []string{"lid", "number"}
	tokenNames      = []string{"given", "required", "none"}
	pairingNames    = []string{"normal", "passkey", "unknown"}
	mediaNames      = []string{"image", "video", "audio", "document"}
	typingNames     = []string{"composing", "recording", "paused"}
	resendNames     = []string{"same", "encrypted", "flipped"}
)

type phoneJSON struct {
	Number     string `json:"number" doc:"digits, with country code"`
	LID        string `json:"lid" doc:"the hidden id, digits"`
	Name       string `json:"name" doc:"the push name"`
	Username   string `json:"username" doc:"or empty"`
	Addressing string `json:"addressing" doc:"lid, number, hidden or number-only"`
	Online     bool   `json:"online" doc:"false while it is taken off the network"`
	Devices    []int  `json:"devices" doc:"numbers of the linked clients"`
}

func (p *Phone) json() phoneJSON {
	j := phoneJSON{
		Number: p.Number(), LID: p.LID(), Name: p.Name(), Username: p.Username(),
		Addressing: name(p.addressing, addressingNames), Online: p.Online(), Devices: []int{},
	}
	for _, d := range p.Devices() {
		j.Devices = append(j.Devices, d.Number())
	}
	return j
}

type messageJSON struct {
	ID           string          `json:"id"`
	From         string          `json:"from" doc:"the sender's number, or <lid>@lid if that is hidden"`
	Group        string          `json:"group,omitempty" doc:"the group's id"`
	Text         string          `json:"text" doc:"what a person reads: text or caption"`
	At           time.Time       `json:"at"`
	TimerSeconds float64         `json:"timer_seconds,omitempty" doc:"of a message that disappears"`
	Revoked      bool            `json:"revoked,omitempty" doc:"the sender has deleted it"`
	Message      json.RawMessage `json:"message,omitempty" doc:"the whole message (WhatsApp's protobuf as JSON)"`
}

func (m Message) json() messageJSON {
	raw, err := protojson.Marshal(m.Full)
	if err != nil {
		raw = nil // a string that is not UTF-8
	}
	return messageJSON{m.ID, m.From, m.Group, m.Text, m.At.UTC(), m.Expiration.Seconds(), m.Revoked, raw}
}

func messagesJSON(messages []Message) []messageJSON {
	list := make([]messageJSON, len(messages))
	for i, m := range messages {
		list[i] = m.json()
	}
	return list
}

type deviceJSON struct {
	Device int    `json:"device" doc:"the number in paths"`
	Phone  string `json:"phone" doc:"the number of the account"`
	JID    string `json:"jid" doc:"the address, such as 15550100001:3@s.whatsapp.net"`
	Online bool   `json:"online" doc:"logged in, knows the push name and the keys, and has asked for its queue"`
	Logins int    `json:"logins" doc:"how often it has logged in"`
	Queued int    `json:"queued" doc:"messages and notifications that it has not acknowledged"`
}

func (d *Device) json() deviceJSON {
	return deviceJSON{d.Number(), d.Phone().Number(), d.JID(), d.Online(), d.Logins(), d.Queued()}
}

func (p *Phone) devicesJSON() []deviceJSON {
	list := []deviceJSON{}
	for _, d := range p.Devices() {
		list = append(list, d.json())
	}
	return list
}

type groupJSON struct {
	ID      string   `json:"id" doc:"…@g.us"`
	Subject string   `json:"subject" doc:"the group's name"`
	ByLID   bool     `json:"by_lid" doc:"names its members by LID"`
	Members []string `json:"members" doc:"their numbers"`
}

func (g *Group) json() groupJSON {
	j := groupJSON{ID: g.ID(), Subject: g.subject, ByLID: g.byLID, Members: []string{}}
	for _, p := range g.Members() {
		j.Members = append(j.Members, p.Number())
	}
	return j
}

type ackRuleJSON struct {
	DelayMS float64 `json:"delay_ms" doc:"answers so much later"`
	Error   int     `json:"error" doc:"refuses with that code"`
	Lose    bool    `json:"lose" doc:"delivers and does not answer"`
	Vanish  bool    `json:"vanish" doc:"neither delivers nor answers"`
	Times   int     `json:"times" doc:"for so many messages; 0 for all"`
}

func (j ackRuleJSON) rule() AckRule {
	return AckRule{Delay: milliseconds(j.DelayMS), Error: j.Error, Lose: j.Lose, Vanish: j.Vanish, Times: j.Times}
}

func milliseconds(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

type sentJSON struct {
	ID           string     `json:"id"`
	From         string     `json:"from"`
	To           string     `json:"to"`
	Text         string     `json:"text"`
	At           time.Time  `json:"at"`
	Acknowledged *time.Time `json:"acknowledged" doc:"when a client first settled it, or null"`
	Refused      int        `json:"refused" doc:"acks with an error"`
	Retries      int        `json:"retries" doc:"requests to encrypt it again"`
}

func (m Sent) json() sentJSON {
	j := sentJSON{ID: m.ID, From: m.From, To: m.To, Text: m.Text, At: m.At.UTC(), Refused: m.Refused, Retries: m.Retries}
	if !m.Acknowledged.IsZero() {
		at := m.Acknowledged.UTC()
		j.Acknowledged = &at
	}
	return j
}

type stanzaJSON struct {
	Device string    `json:"device" doc:"the sending client's JID"`
	ID     string    `json:"id"`
	To     string    `json:"to" doc:"the address on the wire"`
	Peer   bool      `json:"peer" doc:"to its own phone's machinery"`
	Retry  bool      `json:"retry" doc:"encrypted again on request"`
	At     time.Time `json:"at"`
	Error  int       `json:"error" doc:"the code that refused it, or 0"`
}

func (z Stanza) json() stanzaJSON {
	return stanzaJSON{z.Device, z.ID, z.To, z.Peer, z.Retry, z.At.UTC(), z.Error}
}

type replyJSON struct {
	To            string    `json:"to" doc:"the recipient's number"`
	From          string    `json:"from" doc:"the linked number that sent it"`
	Group         string    `json:"group,omitempty"`
	ID            string    `json:"id"`
	Text          string    `json:"text" doc:"empty until it is visible"`
	Visible       bool      `json:"visible" doc:"the recipient can read it"`
	At            time.Time `json:"at" doc:"since when"`
	Copies        int       `json:"copies" doc:"ciphertexts that reached the phone"`
	Shown         int       `json:"shown" doc:"those that decrypted"`
	Undecryptable int       `json:"undecryptable" doc:"those that did not"`
}

func (r Reply) json() replyJSON {
	return replyJSON{r.To, r.From, r.Group, r.ID, r.Text, r.Visible, r.At.UTC(), r.Copies, r.Shown, r.Undecryptable}
}

type activityJSON struct {
	Device string    `json:"device" doc:"the client's JID"`
	Kind   string    `json:"kind" doc:"read, played, typing, recording, paused, available, unavailable, subscribe, call, …"`
	Chat   string    `json:"chat" doc:"the other person's number or the group's id"`
	IDs    []string  `json:"ids" doc:"the messages of a receipt"`
	At     time.Time `json:"at"`
}

func (a Activity) json() activityJSON {
	return activityJSON{a.Device, a.Kind, a.Chat, append([]string{}, a.IDs...), a.At.UTC()}
}

// list applies f to each element. Its result is never null in JSON.
func list[E, J any](from []E, f func(E) J) []J {
	to := make([]J, len(from))
	for i, e := range from {
		to[i] = f(e)
	}
	return to
}
