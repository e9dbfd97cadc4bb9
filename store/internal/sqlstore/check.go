package sqlstore

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/heypingr/pingr"
)

// Check implements [hosted.Store].
func (s *Store) Check(ctx context.Context, now time.Time) error {
	name := "ready_" + rand.Text() // another place in each index every time
	if _, _, err := s.FindTrigger(ctx, name, []string{name}); err != nil {
		return err
	}
	for _, from := range []string{
		` FROM firings WHERE done_at IS NULL AND lease_until <= $1`,
		` FROM events WHERE next_at <= $1 AND lease_until <= $1`,
		` FROM accounts WHERE created_at > $1`,
		` FROM sessions WHERE created_at > $1`,
	} {
		if _, err := s.exists(ctx, from, []any{int64(0)}); err != nil {
			return err
		}
	}
	return s.db.Write(ctx, func(tx Tx) error { return s.dialect.liveAndVanish(tx, name, now) })
}

// liveAndVanish takes a firing from Accept to Finish, with the same statements,
// and deletes it.
func (d Dialect) liveAndVanish(tx Tx, name string, now time.Time) error {
	f := pingr.Firing{
		ID: name, Account: name, Session: name, AcceptedAt: now,
		Message: pingr.Message{ID: name, Chat: name, Sender: name, Phone: name, LID: name + "@lid", Text: name},
		Person:  pingr.Person{ID: name},
	}
	first, _, err := d.accept(tx, &f, pingr.Lease{Holder: name, Until: now})
	if err != nil {
		return err
	}
	limits := []pingr.Limit{{Kind: pingr.Cooldown, Key: name, Max: 1, Until: now.Add(time.Minute)}}
	retry := &pingr.PendingEvent{Event: pingr.Event{ID: name, Account: name}, Account: name, Attempt: 1, Next: now}
	f, decided, err := decide(tx, pingr.Decision{
		Firing: name, Holder: name, At: now, Text: name, Source: pingr.Static, Limits: limits, Retry: retry,
	})
	if err != nil {
		return err
	}
	ended, err := end(tx, pingr.Outcome{Firing: name, At: now, Kind: pingr.Replied, Release: true})
	if err != nil {
		return err
	}
	if !first || !decided || f.State != pingr.StateDecided || !ended {
		return errors.New("the probe message was not stored correctly")
	}
	if err := forgetKeys(tx, messageKeys(f, f.Person)); err != nil {
		return err
	}
	if n, err := tx.Exec(`DELETE FROM persons WHERE person = $1`, name); err != nil || n != 2 {
		return errors.Join(err, errors.New("the sender of the probe message was not found"))
	}
	for _, row := range []string{
		`DELETE FROM events WHERE id = $1`, `DELETE FROM firings WHERE id = $1`, `DELETE FROM counts WHERE account = $1`,
	} {
		if n, err := tx.Exec(row, name); err != nil || n != 1 {
			return errors.Join(err, errors.New("the stored probe message was not found"))
		}
	}
	return nil
}
