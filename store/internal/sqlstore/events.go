package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/heypingr/pingr"
)

// Enqueue implements [pingr.Events].
func (s *Store) Enqueue(ctx context.Context, p pingr.PendingEvent) error {
	return s.db.Write(ctx, func(tx Tx) error { return enqueue(tx, &p) })
}

// enqueue queues p if it is not nil and not queued already.
func enqueue(tx Tx, p *pingr.PendingEvent) error {
	if p == nil {
		return nil
	}
	next := p.Next.UnixMilli()
	if !p.GivenUp.IsZero() {
		next = never
	}
	_, err := tx.Exec(`
		INSERT INTO events (id, account, attempt, next_at, given_up_at, event) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (id) DO NOTHING`,
		p.Event.ID, p.Account, int64(p.Attempt), next, maybeInt(p.GivenUp), eventRecord(p.Event))
	return err
}

// Due implements [pingr.Events].
func (s *Store) Due(
	ctx context.Context, l pingr.Lease, now time.Time, skip []string, limit int,
) ([]pingr.PendingEvent, error) {
	if limit <= 0 {
		return nil, ctx.Err()
	}
	from := ` FROM events WHERE next_at <= $1 AND lease_until <= $1` + notIn(2, skip)
	args := append([]any{now.UnixMilli()}, anys(skip)...)
	if ok, err := s.exists(ctx, from, args); err != nil || !ok {
		return nil, err
	}
	n := len(args)
	query := `
		WITH due AS (SELECT seq` + from + ` ORDER BY next_at, seq LIMIT ` + place(n+1) + ` ` + s.dialect.Lock + `)
		UPDATE events SET lease_until = ` + place(n+2) + ` WHERE seq IN (SELECT seq FROM due)
		RETURNING seq, account, attempt, next_at, scheduled_at, event`
	args = append(args, int64(limit), l.Until.UnixMilli())
	type seqEvent struct {
		pingr.PendingEvent
		seq int64
	}
	var rows []seqEvent
	err := s.db.Write(ctx, func(tx Tx) error {
		rows = rows[:0]
		return tx.Query(query, func(row Row) error {
			var p seqEvent
			var attempt, next, scheduled int64
			var event []byte
			err := row.Scan(&p.seq, &p.Account, &attempt, &next, &scheduled, &event)
			if err != nil {
				return err
			}
			p.Attempt, p.Next = int(attempt), toTime(next)
			if scheduled > 0 {
				p.Scheduled = toTime(scheduled)
			}
			if p.Event, err = readEvent(event); err != nil {
				return fmt.Errorf("read event: %w", err)
			}
			rows = append(rows, p)
			return nil
		}, args...)
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rows, func(a, b seqEvent) int { return cmp.Or(a.Next.Compare(b.Next), cmp.Compare(a.seq, b.seq)) })
	events := make([]pingr.PendingEvent, len(rows))
	for i, p := range rows {
		events[i] = p.PendingEvent
	}
	return events, nil
}

// Delivered implements [pingr.Events].
func (s *Store) Delivered(ctx context.Context, id string) error {
	return s.writeEvent(ctx, `DELETE FROM events WHERE id = $1`, id)
}

// Retry implements [pingr.Events].
func (s *Store) Retry(ctx context.Context, id string, attempt int, next time.Time) error {
	return s.writeEvent(ctx, `
		UPDATE events SET attempt = $2, next_at = $3, lease_until = 0, scheduled_at = 0
		WHERE id = $1`, id, int64(attempt), next.UnixMilli())
}

// PutBack implements [pingr.Events].
func (s *Store) PutBack(ctx context.Context, id string, next time.Time) error {
	return s.writeEvent(ctx, `
		UPDATE events SET next_at = $2, lease_until = 0, scheduled_at = CASE
			WHEN scheduled_at = 0 THEN 0
			WHEN scheduled_at > $2 THEN scheduled_at
			ELSE -1 END
		WHERE id = $1`, id, next.UnixMilli())
}

func (s *Store) writeEvent(ctx context.Context, statement string, args ...any) error {
	return s.db.WriteSoon(ctx, func(tx Tx) error {
		_, err := tx.Exec(statement, args...)
		return err
	})
}

// MakeAllDue implements [pingr.Events].
func (s *Store) MakeAllDue(ctx context.Context, account string, now time.Time, limit int) (int, error) {
	if limit <= 0 {
		return 0, ctx.Err()
	}
	const waiting = ` FROM events
		WHERE account = $1 AND next_at > $2 AND next_at < $3 AND lease_until <= $2 AND scheduled_at = 0`
	args := []any{account, now.UnixMilli(), int64(never)}
	if ok, err := s.exists(ctx, waiting, args); err != nil || !ok {
		return 0, err
	}
	var n int64
	err := s.db.WriteSoon(ctx, func(tx Tx) (err error) {
		n, err = tx.Exec(`
			UPDATE events SET scheduled_at = next_at, next_at = $2 WHERE seq IN (
				SELECT seq`+waiting+` ORDER BY next_at, seq LIMIT $4 `+s.dialect.Lock+`)`,
			append(args, int64(limit))...)
		return err
	})
	return int(n), err
}

// never is when an event that was given up is due.
const never = math.MaxInt64

// GiveUp implements [pingr.Events].
func (s *Store) GiveUp(ctx context.Context, id string, attempt int, at time.Time) error {
	return s.writeEvent(ctx, `
		UPDATE events SET attempt = $2, next_at = $3, lease_until = 0, given_up_at = $4
		WHERE id = $1`, id, int64(attempt), int64(never), at.UnixMilli())
}
