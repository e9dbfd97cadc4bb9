package whatsapptest

import (
	"context"
	"fmt"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"
)

// ContactCard returns a contact as phones share it: a vCard whose waid parameter is the number as
// WhatsApp spells it. Nothing proves that a card is true, so this makes forged ones too.
func ContactCard(name, number string) *waE2E.Message {
	return VCard(name, fmt.Sprintf(
		"BEGIN:VCARD\nVERSION:3.0\nN:;%[1]s;;;\nFN:%[1]s\nTEL;type=CELL;type=VOICE;waid=%[2]s:+%[2]s\nEND:VCARD",
		name, number))
}

// VCard returns a contact whose card is that text.
func VCard(name, text string) *waE2E.Message {
	return &waE2E.Message{ContactMessage: &waE2E.ContactMessage{
		DisplayName: proto.String(name), Vcard: proto.String(text),
	}}
}

// SendContact shares the contact card of a phone, perhaps its own, and returns the message's id. The
// card shows the number of a person with a username too. [Phone.SendMessage] sends a [ContactCard] or
// [VCard] that lies.
func (p *Phone) SendContact(ctx context.Context, to string, about *Phone) (id string, err error) {
	return p.SendMessage(ctx, Outgoing{To: to, Message: ContactCard(about.Name(), about.Number())})
}
