package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/heypingr/pingr"
)

// ErrListening is returned by a Listen while another one runs.
var ErrListening = errors.New("already listening")

type listener struct {
	ctx    context.Context
	handle pingr.Handler
}

// Listen implements [pingr.Session]. It continues through lost connections,
// logouts and new links. It ends when ctx ends, or with [ErrClosed] when the
// session is removed or its pool is closed. A Listen while another one runs
// returns [ErrListening].
func (s *Session) Listen(ctx context.Context, handle pingr.Handler) error {
	me := &listener{ctx, handle}
	if !s.listening.CompareAndSwap(nil, me) {
		return ErrListening
	}
	defer s.listening.Store(nil)
	s.mu.Lock()
	if s.refusals.since && s.refusals.timer == nil {
		s.askAgain()
	}
	s.mu.Unlock()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.done:
		return ErrClosed
	}
}

// receive passes one message to the handler and reports whether it may be
// acknowledged.
func (s *Session) receive(l *line, e *events.Message) bool {
	ctx := l.ctx
	if l.broken.Load() {
		return false
	}
	if err := s.keepHistory(ctx, l, e); err != nil {
		s.pool.log.Debug("names from the phone's history were not kept", "session", s.id)
	}
	switch believed, err := s.believes(ctx, e); {
	case err != nil:
		return s.notTaken(err)
	case !believed:
		s.pool.log.Warn("dropped a message that was sent again without being missed", "session", s.id)
		return true
	}
	text, ok := personText(e)
	if !ok {
		s.learnSettings(ctx, e)
		return true
	}
	m, err := s.message(ctx, l, e, text)
	if err != nil {
		return s.notTaken(err)
	}
	s.learnTimer(ctx, e, text)
	s.learnForm(ctx, e)
	if text.text == "" && text.card == "" {
		return true
	}
	if err := s.hand(m); err != nil {
		return s.notTaken(err)
	}
	return true
}

// notTaken schedules asking for a message again, and leaves it unacknowledged.
func (s *Session) notTaken(err error) bool {
	if !errors.Is(err, errNobodyListens) {
		s.pool.log.Warn("message was not accepted; it is requested again", "session", s.id)
	}
	s.refused()
	return false
}

// hand calls the handler. onEvent catches a panic in it.
func (s *Session) hand(m pingr.Message) error {
	to := s.listening.Load()
	if to == nil {
		return errNobodyListens
	}
	return to.handle(to.ctx, m)
}

// message converts an event to a [pingr.Message].
func (s *Session) message(ctx context.Context, l *line, e *events.Message, text written) (pingr.Message, error) {
	sender := e.Info.Sender.ToNonAD()
	number, lid := named(sender, e.Info.SenderAlt.ToNonAD())
	if !lid.IsEmpty() {
		s.pairs.put(number, lid)
	}
	var err error
	if number.IsEmpty() && handedOver(e) {
		if number, err = s.missedNumber(ctx, e); err != nil {
			return pingr.Message{}, err
		}
	}
	earlier, err := s.earlier(ctx, number, lid)
	if err != nil {
		return pingr.Message{}, err
	}
	m := pingr.Message{
		ID:      e.Info.ID,
		Chat:    e.Info.Chat.ToNonAD().String(),
		Sender:  sender.String(),
		Phone:   number.User,
		Earlier: earlier,
		Type:    text.kind,
		Text:    text.text,
		Card:    text.card,
		Time:    e.Info.Timestamp,
		Arrived: time.Now().Add(l.clockOffset()),

		Forwarded: text.info.GetIsForwarded(),
	}
	if !lid.IsEmpty() {
		m.LID = lid.String()
	}
	if !m.InGroup() {
		m.Chat = m.Sender
	}
	return m, nil
}

// named returns the number and the LID among two names of a person. Either may
// be empty. The digits of a LID are never a number.
func named(jid, alt types.JID) (number, lid types.JID) {
	for _, j := range []types.JID{jid, alt} {
		switch j.Server {
		case types.DefaultUserServer:
			number = j
		case types.HiddenUserServer:
			lid = j
		}
	}
	return number, lid
}

// earlier returns the number that WhatsApp named at some time for the LID of a
// message without a number, or "". It may be somebody else's by now.
func (s *Session) earlier(ctx context.Context, number, lid types.JID) (string, error) {
	if !number.IsEmpty() || lid.IsEmpty() {
		return "", nil
	}
	number, err := s.pool.database.keys.LIDMap.GetPNForLID(ctx, lid)
	if err != nil {
		return "", fmt.Errorf("resolve sender: %w", err)
	}
	return number.User, nil
}

// names returns a person's number and LID as far as they are known, for
// addressing. Either may be empty.
func (s *Session) names(ctx context.Context, jid, alt types.JID) (number, lid types.JID, err error) {
	number, lid = named(jid, alt)
	lids := s.pool.database.keys.LIDMap
	switch {
	case number.IsEmpty() && !lid.IsEmpty():
		number, err = lids.GetPNForLID(ctx, lid)
	case lid.IsEmpty() && !number.IsEmpty():
		lid, err = lids.GetLIDForPN(ctx, number)
	}
	if err != nil {
		return number, lid, fmt.Errorf("resolve sender: %w", err)
	}
	return number.ToNonAD(), lid.ToNonAD(), nil
}

// keepHistory takes only the names of people and their privacy tokens from the
// phone's history. The first bundle carries them; chats are not fetched at all.
func (s *Session) keepHistory(ctx context.Context, l *line, e *events.Message) error {
	history := e.Message.GetProtocolMessage().GetHistorySyncNotification()
	if history == nil || !e.Info.IsFromMe || len(history.GetInitialHistBootstrapInlinePayload()) == 0 {
		return nil
	}
	_, err := l.client.DownloadHistorySync(ctx, history, true)
	return err
}
