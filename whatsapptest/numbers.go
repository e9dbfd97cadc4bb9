package whatsapptest

import (
	"errors"
	"time"

	"go.mau.fi/whatsmeow/types"
)

// shownFor is how long an account that has seen the number of a person with a
// username goes on seeing it. No source says it for linked devices.
const shownFor = 30 * 24 * time.Hour

// pn returns the number's address. ChangeNumber changes it.
func (p *Phone) pn() types.JID { return *p.number.Load() }

// Username returns the person's username, or "" if there is none.
func (p *Phone) Username() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.user
}

// SetUsername gives the person a username, or takes it away if name is empty. With a username, the
// person's messages do not show the number to an account, unless the account saw it within 30 days
// (its number was in a message before) or has written to the number in that time. Numbers stay findable:
// a client that asks who has a number gets the LID.
//
// [LIDOnly] instead hides the number from everybody for good.
func (p *Phone) SetUsername(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.user = name
}

// toward returns how the phone appears to an account, and remembers if that shows the number.
func (p *Phone) toward(account *Phone, usual Addressing) Addressing {
	if p.hidesFrom(account) {
		return LIDOnly
	}
	if usual != LIDOnly {
		p.showNumber(account)
	}
	return usual
}

// hidesFrom reports whether the account does not get the phone's number.
func (p *Phone) hidesFrom(account *Phone) bool {
	if p.addressing == LIDOnly {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	seen, ok := p.shownTo[account]
	return p.user != "" && (!ok || p.srv.now().Sub(seen) >= shownFor)
}

// showNumber records that an account has the phone's number.
func (p *Phone) showNumber(account *Phone) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shownTo[account] = p.srv.now()
}

// ChangeNumber moves the account to another number, as WhatsApp's "Change number" does. It keeps its LID
// and its chats. The old number is free for another phone, as a recycled one. No client is told: each
// learns it from the person's next message or by asking. ChangeNumber fails if the number is taken, or
// if clients are linked, which would have to be linked again.
func (p *Phone) ChangeNumber(number string) error {
	if !isDigits(number) {
		return errors.New("number must be digits only")
	}
	if len(p.Devices()) > 0 {
		return errors.New("phone has linked clients")
	}
	old, err := p.srv.renumber(p, types.NewJID(number, types.DefaultUserServer))
	if err != nil {
		return err
	}
	for _, other := range p.srv.Phones() {
		other.rename(old.User, number)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.shownTo) // nobody has seen the new one
	return nil
}

// renumber files a phone under another number, and returns the one before.
func (s *Server) renumber(p *Phone, number types.JID) (old types.JID, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phones[number] != nil {
		return old, errTaken
	}
	old = p.pn()
	delete(s.phones, old)
	s.phones[number] = p
	p.number.Store(&number)
	return old, nil
}

// rename keeps the tokens of somebody whose number changed.
func (p *Phone) rename(old, number string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if given, ok := p.tokens[old]; ok {
		p.tokens[number] = given
		delete(p.tokens, old)
	}
}

// whoHas returns the phone with a number in any spelling that WhatsApp understands, or nil.
func (s *Server) whoHas(number string) *Phone {
	for _, spelling := range spellings(number) {
		if p := s.phone(types.NewJID(spelling, types.DefaultUserServer)); p != nil {
			return p
		}
	}
	return nil
}

// spellings returns a number and its other spellings. WhatsApp keeps the one in which an account was
// registered, and finds it by the others: Brazilian mobile numbers with and without the ninth digit and
// Mexican ones with and without the 1 after 52 (tulir/whatsmeow issue 874), Argentine ones with and
// without the 9 after 54 (Aragur/yowsup issue 57). Only a question who has a number understands them. A
// message to another spelling reaches nobody (adiwajshing/Baileys issue 1997).
func spellings(number string) []string {
	all := []string{number}
	mobile := func(digit byte) bool { return digit >= '6' } // in Brazil, after the ninth digit
	switch country, rest := number[:min(2, len(number))], number[min(2, len(number)):]; {
	case country == "55" && len(rest) == 11 && rest[2] == '9' && mobile(rest[3]):
		all = append(all, country+rest[:2]+rest[3:])
	case country == "55" && len(rest) == 10 && mobile(rest[2]):
		all = append(all, country+rest[:2]+"9"+rest[2:])
	case country == "52" && len(rest) == 11 && rest[0] == '1', country == "54" && len(rest) == 11 && rest[0] == '9':
		all = append(all, country+rest[1:])
	case country == "52" && len(rest) == 10:
		all = append(all, country+"1"+rest)
	case country == "54" && len(rest) == 10:
		all = append(all, country+"9"+rest)
	}
	return all
}
