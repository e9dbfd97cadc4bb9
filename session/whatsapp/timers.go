package whatsapp

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

// Every message of a chat with a disappearing timer carries it, so that the
// last message tells the chat's timer; a reply that did not carry it would
// stay for ever in a chat that promises otherwise.

// A chatTimer is what was told last of a chat's timer. One that was taken off is
// kept with 0 seconds, so that an older message cannot set it again.
type chatTimer struct {
	seconds uint32
	told    time.Time // when the message that told it was sent
}

// learnTimer notes the timer that a message carries.
func (s *Session) learnTimer(ctx context.Context, e *events.Message, text written) {
	if e.IsEphemeral && text.info == nil {
		return // it has one, and does not say which
	}
	s.heardTimer(ctx, e, text.info.GetExpiration())
}

// learnSettings notes a timer that was changed without a text.
func (s *Session) learnSettings(ctx context.Context, e *events.Message) {
	p := e.Message.GetProtocolMessage()
	if p.GetType() == waE2E.ProtocolMessage_EPHEMERAL_SETTING && p.EphemeralExpiration != nil {
		s.heardTimer(ctx, e, p.GetEphemeralExpiration())
	}
}

// heardTimer notes the timer that a message tells of. The message may come once
// more: its sender answers a retry receipt, or our own phone tells what we could
// not read.
func (s *Session) heardTimer(ctx context.Context, e *events.Message, seconds uint32) {
	again := e.RetryCount > 0 || e.UnavailableRequestID != ""
	s.noteTimer(ctx, e.Info.Chat, chatTimer{seconds, e.Info.Timestamp}, again)
}

// noteTimer notes what was told of a chat's timer, unless something sent later was
// noted before. It is written only when the timer changes, which is rare.
func (s *Session) noteTimer(ctx context.Context, chat types.JID, heard chatTimer, again bool) {
	names := s.chatNames(ctx, chat)
	s.mu.Lock()
	known := s.latestTimer(names)
	late := heard.told.Before(known.told) || again && heard.told.Equal(known.told)
	never := known == chatTimer{} && heard.seconds == 0
	if late || never {
		s.mu.Unlock()
		return
	}
	for _, outdated := range names[1:] {
		delete(s.timers, outdated)
	}
	s.timers[names[0]] = heard
	s.mu.Unlock()
	if known.seconds == heard.seconds {
		return
	}
	if err := s.pool.database.setTimer(ctx, s.id, names, heard); err != nil {
		// It is in memory, and the chat's next message brings it again.
		s.pool.log.Warn("a disappearing timer was not stored", "session", s.id, "error", err)
	}
}

// timer returns a chat's timer in seconds.
func (s *Session) timer(ctx context.Context, chat types.JID) uint32 {
	names := s.chatNames(ctx, chat)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latestTimer(names).seconds
}

// latestTimer returns what was told last of a chat with these names. The caller
// holds s.mu.
func (s *Session) latestTimer(names []string) chatTimer {
	latest := s.timers[names[0]]
	for _, name := range names[1:] {
		if t := s.timers[name]; t.told.After(latest.told) {
			latest = t
		}
	}
	return latest
}

// chatNames are the names of a chat, however WhatsApp calls it: that by which a
// timer is noted first (the LID where it is known), then that by which it may have
// been noted before the LID was known.
func (s *Session) chatNames(ctx context.Context, chat types.JID) []string {
	chat = chat.ToNonAD()
	names := []string{chat.String()}
	lids := s.pool.database.keys.LIDMap
	switch chat.Server {
	case types.DefaultUserServer:
		if lid, err := lids.GetLIDForPN(ctx, chat); err == nil && !lid.IsEmpty() {
			names = []string{lid.ToNonAD().String(), chat.String()}
		}
	case types.HiddenUserServer:
		if number, err := lids.GetPNForLID(ctx, chat); err == nil && !number.IsEmpty() {
			names = append(names, number.ToNonAD().String())
		}
	}
	return names
}
