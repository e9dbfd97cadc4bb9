package whatsapp

import (
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// WhatsApp may send only the first few of the messages that waited while we were
// away, and the rest when asked: WhatsApp Web asks for 200 at a time, 100 ms after
// the first of the last 200 has come (WAWebOfflineHandler). whatsmeow never asks.
const (
	backlogBatch = 200
	backlogPause = 100 * time.Millisecond
	// What was asked for in vain is asked for again, in case WhatsApp did not count
	// it while an earlier batch was on its way.
	backlogRepeat = 5 * time.Second
)

// askForBacklog asks for all of a backlog, and goes on until WhatsApp says that
// there is no more or the connection is another. WhatsApp sends nothing new before
// that.
func (l *line) askForBacklog(total int) {
	connection := l.dials.Load()
	for asked := 0; ; asked += backlogBatch {
		if l.caughtUp.Load() || l.dials.Load() != connection || l.client.DangerousInternals().SendNode(l.ctx, waBinary.Node{
			Tag: "ib", Content: []waBinary.Node{{
				Tag: "offline_batch", Attrs: waBinary.Attrs{"count": strconv.Itoa(backlogBatch)},
			}},
		}) != nil {
			return
		}
		pause := backlogPause
		if asked >= total {
			pause = backlogRepeat
		}
		select {
		case <-time.After(pause):
		case <-l.ctx.Done():
			return
		}
	}
}
