//go:build race

package whatsapp

import "testing"

// requireRaceOff skips what runs whatsmeow's sockets: it has a data race of
// its own when a send overlaps a close (socket/framesocket.go: Close sets
// cancel and SendFrame reads cancelCtx, Header and conn without a lock).
func requireRaceOff(t *testing.T) {
	t.Helper()
	t.Skip("whatsmeow's sockets race with themselves")
}
