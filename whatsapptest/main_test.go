package whatsapptest_test

import (
	"testing"

	"go.uber.org/goleak"
)

// whatsmeow races with itself: it closes its socket without the lock that guards
// its sends (socket/framesocket.go), and its QR channel while it may still be
// writing to it (qrchan.go). The tests with real clients therefore carry
// `//go:build !race`; what is left runs under the race detector.
//
// The server must leave nothing behind. whatsmeow does, twice: a frame that arrives
// while its client disconnects blocks the socket's reader for good (framesocket.go,
// frameComplete sends to a channel that nobody reads any more), and the reader of history syncs
// waits a minute for another.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("go.mau.fi/whatsmeow/socket.(*FrameSocket).readPump"),
		goleak.IgnoreAnyFunction("go.mau.fi/whatsmeow.(*Client).handleHistorySyncNotificationLoop"),
	)
}
