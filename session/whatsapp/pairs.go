package whatsapp

import (
	"context"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"go.mau.fi/whatsmeow/types"
)

// pairAge is how long a number and a LID that WhatsApp named together are taken
// to be one person's. Operators give numbers to others, but keep them back for
// longer than this.
const pairAge = 24 * time.Hour

// pairs remembers which LID WhatsApp named with a number, and when. whatsmeow
// keeps pairs for ever: by one of those, a message to somebody's LID would reach
// whoever has that person's old number now. It is in memory only. After a
// restart, WhatsApp is asked.
type pairs struct {
	now   func() time.Time
	named *lru.Cache[string, pair] // by number
}

type pair struct {
	lid string
	at  time.Time
}

func newPairs() *pairs {
	return &pairs{now: time.Now, named: must(lru.New[string, pair](cacheSize))}
}

// put records that WhatsApp named the two together. An empty LID means that it
// named none with the number.
func (p *pairs) put(number, lid types.JID) {
	if number.IsEmpty() {
		return
	}
	now := pair{at: p.now()}
	if !lid.IsEmpty() {
		now.lid = lid.ToNonAD().String()
	}
	p.named.Add(number.User, now)
}

// lidOf returns the LID that WhatsApp named with a number, and whether it did so
// lately.
func (p *pairs) lidOf(number types.JID) (lid types.JID, lately bool) {
	known, ok := p.named.Get(number.User)
	if !ok || p.now().Sub(known.at) >= pairAge {
		return lid, false
	}
	lid, _ = types.ParseJID(known.lid)
	return lid, true
}

// otherName returns the address that a person with the address to has in the
// other form, given the one that whatsmeow knows. If WhatsApp did not name the two
// together within a day, it is asked. otherName returns an empty JID if the number
// is somebody else's by now, or if that is not certain.
func (s *Session) otherName(ctx context.Context, to, known types.JID) types.JID {
	number, lid := named(to, known)
	if number.IsEmpty() || lid.IsEmpty() {
		return types.EmptyJID
	}
	now, lately := s.pairs.lidOf(number)
	if !lately {
		if _, err := s.Resolve(ctx, number.User); err != nil {
			return types.EmptyJID
		}
		now, _ = s.pairs.lidOf(number)
	}
	switch {
	case to.Server == types.DefaultUserServer:
		return now // whoever has the number now is meant
	case now == lid.ToNonAD():
		return number
	default:
		return types.EmptyJID
	}
}
