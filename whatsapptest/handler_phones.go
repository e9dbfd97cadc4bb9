package whatsapptest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/encoding/protojson"
)

// phoneRoutes are what people do with their phones.
func phoneRoutes() []route {
	return []route{
		on("POST /phones", "Adds a phone.", "Server.AddPhone", addPhone).created(),
		on("GET /phones", "Lists the phones in the order of their creation.", "Server.Phones", listPhones),
		on("GET /phones/{number}", "Returns a phone, by number or LID.",
			"Server.Phone Phone.Number Phone.LID Phone.Name Phone.Online",
			func(c *call, _ none) (phoneJSON, error) { return c.phone.json(), nil }),
		on("POST /phones/{number}/scan", "Scans the QR text that a client shows, and links the client.", "Phone.Scan",
			func(c *call, body scanJSON) (linkedJSON, error) { return linked(c, body.QR, c.phone.Scan) }),
		on("POST /phones/{number}/code", "Enters the pairing code that a client shows for this number, and links it.",
			"Phone.EnterCode",
			func(c *call, body codeJSON) (linkedJSON, error) { return linked(c, body.Code, c.phone.EnterCode) }),
		on("POST /phones/{number}/messages", "Sends a message.", "Phone.Send Phone.SendMessage", sendMessage).created(),
		on("POST /phones/{number}/media", "Sends a file, which clients can download from this server.", "Phone.SendMedia",
			sendMedia).created(),
		on("GET /phones/{number}/messages/{id}/media", "Returns the file of a message that the phone has shown, decrypted.",
			"Phone.Download", download),
		on("GET /phones/{number}/messages", "Lists what the phone has shown, oldest first.", "Phone.Messages",
			func(c *call, _ none) (inboxJSON, error) { return inboxJSON{messagesJSON(c.phone.Messages())}, nil }),
		on("GET /phones/{number}/events", "Streams the same as server-sent events, then each message as it comes. "+
			"The id of an event is its position; Last-Event-ID goes on behind one.", "Phone.Messages", streamMessages),
		on("POST /phones/{number}/messages/next", "Waits for the next message that no such request has returned yet, "+
			"and returns it. With filters, it is the oldest that fits; the others stay for later requests.",
			"Phone.Next", nextMessage),
		on("POST /phones/{number}/messages/{id}/resend", "Sends a message again.", "Phone.Resend", does(resend)),
		on("POST /phones/{number}/messages/{id}/read", "Marks a message that the phone has shown as read.", "Phone.Read",
			does(func(c *call, _ none) error { return c.phone.Read(c.ctx, c.r.PathValue("id")) })),
		on("POST /phones/{number}/messages/{id}/revoke", "Deletes a message of the phone's for everybody.",
			"Phone.Revoke", func(c *call, _ none) (idJSON, error) {
				id, err := c.phone.Revoke(c.ctx, c.r.PathValue("id"))
				return idJSON{id}, err
			}).created(),
		on("POST /phones/{number}/messages/{id}/edit", "Replaces the text of a message of the phone's.", "Phone.Edit",
			func(c *call, body textJSON) (idJSON, error) {
				id, err := c.phone.Edit(c.ctx, c.r.PathValue("id"), body.Text)
				return idJSON{id}, err
			}).created(),
		on("POST /phones/{number}/messages/{id}/react", "Puts an emoji on a message that the phone has shown or sent.",
			"Phone.React", func(c *call, body emojiJSON) (idJSON, error) {
				id, err := c.phone.React(c.ctx, c.r.PathValue("id"), body.Emoji)
				return idJSON{id}, err
			}).created(),
		on("POST /phones/{number}/messages/{id}/vote", "Votes in a poll that the phone has shown.", "Phone.Vote",
			func(c *call, body voteJSON) (idJSON, error) {
				id, err := c.phone.Vote(c.ctx, c.r.PathValue("id"), body.Options...)
				return idJSON{id}, err
			}).created(),
		on("POST /phones/{number}/typing", "Shows in a chat that the person is typing.", "Phone.Type", does(typing)),
		on("PUT /phones/{number}/name", "Changes the push name.", "Phone.Rename",
			does(func(c *call, body nameJSON) error {
				c.phone.Rename(body.Name)
				return nil
			})),
		on("POST /phones/{number}/offline", "Takes the phone off the network. What is sent to it waits.",
			"Phone.GoOffline", acts(func(c *call) { c.phone.GoOffline() })),
		on("POST /phones/{number}/online", "Brings the phone back.", "Phone.GoOnline",
			acts(func(c *call) { c.phone.GoOnline() })),
		on("POST /phones/{number}/companions", "Adds a simulated WhatsApp Web, from which messages can be sent.",
			"Phone.AddCompanion",
			func(c *call, _ none) (companionJSON, error) { return companionJSON{c.phone.AddCompanion()}, nil }).created(),
		on("POST /phones/{number}/reinstall", "Registers the number again: new keys, nothing linked.", "Phone.Reinstall",
			acts(func(c *call) { c.phone.Reinstall() })),
		on("POST /phones/{number}/forget-sessions", "Forgets the Signal sessions with all clients.",
			"Phone.ForgetSessions", acts(func(c *call) { c.phone.ForgetSessions() })),
		on("POST /phones/{number}/tokens", "Gives a privacy token to another phone.", "Phone.GiveToken", does(giveToken)),
		on("POST /phones/{number}/reveal", "Tells another phone's clients the number behind the LID.",
			"Phone.RevealNumber", does(revealNumber)),
		on("PUT /phones/{number}/move", "Sets how far the account's move from its number to its LID is.", "Phone.SetMove",
			does(setMove)),
		on("PUT /phones/{number}/acks", "Sets how clients' messages to the phone are answered; an empty body ends it.",
			"Phone.Acks", does(func(c *call, body ackRuleJSON) error {
				c.phone.Acks(body.rule())
				return nil
			})),
		on("PUT /phones/{number}/refusal", "Refuses messages that address the phone in one form.", "Phone.Refuse",
			does(refuse)),
		on("PUT /phones/{number}/outdated", "Tells clients that write to the phone that its LID has changed.",
			"Phone.SetOutdated", does(func(c *call, body switchJSON) error { c.phone.SetOutdated(body.On); return nil })),
	}
}

type newPhoneJSON struct {
	Number      string `json:"number" doc:"digits; generated if empty"`
	LID         string `json:"lid" doc:"digits; generated if empty"`
	Name        string `json:"name" doc:"the push name"`
	Username    string `json:"username" doc:"hides the number from accounts that have not seen it lately"`
	Addressing  string `json:"addressing" doc:"how its messages name it: lid (default), number, hidden, number-only"`
	Move        string `json:"move" doc:"moving (default), not-moved, moved"`
	Lookup      string `json:"lookup" doc:"what a question about the number tells: all (default), no-lid, no-devices"`
	KeepsTokens bool   `json:"keeps_tokens" doc:"gives no privacy tokens by itself"`
	Salt        []byte `json:"salt" doc:"base64; the account's secret for tokens"`
	Business    string `json:"business" doc:"the verified name of a business; a person's account if empty"`
	Quiet       bool   `json:"quiet" doc:"sends no delivery receipts"`
}

func addPhone(c *call, body newPhoneJSON) (phoneJSON, error) {
	config := PhoneConfig{
		Number: body.Number, LID: body.LID, Name: body.Name, Username: body.Username, Business: body.Business,
		KeepsTokens: body.KeepsTokens, Salt: body.Salt, Quiet: body.Quiet,
	}
	var err1, err2, err3 error
	config.Addressing, err1 = pick[Addressing]("addressing", body.Addressing, addressingNames)
	config.Move, err2 = pick[Move]("move", body.Move, moveNames)
	config.Lookup, err3 = pick[Lookup]("lookup", body.Lookup, lookupNames)
	if err := errors.Join(err1, err2, err3); err != nil {
		return phoneJSON{}, err
	}
	p, err := c.srv.AddPhone(config)
	if errors.Is(err, errTaken) {
		return phoneJSON{}, failed(http.StatusConflict, "%w; leave it out and one is generated", err)
	} else if err != nil {
		return phoneJSON{}, err
	}
	return p.json(), nil
}

type phonesJSON struct {
	Phones []phoneJSON `json:"phones"`
}

func listPhones(c *call, _ none) (phonesJSON, error) {
	return phonesJSON{list(c.srv.Phones(), (*Phone).json)}, nil
}

type scanJSON struct {
	QR string `json:"qr" doc:"the text of the QR code"`
}

type codeJSON struct {
	Code string `json:"code" doc:"ABCD-EFGH, in any case, with or without the dash"`
}

type linkedJSON struct {
	Device int `json:"device" doc:"the number of the linked client"`
}

func linked(
	c *call, text string, link func(context.Context, string) (*Device, error),
) (linkedJSON, error) {
	ctx, cancel := context.WithTimeout(c.ctx, linkTimeout)
	defer cancel()
	d, err := link(ctx, text)
	if errors.Is(err, ErrNoSuchCode) {
		err = fmt.Errorf("%w; the client must be connected and show this text now, and a text works once", err)
	}
	if err != nil {
		return linkedJSON{}, err
	}
	return linkedJSON{d.Number()}, nil
}

type outgoingJSON struct {
	To           string          `json:"to" doc:"number, <lid>@lid, a group's id, or status@broadcast"`
	Text         string          `json:"text" doc:"the text"`
	ID           string          `json:"id" doc:"generated if empty"`
	At           time.Time       `json:"at" doc:"the time stamped on it; now if empty"`
	Companion    int             `json:"companion" doc:"sends from that device of the phone"`
	Garbled      bool            `json:"garbled" doc:"unreadable until the client asks again"`
	Unavailable  bool            `json:"unavailable" doc:"only the client's own phone has it"`
	Withheld     string          `json:"withheld" doc:"why no client may have it: none (default), view-once, hosted"`
	Extended     bool            `json:"extended" doc:"the form that texts with a link have"`
	Forwarded    bool            `json:"forwarded" doc:"marked as forwarded"`
	TimerSeconds float64         `json:"timer_seconds" doc:"disappears after that time"`
	Message      json.RawMessage `json:"message" doc:"any message (WhatsApp's protobuf as JSON), in place of text"`
}

type idJSON struct {
	ID string `json:"id" doc:"the message's id"`
}

func sendMessage(c *call, body outgoingJSON) (idJSON, error) {
	m := Outgoing{
		To: body.To, Text: body.Text, ID: body.ID, At: body.At, Companion: body.Companion,
		Garbled: body.Garbled, Unavailable: body.Unavailable,
	}
	var err error
	if m.Withheld, err = pick[Withheld]("withheld", body.Withheld, withheldNames); err != nil {
		return idJSON{}, err
	}
	timer := time.Duration(body.TimerSeconds * float64(time.Second))
	switch {
	case len(body.Message) > 0:
		m.Message = new(waE2E.Message)
		if err := protojson.Unmarshal(body.Message, m.Message); err != nil {
			return idJSON{}, fmt.Errorf("message is not a WhatsApp message in JSON: %w", err)
		}
	case body.Text == "":
		return idJSON{}, errors.New("text is missing; send text, or message for anything else")
	case timer > 0:
		m.Message = Disappearing(body.Text, timer)
	case body.Forwarded:
		m.Message = Forwarded(body.Text)
	case body.Extended:
		m.Message = ExtendedText(body.Text)
	}
	id, err := c.phone.SendMessage(c.ctx, m)
	return idJSON{id}, err
}

type inboxJSON struct {
	Messages []messageJSON `json:"messages"`
}

type timeoutJSON struct {
	TimeoutSeconds float64 `json:"timeout_seconds" doc:"how long to wait: 10 by default, at most 60"`
}

type nextJSON struct {
	From     string `json:"from" doc:"only of that sender"`
	Group    string `json:"group" doc:"only in that group"`
	Text     string `json:"text" doc:"only with exactly that text"`
	Contains string `json:"contains" doc:"only with that in the text"`
	timeoutJSON
}

func (f nextJSON) accepts(m Message) bool {
	return (f.From == "" || f.From == m.From) && (f.Group == "" || f.Group == m.Group) &&
		(f.Text == "" || f.Text == m.Text) && strings.Contains(m.Text, f.Contains)
}

type emojiJSON struct {
	Emoji string `json:"emoji" doc:"empty takes it away"`
}

type voteJSON struct {
	Options []string `json:"options" doc:"their names; empty takes the vote back"`
}

type nameJSON struct {
	Name string `json:"name" doc:"the new push name"`
}

type typingJSON struct {
	To    string `json:"to" doc:"number, <lid>@lid, or a group's id"`
	State string `json:"state" doc:"composing (default), recording or paused"`
}

func typing(c *call, body typingJSON) error {
	state, err := pick[Typing]("state", body.State, typingNames)
	if err != nil {
		return err
	}
	return c.phone.Type(c.ctx, body.To, state)
}

func nextMessage(c *call, body nextJSON) (messageJSON, error) {
	ctx, cancel, err := c.within(body.TimeoutSeconds)
	if err != nil {
		return messageJSON{}, err
	}
	defer cancel()
	m, err := c.phone.Next(ctx, body.accepts)
	if err != nil {
		return messageJSON{}, waited(err)
	}
	return m.json(), nil
}

type resendJSON struct {
	How string `json:"how" doc:"same: the same ciphertext (default); encrypted: encrypted again; flipped: also named in the other form"`
}

func resend(c *call, body resendJSON) error {
	how, err := pick[Resending]("how", body.How, resendNames)
	if err != nil {
		return err
	}
	return c.phone.Resend(c.ctx, c.r.PathValue("id"), how)
}

type companionJSON struct {
	Companion int `json:"companion" doc:"the number that messages can be sent from"`
}

type toJSON struct {
	To string `json:"to" doc:"the other phone's number"`
}

func giveToken(c *call, body toJSON) error {
	to, err := c.phoneNamed(body.To)
	if err == nil {
		c.phone.GiveToken(to)
	}
	return err
}

func revealNumber(c *call, body toJSON) error {
	to, err := c.phoneNamed(body.To)
	if err != nil {
		return err
	}
	return c.phone.RevealNumber(c.ctx, to)
}

type moveJSON struct {
	Move string `json:"move" doc:"moving, not-moved or moved"`
}

func setMove(c *call, body moveJSON) error {
	m, err := pick[Move]("move", body.Move, moveNames)
	if err == nil {
		c.phone.SetMove(m)
	}
	return err
}

type refusalJSON struct {
	Form string `json:"form" doc:"lid or number: how the message addresses the phone"`
	Code int    `json:"code" doc:"such as 463; 0 ends it"`
}

func refuse(c *call, body refusalJSON) error {
	f, err := pick[AddressForm]("form", body.Form, formNames)
	if err == nil {
		c.phone.Refuse(f, body.Code)
	}
	return err
}

func streamMessages(c *call, _ none) (stream, error) {
	position, _ := strconv.Atoi(c.r.Header.Get("Last-Event-ID")) // without one, from the beginning
	position = max(0, position)
	flush := c.stream("text/event-stream")
	for flush() == nil {
		more, err := c.phone.after(c.ctx, position)
		if err != nil {
			break // reader or server is gone
		}
		for _, m := range more {
			position++
			data, err := json.Marshal(m.json())
			if err != nil {
				return stream{}, errAnswered // impossible: strings and a time
			}
			if _, err := fmt.Fprintf(c.w, "id: %d\nevent: message\ndata: %s\n\n", position, data); err != nil {
				return stream{}, errAnswered // the reader is gone
			}
		}
	}
	return stream{}, errAnswered
}

// stream is the answer of a route that writes as long as its reader listens.
type stream struct{}

// stream begins an answer without end, and returns what sends on the part that is written.
func (c *call) stream(kind string) (flush func() error) {
	controller := http.NewResponseController(c.w)
	_ = controller.SetWriteDeadline(time.Time{}) // a server may have a deadline; a stream has none
	c.w.Header().Set("Content-Type", kind)
	c.w.Header().Set("Cache-Control", "no-store")
	c.w.WriteHeader(http.StatusOK)
	return controller.Flush
}
