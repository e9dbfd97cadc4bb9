package whatsapp

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"golang.org/x/time/rate"

	"github.com/heypingr/pingr"
)

// WhatsApp limits how often it may be asked who has a number (429), and no source
// says where the limits are. These stay far below what a person with a full
// address book causes.
const (
	// askedPerMinute is how many numbers of a session are asked about in a minute.
	askedPerMinute = 60
	// askedAtOnce is the most numbers in one question.
	askedAtOnce = 30
	// resolveTime bounds Resolve.
	resolveTime = time.Minute
	// The pause after a refusal doubles with each that follows.
	askPause, maxAskPause = time.Minute, time.Hour
)

var _ pingr.Resolver = (*Session)(nil)

// errUnanswered means that WhatsApp answered a question without this number.
var errUnanswered = errors.New("WhatsApp did not answer")

// Resolve implements [pingr.Resolver]. A session asks one question at a time.
// Whoever comes in the meantime waits for the next one, which asks for all of
// them. It asks about at most 60 numbers a minute.
func (s *Session) Resolve(ctx context.Context, phone string) (pingr.Resolved, error) {
	if digits, err := pingr.ParsePhone(phone); err != nil || digits != phone {
		return pingr.Resolved{}, pingr.ErrPhone
	}
	bounded, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	l := s.awaitLine(bounded)
	if l == nil {
		return pingr.Resolved{}, pingr.ErrSessionUnavailable
	}
	a, err := l.numbers.join(phone)
	if err != nil {
		return pingr.Resolved{}, err
	}
	select {
	case <-a.done:
		if a.err == nil && a.who.OnWhatsApp {
			lid, _ := types.ParseJID(a.who.LID)
			s.pairs.put(types.NewJID(a.who.Phone, types.DefaultUserServer), lid)
			s.pairs.put(types.NewJID(phone, types.DefaultUserServer), lid)
		}
		return a.who, a.err
	case <-bounded.Done():
		if ctx.Err() != nil {
			return pingr.Resolved{}, ctx.Err()
		}
		return pingr.Resolved{}, notNow(errUnanswered)
	}
}

// numbers asks WhatsApp who has which number, for everybody who waits.
type numbers struct {
	line *line
	rate *rate.Limiter

	mu      sync.Mutex
	waiting map[string]*answer // also those that are being asked about
	next    []string           // to be asked about
	asking  bool
	until   time.Time     // no question before
	pause   time.Duration // after the last refusal
}

// An answer is read after done is closed.
type answer struct {
	done chan struct{}
	who  pingr.Resolved
	err  error
}

func newNumbers(l *line) *numbers {
	return &numbers{
		line: l, rate: rate.NewLimiter(rate.Every(time.Minute/askedPerMinute), askedPerMinute),
		waiting: make(map[string]*answer),
	}
}

// join returns the answer that everybody gets who waits for the number, or a
// *[pingr.ResolveLimitError].
func (n *numbers) join(phone string) (*answer, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if a := n.waiting[phone]; a != nil {
		return a, nil
	}
	now := time.Now()
	if now.Before(n.until) {
		return nil, &pingr.ResolveLimitError{RetryAfter: n.until.Sub(now)}
	}
	if turn := n.rate.ReserveN(now, 1); turn.DelayFrom(now) > 0 {
		defer turn.CancelAt(now)
		return nil, &pingr.ResolveLimitError{RetryAfter: turn.DelayFrom(now)}
	}
	a := &answer{done: make(chan struct{})}
	n.waiting[phone] = a
	n.next = append(n.next, phone)
	if !n.asking {
		n.asking = true
		go n.work()
	}
	return a, nil
}

// work asks until nobody waits.
func (n *numbers) work() {
	for {
		n.mu.Lock()
		about := n.next[:min(len(n.next), askedAtOnce)]
		n.next = n.next[len(about):]
		n.asking = len(about) > 0
		n.mu.Unlock()
		if len(about) == 0 {
			return
		}
		ctx, cancel := context.WithTimeout(n.line.ctx, askTime)
		found, err := n.ask(ctx, about)
		cancel()
		n.settle(about, found, err)
	}
}

// settle tells everybody who waits for the answer to a question.
func (n *numbers) settle(about []string, found map[string]pingr.Resolved, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case errors.Is(err, whatsmeow.ErrIQRateOverLimit):
		n.pause = min(max(2*n.pause, askPause), maxAskPause)
		n.until = time.Now().Add(n.pause)
		err = &pingr.ResolveLimitError{RetryAfter: n.pause}
	case err != nil:
		err = sendError(err, false, false)
	default:
		n.pause = 0
	}
	for _, phone := range about {
		a := n.waiting[phone]
		delete(n.waiting, phone)
		who, answered := found[phone]
		if a.who, a.err = who, err; err == nil && !answered {
			a.err = notNow(errUnanswered)
		}
		close(a.done)
	}
}

// ask asks one question, and a second one for the LIDs that are missing. Not
// every number has one (whatsmeow issue 1041).
func (n *numbers) ask(ctx context.Context, about []string) (map[string]pingr.Resolved, error) {
	asked := make([]string, len(about))
	for i, phone := range about {
		asked[i] = "+" + phone
	}
	people, err := n.line.client.IsOnWhatsApp(ctx, asked)
	if err != nil {
		return nil, err
	}
	found := make(map[string]pingr.Resolved, len(people))
	missing := make(map[types.JID][]string) // spellings, by the number to ask about
	for _, person := range people {
		phone := strings.TrimPrefix(person.Query, "+")
		who := pingr.Resolved{OnWhatsApp: person.IsIn, Phone: phone}
		number := person.PhoneNumber
		if number.IsEmpty() && person.JID.Server == types.DefaultUserServer {
			number = person.JID
		}
		if !person.IsIn {
			found[phone] = who
			continue
		}
		if !number.IsEmpty() {
			who.Phone = number.User
		}
		if person.JID.Server == types.HiddenUserServer {
			who.LID = person.JID.ToNonAD().String()
		} else if !number.IsEmpty() {
			missing[number] = append(missing[number], phone)
		}
		found[phone] = who
	}
	return found, n.addLIDs(ctx, found, missing)
}

// addLIDs asks for the LIDs of numbers.
func (n *numbers) addLIDs(ctx context.Context, found map[string]pingr.Resolved, missing map[types.JID][]string) error {
	if len(missing) == 0 {
		return nil
	}
	ask := make([]types.JID, 0, len(missing))
	for number := range missing {
		ask = append(ask, number)
	}
	people, err := n.line.client.GetUserInfo(ctx, ask)
	for number, spellings := range missing {
		lid := people[number].LID
		for _, phone := range spellings {
			if who := found[phone]; !lid.IsEmpty() {
				who.LID = lid.ToNonAD().String()
				found[phone] = who
			}
		}
	}
	return err
}
