package pingr

import (
	"strings"
	"time"
)

// A Message is one text that a person sent to a session's number, as a
// [Session] hands it to the engine. Only what a person wrote now arrives:
// no receipts, reactions, edits, status updates or
// messages of our own.
type Message struct {
	// ID is the message id, chosen by the sender's phone. It is unique only
	// together with Chat and Sender, and a hostile sender may repeat it.
	ID string
	// Chat is the JID of the conversation: a group's ("…@g.us") or the
	// sender's own.
	Chat string
	// Sender is the bare JID (no device part) by which a reply reaches the
	// person: "919876543210@s.whatsapp.net" or "1234@lid".
	Sender string
	// Phone is the sender's number, digits only with country code. It is empty
	// when WhatsApp hides it; it never holds the digits of a LID.
	Phone string
	// LID is the sender's hidden id ("1234@lid"), empty when not known.
	LID string
	// Type is "text", or "image", "video" or "document" when the text is a
	// caption. Empty means "text".
	Type string
	// Text is what the person wrote. It may be any length and hold any bytes.
	Text string
	// Forwarded is whether the sender's phone says that it was forwarded.
	Forwarded bool
	// Time is when the message was sent, by the network's clock.
	Time time.Time
	// Arrived is when it arrived, by the network's clock too, so that its age
	// is right on a machine whose own clock is not. Zero: the engine's Now.
	Arrived time.Time
}

// InGroup reports whether the message was written in a group.
func (m Message) InGroup() bool { return strings.HasSuffix(m.Chat, "@g.us") }

// person is every name by which WhatsApp may call the sender, at least one: who is
// known by one name today and by the other tomorrow is one person.
func (m Message) person() []string {
	var names []string
	if m.Phone != "" {
		names = append(names, m.Phone)
	}
	if m.LID != "" {
		names = append(names, m.LID)
	}
	if len(names) == 0 {
		names = append(names, m.Sender)
	}
	return names
}

// Keys names the message for telling duplicates: one key for each way in which
// WhatsApp may name its sender (by number, by LID), so that a message that
// comes a second time under the other name is still known. There is always at
// least one. Two messages are the same when they share a session and any key.
func (m Message) Keys() []string {
	var names []string
	if m.Phone != "" {
		names = append(names, m.Phone+"@s.whatsapp.net")
	}
	if m.LID != "" {
		names = append(names, m.LID)
	}
	if len(names) == 0 {
		names = append(names, m.Sender)
	}
	keys := make([]string, len(names))
	for i, name := range names {
		chat := m.Chat
		if !m.InGroup() {
			chat = name
		}
		keys[i] = chat + "|" + name + "|" + m.ID
	}
	return keys
}

// An Outgoing is one text to send.
type Outgoing struct {
	// ID is the WhatsApp message id. Sending the same id again shows one
	// message to the person, however often it is repeated.
	ID string
	// To is the JID of the chat: a person's bare JID or a group's.
	To string
	// Text is 1 to 4096 characters.
	Text string
}
