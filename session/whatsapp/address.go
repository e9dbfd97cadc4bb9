package whatsapp

import (
	"context"
	"errors"
	"slices"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

// WhatsApp moves accounts from numbers to LIDs one by one. An account that has
// not moved may not address private messages to LIDs (400, whatsapp-rust issue
// 941). Who has moved may not be addressed by number (463, OpenWA pull 717,
// Baileys issue 2683), and some people not by LID (463, whatsapp-mcp-extended
// pull 67). whatsmeow always takes the LID, so addressing is decided here:
// people are answered in the form in which they write, which follows our
// account's move, and a form that is refused is replaced by the other, once.

// A form is how a private message names its recipient.
type form string

const (
	byLID    form = types.HiddenUserServer
	byNumber form = types.DefaultUserServer
)

// formCodes are the codes with which WhatsApp refuses a form. They have other
// reasons too.
var formCodes = []int{codeNotMoved, codeStaleGroup, codeNotTrusted}

// codeNotMoved refuses LIDs, if the account has not moved.
const codeNotMoved = 400

// habits holds in which form people write, and in which they can be reached. It
// is in memory only. After a restart, whoever writes is answered in that form. Of
// the answers that were left from before, the first refusal (400) teaches the
// account's form, so that only those on their way at that moment are refused too.
type habits struct {
	people *lru.Cache[string, habit]

	mu      sync.Mutex
	account form // of the latest message from somebody with both names
}

type habit struct {
	heard form            // in which the person wrote last; empty for none
	works form            // takes the place of heard after that was refused
	tried types.MessageID // the latest message sent in both forms
	asked bool            // WhatsApp was asked for the LID, and knows none
}

func newHabits() *habits {
	return &habits{people: must(lru.New[string, habit](cacheSize))}
}

// of returns what is known of a person with these names, see [Session.chatNames].
func (h *habits) of(names []string) habit {
	for _, name := range names {
		if known, ok := h.people.Get(name); ok {
			return known
		}
	}
	return habit{}
}

func (h *habits) put(names []string, now habit) {
	for _, outdated := range names[1:] {
		h.people.Remove(outdated)
	}
	h.people.Add(names[0], now)
}

// believe sets what the account's messages are taken to be addressed by.
func (h *habits) believe(f form) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.account = f
}

// suppose is believe for what only an answer to a message of ours suggests. What
// somebody wrote shows more.
func (h *habits) suppose(f form) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.account == "" {
		h.account = f
	}
}

// first returns the form to use first for a person.
func (h *habits) first(known habit) form {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range []form{known.works, known.heard, h.account} {
		if f != "" {
			return f
		}
	}
	return byLID
}

// learnForm records the form in which a person wrote. A change of it shows that
// somebody has moved, and what was known before is forgotten.
func (s *Session) learnForm(ctx context.Context, e *events.Message) {
	if e.Info.IsGroup || e.Info.IsFromMe {
		return
	}
	heard := form(e.Info.Sender.Server)
	if heard != byLID && heard != byNumber {
		return
	}
	names := s.chatNames(ctx, e.Info.Sender)
	if s.habits.of(names).heard != heard {
		s.habits.put(names, habit{heard: heard})
	}
	if !e.Info.SenderAlt.IsEmpty() {
		s.habits.believe(heard)
	}
}

// An attempt is what became of a message sent once.
type attempt struct {
	err      error // whatsmeow's
	sealed   bool  // the ciphertext was made, and may have gone out
	repeated bool  // whatsmeow sent it twice by itself
	token    bool  // it carried the person's privacy token
}

func (a attempt) error() error { return sendError(a.err, a.sealed, a.repeated) }

// refusesForm reports whether the message certainly went to nobody, perhaps
// because of the form of its address.
func (a attempt) refusesForm() bool {
	if errors.Is(a.err, errNoDevice) {
		return true
	}
	code, refused := serverCode(a.err)
	return refused && !a.repeated && slices.Contains(formCodes, code)
}

// addressed sends a private message in the form that fits the recipient. If
// WhatsApp refuses that, it sends the message in the other form, once for each
// id, if that is certain to be the same person. What is refused for good is sent
// in the other form only to somebody who has written: to others WhatsApp means it.
// send sends it to one address.
func (s *Session) addressed(
	ctx context.Context, l *line, id types.MessageID, to types.JID, send func(types.JID) attempt,
) attempt {
	prefer := s.habits.first(s.habits.of(s.chatNames(ctx, to)))
	first, second, err := s.addresses(ctx, l, to, prefer)
	if err != nil {
		return attempt{err: err}
	}
	if first.Server != to.Server {
		if first = s.otherName(ctx, to, first); first.IsEmpty() {
			first, second = to, types.EmptyJID
		}
	}
	names := s.chatNames(ctx, to) // the LID may be new
	known := s.habits.of(names)
	wrote := s.hasWritten(ctx, l, known, first, second)
	trusted := send // waits for a token, of somebody who may give one
	if wrote {
		trusted = func(to types.JID) attempt { return s.sendTrusted(ctx, l, to, send) }
	}
	var a attempt
	if first.Server == types.HiddenUserServer || second.IsEmpty() {
		a = trusted(first)
	} else {
		a = send(first) // more likely refused for its form
	}
	if !a.refusesForm() || second.IsEmpty() || known.tried == id || refusedForGood(a.err) && !wrote {
		return a
	}
	if second.Server != to.Server {
		if second = s.otherName(ctx, to, second); second.IsEmpty() {
			return a
		}
	}
	known.tried = id
	b := trusted(second)
	if !b.refusesForm() {
		known.works = form(second.Server)
	}
	if code, _ := serverCode(a.err); code == codeNotMoved && form(first.Server) == byLID && b.err == nil {
		s.habits.suppose(byNumber)
	}
	s.habits.put(names, known)
	if b.refusesForm() && (refusedForGood(a.err) || errors.Is(b.err, errNoDevice)) {
		return a // it says more
	}
	return b
}

// addresses returns a person's address in the preferred form, and in the other
// form if there is one.
func (s *Session) addresses(ctx context.Context, l *line, to types.JID, prefer form) (
	first, second types.JID, err error,
) {
	number, lid, err := s.names(ctx, to, types.EmptyJID)
	if err == nil && lid.IsEmpty() {
		lid, err = s.findLID(ctx, l, number)
	}
	if err != nil {
		return first, second, err
	}
	if lid.IsEmpty() || prefer == byNumber && !number.IsEmpty() {
		return number, lid, nil
	}
	return lid, number, nil
}

// findLID asks WhatsApp for a number's LID. Not every number has one (whatsmeow
// issue 1041), so that somebody without it is asked for once after having
// written, and is otherwise searched for by number: findLID returns errNotThere
// if the number is not on WhatsApp.
func (s *Session) findLID(ctx context.Context, l *line, number types.JID) (types.JID, error) {
	names := s.chatNames(ctx, number)
	known := s.habits.of(names)
	if known.asked {
		return types.JID{}, nil
	}
	people, err := l.client.GetUserInfo(ctx, []types.JID{number})
	lid := people[number].LID
	if err == nil {
		s.pairs.put(number, lid)
	}
	switch {
	case known.heard != "": // can be answered by number, whatever comes of it
		known.asked = err == nil
		s.habits.put(names, known)
		return lid, nil
	case err != nil || !lid.IsEmpty():
		return lid, err
	}
	if wrote, err := l.keys.device.Load().HasSession(ctx, number.SignalAddress().String()); wrote || err != nil {
		return lid, err
	}
	found, err := l.client.IsOnWhatsApp(ctx, []string{"+" + number.User})
	if err == nil && !slices.ContainsFunc(found, func(r types.IsOnWhatsAppResponse) bool { return r.IsIn }) {
		err = errNotThere
	}
	return lid, err
}

// errNotThere means that a number is not on WhatsApp.
var errNotThere = errors.New("not on WhatsApp")
