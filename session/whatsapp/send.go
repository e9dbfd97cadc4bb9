package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/socket"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/heypingr/pingr"
)

// sendsInFlight is how many messages of a session may wait for WhatsApp's
// acknowledgement at a time. At a round trip of 100 ms that is 320 a second.
const sendsInFlight = 32

// Send implements [pingr.Session]. Messages to one person or group go out in
// the order of the calls, each after WhatsApp's answer to the one before.
// Messages to different people go out side by side, up to 32 at a time. Each
// waits at most 20 seconds for its answer; after that its outcome is unknown. A
// session that is connecting is given a few seconds.
func (s *Session) Send(ctx context.Context, m pingr.Outgoing) error {
	to, err := recipient(m)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return notNow(ctx.Err())
	}
	l := s.awaitLine(ctx)
	if l == nil {
		return pingr.ErrSessionUnavailable
	}
	chat := s.chatNames(ctx, to)[0]
	if s.chats.acquire(ctx, chat) != nil {
		return notNow(ctx.Err())
	}
	defer s.chats.release(chat)
	dev := l.keys.device.Load()
	if s.connectedLine() != l || dev == nil {
		return pingr.ErrSessionUnavailable
	}
	ctx, cancel := context.WithTimeout(ctx, 2*s.pool.timing.send)
	defer cancel()
	message := content(strings.ToValidUTF8(m.Text, "\uFFFD"), s.timer(ctx, to))
	send := func(to types.JID) attempt { return s.sendOnce(ctx, l, dev, to, m.ID, message) }
	if to.Server == types.GroupServer {
		return send(to).error()
	}
	return s.addressed(ctx, l, m.ID, to, send).error()
}

// sendOnce sends a message to one address.
func (s *Session) sendOnce(
	ctx context.Context, l *line, dev *device, to types.JID, id types.MessageID, m *waE2E.Message,
) attempt {
	h := &holder{persons: dev.persons}
	defer h.drop()
	if to.Server != types.GroupServer {
		h.recipient = to.SignalAddress().String()
	}
	var a attempt
	a.repeated, a.token, a.err = s.fly(ctx, l, dev, h, to, id, m)
	a.sealed = h.sealed
	if a.err == nil && h.recipient != "" && !h.sealed {
		// whatsmeow found nobody to encrypt it for, and sent an empty envelope.
		a.err = errNoDevice
	}
	if code, refused := serverCode(a.err); refused && code == codeStaleGroup && to.Server == types.GroupServer {
		_, _ = l.client.GetGroupInfo(ctx, to) // refreshes whatsmeow's copy for the next try
	}
	return a
}

// fly sends a message and waits for its acknowledgement. It reports whether the
// connection broke meanwhile and the message was sent a second time, and whether
// it carried the person's privacy token.
func (s *Session) fly(
	ctx context.Context, l *line, dev *device, h *holder, to types.JID, id types.MessageID, m *waE2E.Message,
) (repeated, token bool, err error) {
	alone := to.Server == types.GroupServer || to.IsBot() // rare enough to go one at a time
	d := l.destination(ctx, to)
	if !alone {
		if err := l.acquaint(ctx, dev, h, d); err != nil {
			return false, false, err
		}
	}
	select {
	case s.flights <- struct{}{}:
		defer func() { <-s.flights }()
	case <-ctx.Done():
		return false, false, ctx.Err()
	}
	if s.connectedLine() != l {
		return false, false, whatsmeow.ErrNotConnected
	}
	if alone {
		sent, err := l.client.SendMessage(withHolder(ctx, h), to, m,
			whatsmeow.SendRequestExtra{ID: id, Timeout: s.pool.timing.send})
		return sent.DebugTimings.Retry > 0, false, err
	}
	f, err := l.depart(withHolder(ctx, h), d, id, m)
	if err != nil {
		return false, false, err
	}
	repeated, hash, err := l.land(ctx, f, s.pool.timing.send)
	if hash != "" {
		l.catchUp(ctx, dev, f, m, hash)
	}
	return repeated, f.token, err
}

// awaitLine returns the line of a session that is connected or about to be, or
// nil. What waited at WhatsApp arrives a moment before the round trip that
// shows that we are connected, and should be answered at once.
func (s *Session) awaitLine(ctx context.Context) *line {
	l := s.connectedLine()
	s.wanted.Store(l == nil)
	if l != nil || s.Record().State != pingr.SessionConnecting {
		return l
	}
	ctx, cancel := context.WithTimeout(ctx, s.pool.timing.ping)
	defer cancel()
	for now := range s.Changes(ctx) {
		if now.Record.State != pingr.SessionConnecting {
			break
		}
	}
	return s.connectedLine()
}

// connectedLine returns the line of a session that is connected, or nil.
func (s *Session) connectedLine() *line {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.record.State != pingr.SessionConnected || s.closed {
		return nil
	}
	return s.line
}

// recipient checks a message and returns its recipient.
func recipient(m pingr.Outgoing) (types.JID, error) {
	switch n := utf8.RuneCountInString(m.Text); {
	case m.ID == "":
		return types.JID{}, fmt.Errorf("%w: no message id", pingr.ErrNotSent)
	case n == 0:
		return types.JID{}, fmt.Errorf("%w: no text", pingr.ErrNotSent)
	case n > pingr.MaxText:
		return types.JID{}, fmt.Errorf("%w: text has %d characters; at most %d are allowed", pingr.ErrNotSent, n,
			pingr.MaxText)
	}
	user, _, isJID := strings.Cut(m.To, "@")
	to, err := types.ParseJID(m.To)
	if !isJID || err != nil || to.User == "" || to.User != user {
		return types.JID{}, fmt.Errorf("%w: recipient is not a bare JID", pingr.ErrNotSent)
	}
	switch to.Server {
	case types.DefaultUserServer, types.HiddenUserServer, types.GroupServer:
		return to, nil
	}
	return types.JID{}, fmt.Errorf("%w: recipient is neither a person nor a group", pingr.ErrNotSent)
}

// content returns a text message that disappears after the chat's timer.
func content(text string, seconds uint32) *waE2E.Message {
	if seconds == 0 {
		return &waE2E.Message{Conversation: proto.String(text)}
	}
	return &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{
		Text:        proto.String(text),
		ContextInfo: &waE2E.ContextInfo{Expiration: proto.Uint32(seconds)},
	}}
}

// notNow marks an error after which certainly nothing went out.
func notNow(err error) error { return fmt.Errorf("%w: %w", pingr.ErrSessionUnavailable, err) }

// sendError returns what happened to a message. sealed reports whether its
// ciphertext was made; before that, nothing can have gone out. repeated reports
// whether the connection broke during the send and whatsmeow sent it a second
// time by itself: the result of the second send tells nothing about the first.
func sendError(err error, sealed, repeated bool) error {
	if err == nil {
		return nil
	}
	if code, ok := serverCode(err); ok {
		err := refusal(code, sealed)
		switch {
		case repeated && errors.Is(err, pingr.ErrNotSent):
			return fmt.Errorf("%w: %w", pingr.ErrUnknown, err)
		case repeated:
			return fmt.Errorf("%w: WhatsApp answered %d to the second copy", pingr.ErrUnknown, code)
		}
		return err
	}
	if sealed {
		// There was no socket to write to when the message was ready. When wrapped,
		// the same errors come from whatsmeow's second try, after the connection
		// broke during the first.
		for _, closed := range []error{whatsmeow.ErrNotConnected, socket.ErrSocketClosed} {
			if err != closed && errors.Is(err, closed) { //nolint:errorlint // see above
				return notNow(whatsmeow.ErrNotConnected)
			}
		}
		return fmt.Errorf("send: no answer: %w", plain(err))
	}
	var iq *whatsmeow.IQError
	switch {
	case errors.As(err, &iq) && iq.Code > 0:
		return refusal(iq.Code, false)
	case errors.Is(err, errNoDevice):
		return notNow(errNoDevice)
	case errors.Is(err, errNotThere):
		return fmt.Errorf("%w: %w", pingr.ErrNotSent, pingr.ErrNotOnWhatsApp)
	}
	return notNow(plain(err))
}

// serverRefusal returns the error that whatsmeow makes of such a code.
func serverRefusal(code int) error {
	return fmt.Errorf("%w %d", whatsmeow.ErrServerReturnedError, code)
}

// serverCode returns the code of an answer that refuses a message.
func serverCode(err error) (int, bool) {
	if !errors.Is(err, whatsmeow.ErrServerReturnedError) {
		return 0, false
	}
	var code int
	_, scanErr := fmt.Sscanf(strings.TrimPrefix(err.Error(), whatsmeow.ErrServerReturnedError.Error()), "%d", &code)
	return code, scanErr == nil
}

// plain keeps what distinguishes errors and drops their text, in which
// whatsmeow names people.
func plain(err error) error {
	for _, known := range []error{
		context.Canceled, context.DeadlineExceeded,
		whatsmeow.ErrMessageTimedOut, whatsmeow.ErrIQTimedOut, whatsmeow.ErrNotConnected, whatsmeow.ErrNotLoggedIn,
	} {
		if errors.Is(err, known) {
			return known
		}
	}
	var gone *whatsmeow.DisconnectedError
	if errors.As(err, &gone) {
		return errors.New("the connection broke")
	}
	return errors.New("failed inside the WhatsApp client")
}
