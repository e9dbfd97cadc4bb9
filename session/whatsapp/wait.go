package whatsapp

import (
	"context"
	"errors"
	"fmt"

	"github.com/heypingr/pingr"
)

// WaitConnected returns nil once the session is connected. If the session is not
// linked, WaitConnected links it: it calls show with each QR code for a phone to
// scan, such as to draw it in a terminal, and returns when the phone is connected.
// If show is nil, an unlinked session is an error at once.
//
// It returns ctx's error if ctx ends first, [ErrClosed] if the pool is closed or
// the session removed, [ErrNotLinked] if nobody scanned a code in time, linking
// failed or the phone unlinked the session, and another error that says what to
// do if WhatsApp ended the connection for good.
func (s *Session) WaitConnected(ctx context.Context, show func(QR)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()                                               // ends Changes
	if show != nil && s.Record().State != pingr.SessionPairing { // there Add has begun already
		if err := s.Link(); err != nil && !errors.Is(err, ErrLinked) {
			return err
		}
	}
	shown := ""
	for now := range s.Changes(ctx) {
		at := status{now.Record.State, now.Record.Reason, now.Record.Detail}
		switch {
		case at.state == pingr.SessionConnected:
			return nil
		case at.terminal():
			return notConnected(at)
		case at.state == pingr.SessionPairing && show == nil:
			return fmt.Errorf("wait for session: %w", ErrNotLinked)
		case now.QR.Code != "" && now.QR.Code != shown:
			shown = now.QR.Code
			show(now.QR)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return ErrClosed
}

// notConnected is the error of a status that only a person can change.
func notConnected(at status) error {
	if at.state == pingr.SessionLoggedOut || at.state == pingr.SessionLinkExpired {
		return fmt.Errorf("%w: %s", ErrNotLinked, at.detail)
	}
	return fmt.Errorf("session is not connected: %s", at.detail)
}
