package login

import (
	"context"
	"encoding/json"
	"strings"
	"time"
	"unicode"

	"github.com/heypingr/pingr"
)

// eventLife is longer than Pingr repeats an event.
const eventLife = 48 * time.Hour

// A Message is a person's message in the form that a flow needs.
type Message struct {
	// Event is the event's id, which is the same if the event comes again.
	Event string
	// Phone is the sender's number, digits only.
	Phone string
	// Code follows the word login, in capitals. It is empty if nothing follows.
	Code string
	// No reports whether the message says NO.
	No bool
	// Forwarded reports whether it was forwarded from another chat.
	Forwarded bool
	// Suppressed reports whether nobody will see the answer. Reason is why
	// (cooldown, quota or answered), and RetryAfter is in how many seconds a
	// cooldown ends.
	Suppressed bool
	Reason     string
	RetryAfter int
}

// OnMessage sets the function that answers messages. It returns "" for no
// answer.
func (s *Site) OnMessage(answer func(ctx context.Context, m Message) (string, error)) {
	s.answer = answer
}

// dispatch answers a verified event, and the same event always alike.
func (s *Site) dispatch(ctx context.Context, e pingr.Event) (pingr.Reply, error) {
	if e.Type != pingr.EventMessageReceived || e.From == nil || e.Message == nil {
		return pingr.Reply{}, nil
	}
	if e.ID == "" { // of another Pingr; two of them are not the same event
		text, err := s.decide(ctx, e)
		return pingr.Reply{Text: text}, err
	}
	if a := e.AutoReply; a != nil && a.Status == "suppressed" && a.Reason != "" {
		// If we answered an earlier attempt, that answer was lost.
		if err := s.State.Set(ctx, lostKey(e.ID), a.Reason, eventLife); err != nil {
			return pingr.Reply{}, err
		}
	}
	key := "login:event:" + e.ID
	if body, ok, err := s.State.Get(ctx, key); err != nil || ok {
		return readAnswer(body), err
	}
	text, err := s.decide(ctx, e)
	if err != nil {
		return pingr.Reply{}, err
	}
	body, err := json.Marshal(answered{text})
	if err != nil {
		return pingr.Reply{}, err
	}
	added, err := s.State.Add(ctx, key, string(body), eventLife)
	if err != nil || added {
		return pingr.Reply{Text: text}, err
	}
	first, _, err := s.State.Get(ctx, key) // the same event came twice at once
	return readAnswer(first), err
}

// lostKey returns the key under which the State keeps why the answer to an
// event is not used.
func lostKey(event string) string { return "login:lost:" + event }

// answered is the body that answered an event.
type answered struct {
	Reply string `json:"reply,omitempty"`
}

func readAnswer(body string) pingr.Reply {
	var a answered
	_ = json.Unmarshal([]byte(body), &a) // our own
	return pingr.Reply{Text: a.Reply}
}

// decide refuses what no flow accepts.
func (s *Site) decide(ctx context.Context, e pingr.Event) (string, error) {
	switch {
	case e.Simulated:
		return "Simulated: nobody is logged in.", nil
	case e.From.Group:
		return "Please message me directly, not in a group. Nobody else should see your login.", nil
	case e.From.Phone == "": // hidden; all who hide theirs are not one person
		return "This site knows people by their number, and WhatsApp hides yours.", nil
	}
	m := Message{Event: e.ID, Phone: e.From.Phone, Forwarded: e.Message.Forwarded}
	if a := e.AutoReply; a != nil && a.Status == "suppressed" {
		m.Suppressed, m.Reason, m.RetryAfter = true, a.Reason, a.RetryAfter
	}
	m.Code, _ = pingr.ExtractChallengeCode(e.Message.Text, "login")
	m.No = saysNo(e.Message.Text) || (e.Trigger != nil && e.Trigger.Phrase == "no")
	return s.answer(ctx, m)
}

// saysNo reports whether a text begins with the word no, or has it after login:
// NO, "No!", *no*, "no, that was not me"; but not "nova".
func saysNo(text string) bool {
	words := strings.FieldsFunc(pingr.Normalize(text), func(r rune) bool {
		return !unicode.In(r, unicode.Letter, unicode.Mark, unicode.Number)
	})
	if len(words) > 1 && words[0] == "login" {
		words = words[1:]
	}
	return len(words) > 0 && words[0] == "no"
}

// seen stores in the State which deliveries came, so that each is accepted
// once.
type seen struct{ State }

// Add implements [pingr.Seen].
func (s seen) Add(ctx context.Context, key string, life time.Duration) (isNew bool, err error) {
	return s.State.Add(ctx, "login:seen:"+key, "1", life)
}
