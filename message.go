package pingr

import (
	"slices"
	"strings"
	"time"
)

// A Message is one text that a person sent to a session's number, as a
// [Session] hands it to the engine. Only new texts from people arrive: no
// receipts, reactions, edits, status updates or messages of our own.
type Message struct {
	// ID is the message id, chosen by the sender's phone. It is unique only
	// together with Chat and Sender, and a hostile sender may repeat it.
	ID string
	// Chat is the JID of the conversation: a group's ("…@g.us") or the sender's
	// own.
	Chat string
	// Sender is the bare JID (no device part) at which a reply reaches the person:
	// "919876543210@s.whatsapp.net" or "1234@lid".
	Sender string
	// Phone is the sender's number, digits only with country code, and LID the
	// sender's hidden id ("1234@lid"). A Session sets what WhatsApp named in this
	// very message, and leaves the other empty: what it named earlier may be
	// another person's by now. Phone never holds the digits of a LID.
	Phone, LID string
	// Earlier is a number that WhatsApp named for LID at some other time, in a
	// message without Phone. The engine uses it only if WhatsApp confirms it.
	Earlier string
	// Card is the number on the contact card that the person shared, as the card
	// spells it. Such a message has no Text, and Type "contact". A card proves
	// nothing: everybody can write one.
	Card string
	// Type is "text", or "image", "video" or "document" if the text is a caption.
	// Empty means "text".
	Type string
	// Text is what the person wrote. It may be any length and hold any bytes.
	Text string
	// Forwarded reports whether the sender's phone marked the message as
	// forwarded.
	Forwarded bool
	// Time is when the message was sent, by the network's clock.
	Time time.Time
	// Arrived is when the message arrived, by the network's clock too, so that its
	// age is right on a machine whose own clock is wrong. If zero, the engine uses
	// Config.Now.
	Arrived time.Time
}

// InGroup reports whether the message was written in a group.
func (m Message) InGroup() bool { return strings.HasSuffix(m.Chat, "@g.us") }

// person returns every name that WhatsApp may use for the sender, at least one.
// WhatsApp may use one name today and another tomorrow for the same person.
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

// Keys returns the keys by which duplicates are recognized: one for each name
// that WhatsApp may use for the sender (number, LID), including those of the
// person p, so that a message that comes again under another name is still
// recognized. There is always at least one key. Two messages are the same if
// they share a session and any key.
func (m Message) Keys(p Person) []string {
	var names []string
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, phone := range []string{m.Phone, p.Phone} {
		if phone != "" {
			add(PhoneJID(phone))
		}
	}
	for _, lid := range append([]string{m.LID}, p.LIDs...) {
		if lid != "" {
			add(lid)
		}
	}
	if len(names) == 0 {
		add(m.Sender)
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
	// ID is the WhatsApp message id. Sending the same id again shows the person
	// one message, however often it is repeated.
	ID string
	// To is the JID of the chat: a person's bare JID or a group's.
	To string
	// Text has 1 to [MaxText] characters. Invalid UTF-8 in it is sent as U+FFFD.
	Text string
}
