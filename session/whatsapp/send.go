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

// MaxText is the longest text that can be sent, in characters.
const MaxText = 4096

// Send implements [pingr.Session]. One message of a session is under way at a
// time, others wait; each waits for WhatsApp's answer 20 seconds at most, then
// it is unknown. A session that is just connecting is given a few seconds.
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
	h := &holder{persons: dev.persons}
	defer h.drop()
	if to.Server != types.GroupServer {
		h.recipient = to.SignalAddress().String()
	}
	text := strings.ToValidUTF8(m.Text, "\uFFFD")
	sent, err := l.client.SendMessage(withHolder(ctx, h), to, content(text, s.timer(ctx, to)),
		whatsmeow.SendRequestExtra{ID: m.ID, Timeout: s.pool.timing.send})
	if code, refused := serverCode(err); refused && code == codeStaleGroup && to.Server == types.GroupServer {
		_, _ = l.client.GetGroupInfo(ctx, to) // renews whatsmeow's copy, for the next try
	}
	if err == nil && h.recipient != "" && !h.sealed {
		// whatsmeow found nobody to encrypt it for, and sent an empty envelope.
		return notNow(errNoDevice)
	}
	return sendError(err, h.sealed, sent.DebugTimings.Retry > 0)
}

// awaitLine returns the line of a session that is connected or about to be:
// what waited at WhatsApp comes a moment before the round trip that tells us
// that we are connected, and is answered at once. It returns nil when there is
// none.
func (s *Session) awaitLine(ctx context.Context) *line {
	if l := s.connectedLine(); l != nil || s.Record().State != pingr.SessionConnecting {
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

// recipient checks a message and returns whom it is for.
func recipient(m pingr.Outgoing) (types.JID, error) {
	switch n := utf8.RuneCountInString(m.Text); {
	case m.ID == "":
		return types.JID{}, fmt.Errorf("%w: no message id", pingr.ErrNotSent)
	case n == 0:
		return types.JID{}, fmt.Errorf("%w: no text", pingr.ErrNotSent)
	case n > MaxText:
		return types.JID{}, fmt.Errorf("%w: text has %d characters, at most %d fit", pingr.ErrNotSent, n, MaxText)
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

// content is a text message that disappears after the chat's timer.
func content(text string, seconds uint32) *waE2E.Message {
	if seconds == 0 {
		return &waE2E.Message{Conversation: proto.String(text)}
	}
	return &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{
		Text:        proto.String(text),
		ContextInfo: &waE2E.ContextInfo{Expiration: proto.Uint32(seconds)},
	}}
}

// notNow marks an error as one before which nothing went out.
func notNow(err error) error { return fmt.Errorf("%w: %w", pingr.ErrSessionUnavailable, err) }

// sendError says what became of a message. sealed is whether its ciphertext
// was made: before that nothing can have gone out. repeated is whether the
// connection broke under it and whatsmeow sent it a second time by itself: what
// is said of the second says nothing of the first.
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
		// There was no socket to write to when the message was ready. Unwrapped
		// the same errors come from whatsmeow's second try, after the connection
		// broke under the first.
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
	case strings.HasPrefix(err.Error(), "no LID found for"):
		return fmt.Errorf("%w: %w", pingr.ErrNotSent, pingr.ErrNotOnWhatsApp)
	}
	return notNow(plain(err))
}

// serverCode is the code of an answer that refuses a message.
func serverCode(err error) (int, bool) {
	if !errors.Is(err, whatsmeow.ErrServerReturnedError) {
		return 0, false
	}
	var code int
	_, scanErr := fmt.Sscanf(strings.TrimPrefix(err.Error(), whatsmeow.ErrServerReturnedError.Error()), "%d", &code)
	return code, scanErr == nil
}

// plain keeps what tells errors apart and drops words, in which whatsmeow
// names people.
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
