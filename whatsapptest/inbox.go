package whatsapptest

import (
	"context"
	"fmt"
	"slices"
)

// Next waits for the next message that the phone shows and returns it. Each message is returned once,
// however often it arrived. With filters, Next returns the oldest message that all of them accept, and
// leaves the others for later calls. A filter must not call methods of the phone.
func (p *Phone) Next(ctx context.Context, filters ...func(Message) bool) (Message, error) {
	for {
		p.mu.Lock()
		for _, m := range p.inbox {
			if !m.taken && m.accepted(filters) {
				m.taken = true
				p.mu.Unlock()
				return m.Message, nil
			}
		}
		arrived, left := p.arrived, p.untaken()
		p.mu.Unlock()
		select {
		case <-arrived:
		case <-ctx.Done():
			return Message{}, fmt.Errorf("wait for the next message (%d others are not taken yet): %w", left, ctx.Err())
		}
	}
}

func (m *shownMessage) accepted(filters []func(Message) bool) bool {
	return !slices.ContainsFunc(filters, func(accept func(Message) bool) bool { return !accept(m.Message) })
}

// untaken returns how many messages Next has not returned. The caller holds p.mu.
func (p *Phone) untaken() int {
	n := 0
	for _, m := range p.inbox {
		if !m.taken {
			n++
		}
	}
	return n
}

// Messages returns everything that the phone has shown, oldest first.
func (p *Phone) Messages() []Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return list(p.inbox, (*shownMessage).message)
}

func (m *shownMessage) message() Message { return m.Message }

// after waits until the phone shows more than the first n messages, and returns those.
func (p *Phone) after(ctx context.Context, n int) ([]Message, error) {
	for {
		p.mu.Lock()
		arrived := p.arrived
		more := list(p.inbox[min(n, len(p.inbox)):], (*shownMessage).message)
		p.mu.Unlock()
		if len(more) > 0 {
			return more, nil
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// show adds a message to the inbox and reports whether it is new there.
func (p *Phone) show(m Message) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := seenKey{m.From, m.ID}
	if p.seen[key] {
		return false
	}
	p.seen[key] = true
	p.inbox = append(p.inbox, &shownMessage{Message: m})
	close(p.arrived)
	p.arrived = make(chan struct{})
	return true
}

// revoked marks a message as deleted by its sender.
func (p *Phone) revoked(key seenKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.inbox {
		if m.From == key.from && m.ID == key.id {
			m.Revoked = true
		}
	}
}

// shownWith returns the latest message with that id in the inbox. Two senders may have chosen the same.
func (p *Phone) shownWith(id string) (Message, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range slices.Backward(p.inbox) {
		if m.ID == id {
			return m.Message, true
		}
	}
	return Message{}, false
}

// hasShown reports whether the phone has shown that message of from.
func (p *Phone) hasShown(from *Phone, id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[seenKey{from.shown(), id}]
}
