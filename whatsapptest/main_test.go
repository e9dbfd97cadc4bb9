package whatsapptest_test

import (
	"testing"

	"go.uber.org/goleak"
)

// The server must leave nothing behind. whatsmeow does, twice: a frame that arrives
// while its client disconnects blocks the socket's reader for good (framesocket.go,
// frameComplete sends to a channel that nobody reads any more), and the reader of history syncs
// waits a minute for another.
//
// Under -race, whatsmeow may report a race of its own when a send overlaps a close
// (framesocket.go, Close against SendFrame); none was seen in these tests.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("go.mau.fi/whatsmeow/socket.(*FrameSocket).readPump"),
		goleak.IgnoreAnyFunction("go.mau.fi/whatsmeow.(*Client).handleHistorySyncNotificationLoop"),
	)
}
