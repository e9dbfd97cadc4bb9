package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/store/sqlite"
)

// pages compares pages of a delivery log of 1,000 rows with those of a million: the newest, one in the
// middle, and one of the few failures.
func pages(ctx context.Context) error {
	store, remove, err := newStore(ctx)
	if err != nil {
		return err
	}
	defer remove()
	middle := map[string]time.Time{}
	sizes := []struct {
		account string
		rows    int
	}{{"few", 1000}, {"many", 1_000_000}}
	for _, size := range sizes {
		if middle[size.account], err = logRows(ctx, store, size.account, size.rows); err != nil {
			return err
		}
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "\n50 deliveries\tof 1,000 µs\tof 1,000,000 µs\tratio\t")
	for _, page := range []struct {
		name  string
		query func(owner string) hosted.DeliveryQuery
	}{
		{"newest", func(owner string) hosted.DeliveryQuery { return hosted.DeliveryQuery{Account: owner, Limit: 50} }},
		{"middle", func(owner string) hosted.DeliveryQuery {
			return hosted.DeliveryQuery{Account: owner, Limit: 50, Before: middle[owner]}
		}},
		{"failed", func(owner string) hosted.DeliveryQuery {
			return hosted.DeliveryQuery{Account: owner, Limit: 50, Status: "failed"}
		}},
	} {
		const rounds, calls = 9, 100
		took := map[string][]time.Duration{}
		for range rounds {
			for _, size := range sizes {
				began := time.Now()
				for range calls {
					if found, err := store.DeliveryPage(ctx, page.query(size.account)); err != nil || len(found.Rows) == 0 {
						return fmt.Errorf("no page: %w", err)
					}
				}
				took[size.account] = append(took[size.account], time.Since(began)/calls)
			}
		}
		few, many := median(took["few"]), median(took["many"])
		fmt.Fprintf(out, "%s\t%.0f\t%.0f\t%.2f\t\n", page.name, few.Seconds()*1e6, many.Seconds()*1e6,
			float64(many)/float64(few))
	}
	return out.Flush()
}

// logRows logs a delivery a millisecond, 100 of which failed, and returns the
// time in their middle.
func logRows(ctx context.Context, store *sqlite.Store, owner string, rows int) (middle time.Time, err error) {
	began := time.Now().Add(-time.Hour)
	for i := range rows {
		d := pingr.Delivery{
			ID: pingr.NewID("dlv_"), Account: owner, Session: "main-login-bot", EventID: fmt.Sprint("evt_", owner, i),
			Event: pingr.EventMessageReceived, URL: "https://shop.example.com/webhook", Status: "delivered", HTTPStatus: 200,
			DynamicReply: true, Attempt: 1, Duration: 40 * time.Millisecond, At: began.Add(time.Duration(i) * time.Millisecond),
		}
		if i%(rows/100) == 0 {
			d.Status, d.HTTPStatus, d.Error = "failed", 500, "status 500"
		}
		if err := store.LogDelivery(ctx, d); err != nil {
			return middle, err
		}
	}
	return began.Add(time.Duration(rows/2) * time.Millisecond), nil
}

// newStore opens a store in a directory of its own, and remove ends both.
func newStore(ctx context.Context) (_ *sqlite.Store, remove func(), err error) {
	dir, err := os.MkdirTemp("", "pingr-bench-")
	if err != nil {
		return nil, nil, err
	}
	store, err := sqlite.Open(ctx, sqlite.Config{Dir: dir})
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return store, func() {
		store.Close()
		os.RemoveAll(dir)
	}, nil
}
