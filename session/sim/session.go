// Package sim is an in-process [pingr.Session]: a number whose correspondents'
// phones are Go values. It is for demos and tests of everything above the
// network. It acknowledges, repeats and loses messages as WhatsApp does. It can
// simulate a lost link, refusals and lost answers.
//
// It uses only timers and channels, so that it runs inside testing/synctest.
package sim

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/heypingr/pingr"
)

// ErrListening is returned by a Listen while another one runs.
var ErrListening = errors.New("already listening")

// ErrNoAnswer ends a send that the network did not answer: the message may or
// may not have arrived.
var ErrNoAnswer = errors.New("no answer")

// Config configures a session. The zero value is ready to use.
type Config struct {
	// Number is the session's own number, digits only. Defaults to 15550100.
	Number string
	// Now returns the network's time. Defaults to time.Now.
	Now func() time.Time
	// RedeliverAfter is how long a message whose handler failed waits before it
	// comes again. Defaults to 50 ms.
	RedeliverAfter time.Duration
}

// A Fault is what happens to a session's sends.
type Fault int

// The faults. Away also holds back what phones send. As in WhatsApp's own
// queue, the messages wait and come with their old time.
const (
	// None delivers.
	None Fault = iota
	// Away has no link: [pingr.ErrSessionUnavailable].
	Away
	// Refuse refuses for good: [pingr.ErrNotSent].
	Refuse
	// Nobody finds no such number: [pingr.ErrNotSent] and
	// [pingr.ErrNotOnWhatsApp].
	Nobody
	// RefuseForNow refuses what may be sent later: [pingr.ErrRefused]. It refuses
	// questions about numbers for a minute.
	RefuseForNow
	// LoseMessage loses the message itself: [ErrNoAnswer], nothing shown.
	LoseMessage
	// LoseAck delivers and loses the answer: [ErrNoAnswer], one message shown.
	LoseAck
	// Hang delivers nothing and answers only when the context ends.
	Hang
)

// refusedFor is how long RefuseForNow refuses questions about numbers.
const refusedFor = time.Minute

// A Session is one simulated number. Its methods are safe for concurrent use.
type Session struct {
	config Config

	mu        sync.Mutex
	queue     []*delivery // not acknowledged, in order of arrival
	phones    map[string]*Phone
	groups    map[string][]*Phone
	timers    map[string]time.Duration // disappearing timer by chat
	fault     Fault
	ended     error
	listening bool
	wake      chan struct{}
	made      int
	asked     []string // numbers that Resolve asked about
}

// A delivery is one message on its way to the handler.
type delivery struct {
	message pingr.Message
	due     time.Time
}

var (
	_ pingr.Session  = (*Session)(nil)
	_ pingr.Resolver = (*Session)(nil)
)

// New returns a connected session.
func New(c Config) *Session {
	if c.Number == "" {
		c.Number = "15550100"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.RedeliverAfter == 0 {
		c.RedeliverAfter = 50 * time.Millisecond
	}
	return &Session{
		config: c,
		phones: make(map[string]*Phone),
		groups: make(map[string][]*Phone),
		timers: make(map[string]time.Duration),
		wake:   make(chan struct{}, 1),
	}
}

// Number returns the session's own number, digits only.
func (s *Session) Number() string { return s.config.Number }

// SetFault sets what happens to sends from now on.
func (s *Session) SetFault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
	s.poke()
}

// Reconnect delivers at once whatever was not acknowledged.
func (s *Session) Reconnect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.queue {
		d.due = time.Time{}
	}
	s.poke()
}

// End ends the session for good, as a logout does: Listen returns err, and
// sends are refused as unavailable.
func (s *Session) End(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = err
	s.poke()
}

// Waiting returns how many messages have not been acknowledged.
func (s *Session) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue)
}

// Listen implements [pingr.Session]. A Listen while another one runs returns
// [ErrListening].
func (s *Session) Listen(ctx context.Context, handle pingr.Handler) error {
	s.mu.Lock()
	if s.listening {
		s.mu.Unlock()
		return ErrListening
	}
	s.listening = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.listening = false
		s.mu.Unlock()
	}()

	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		d, wait, err := s.next()
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if d != nil {
			s.settle(d, call(ctx, handle, d.message))
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.wake:
		case <-timer.C:
		}
	}
}

// call runs the handler; a panic counts as an error.
func call(ctx context.Context, handle pingr.Handler, m pingr.Message) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("handler panicked")
		}
	}()
	return handle(ctx, m)
}

// next returns the first message that is due, or how long to wait for one.
func (s *Session) next() (*delivery, time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		return nil, 0, s.ended
	}
	wait := time.Hour
	if s.fault == Away {
		return nil, wait, nil
	}
	now := time.Now()
	for _, d := range s.queue {
		left := d.due.Sub(now)
		if left <= 0 {
			d.message.Arrived = s.config.Now()
			return d, 0, nil
		}
		wait = min(wait, left)
	}
	return nil, wait, nil
}

// settle removes an acknowledged message from the queue, or postpones another
// one.
func (s *Session) settle(d *delivery, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		d.due = time.Now().Add(s.config.RedeliverAfter)
		return
	}
	for i := range s.queue {
		if s.queue[i] == d {
			s.queue = append(s.queue[:i], s.queue[i+1:]...)
			return
		}
	}
}

// Send implements [pingr.Session]. A message to somebody without a phone here
// is sent and seen by nobody.
func (s *Session) Send(ctx context.Context, m pingr.Outgoing) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := check(m); err != nil {
		return err
	}
	s.mu.Lock()
	fault := s.fault
	if s.ended != nil {
		fault = Away
	}
	switch fault {
	case Away:
		s.mu.Unlock()
		return pingr.ErrSessionUnavailable
	case Refuse:
		s.mu.Unlock()
		return fmt.Errorf("%w: refused", pingr.ErrNotSent)
	case Nobody:
		s.mu.Unlock()
		return fmt.Errorf("%w: %w", pingr.ErrNotSent, pingr.ErrNotOnWhatsApp)
	case RefuseForNow:
		s.mu.Unlock()
		return fmt.Errorf("%w: refused", pingr.ErrRefused)
	case LoseMessage:
		s.mu.Unlock()
		return ErrNoAnswer
	case Hang:
		s.mu.Unlock()
		<-ctx.Done()
		return ctx.Err()
	}
	defer s.mu.Unlock()
	shown := Received{
		ID:    m.ID,
		Chat:  m.To,
		Text:  strings.ToValidUTF8(m.Text, "\uFFFD"),
		At:    s.config.Now(),
		Timer: s.timers[m.To],
	}
	for _, p := range s.recipients(m.To) {
		p.show(shown)
	}
	if fault == LoseAck {
		return ErrNoAnswer
	}
	return nil
}

// check refuses what no network would take.
func check(m pingr.Outgoing) error {
	switch n := utf8.RuneCountInString(m.Text); {
	case m.ID == "":
		return fmt.Errorf("%w: no message id", pingr.ErrNotSent)
	case n == 0:
		return fmt.Errorf("%w: no text", pingr.ErrNotSent)
	case n > pingr.MaxText:
		return fmt.Errorf("%w: text has %d characters; at most %d are allowed", pingr.ErrNotSent, n, pingr.MaxText)
	}
	user, server, ok := strings.Cut(m.To, "@")
	if !ok || user == "" || strings.ContainsAny(user, ":.") {
		return fmt.Errorf("%w: recipient is not a bare JID", pingr.ErrNotSent)
	}
	switch server {
	case "s.whatsapp.net", "lid", "g.us":
		return nil
	}
	return fmt.Errorf("%w: recipient is neither a person nor a group", pingr.ErrNotSent)
}

// recipients returns the phones behind a JID. The caller holds s.mu.
func (s *Session) recipients(to string) []*Phone {
	if members, ok := s.groups[to]; ok {
		return members
	}
	if p := s.phones[to]; p != nil {
		return []*Phone{p}
	}
	return nil
}

// accept queues a message for the handler. The caller holds s.mu.
func (s *Session) accept(m pingr.Message) {
	s.queue = append(s.queue, &delivery{message: m})
	s.poke()
}

// poke wakes Listen. The caller holds s.mu.
func (s *Session) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
