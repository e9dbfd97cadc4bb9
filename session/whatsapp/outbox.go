package whatsapp

import (
	"sync"
	"time"

	"go.mau.fi/whatsmeow/types"
)

// outboxTime is how long a sent message waits for its delivery receipt before
// it is written.
const outboxTime = 3 * time.Second

// An outbox holds messages that were sent and may have to be encrypted again if
// their recipient cannot read them. Nearly all are delivered within seconds and
// never reach the disk. That saves two writes a message, and Pingr is not an
// archive.
type outbox struct {
	write func([]outgoing) // to the journal

	mu       sync.Mutex
	messages map[types.MessageID]outgoing
	timer    *time.Timer
	closed   bool
}

func newOutbox(write func([]outgoing)) *outbox {
	return &outbox{write: write, messages: make(map[types.MessageID]outgoing)}
}

func (o *outbox) add(m outgoing) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.messages[m.id] = m
	if o.timer == nil && !o.closed {
		o.timer = time.AfterFunc(outboxTime, o.empty)
	}
}

// delivered drops messages that their recipient could read.
func (o *outbox) delivered(ids []types.MessageID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, id := range ids {
		delete(o.messages, id)
	}
}

// find returns a message that has not been written.
func (o *outbox) find(chat, alt types.JID, id types.MessageID) (outgoing, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	m, ok := o.messages[id]
	return m, ok && (m.chat == chat || m.chat == alt)
}

// empty writes the messages that are still there.
func (o *outbox) empty() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.timer = nil
	rest := make([]outgoing, 0, len(o.messages))
	for _, m := range o.messages {
		rest = append(rest, m)
	}
	clear(o.messages)
	if len(rest) > 0 {
		o.write(rest)
	}
}

// discard drops the messages for good.
func (o *outbox) discard() {
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.messages)
	o.closed = true
	stop(o.timer)
}

// close writes the messages that are still there, for good.
func (o *outbox) close() {
	o.empty()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	stop(o.timer)
}
