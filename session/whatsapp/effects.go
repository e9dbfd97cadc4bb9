package whatsapp

import (
	"context"
	"errors"
	"time"

	"github.com/heypingr/pingr"
)

// An effect is something to do after a change. Effects of a session happen in
// order, one at a time, outside its lock.
type effect struct {
	record *pingr.SessionRecord
	event  *pingr.Event
}

// effectTimeout bounds one effect.
const effectTimeout = 10 * time.Second

// enqueue adds an effect. The caller holds s.mu.
func (s *Session) enqueue(e effect) {
	// Of two records only the later one matters.
	if n := len(s.effects); n > 0 && e.record != nil && s.effects[n-1].record != nil && (!s.draining || n > 1) {
		s.effects[n-1] = e
	} else {
		s.effects = append(s.effects, e)
	}
	s.drain()
}

// drain starts the effects. The caller holds s.mu.
func (s *Session) drain() {
	if s.draining || len(s.effects) == 0 || s.closed {
		return
	}
	s.draining = true
	s.pool.run(func() {
		for {
			s.mu.Lock()
			if len(s.effects) == 0 {
				s.draining = false
				s.mu.Unlock()
				return
			}
			e := s.effects[0]
			s.mu.Unlock()
			err := s.perform(e)
			s.mu.Lock()
			if err != nil {
				if !errors.Is(err, errLost) { // the health check tries again
					s.pool.log.Error("session could not be saved or reported", "session", s.id, "error", err)
				}
				s.draining = false
				s.mu.Unlock()
				return
			}
			if len(s.effects) == 0 { // the session was let go in the meantime
				s.draining = false
				s.mu.Unlock()
				return
			}
			s.effects = s.effects[1:]
			if e.event != nil {
				s.record.Reported = e.event.Type == pingr.EventSessionDisconnected
				record := s.record
				s.effects = append(s.effects, effect{record: &record})
			}
			s.mu.Unlock()
		}
	})
}

func (s *Session) perform(e effect) error {
	ctx, cancel := context.WithTimeout(context.Background(), effectTimeout)
	defer cancel()
	if e.event != nil {
		if s.pool.config.Notify == nil {
			return nil
		}
		if err := s.ours(); err != nil { // only the holder of the lease reports
			return err
		}
		s.mu.Lock()
		account := s.record.Account
		s.mu.Unlock()
		return s.pool.config.Notify(ctx, account, *e.event)
	}
	s.saving.Lock()
	defer s.saving.Unlock()
	if s.removed {
		return nil
	}
	// A record that was queued before a phone linked the session must not take
	// the device away that onPair has saved since.
	record := *e.record
	if record.Device == "" {
		s.mu.Lock()
		record.Device, record.Phone = s.record.Device, s.record.Phone
		s.mu.Unlock()
	}
	if err := s.save(ctx, record); err != nil {
		return err
	}
	if s.pool.config.OnChange != nil {
		s.pool.config.OnChange(record)
	}
	return nil
}

// report queues the events for webhooks after a transition. The caller holds
// s.mu.
func (s *Session) report(r report, before status, in input) {
	switch r {
	case reportLate:
		if s.overdue == nil && !s.reported() {
			o := &overdue{}
			s.overdue = o
			o.timer = time.AfterFunc(s.pool.timing.report, func() { s.reportLost(o) })
		}
	case reportSoon:
		if !s.reported() && (s.overdue == nil || !s.overdue.lost) {
			s.overdue.stop()
			o, account := &overdue{lost: true}, s.record.Account
			s.overdue = o
			s.pool.run(func() { s.awaitGrace(o, account, time.Now()) })
		}
	case reportNow:
		s.notOverdue()
		// It was tried again and ended the same way, which is known already.
		if s.reported() && before.reason == in.code {
			return
		}
		s.disconnected(in.code, "terminal")
	case reportUp:
		s.notOverdue()
		if s.reported() {
			s.event(pingr.Event{Type: pingr.EventSessionConnected})
		}
	}
}

// overdue is a report that is due unless the link comes up before.
type overdue struct {
	lost  bool        // otherwise the link was never up
	timer *time.Timer // nil while the grace is being looked up
}

func (o *overdue) stop() {
	if o != nil {
		stop(o.timer)
	}
}

// notOverdue cancels a report. The caller holds s.mu.
func (s *Session) notOverdue() {
	s.overdue.stop()
	s.overdue = nil
}

// awaitGrace looks up how long the link may be lost, and reports it after that.
func (s *Session) awaitGrace(o *overdue, account string, since time.Time) {
	grace := s.pool.timing.grace
	if s.pool.config.Grace != nil {
		ctx, cancel := context.WithTimeout(s.pool.ctx, effectTimeout)
		defer cancel()
		if own, err := s.pool.config.Grace(ctx, account); err == nil {
			grace = own
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.overdue == o && !s.closed {
		o.timer = time.AfterFunc(grace-time.Since(since), func() { s.reportLost(o) })
	}
}

// reported reports whether a session.disconnected was queued, or is about to
// be, that no session.connected has answered yet. The caller holds s.mu.
func (s *Session) reported() bool {
	for i := len(s.effects) - 1; i >= 0; i-- {
		if e := s.effects[i].event; e != nil {
			return e.Type == pingr.EventSessionDisconnected
		}
	}
	return s.record.Reported
}

// reportLost reports a link that is not up in time.
func (s *Session) reportLost(o *overdue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.overdue != o || s.closed {
		return
	}
	s.overdue = nil
	s.disconnected(s.record.Reason, "transient")
}

func (s *Session) disconnected(reason int, kind string) {
	e := pingr.Event{Type: pingr.EventSessionDisconnected, Reason: reason, Kind: kind}
	if reason == codeTempBan && !s.banEnds.IsZero() {
		e.ExpiresAt = s.banEnds.UnixMilli()
	}
	s.event(e)
}

func (s *Session) event(e pingr.Event) {
	e.ID, e.Session, e.Timestamp = pingr.NewID("evt_"), s.id, s.pool.now().UnixMilli()
	s.enqueue(effect{event: &e})
}
