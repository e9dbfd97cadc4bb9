package memory

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

type replayName struct{ scope, key string }

// BeginReplay implements [hosted.Replays].
func (s *Store) BeginReplay(ctx context.Context, r hosted.Replay) (found hosted.Replay, first bool, err error) {
	if err := s.lock(ctx); err != nil {
		return found, false, err
	}
	defer s.mu.Unlock()
	name := replayName{r.Scope, r.Key}
	found, ok := s.replays[name]
	if ok && !found.At.After(r.At.Add(-hosted.ReplayTime)) {
		found, ok = hosted.Replay{}, false
	}
	if ok && !hosted.BeginAgain(found, r) {
		return found, false, nil
	}
	r.State, r.Status, r.Body = hosted.ReplayPending, 0, slices.Clone(r.Body)
	if ok {
		r.Body = found.Body
	}
	s.replays[name] = r
	return found, true, nil
}

// EndReplay implements [hosted.Replays].
func (s *Store) EndReplay(ctx context.Context, r hosted.Replay) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	name := replayName{r.Scope, r.Key}
	row, ok := s.replays[name]
	switch {
	case r.State == "":
		delete(s.replays, name)
	case ok:
		row.State, row.Status, row.Body = r.State, r.Status, slices.Clone(r.Body)
		s.replays[name] = row
	}
	return nil
}

// PurgeReplays implements [hosted.Replays].
func (s *Store) PurgeReplays(ctx context.Context, before time.Time) (int, error) {
	if err := s.lock(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	n := len(s.replays)
	maps.DeleteFunc(s.replays, func(_ replayName, r hosted.Replay) bool { return r.At.Before(before) })
	return n - len(s.replays), nil
}

// LimitTaken implements [hosted.Store].
func (s *Store) LimitTaken(ctx context.Context, at time.Time, key string) (int64, error) {
	if err := s.lock(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	if c, ok := s.limits[key]; ok && c.until.After(at) {
		return c.taken, nil
	}
	return 0, nil
}

// DeliveryPage implements [hosted.Deliveries].
func (s *Store) DeliveryPage(ctx context.Context, q hosted.DeliveryQuery) (page hosted.DeliveryPage, err error) {
	if err := s.lock(ctx); err != nil {
		return page, err
	}
	defer s.mu.Unlock()
	ordinals := map[int64]int{}
	var rows []hosted.DeliveryRow
	for _, d := range s.deliveries {
		if d.Account != q.Account {
			continue
		}
		ordinals[d.Logged.UnixMilli()]++
		d.Ordinal = ordinals[d.Logged.UnixMilli()]
		within := d.Logged.Equal(q.Before) && d.Ordinal < q.Ordinal
		if (q.Before.IsZero() || d.Logged.Before(q.Before) || within) && (q.Status == "" || d.Status == q.Status) {
			rows = append(rows, d)
		}
	}
	slices.Reverse(rows)
	page = hosted.CutPage(rows, q.Limit)
	for i := range page.Rows {
		last := i == len(page.Rows)-1
		if !last || !page.More || !rows[i+1].Logged.Equal(rows[i].Logged) {
			page.Rows[i].Ordinal = 0
		}
	}
	return page, nil
}

// Delivery implements [hosted.Deliveries].
func (s *Store) Delivery(ctx context.Context, owner, id string) (pingr.Delivery, error) {
	if err := s.lock(ctx); err != nil {
		return pingr.Delivery{}, err
	}
	defer s.mu.Unlock()
	for _, d := range s.deliveries {
		if d.Account == owner && d.ID == id {
			return d.Delivery, nil
		}
	}
	return pingr.Delivery{}, hosted.ErrNotFound
}

// QueuedEvents implements [hosted.Deliveries].
func (s *Store) QueuedEvents(ctx context.Context, owner string, events []string) (map[string]bool, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	queued := make(map[string]bool, len(events))
	for _, id := range events {
		if row := s.events[id]; row != nil && row.Account == owner {
			queued[id] = true
		}
	}
	return queued, nil
}

// MakeDue implements [hosted.Deliveries].
func (s *Store) MakeDue(ctx context.Context, owner, event string, now time.Time) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	row := s.events[event]
	if row == nil || row.Account != owner {
		return hosted.ErrNotFound
	}
	if row.Next.After(now) || !row.GivenUp.IsZero() {
		row.Next, row.GivenUp = now, time.Time{}
	}
	return nil
}
