package whatsapp

import (
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

// written is what a person wrote.
type written struct {
	text string
	kind string // "text", "image", "video" or "document"
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
		return written{m.GetConversation(), "text", nil}, true
	case m.GetExtendedTextMessage() != nil:
		x := m.GetExtendedTextMessage()
		return written{x.GetText(), "text", x.GetContextInfo()}, true
	case m.GetImageMessage() != nil:
		x := m.GetImageMessage()
		return written{x.GetCaption(), "image", x.GetContextInfo()}, true
	case m.GetVideoMessage() != nil:
		x := m.GetVideoMessage()
		return written{x.GetCaption(), "video", x.GetContextInfo()}, true
	case m.GetDocumentMessage() != nil:
		x := m.GetDocumentMessage()
		return written{x.GetCaption(), "document", x.GetContextInfo()}, true
	}
	return written{}, false
}
