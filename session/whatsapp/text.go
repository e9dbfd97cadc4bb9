package whatsapp

import (
	"regexp"
	"strings"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

// written is what a person wrote.
type written struct {
	text string
	kind string // "text", "image", "video", "document" or "contact"
	card string // the number on a contact card
	// info carries the chat's disappearing timer and whether the message was
	// forwarded. It is nil if there is none.
	info *waE2E.ContextInfo
}

// personText returns what a person wrote to us now. ok is false for everything
// else: our own messages, status updates, newsletters, broadcasts, bots,
// reactions, edits, deletions, settings and history. It is also false for a
// message wrapped in the way that only our own devices use: whatsmeow unwraps
// such a message whoever sent it (types/events/events.go, UnwrapRaw).
func personText(e *events.Message) (_ written, ok bool) {
	if e.Message == nil || e.Info.IsFromMe || e.IsEdit || e.Info.Edit != types.EditAttributeEmpty {
		return written{}, false
	}
	if e.Info.DeviceSentMeta != nil || e.RawMessage.GetDeviceSentMessage() != nil ||
		e.RawMessage.GetProtocolMessage() != nil ||
		e.Info.Category == "peer" {
		return written{}, false
	}
	switch e.Info.Chat.Server {
	case types.DefaultUserServer, types.HiddenUserServer, types.GroupServer:
	default:
		return written{}, false
	}
	switch e.Info.Sender.Server {
	case types.DefaultUserServer, types.HiddenUserServer:
	default:
		return written{}, false
	}
	// "0" is WhatsApp itself.
	if e.Info.Sender.IsBot() || e.Info.Sender.User == types.PSAJID.User || e.Info.ID == "" {
		return written{}, false
	}
	return textOf(e.Message)
}

// textOf returns the text of an unwrapped message. A caption may be empty.
func textOf(m *waE2E.Message) (written, bool) {
	switch {
	case m.GetProtocolMessage() != nil, m.GetReactionMessage() != nil, m.GetEncReactionMessage() != nil:
		return written{}, false
	case m.Conversation != nil:
		return written{text: m.GetConversation(), kind: "text"}, true
	case m.GetExtendedTextMessage() != nil:
		x := m.GetExtendedTextMessage()
		return written{text: x.GetText(), kind: "text", info: x.GetContextInfo()}, true
	case m.GetImageMessage() != nil:
		x := m.GetImageMessage()
		return written{text: x.GetCaption(), kind: "image", info: x.GetContextInfo()}, true
	case m.GetVideoMessage() != nil:
		x := m.GetVideoMessage()
		return written{text: x.GetCaption(), kind: "video", info: x.GetContextInfo()}, true
	case m.GetDocumentMessage() != nil:
		x := m.GetDocumentMessage()
		return written{text: x.GetCaption(), kind: "document", info: x.GetContextInfo()}, true
	case m.GetContactMessage() != nil:
		x := m.GetContactMessage()
		return written{card: numberOn(x.GetVcard()), kind: "contact", info: x.GetContextInfo()}, true
	}
	return written{}, false
}

// maxCard is more than the text of a contact with a small picture has.
const maxCard = 64 << 10

var (
	// cardWaid finds the number as WhatsApp spells it, and cardTel the first
	// number (RFC 6350, section 6.4.1).
	cardWaid = regexp.MustCompile(`(?im)^(?:[\w-]+\.)?TEL[^:\r\n]*;waid=([0-9]{1,20})[;:]`)
	cardTel  = regexp.MustCompile(`(?im)^(?:[\w-]+\.)?TEL(?:;[^:\r\n]*)?:(?:tel:)?([^\r\n]{1,64})`)
)

// numberOn returns the number on a contact card, or "?" if there is none: it was
// a card all the same. A card may say anything.
func numberOn(card string) string {
	if len(card) > maxCard {
		return "?"
	}
	for _, number := range []*regexp.Regexp{cardWaid, cardTel} {
		if found := number.FindStringSubmatch(card); found != nil {
			return strings.TrimSpace(found[1])
		}
	}
	return "?"
}
