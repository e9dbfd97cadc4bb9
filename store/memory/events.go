package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

// event is a row of the queue.
type event struct {
	pingr.PendingEvent
	leased   time.Time // until when
	tried    bool      // brought forward, and failed then
	sequence int
}

// Enqueue implements [pingr.Events].
func (s *Store) Enqueue(ctx context.Context, p pingr.PendingEvent) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	s.enqueue(&p)
	return nil
}

func (s *Store) enqueue(p *pingr.PendingEvent) {
	if p == nil || s.events[p.Event.ID] != nil {
		return
	}
	s.sequence++
	s.events[p.Event.ID] = &event{PendingEvent: *p, sequence: s.sequence}
}

// Due implements [pingr.Events].
func (s *Store) Due(
	ctx context.Context, l pingr.Lease, now time.Time, skip []string, limit int,
) ([]pingr.PendingEvent, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var due []*event
	for _, row := range s.events {
		if row.GivenUp.IsZero() && !row.Next.After(now) && !row.leased.After(now) && !slices.Contains(skip, row.Account) {
			due = append(due, row)
		}
	}
	slices.SortFunc(due, inOrder)
	due = due[:min(len(due), max(limit, 0))]
	pending := make([]pingr.PendingEvent, len(due))
	for i, row := range due {
		row.leased = l.Until
		pending[i] = row.PendingEvent
	}
	return pending, nil
}

// Delivered implements [pingr.Events].
func (s *Store) Delivered(ctx context.Context, id string) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	delete(s.events, id)
	return nil
}

// Retry implements [pingr.Events].
func (s *Store) Retry(ctx context.Context, id string, attempt int, next time.Time) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if row := s.events[id]; row != nil {
		row.Attempt, row.Next, row.leased = attempt, next, time.Time{}
		row.Scheduled, row.tried = time.Time{}, false
	}
	return nil
}

// PutBack implements [pingr.Events].
func (s *Store) PutBack(ctx context.Context, id string, next time.Time) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if row := s.events[id]; row != nil {
		row.Next, row.leased = next, time.Time{}
		if !row.Scheduled.IsZero() && !row.Scheduled.After(next) {
			row.Scheduled, row.tried = time.Time{}, true
		}
	}
	return nil
}

// MakeAllDue implements [pingr.Events].
func (s *Store) MakeAllDue(ctx context.Context, account string, now time.Time, limit int) (int, error) {
	if err := s.lock(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	var waiting []*event
	for _, row := range s.events {
		if row.Account == account && row.GivenUp.IsZero() && row.Next.After(now) && !row.leased.After(now) &&
			row.Scheduled.IsZero() && !row.tried {
			waiting = append(waiting, row)
		}
	}
	slices.SortFunc(waiting, inOrder)
	waiting = waiting[:min(len(waiting), max(limit, 0))]
	for _, row := range waiting {
		row.Scheduled, row.Next = row.Next, now
	}
	return len(waiting), nil
}

// inOrder sorts events by when they are due.
func inOrder(a, b *event) int {
	return cmp.Or(a.Next.Compare(b.Next), cmp.Compare(a.sequence, b.sequence))
}

// GiveUp implements [pingr.Events].
func (s *Store) GiveUp(ctx context.Context, id string, attempt int, at time.Time) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if row := s.events[id]; row != nil {
		row.Attempt, row.GivenUp, row.leased = attempt, at, time.Time{}
	}
	return nil
}

// LogDelivery implements [pingr.Events].
func (s *Store) LogDelivery(ctx context.Context, d pingr.Delivery) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	logged := time.UnixMilli(d.At.Add(d.Duration).UnixMilli()).UTC()
	if n := len(s.deliveries); n > 0 && s.deliveries[n-1].Logged.After(logged) {
		logged = s.deliveries[n-1].Logged
	}
	s.deliveries = append(s.deliveries, hosted.DeliveryRow{Delivery: d, Logged: logged})
	s.countLatency(d)
	return nil
}

// Purge implements [pingr.Events].
func (s *Store) Purge(ctx context.Context, now, keys, deliveries time.Time) (int, error) {
	if err := s.lock(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	before := s.size()
	for key, row := range s.keys {
		if row.past(keys) {
			delete(s.keys, key)
		}
	}
	for id, row := range s.firings {
		if row.past(keys) {
			delete(s.firings, id)
		}
	}
	for key, c := range s.limits {
		if c.until.Before(now) {
			delete(s.limits, key)
		}
	}
	s.deliveries = slices.DeleteFunc(s.deliveries, func(d hosted.DeliveryRow) bool { return d.At.Before(deliveries) })
	for id, row := range s.events {
		if !row.GivenUp.IsZero() && row.GivenUp.Before(now.Add(-pingr.KeepGivenUp)) {
			delete(s.events, id)
		}
	}
	s.purgeStats(deliveries)
	return before - s.size(), nil
}

func (f *firing) past(t time.Time) bool {
	return f.State == pingr.StateDone && f.AcceptedAt.Before(t)
}

func (s *Store) size() int {
	return len(s.keys) + len(s.firings) + len(s.limits) + len(s.deliveries) + len(s.events)
}
