package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/heypingr/pingr"
)

// PhoneConfig describes a person's phone.
type PhoneConfig struct {
	// Number is digits only with country code. It may be empty if LID is not.
	Number string
	// Aliases are other spellings of Number that the network understands, digits
	// only.
	Aliases []string
	// LID is the digits of the person's hidden id. Empty means none.
	LID string
	// ByLID makes messages name the person by LID. The number is still known.
	ByLID bool
	// Hidden hides the number from the session, which then can only ask who has a
	// number. It needs a LID.
	Hidden bool
}

// A Phone is one person's phone. Its methods are safe for concurrent use.
type Phone struct {
	session *Session
	config  PhoneConfig

	// Guarded by session.mu.
	received []Received
	seen     map[string]bool
	read     int
	changed  chan struct{}
}

// A Received is a message as a phone shows it.
type Received struct {
	ID   string
	Chat string // the JID it was sent to: the person's own or a group's
	Text string
	At   time.Time
	// Timer is the disappearing-message timer that the message carries.
	Timer time.Duration
}

// A Message is what a phone sends.
type Message struct {
	// ID is the message id. Defaults to a new one.
	ID   string
	Text string
	// Type is "text", "image", "video" or "document". Defaults to "text".
	Type string
	// Card is the number on a contact card, which the message is if Card is not
	// empty.
	Card string
	// Group is the JID of a group to write in. If empty, the message goes to the
	// session directly.
	Group string
	// At is when the message was sent. Defaults to now.
	At time.Time
	// Timer is the chat's disappearing-message timer. 0 leaves it as it was.
	Timer time.Duration
	// Forwarded marks a message that was forwarded from another chat.
	Forwarded bool
	// Noise marks something other than a text that a person wrote now (a reaction,
	// an edit, a status update). The session must not hand it on.
	Noise bool
}

// NewPhone adds a person. A second phone with the same number or LID replaces
// the first.
func (s *Session) NewPhone(c PhoneConfig) *Phone {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &Phone{session: s, config: c, seen: make(map[string]bool), changed: make(chan struct{})}
	for _, number := range append(c.Aliases, c.Number) {
		if number != "" {
			s.phones[numberJID(number)] = p
		}
	}
	if c.LID != "" {
		s.phones[lidJID(c.LID)] = p
	}
	return p
}

// NewGroup makes a group of the session and the phones, and returns its JID.
func (s *Session) NewGroup(members ...*Phone) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made++
	jid := fmt.Sprintf("12036300000000%04d@g.us", s.made)
	s.groups[jid] = members
	return jid
}

// Number returns the phone's number, digits only, which may be empty.
func (p *Phone) Number() string { return p.config.Number }

// JID returns the bare JID by which the phone's messages name it.
func (p *Phone) JID() string {
	if p.config.ByLID || p.config.Hidden || p.config.Number == "" {
		return lidJID(p.config.LID)
	}
	return numberJID(p.config.Number)
}

// Send sends one text to the session and returns the message's id.
func (p *Phone) Send(text string) string { return p.SendMessage(Message{Text: text}) }

// SendMessage sends one message and returns its id.
func (p *Phone) SendMessage(m Message) string {
	s := p.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.ID == "" {
		s.made++
		m.ID = fmt.Sprintf("3EB0%016X", s.made)
	}
	if m.At.IsZero() {
		m.At = s.config.Now()
	}
	if m.Type == "" {
		m.Type = "text"
	}
	out := pingr.Message{
		ID:     m.ID,
		Chat:   p.JID(),
		Sender: p.JID(),
		Type:   m.Type,
		Text:   m.Text,
		Time:   m.At,

		Forwarded: m.Forwarded,
	}
	if !p.config.Hidden {
		out.Phone = p.config.Number
	}
	if p.config.LID != "" {
		out.LID = lidJID(p.config.LID)
	}
	if m.Group != "" {
		out.Chat = m.Group
	}
	if m.Timer != 0 {
		p.setTimer(m.Group, m.Timer)
	}
	if m.Card != "" {
		out.Card, out.Type, out.Text = m.Card, "contact", ""
	}
	if !m.Noise && out.Text+out.Card != "" {
		s.accept(out)
	}
	return m.ID
}

// setTimer sets the chat's timer under all of its names. The caller holds
// session.mu.
func (p *Phone) setTimer(group string, timer time.Duration) {
	timers := p.session.timers
	if group != "" {
		timers[group] = timer
		return
	}
	if p.config.Number != "" {
		timers[numberJID(p.config.Number)] = timer
	}
	if p.config.LID != "" {
		timers[lidJID(p.config.LID)] = timer
	}
}

// Next waits for the next message that the phone shows, until ctx ends, and
// returns it.
func (p *Phone) Next(ctx context.Context) (Received, error) {
	for {
		p.session.mu.Lock()
		if p.read < len(p.received) {
			r := p.received[p.read]
			p.read++
			p.session.mu.Unlock()
			return r, nil
		}
		changed := p.changed
		p.session.mu.Unlock()
		select {
		case <-ctx.Done():
			return Received{}, ctx.Err()
		case <-changed:
		}
	}
}

// Received returns everything that the phone shows, oldest first.
func (p *Phone) Received() []Received {
	p.session.mu.Lock()
	defer p.session.mu.Unlock()
	return append([]Received(nil), p.received...)
}

// show adds a message unless its id was shown before. The caller holds
// session.mu.
func (p *Phone) show(r Received) {
	if p.seen[r.ID] {
		return
	}
	p.seen[r.ID] = true
	p.received = append(p.received, r)
	close(p.changed)
	p.changed = make(chan struct{})
}

func numberJID(digits string) string { return digits + "@s.whatsapp.net" }

func lidJID(digits string) string { return digits + "@lid" }
