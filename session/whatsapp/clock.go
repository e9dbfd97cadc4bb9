package whatsapp

import (
	"strconv"
	"time"
)

// offsetFrom finds how far WhatsApp's clock is ahead in a unified session id
// made at now (whatsmeow client.go, getUnifiedSessionID). It holds for clocks
// that are less than half a week apart.
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
