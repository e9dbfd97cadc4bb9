package memory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/heypingr/pingr"
)

// firing is a row of the ledger.
type firing struct {
	pingr.Firing
	lease pingr.Lease
}

type messageKey struct{ session, key string }

// Accept implements [pingr.Firings].
func (s *Store) Accept(ctx context.Context, f pingr.Firing, l pingr.Lease) (pingr.Firing, bool, error) {
	if err := s.lock(ctx); err != nil {
		return f, false, err
	}
	defer s.mu.Unlock()
	person := s.recognize(f.Account, f.Sighting())
	keys := f.Message.Keys(person)
	f.Recognized(person)
	row := &firing{f, l}
	row.State, row.Limits = pingr.StateAccepted, slices.Clone(f.Limits)
	first := true
	for _, key := range keys {
		if known := s.keys[messageKey{f.Session, key}]; known != nil {
			row, first = known, false
		}
	}
	if _, taken := s.firings[f.ID]; first && taken {
		return f, false, fmt.Errorf("firing %s is already in the store", f.ID)
	}
	for _, key := range keys {
		s.keys[messageKey{f.Session, key}] = row
	}
	if first {
		s.firings[f.ID] = row
		s.open = append(s.open, row)
	}
	return f, first, nil
}

// Claim implements [pingr.Firings].
func (s *Store) Claim(
	ctx context.Context, l pingr.Lease, now time.Time, skip []string, limit int,
) ([]pingr.Firing, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	s.open = slices.DeleteFunc(s.open, func(row *firing) bool { return row.State == pingr.StateDone })
	var claimed []pingr.Firing
	for _, row := range s.open {
		if len(claimed) >= limit {
			break
		}
		if row.lease.Until.After(now) || slices.Contains(skip, row.Account) {
			continue
		}
		if row.lease.Holder != "" {
			switch row.State {
			case pingr.StateAccepted:
				row.Attempt++
			case pingr.StateDecided:
				row.State = pingr.StateUnknown
			}
		}
		row.lease = l
		claimed = append(claimed, row.copy())
	}
	return claimed, nil
}

// Keep implements [pingr.Firings].
func (s *Store) Keep(ctx context.Context, id, holder string, state pingr.State, l pingr.Lease) (bool, error) {
	if err := s.lock(ctx); err != nil {
		return false, err
	}
	defer s.mu.Unlock()
	row := s.firings[id]
	if row == nil || row.State == pingr.StateDone || !row.heldBy(holder) {
		return false, nil
	}
	row.lease = l
	if state != "" {
		row.State = state
	}
	return true, nil
}

// Decide implements [pingr.Firings].
func (s *Store) Decide(ctx context.Context, d pingr.Decision) (f pingr.Firing, decided bool, err error) {
	if err := s.lock(ctx); err != nil {
		return f, false, err
	}
	defer s.mu.Unlock()
	row := s.firings[d.Firing]
	if row == nil {
		return f, false, fmt.Errorf("no firing %s", d.Firing)
	}
	if !row.open() || !row.heldBy(d.Holder) {
		return row.copy(), false, nil
	}
	var taken []pingr.Limit
	refused := d.Refused
	if refused == nil {
		taken, err = s.take(d.At, d.Limits)
		_ = errors.As(err, &refused) // take has no other error
	}
	row.DecidedAt, row.Answer = d.At, ""
	s.enqueue(d.Queued(refused))
	if refused != nil {
		row.end(refused.Kind, "")
		s.countFiring(row.Account, d.At, refused.Kind, "")
		return row.copy(), true, nil
	}
	row.State, row.Text, row.Source = pingr.StateDecided, d.Text, d.Source
	row.Limits, row.Asked, row.AskUntil = append(slices.Clone(d.Kept), taken...), d.Asked, d.AskUntil
	if !d.AskUntil.IsZero() {
		row.State = pingr.StateAsking
	}
	return row.copy(), true, nil
}

// open reports whether the firing may still be decided.
func (f *firing) open() bool { return f.State == pingr.StateAccepted || f.State == pingr.StateAsking }

// Answer implements [pingr.Firings].
func (s *Store) Answer(ctx context.Context, a pingr.Answer, l pingr.Lease) (f pingr.Firing, mine bool, err error) {
	if err := s.lock(ctx); err != nil {
		return f, false, err
	}
	defer s.mu.Unlock()
	person, ok := pingr.PersonOf(s.known(a.Account, a.Sighting().Names()...), a.Sighting())
	if !ok {
		return f, false, nil
	}
	var row *firing
	for _, asking := range s.open {
		if asking.State == pingr.StateAsking && asking.Session == a.Session && asking.Person.ID == person.ID &&
			asking.AskUntil.After(a.At) {
			row = asking
		}
	}
	keys := a.Message.Keys(person)
	for _, key := range keys {
		if row == nil || row.Answer != "" || s.keys[messageKey{a.Session, key}] != nil {
			return f, false, nil
		}
	}
	for _, key := range keys {
		s.keys[messageKey{a.Session, key}] = row
	}
	row.Answer = a.Text
	if row.lease.Holder != "" && row.lease.Until.After(a.At) {
		return f, false, nil
	}
	row.lease = l
	return row.copy(), true, nil
}

// Rest implements [pingr.Firings].
func (s *Store) Rest(
	ctx context.Context, id, holder string, until time.Time,
) (f pingr.Firing, answered bool, err error) {
	if err := s.lock(ctx); err != nil {
		return f, false, err
	}
	defer s.mu.Unlock()
	row := s.firings[id]
	if row == nil || row.State != pingr.StateAsking || !row.heldBy(holder) {
		return f, false, nil
	}
	if row.Answer != "" {
		return row.copy(), true, nil
	}
	row.lease = pingr.Lease{Until: until}
	return f, false, nil
}

// Confirm implements [pingr.Firings].
func (s *Store) Confirm(ctx context.Context, c pingr.Confirmation) (f pingr.Firing, confirmed bool, err error) {
	if err := s.lock(ctx); err != nil {
		return f, false, err
	}
	defer s.mu.Unlock()
	row := s.firings[c.Firing]
	if row == nil {
		return f, false, fmt.Errorf("no firing %s", c.Firing)
	}
	if !row.open() || !row.heldBy(c.Holder) {
		return row.copy(), false, nil
	}
	row.Recognized(s.recognize(row.Account, c.Sighting(row.Person.ID)))
	row.State, row.Answer, row.Text = pingr.StateAccepted, "", ""
	s.giveBack(c.Release)
	return row.copy(), true, nil
}

// Finish implements [pingr.Firings].
func (s *Store) Finish(ctx context.Context, o pingr.Outcome) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	row := s.firings[o.Firing]
	if row == nil {
		return fmt.Errorf("no firing %s", o.Firing)
	}
	if row.State == pingr.StateDone || o.Holder != "" && !row.heldBy(o.Holder) {
		return nil
	}
	row.end(o.Kind, o.Reason)
	s.countFiring(row.Account, o.At, o.Kind, row.Source)
	if o.Release {
		s.giveBack(row.Limits)
	}
	s.enqueue(o.Retry)
	return nil
}

func (f *firing) heldBy(holder string) bool { return holder != "" && f.lease.Holder == holder }

func (f *firing) copy() pingr.Firing {
	c := f.Firing
	c.Limits = slices.Clone(f.Limits)
	return c
}

// end moves the row to its outcome and erases its texts.
func (f *firing) end(kind pingr.OutcomeKind, reason string) {
	f.State, f.Outcome, f.Reason = pingr.StateDone, kind, reason
	f.Text, f.Answer, f.Message.Text = "", "", ""
	f.lease = pingr.Lease{}
}
