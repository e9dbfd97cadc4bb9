package whatsapp

import (
	"errors"
	"runtime/debug"
	"strconv"
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/heypingr/pingr"
)

// onEvent is whatsmeow's event handler. Its result matters only for a message:
// false leaves it unacknowledged. onEvent must not block, because everything
// that arrives waits behind it.
func (l *line) onEvent(evt any) (ok bool) {
	s := l.session
	defer func() {
		if r := recover(); r != nil {
			// whatsmeow would take a panic for success.
			s.pool.log.Error("event handler panicked", "session", s.id, "stack", string(debug.Stack()))
			if _, isMessage := evt.(*events.Message); isMessage {
				s.refused()
			}
			ok = false
		}
	}()
	switch e := evt.(type) {
	case *events.Message:
		return s.receive(l, e)
	case *events.UndecryptableMessage:
		s.missed(l.ctx, e.Info)
		if !e.IsUnavailable && e.DecryptFailMode != events.DecryptFailHide {
			s.undecryptable.Add(1)
		}
	case *events.Receipt:
		l.onReceipt(e)
	case *events.GroupInfo:
		if e.Ephemeral != nil {
			s.noteTimer(l.ctx, e.JID, chatTimer{e.Ephemeral.DisappearingTimer, e.Timestamp}, false)
		}
	case *events.OfflineSyncPreview:
		if e.Total > 0 {
			s.pool.run(func() { l.askForBacklog(e.Total) })
		}
	case *events.OfflineSyncCompleted:
		l.caughtUp.Store(true)
		s.caughtUp()
	default:
		l.onLinkEvent(evt)
		l.onConnectionEvent(evt)
	}
	return true
}

// onReceipt records what happened to our messages.
func (l *line) onReceipt(e *events.Receipt) {
	switch e.Type {
	case types.ReceiptTypeRetry:
		l.session.retries.Add(1)
	case types.ReceiptTypeDelivered, types.ReceiptTypeRead:
		if dev := l.keys.device.Load(); dev != nil && !e.IsFromMe && !e.IsGroup {
			dev.outbox.delivered(e.MessageIDs)
		}
	}
}

// onLinkEvent handles what happens while linking.
func (l *line) onLinkEvent(evt any) {
	s := l.session
	switch e := evt.(type) {
	case *events.QR:
		s.codesArrived(l, e.Codes)
	case *events.QRScannedWithoutMultidevice:
		s.apply(input{kind: inputStep, code: pingr.ReasonPhoneOutdated})
	case *events.PairPasskeyRequest, *events.PairPasskeyConfirmation, *events.PairPasskeyError:
		s.linkOver(l, pingr.ReasonPasskey)
	case *events.PairError:
		s.linkOver(l, pingr.ReasonLinkFailed)
	case *events.PairSuccess:
		if props := e.Props; props != nil && props.IsChatDbLidMigrated != nil && !props.GetIsChatDbLidMigrated() {
			s.habits.believe(byNumber) // as WhatsApp Web does (WAWebHandlePairSuccess, whatsapp-rust pull 943)
		}
		s.paired(l, true)
	case *events.ManualLoginReconnect:
		s.paired(l, false)
	}
}

// paired records one of the two events that end linking: we accepted the
// phone's confirmation (success), or WhatsApp has ours and wants us to log in.
// They come in either order. Hanging up before both have come would interrupt
// whatsmeow at the other.
func (s *Session) paired(l *line, success bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.line != l {
		return
	}
	if success {
		s.applyLocked(input{kind: inputPaired})
		s.expectLogin(l)
	}
	if l.words++; l.words == 2 {
		s.dialAfter(0)
	}
}

// onConnectionEvent handles connects and disconnects of a linked session.
func (l *line) onConnectionEvent(evt any) {
	s := l.session
	switch e := evt.(type) {
	case *events.Connected:
		s.pool.run(func() { s.verify(l) })
	case *events.Disconnected:
		// A late event of an earlier connection is ignored.
		if !l.client.IsConnected() {
			s.lost(l, 0, 0, "")
		}
	case *events.StreamError:
		// WhatsApp closes the stream after an error in it, or forgets to.
		if !l.client.IsLoggedIn() {
			s.lost(l, 0, 0, "WhatsApp ended the connection. Pingr is reconnecting.")
		}
	case *events.ConnectFailure:
		s.lost(l, 0, int(e.Reason), "WhatsApp refused the connection ("+strconv.Itoa(int(e.Reason))+"). Pingr keeps trying.")
	case *events.LoggedOut:
		code := int(e.Reason)
		if _, known := ends[code]; !known {
			code = codeLoggedOut
		}
		s.endedUnlessLost(l, code, "")
	case *events.TemporaryBan:
		detail := ""
		s.mu.Lock()
		s.banEnds = time.Time{}
		if e.Expire > 0 {
			s.banEnds = s.pool.now().Add(e.Expire)
			detail = "WhatsApp banned the number until " + s.banEnds.UTC().Format("2006-01-02 15:04 UTC") +
				". Reconnect then, and send fewer messages to people who did not text first."
		}
		s.mu.Unlock()
		s.endedUnlessLost(l, codeTempBan, detail)
	case *events.ClientOutdated:
		s.endedUnlessLost(l, codeOutdated, "")
	case *events.StreamReplaced:
		s.endedUnlessLost(l, codeReplaced, "")
	}
}

func (s *Session) ended(l *line, code int, detail string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.line == l {
		stop(s.redial)
		s.attempt++ // cancels a dial that is planned
		s.applyLocked(input{kind: inputEnded, code: code, detail: detail})
	}
}

var errNobodyListens = errors.New("nobody listens")

// refusals records what is known of messages that the handler did not take.
type refusals struct {
	since  bool // one was refused on the current connection
	rounds int  // connections made because of them
	timer  *time.Timer
}

// refused schedules asking WhatsApp again for what was not acknowledged.
// WhatsApp sends it only on the next connection.
func (s *Session) refused() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusals.since = true
	s.askLater()
}

// askLater schedules askAgain after a growing pause. The caller holds s.mu.
func (s *Session) askLater() {
	if s.refusals.timer != nil || s.closed || s.listening.Load() == nil {
		return // Listen asks when it begins
	}
	pause := min(s.pool.timing.redeliver<<min(s.refusals.rounds, 16), redeliverMax)
	s.refusals.rounds++
	s.refusals.timer = time.AfterFunc(pause, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.refusals.timer = nil
		s.askAgain()
	})
}

// askAgain reconnects to get refused messages again. The caller holds s.mu.
func (s *Session) askAgain() {
	if s.record.State == pingr.SessionConnected && s.applyLocked(input{kind: inputDial}) {
		s.dialAfter(0)
	}
}

// caughtUp is called when everything that waited at WhatsApp has been handled.
func (s *Session) caughtUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.refusals.since {
		s.refusals.rounds = 0
	}
}
