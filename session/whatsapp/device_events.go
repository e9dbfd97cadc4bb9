package whatsapp

import (
	"context"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
)

// GetBufferedEvent returns a message that was decrypted before and whose
// handler did not succeed. It does not look for others: the ratchet recognizes
// them.
func (d *device) GetBufferedEvent(ctx context.Context, hash [32]byte) (*store.BufferedEvent, error) {
	var e event
	if d.journal.look(func(c *changes) (found bool) { e, found = c.events[hash]; return found }) {
		return &store.BufferedEvent{Plaintext: e.plaintext, InsertTime: time.Now(), ServerTime: e.sent}, nil
	}
	if !d.journal.has(hash) {
		return nil, nil
	}
	buffered, err := d.AllSessionSpecificStores.GetBufferedEvent(ctx, hash)
	if d.check(ctx, err) != nil {
		return nil, errStore{err}
	}
	return buffered, nil
}

// PutBufferedEvent keeps a decrypted message until its handler has succeeded.
func (d *device) PutBufferedEvent(ctx context.Context, hash [32]byte, plaintext []byte, sent time.Time) error {
	d.change(ctx, func(c *changes) { c.events[hash] = event{plaintext, sent} })
	return nil
}

// ClearBufferedEventPlaintext records that the handler has succeeded.
func (d *device) ClearBufferedEventPlaintext(ctx context.Context, hash [32]byte) error {
	if c := own(ctx); c != nil {
		delete(c.events, hash)
		c.handled[hash] = struct{}{}
		return nil
	}
	d.journal.handled(hash)
	return nil
}

// AddOutgoingEvent keeps a message that is about to be sent, in case its
// recipient cannot read it.
func (d *device) AddOutgoingEvent(
	_ context.Context, chat types.JID, id types.MessageID, format string, plaintext []byte,
) error {
	d.outbox.add(outgoing{chat, id, format, plaintext})
	return nil
}

// GetOutgoingEvent returns such a message.
func (d *device) GetOutgoingEvent(
	ctx context.Context, chat, alt types.JID, id types.MessageID,
) (string, []byte, error) {
	if m, ok := d.outbox.find(chat, alt, id); ok {
		return m.format, m.plaintext, nil
	}
	if err := d.journal.flush(ctx); err != nil {
		return "", nil, err
	}
	format, plaintext, err := d.AllSessionSpecificStores.GetOutgoingEvent(ctx, chat, alt, id)
	if err != nil {
		return "", nil, fmt.Errorf("message %s is no longer kept: %w", id, err)
	}
	return format, plaintext, nil
}

// purgeEvery is how often old outgoing messages are deleted. whatsmeow asks for
// it at every send.
const purgeEvery = time.Hour

// DeleteOldOutgoingEvents deletes old outgoing messages now and then.
func (d *device) DeleteOldOutgoingEvents(ctx context.Context) error {
	last, now := d.purged.Load(), time.Now().UnixNano()
	if now-last < int64(purgeEvery) || !d.purged.CompareAndSwap(last, now) {
		return nil
	}
	return d.check(ctx, d.AllSessionSpecificStores.DeleteOldOutgoingEvents(ctx))
}
