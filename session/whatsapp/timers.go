package whatsapp

import (
	"context"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

// Every message of a chat with a disappearing timer carries it, so that the
// last message tells the chat's timer; a reply that did not carry it would
// stay for ever in a chat that promises otherwise.

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

// heardTimer notes the timer that a message tells of. A message may come late, or
// once more because a retry was asked for; then one sent after it has told since.
func (s *Session) heardTimer(ctx context.Context, e *events.Message, seconds uint32) {
	sent, name := e.Info.Timestamp, s.chatNames(ctx, e.Info.Chat)[0]
	s.mu.Lock()
	told := s.timersTold[name]
	late := sent.Before(told) || e.RetryCount > 0 && sent.Equal(told)
	if !late && (seconds != 0 || !told.IsZero()) {
		s.timersTold[name] = sent
	}
	s.mu.Unlock()
	if !late {
		s.setTimer(ctx, e.Info.Chat, seconds)
	}
}

// setTimer notes a chat's timer in seconds, 0 for none. It is written only
// when it changes, which is rare.
func (s *Session) setTimer(ctx context.Context, chat types.JID, seconds uint32) {
	names := s.chatNames(ctx, chat)
	s.noteTimer(ctx, names[0], seconds)
	for _, outdated := range names[1:] {
		s.noteTimer(ctx, outdated, 0)
	}
}

func (s *Session) noteTimer(ctx context.Context, name string, seconds uint32) {
	s.mu.Lock()
	if s.timers[name] == seconds {
		s.mu.Unlock()
		return
	}
	if seconds == 0 {
		delete(s.timers, name)
	} else {
		s.timers[name] = seconds
	}
	s.mu.Unlock()
	if err := s.pool.database.setTimer(ctx, s.id, name, seconds); err != nil {
		// It is in memory, and the chat's next message brings it again.
		s.pool.log.Warn("a disappearing timer was not stored", "session", s.id, "error", err)
	}
}

// timer returns a chat's timer in seconds.
func (s *Session) timer(ctx context.Context, chat types.JID) uint32 {
	names := s.chatNames(ctx, chat)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range names {
		if seconds := s.timers[name]; seconds != 0 {
			return seconds
		}
	}
	return 0
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
