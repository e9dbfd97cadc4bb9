package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"github.com/heypingr/pingr"
)

// Link begins a round of QR codes. [Session.QR] returns the current code, and
// [Session.Changes] reports each new one. When all have expired, the session is
// in state link_expired, and Link begins another round. Link returns
// [ErrLinked] if the session is linked. If its keys are damaged, Link deletes
// them.
func (s *Session) Link() error {
	if err := s.eraseDamaged(); err != nil {
		s.pool.log.Error("damaged keys remain", "session", s.id, "error", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if s.record.Device != "" || !s.applyLocked(input{kind: inputLink}) {
		return fmt.Errorf("link session: %w", ErrLinked)
	}
	if old := s.line; old != nil {
		s.giveUp(old, true)
	}
	s.endRound()
	device, keys := s.pool.database.newKeys(s.claim, s.databaseFailed)
	s.line = newLine(s, device, keys)
	s.failures = 0
	s.dialAfter(0)
	s.changed(false)
	return nil
}

// eraseDamaged deletes keys that cannot be read, as far as possible, and makes
// the session forget them.
func (s *Session) eraseDamaged() error {
	s.mu.Lock()
	damaged := s.damaged && !s.closed
	s.mu.Unlock()
	if !damaged {
		return nil
	}
	ctx, cancel := context.WithTimeout(s.pool.ctx, effectTimeout)
	defer cancel()
	err := s.eraseKeys(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.damaged {
		s.damaged, s.record.Device = false, ""
	}
	return err
}

// QR returns the code to scan. ok is false if there is none now.
func (s *Session) QR() (_ QR, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.qr, s.qr.Code != ""
}

// pairCodeTime is how long a pairing code is valid.
const pairCodeTime = 3 * time.Minute

// PairCode returns a code ("ABCD-EFGH") that the person types on the phone
// instead of scanning: Linked devices, Link with phone number. phone is digits
// only. PairCode begins a round of QR codes if there is none. It returns
// [ErrLinked] if the session is linked.
func (s *Session) PairCode(ctx context.Context, phone string) (string, error) {
	if s.Record().State != pingr.SessionPairing {
		if err := s.Link(); err != nil {
			return "", err
		}
	}
	// A code can be requested once WhatsApp has offered its QR codes.
	ctx, cancel := context.WithTimeout(ctx, s.pool.timing.login)
	defer cancel()
	ready := false
	for now := range s.Changes(ctx) {
		if now.Record.State != pingr.SessionPairing {
			return "", fmt.Errorf("pairing code: %s", now.Record.Detail)
		}
		if ready = now.QR.Code != ""; ready {
			break
		}
	}
	s.mu.Lock()
	l := s.line
	s.mu.Unlock()
	if !ready || l == nil {
		return "", errors.New("pairing code: WhatsApp did not answer")
	}
	code, err := l.client.PairPhone(ctx, phone, true, whatsmeow.PairClientChrome, "Chrome (Linux)")
	if err != nil {
		return "", fmt.Errorf("pairing code: %w", pairError(err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.line == l && s.record.State == pingr.SessionPairing {
		s.applyLocked(input{
			kind:   inputStep,
			detail: "Type the code on the phone: Linked devices, Link a device, Link with phone number instead.",
		})
		// The QR codes continue. The round ends only when the typed code has expired.
		s.roundEnds = time.Now().Add(pairCodeTime)
	}
	return code, nil
}

// pairError keeps the part of an error that a person may read.
func pairError(err error) error {
	switch {
	case errors.Is(err, whatsmeow.ErrPhoneNumberTooShort), errors.Is(err, whatsmeow.ErrPhoneNumberIsNotInternational):
		return errors.New("the number must have its country code and no leading zero")
	case errors.Is(err, whatsmeow.ErrIQRateOverLimit):
		return errors.New("WhatsApp refuses more codes for now; wait, or scan the QR code")
	}
	return errors.New("WhatsApp refused; check the number, or scan the QR code")
}

// codesArrived starts showing the codes of a round.
func (s *Session) codesArrived(l *line, codes []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.line != l || s.record.State != pingr.SessionPairing {
		return
	}
	stop(s.redial) // the login was answered
	s.codes = codes
	s.showNext(l, s.pool.timing.firstQR)
}

// showNext shows the next code for some time, or ends the round. The caller
// holds s.mu.
func (s *Session) showNext(l *line, valid time.Duration) {
	stop(s.round)
	s.round, s.qr = nil, QR{}
	if len(s.codes) > 0 {
		s.qr = QR{Code: s.codes[0], ExpiresAt: s.pool.now().Add(valid)}
		s.codes = s.codes[1:]
	} else if left := time.Until(s.roundEnds); left > 0 {
		valid = left
	} else {
		s.applyLocked(input{kind: inputLinkOver})
		return
	}
	s.changed(false)
	s.round = time.AfterFunc(valid, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.line == l && s.record.State == pingr.SessionPairing {
			s.showNext(l, s.pool.timing.otherQR)
		}
	})
}

// endRound drops the codes. The caller holds s.mu.
func (s *Session) endRound() {
	stop(s.round)
	s.round, s.qr, s.codes, s.roundEnds = nil, QR{}, nil, time.Time{}
}

// onPair is called when a phone has linked us, before the keys are saved. The
// record must know its device first, because a crash would otherwise leave keys
// that belong to nobody. Returning false refuses the link.
func (l *line) onPair(jid types.JID, _, _ string) bool {
	s := l.session
	s.saving.Lock()
	defer s.saving.Unlock()
	if s.removed {
		return false
	}
	s.mu.Lock()
	if s.line != l || s.record.State != pingr.SessionPairing {
		s.mu.Unlock()
		return false
	}
	record := s.record
	record.Device, record.Phone = jid.String(), jid.User
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(l.ctx, effectTimeout)
	defer cancel()
	if err := s.save(ctx, record); err != nil {
		s.pool.log.Error("link refused: the session could not be saved", "session", s.id, "error", err)
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record.Device, s.record.Phone = record.Device, record.Phone
	l.jid.Store(&jid)
	return true
}

// linkOver ends a round for one of our own reasons.
func (s *Session) linkOver(l *line, reason int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.line == l {
		s.applyLocked(input{kind: inputLinkOver, code: reason})
	}
}

// unlink tells WhatsApp that the device is gone.
func (s *Session) unlink(ctx context.Context) error {
	s.mu.Lock()
	l, linked := s.line, s.record.Device != ""
	s.mu.Unlock()
	if !linked {
		return nil
	}
	if l == nil {
		return ErrNotLinked
	}
	ctx, cancel := context.WithTimeout(ctx, effectTimeout)
	defer cancel()
	if s.Record().State != pingr.SessionConnected {
		_ = s.Reconnect()
		for now := range s.Changes(ctx) {
			if now.Record.State == pingr.SessionConnected || (status{now.Record.State, now.Record.Reason, ""}).terminal() {
				break
			}
		}
	}
	return l.removeDevice(ctx)
}
