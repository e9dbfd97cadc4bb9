package sim

import (
	"context"
	"slices"

	"github.com/heypingr/pingr"
)

// Resolve implements [pingr.Resolver]. A number without a phone here is on
// WhatsApp, as for Send, and nobody's LID is known for it. The faults Nobody,
// Away, RefuseForNow and Hang affect it.
func (s *Session) Resolve(ctx context.Context, phone string) (pingr.Resolved, error) {
	if err := ctx.Err(); err != nil {
		return pingr.Resolved{}, err
	}
	if digits, err := pingr.ParsePhone(phone); err != nil || digits != phone {
		return pingr.Resolved{}, pingr.ErrPhone
	}
	who, fault := s.whoHas(phone)
	switch fault {
	case Away:
		return pingr.Resolved{}, pingr.ErrSessionUnavailable
	case Nobody:
		return pingr.Resolved{Phone: phone}, nil
	case RefuseForNow:
		return pingr.Resolved{}, &pingr.ResolveLimitError{RetryAfter: refusedFor}
	case Hang:
		<-ctx.Done()
		return pingr.Resolved{}, ctx.Err()
	}
	return who, nil
}

// whoHas records the question. It returns the answer, and the fault that takes
// its place, if any.
func (s *Session) whoHas(phone string) (pingr.Resolved, Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		return pingr.Resolved{}, Away
	}
	if s.fault != Away {
		s.asked = append(s.asked, phone)
	}
	who := pingr.Resolved{OnWhatsApp: true, Phone: phone}
	if p := s.phones[numberJID(phone)]; p != nil {
		who.Phone = p.config.Number
		if p.config.LID != "" {
			who.LID = lidJID(p.config.LID)
		}
	}
	return who, s.fault
}

// Asked returns the numbers that Resolve asked the network about, oldest first.
func (s *Session) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}
