package whatsapp

import (
	"strconv"
	"time"

	"github.com/heypingr/pingr"
)

// offsetFrom returns how far WhatsApp's clock is ahead, according to a unified
// session id made at now (whatsmeow client.go, getUnifiedSessionID). It is
// right for clocks that are less than half a week apart.
func offsetFrom(id string, now time.Time) time.Duration {
	const week = 7 * 24 * time.Hour
	ms, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return 0
	}
	ours := now.Add(3*24*time.Hour).UnixMilli() % week.Milliseconds()
	offset := time.Duration(ms-ours) * time.Millisecond
	switch {
	case offset > week/2:
		offset -= week
	case offset < -week/2:
		offset += week
	}
	// The login's time is in whole seconds; less is noise.
	if offset.Abs() < 2*time.Second {
		return 0
	}
	return offset
}

// ClockOffset returns how far WhatsApp's clock is ahead of this machine's.
// known is false while the session is not connected. Less than two seconds is
// reported as zero.
func (s *Session) ClockOffset() (offset time.Duration, known bool) {
	s.mu.Lock()
	l, state := s.line, s.record.State
	s.mu.Unlock()
	if l == nil || state != pingr.SessionConnected {
		return 0, false
	}
	return l.clockOffset(), true
}
