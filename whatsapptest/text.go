package whatsapptest

import (
	"time"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// TextMessage returns the plain form of a text, which Phone.Send sends.
func TextMessage(text string) *waE2E.Message {
	return &waE2E.Message{Conversation: proto.String(text)}
}

// ExtendedText returns a text as phones send it if it has a link or formatting.
func ExtendedText(text string) *waE2E.Message {
	return &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: proto.String(text)}}
}

// ImageCaption returns a picture with a caption. There is no picture to download. Phone.SendMedia sends
// one with it.
func ImageCaption(caption string) *waE2E.Message {
	return &waE2E.Message{ImageMessage: &waE2E.ImageMessage{
		Caption: proto.String(caption), Mimetype: proto.String("image/jpeg"),
	}}
}

// DocumentCaption returns a document with a caption, in the wrapper that phones
// put around it.
func DocumentCaption(caption string) *waE2E.Message {
	return &waE2E.Message{DocumentWithCaptionMessage: &waE2E.FutureProofMessage{Message: &waE2E.Message{
		DocumentMessage: &waE2E.DocumentMessage{
			Caption: proto.String(caption), Mimetype: proto.String("application/pdf"), FileName: proto.String("file.pdf"),
		},
	}}}
}

// Ephemeral wraps a message as one that disappears.
func Ephemeral(m *waE2E.Message) *waE2E.Message {
	return &waE2E.Message{EphemeralMessage: &waE2E.FutureProofMessage{Message: m}}
}

// Disappearing returns a text in a chat whose messages disappear after timer
// (whole seconds), as current phones send it: the timer is in the context,
// without a wrapper.
func Disappearing(text string, timer time.Duration) *waE2E.Message {
	m := ExtendedText(text)
	m.ExtendedTextMessage.ContextInfo = &waE2E.ContextInfo{Expiration: proto.Uint32(uint32(timer.Seconds()))}
	return m
}

// Forwarded returns a text that was forwarded from another chat, as phones mark
// it.
func Forwarded(text string) *waE2E.Message {
	m := ExtendedText(text)
	m.ExtendedTextMessage.ContextInfo = &waE2E.ContextInfo{IsForwarded: proto.Bool(true), ForwardingScore: proto.Uint32(1)}
	return m
}

// Edit returns a replacement for the text of the sender's own message with that
// id.
func Edit(id, text string) *waE2E.Message {
	return &waE2E.Message{EditedMessage: &waE2E.FutureProofMessage{Message: &waE2E.Message{
		ProtocolMessage: &waE2E.ProtocolMessage{
			Key:           &waCommon.MessageKey{ID: proto.String(id), FromMe: proto.Bool(true)},
			Type:          waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(),
			EditedMessage: TextMessage(text),
		},
	}}}
}

// editAttribute returns the stanza's attribute for a message that changes an earlier one, or "".
func editAttribute(m *waE2E.Message) string {
	switch {
	case m.GetEditedMessage() != nil:
		return string(types.EditAttributeMessageEdit)
	case revokedID(m) != "":
		return string(types.EditAttributeSenderRevoke)
	}
	return ""
}

// revokedID returns the id of the message that m deletes for everybody, or "".
func revokedID(m *waE2E.Message) string {
	if p := unwrap(m).GetProtocolMessage(); p != nil && p.GetType() == waE2E.ProtocolMessage_REVOKE {
		return p.GetKey().GetID()
	}
	return ""
}

// pollOf returns the poll that a message starts, or nil.
func pollOf(m *waE2E.Message) *waE2E.PollCreationMessage {
	m = unwrap(m)
	for _, poll := range []*waE2E.PollCreationMessage{
		m.GetPollCreationMessage(), m.GetPollCreationMessageV2(), m.GetPollCreationMessageV3(),
	} {
		if poll != nil {
			return poll
		}
	}
	return nil
}

// Reaction returns an emoji on the message with that id.
func Reaction(id, emoji string) *waE2E.Message {
	return &waE2E.Message{ReactionMessage: &waE2E.ReactionMessage{
		Key: &waCommon.MessageKey{ID: proto.String(id)}, Text: proto.String(emoji),
	}}
}

// unwrap removes a message's wrappers.
func unwrap(m *waE2E.Message) *waE2E.Message {
	for range 8 { // nobody nests deeper in good faith
		var inner *waE2E.Message
		switch {
		case m.GetDeviceSentMessage() != nil:
			inner = m.GetDeviceSentMessage().GetMessage()
		case m.GetEphemeralMessage() != nil:
			inner = m.GetEphemeralMessage().GetMessage()
		case m.GetViewOnceMessage() != nil:
			inner = m.GetViewOnceMessage().GetMessage()
		case m.GetViewOnceMessageV2() != nil:
			inner = m.GetViewOnceMessageV2().GetMessage()
		case m.GetViewOnceMessageV2Extension() != nil:
			inner = m.GetViewOnceMessageV2Extension().GetMessage()
		case m.GetDocumentWithCaptionMessage() != nil:
			inner = m.GetDocumentWithCaptionMessage().GetMessage()
		case m.GetEditedMessage() != nil:
			inner = m.GetEditedMessage().GetMessage()
		}
		if inner == nil {
			return m
		}
		m = inner
	}
	return m
}

// textOf returns what a person reads in a message, or "" if there is no text.
func textOf(m *waE2E.Message) string {
	m = unwrap(m)
	switch {
	case m.GetConversation() != "":
		return m.GetConversation()
	case m.GetExtendedTextMessage() != nil:
		return m.GetExtendedTextMessage().GetText()
	case m.GetImageMessage() != nil:
		return m.GetImageMessage().GetCaption()
	case m.GetVideoMessage() != nil:
		return m.GetVideoMessage().GetCaption()
	case m.GetDocumentMessage() != nil:
		return m.GetDocumentMessage().GetCaption()
	case m.GetReactionMessage() != nil:
		return m.GetReactionMessage().GetText()
	case pollOf(m) != nil:
		return pollOf(m).GetName()
	case m.GetProtocolMessage().GetEditedMessage() != nil:
		return textOf(m.GetProtocolMessage().GetEditedMessage())
	}
	return ""
}

// isShown reports whether a person sees the message. The others are between devices.
func isShown(m *waE2E.Message) bool {
	m = unwrap(m)
	return textOf(m) != "" || m.GetImageMessage() != nil || m.GetVideoMessage() != nil || m.GetAudioMessage() != nil ||
		m.GetDocumentMessage() != nil || m.GetStickerMessage() != nil || m.GetContactMessage() != nil ||
		m.GetLocationMessage() != nil || pollOf(m) != nil
}

func expirationOf(m *waE2E.Message) time.Duration {
	m = unwrap(m)
	for _, part := range []interface{ GetContextInfo() *waE2E.ContextInfo }{
		m.GetExtendedTextMessage(), m.GetImageMessage(), m.GetVideoMessage(), m.GetDocumentMessage(), m.GetAudioMessage(),
	} {
		if s := part.GetContextInfo().GetExpiration(); s > 0 {
			return time.Duration(s) * time.Second
		}
	}
	return 0
}

// stanzaType returns the type attribute that goes with a message (whatsmeow
// send.go, getTypeFromMessage) and the media type of its <enc>.
func stanzaType(m *waE2E.Message) (kind, media string) {
	switch inner := unwrap(m); {
	case inner.GetReactionMessage() != nil:
		return "reaction", ""
	case inner.GetPollUpdateMessage() != nil, pollOf(inner) != nil:
		return "poll", ""
	case inner.GetImageMessage() != nil:
		return "media", "image"
	case inner.GetVideoMessage() != nil:
		return "media", "video"
	case inner.GetDocumentMessage() != nil:
		return "media", "document"
	case inner.GetAudioMessage() != nil:
		return "media", "audio"
	case inner.GetContactMessage() != nil:
		return "media", "vcard"
	}
	return "text", ""
}
