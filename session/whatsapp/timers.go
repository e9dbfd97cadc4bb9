package whatsapp

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

// Every message of a chat with a disappearing timer carries the timer, so the
// last message shows it. A reply without the timer would stay forever in a
// chat that promises otherwise.

// A chatTimer is the latest known timer of a chat. A timer that was removed is
// kept with 0 seconds, so that an older message cannot set it again.
type chatTimer struct {
	seconds uint32
	told    time.Time // when the message that carried it was sent
}

// learnTimer records the timer that a message carries.
func (s *Session) learnTimer(ctx context.Context, e *events.Message, text written) {
	if e.IsEphemeral && text.info == nil {
		return // it has a timer, and does not say which
	}
	s.heardTimer(ctx, e, text.info.GetExpiration())
}

// learnSettings records a timer that was changed without a text.
func (s *Session) learnSettings(ctx context.Context, e *events.Message) {
	p := e.Message.GetProtocolMessage()
	if p.GetType() == waE2E.ProtocolMessage_EPHEMERAL_SETTING && p.EphemeralExpiration != nil {
		s.heardTimer(ctx, e, p.GetEphemeralExpiration())
	}
}

// heardTimer records the timer that a message carries. The message may come
// again: its sender answers a retry receipt, or our own phone hands over what
// we could not read.
func (s *Session) heardTimer(ctx context.Context, e *events.Message, seconds uint32) {
	again := e.RetryCount > 0 || e.UnavailableRequestID != ""
	s.noteTimer(ctx, e.Info.Chat, chatTimer{seconds, e.Info.Timestamp}, again)
}

// noteTimer records a chat's timer, unless one that was sent later was recorded
// before. It writes the timer only if it changes, which is rare.
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
		// The timer is in memory, and the chat's next message brings it again.
		s.pool.log.Warn("could not store a disappearing timer", "session", s.id, "error", err)
	}
}

// timer returns a chat's timer in seconds.
func (s *Session) timer(ctx context.Context, chat types.JID) uint32 {
	names := s.chatNames(ctx, chat)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latestTimer(names).seconds
}

// latestTimer returns the latest known timer of a chat with these names. The
// caller holds s.mu.
func (s *Session) latestTimer(names []string) chatTimer {
	latest := s.timers[names[0]]
	for _, name := range names[1:] {
		if t := s.timers[name]; t.told.After(latest.told) {
			latest = t
		}
	}
	return latest
}

// chatNames returns the names of a chat that WhatsApp may use. The first is the
// name under which a timer is stored (the LID if known). The second is the name
// under which it may have been stored before the LID was known.
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
