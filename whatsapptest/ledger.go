package whatsapptest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// A Ledger records what happened on a server. Its slices are copies.
type Ledger struct {
	mu            sync.Mutex
	sent          []Sent
	sentAt        map[ledgerKey]int
	stanzas       []Stanza
	replies       []Reply
	activities    []Activity
	replyAt       map[ledgerKey]int
	visible       int
	acknowledged  int
	undecryptable int
	closed        bool
	changed       chan struct{} // made by waiters, closed on a change
}

// keptNodes bounds what a long benchmark keeps in memory.
const keptNodes = 1000

type ledgerKey struct{ who, id string }

// Sent is one message that a phone sent.
type Sent struct {
	// ID is the message id, From the sender and To the addressee as Message.From
	// has them (a group's id for To in groups). Text is what a person would read.
	ID, From, To, Text string
	// At is the time stamped on the message.
	At time.Time
	// Acknowledged is when a client first settled the message by a receipt other than
	// a retry. It is zero before that, and if there are only acks: with these, clients
	// settle what they could not read.
	Acknowledged time.Time
	// Refused counts acks that carried an error code.
	Refused int
	// Retries counts the retry receipts of clients that could not decrypt it.
	Retries int
}

// Stanza is one <message> as it came from a client, before anybody reads it.
type Stanza struct {
	// Device is the sending client's JID, ID the message id, To the address on the wire.
	Device, ID, To string
	// Peer marks messages of a client to its own phone's machinery.
	Peer bool
	// Retry marks a message encrypted again because a phone asked for it.
	Retry bool
	// At is when it arrived.
	At time.Time
	// Error is the code of the ack that refused it, or 0.
	Error int
	// Node is the stanza itself, which must not be changed. Only the last 1000
	// stanzas keep theirs.
	Node *waBinary.Node
}

// Reply is the outcome of one message from a client to one recipient, however many stanzas carried it.
type Reply struct {
	// To is the recipient's number in digits (also when hidden from others).
	To string
	// From is the linked number that sent it; Group the group's id or empty; ID the message id.
	From, Group, ID string
	// Text is what the recipient reads; empty until Visible.
	Text string
	// Visible reports whether the recipient could read it. At is the time from which they could.
	Visible bool
	At      time.Time
	// Copies counts ciphertexts that reached the recipient's phone (device 0), and
	// Shown those that decrypted. A person sees one message in any case.
	Copies, Shown int
	// Undecryptable counts ciphertexts that the phone could not read.
	Undecryptable int
}

func newLedger() *Ledger {
	return &Ledger{sentAt: make(map[ledgerKey]int), replyAt: make(map[ledgerKey]int)}
}

// Sent returns what phones sent, in order.
func (l *Ledger) Sent() []Sent {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.sent)
}

// Stanzas returns every message stanza that clients sent, in order of arrival.
func (l *Ledger) Stanzas() []Stanza {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.stanzas)
}

// Replies returns messages from clients to phones, one for each recipient and
// id, in the order of their first ciphertext.
func (l *Ledger) Replies() []Reply {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.replies)
}

// Visible returns the number of replies that their recipient can read.
func (l *Ledger) Visible() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.visible
}

// Undecryptable returns the number of ciphertexts that phones could not read,
// including those that a retry repaired later.
func (l *Ledger) Undecryptable() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.undecryptable
}

// Unread returns the replies that their recipient has not been able to read so
// far.
func (l *Ledger) Unread() []Reply {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(l.replies), func(r Reply) bool { return r.Visible })
}

// WaitReplies waits until n replies are visible.
func (l *Ledger) WaitReplies(ctx context.Context, n int) error {
	return l.wait(ctx, func() bool { return l.visible >= n })
}

// WaitAcknowledged waits until clients have acknowledged n sent messages.
func (l *Ledger) WaitAcknowledged(ctx context.Context, n int) error {
	return l.wait(ctx, func() bool { return l.acknowledged >= n })
}

// WaitStanzas waits until n message stanzas have come from clients.
func (l *Ledger) WaitStanzas(ctx context.Context, n int) error {
	return l.wait(ctx, func() bool { return len(l.stanzas) >= n })
}

// WaitUntil waits until done returns true. It calls done again after every
// change. done may call the ledger's methods.
func (l *Ledger) WaitUntil(ctx context.Context, done func(*Ledger) bool) error {
	for {
		changed := l.change()
		if done(l) {
			return nil
		}
		if err := l.await(ctx, changed); err != nil {
			return err
		}
	}
}

// wait is WaitUntil with the lock held while done runs.
func (l *Ledger) wait(ctx context.Context, done func() bool) error {
	for {
		l.mu.Lock()
		ok := done()
		if l.changed == nil {
			l.changed = make(chan struct{})
		}
		changed := l.changed
		l.mu.Unlock()
		if ok {
			return nil
		}
		if err := l.await(ctx, changed); err != nil {
			return err
		}
	}
}

func (l *Ledger) change() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.changed
}

func (l *Ledger) await(ctx context.Context, changed <-chan struct{}) error {
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		l.mu.Lock()
		defer l.mu.Unlock()
		return fmt.Errorf("wait for the ledger (sent %d, acknowledged %d, stanzas %d, replies %d, visible "+
			"%d, undecryptable %d): %w",
			len(l.sent), l.acknowledged, len(l.stanzas), len(l.replies), l.visible, l.undecryptable, ctx.Err())
	}
}

// announce wakes all waiters. The caller holds l.mu.
func (l *Ledger) announce() {
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

func (l *Ledger) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.announce()
}

func (l *Ledger) recordSent(m Sent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := ledgerKey{m.From, m.ID}
	if _, again := l.sentAt[key]; again {
		return // a redelivery is the same message
	}
	l.sentAt[key] = len(l.sent)
	l.sent = append(l.sent, m)
	l.announce()
}

// recordSettled records a client's answer to a message. Code 0 accepts the message, and a retry asks
// for it again.
func (l *Ledger) recordSettled(from, id string, at time.Time, code int, retry bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, ok := l.sentAt[ledgerKey{from, id}]
	if !ok {
		return
	}
	switch m := &l.sent[i]; {
	case retry:
		m.Retries++
	case code != 0:
		m.Refused++
	case m.Acknowledged.IsZero():
		m.Acknowledged = at
		l.acknowledged++
	}
	l.announce()
}

func (l *Ledger) recordStanza(s Stanza) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stanzas = append(l.stanzas, s)
	if old := len(l.stanzas) - 1 - keptNodes; old >= 0 {
		l.stanzas[old].Node = nil
	}
	l.announce()
}

// recordCopy records one ciphertext for a recipient's phone. m is nil if the phone could not read it.
func (l *Ledger) recordCopy(r Reply, m *Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := ledgerKey{r.To, r.From + " " + r.ID}
	i, ok := l.replyAt[key]
	if !ok {
		i = len(l.replies)
		l.replyAt[key] = i
		l.replies = append(l.replies, r)
	}
	e := &l.replies[i]
	e.Copies++
	if m == nil {
		e.Undecryptable++
		l.undecryptable++
	} else {
		e.Shown++
		if !e.Visible {
			e.Visible, e.Text, e.At = true, m.Text, m.At
			l.visible++
		}
	}
	l.announce()
}

// recordUndecryptable counts a ciphertext that a companion or the client's own phone could not read.
func (l *Ledger) recordUndecryptable() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.undecryptable++
	l.announce()
}

// recordDuplicate counts a ciphertext that was opened before.
func (l *Ledger) recordDuplicate(r Reply) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i, ok := l.replyAt[ledgerKey{r.To, r.From + " " + r.ID}]; ok {
		l.replies[i].Copies++
		l.announce()
	}
}
