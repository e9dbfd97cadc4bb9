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

// Send implements [pingr.Session]. A session sends one message at a time, and
// others wait. Each waits at most 20 seconds for WhatsApp's answer; after that
// its outcome is unknown. A session that is connecting is given a few seconds.
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
	select {
	case s.sending <- struct{}{}:
		defer func() { <-s.sending }()
	case <-ctx.Done():
		return notNow(ctx.Err())
	}
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
func (s *Session) sendOnce(ctx context.Context, l *line, dev *device, to types.JID, id types.MessageID, m *waE2E.Message) attempt {
	h := &holder{persons: dev.persons}
	defer h.drop()
	if to.Server != types.GroupServer {
		h.recipient = to.SignalAddress().String()
	}
	var a attempt
	if to.Server == types.DefaultUserServer {
		a.repeated, a.err = l.sendByNumber(withHolder(ctx, h), to, id, m, s.pool.timing.send)
	} else {
		var sent whatsmeow.SendResponse
		sent, a.err = l.client.SendMessage(withHolder(ctx, h), to, m, whatsmeow.SendRequestExtra{ID: id, Timeout: s.pool.timing.send})
		a.repeated = sent.DebugTimings.Retry > 0
	}
	if a.sealed = h.sealed; a.err == nil && h.recipient != "" && !h.sealed {
		// whatsmeow found nobody to encrypt it for, and sent an empty envelope.
		a.err = errNoDevice
	}
	if code, refused := serverCode(a.err); refused && code == codeStaleGroup && to.Server == types.GroupServer {
		_, _ = l.client.GetGroupInfo(ctx, to) // refreshes whatsmeow's copy for the next try
	}
	return a
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
		return types.JID{}, fmt.Errorf("%w: text has %d characters; at most %d are allowed", pingr.ErrNotSent, n, pingr.MaxText)
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
