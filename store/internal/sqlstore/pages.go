package sqlstore

import (
	"context"
	"math"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

// DeliveryPage implements [hosted.Deliveries].
func (s *Store) DeliveryPage(ctx context.Context, q hosted.DeliveryQuery) (page hosted.DeliveryPage, err error) {
	if err := ctx.Err(); err != nil {
		return page, err
	}
	if err := s.log.flush(); err != nil {
		return page, err
	}
	err = s.log.db.Read(ctx, func(tx Tx) error {
		rows, err := deliveriesBefore(tx, q)
		if err != nil {
			return err
		}
		page = hosted.CutPage(rows, q.Limit)
		if last := len(page.Rows) - 1; page.More && page.Rows[last].Logged.Equal(rows[last+1].Logged) {
			page.Rows[last].Ordinal, err = ordinal(tx, page.Rows[last])
		}
		return err
	})
	return page, err
}

// deliveriesBefore returns up to one row more than the page holds.
func deliveriesBefore(tx Tx, q hosted.DeliveryQuery) (rows []hosted.DeliveryRow, err error) {
	end, within := int64(math.MaxInt64), int64(0)
	if !q.Before.IsZero() {
		end = q.Before.UnixMilli()
		if q.Ordinal > 0 { // the row with that number, which ended the previous page
			err := tx.Query(`SELECT seq FROM deliveries WHERE account = $1 AND logged_at = $2 ORDER BY seq LIMIT 1 OFFSET $3`,
				func(row Row) error { return row.Scan(&within) }, q.Account, end, int64(q.Ordinal-1))
			if err != nil {
				return nil, err
			}
		}
	}
	query := `SELECT ` + deliveryColumns + `, logged_at FROM deliveries
		WHERE account = $1 AND (logged_at, seq) < ($2, $3)`
	args := []any{q.Account, end, within, int64(q.Limit) + 1}
	if q.Status != "" {
		query += ` AND status = $5`
		args = append(args, q.Status)
	}
	err = tx.Query(query+` ORDER BY logged_at DESC, seq DESC LIMIT $4`, func(row Row) error {
		var logged int64
		d, err := scanDelivery(row, &logged)
		rows = append(rows, hosted.DeliveryRow{Delivery: d, Logged: toTime(logged)})
		return err
	}, args...)
	return rows, err
}

// ordinal counts the account's rows of the row's millisecond up to the row.
func ordinal(tx Tx, d hosted.DeliveryRow) (int, error) {
	var n int64
	err := tx.Query(`
		SELECT count(*) FROM deliveries WHERE account = $1 AND logged_at = $2
			AND seq <= (SELECT seq FROM deliveries WHERE id = $3 AND account = $1)`,
		func(row Row) error { return row.Scan(&n) }, d.Account, d.Logged.UnixMilli(), d.ID)
	return int(n), err
}

// Delivery implements [hosted.Deliveries].
func (s *Store) Delivery(ctx context.Context, owner, id string) (d pingr.Delivery, err error) {
	if err := s.log.flush(); err != nil {
		return d, err
	}
	err = s.log.db.Read(ctx, func(tx Tx) error {
		const find = `SELECT ` + deliveryColumns + ` FROM deliveries WHERE account = $1 AND id = $2`
		return tx.Query(find, func(row Row) (err error) {
			d, err = scanDelivery(row)
			return err
		}, owner, id)
	})
	if err == nil && d.ID == "" {
		err = hosted.ErrNotFound
	}
	return d, err
}

// QueuedEvents implements [hosted.Deliveries].
func (s *Store) QueuedEvents(ctx context.Context, owner string, events []string) (map[string]bool, error) {
	queued := make(map[string]bool, len(events))
	if len(events) == 0 {
		return queued, ctx.Err()
	}
	err := s.db.Read(ctx, func(tx Tx) error {
		clear(queued)
		among := `SELECT id FROM events WHERE account = $1 AND id IN (` + places(2, len(events)) + `)`
		return tx.Query(among, func(row Row) error {
			var id string
			err := row.Scan(&id)
			queued[id] = true
			return err
		}, append([]any{owner}, anys(events)...)...)
	})
	return queued, err
}

// MakeDue implements [hosted.Deliveries].
func (s *Store) MakeDue(ctx context.Context, owner, event string, now time.Time) error {
	queued := false
	err := s.db.Write(ctx, func(tx Tx) error {
		queued = false
		err := tx.Query(`SELECT id FROM events WHERE id = $1 AND account = $2`, mark(&queued), event, owner)
		if err != nil || !queued {
			return err
		}
		const due = `UPDATE events SET next_at = $2, given_up_at = 0 WHERE id = $1 AND next_at > $2`
		_, err = tx.Exec(due, event, now.UnixMilli())
		return err
	})
	if err == nil && !queued {
		return hosted.ErrNotFound
	}
	return err
}
