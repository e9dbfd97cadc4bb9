package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/server/api"
)

const (
	deliveriesPage = 200 // the most that a page holds
	followPace     = time.Second
)

// A deliveriesQuery holds the arguments of deliveries.
type deliveriesQuery struct {
	limit          int // 0 means all
	before, status string
	follow         bool
}

func (a *app) deliveriesCommand() *cobra.Command {
	var q deliveriesQuery
	c := a.remote(cobra.Command{
		Use:   "deliveries",
		Short: "Show the delivery attempts, newest first",
		Long: "Shows each attempt to deliver an event to the webhook endpoint, newest first, from as\n" +
			"many pages as it takes. With --follow, it also prints new attempts as they happen,\nnewest last.",
		Example: "  pingr deliveries --limit 20\n  pingr deliveries --status failed --follow\n  pingr deliveries --limit 0 " +
			"--json > deliveries.jsonl",
	}, func(ctx context.Context, c *client, _ []string) error {
		switch {
		case q.limit < 0:
			return usageError{"--limit must be at least 1, or 0 for all"}
		case q.status != "" && !slices.Contains([]string{"delivered", "failed", "simulated"}, q.status):
			return usagef("--status %q is not one of delivered, failed, simulated", q.status)
		case q.follow && q.before != "":
			return usageError{"--follow shows new attempts: leave out --before"}
		case q.follow:
			return c.followDeliveries(ctx, q)
		}
		return c.deliveries(ctx, q)
	})
	c.Flags().IntVar(&q.limit, "limit", 50, "number of attempts; 0 for all")
	c.Flags().StringVar(&q.before, "before", "", "only attempts before this time (RFC 3339) or cursor of the last page")
	c.Flags().StringVar(&q.status, "status", "", "only attempts with this status: delivered, failed or simulated")
	c.Flags().BoolVar(&q.follow, "follow", false, "also print new attempts, until interrupted")
	c.AddCommand(a.redeliverCommand())
	return c
}

func (a *app) redeliverCommand() *cobra.Command {
	return a.remote(cobra.Command{
		Use: "redeliver ID", Short: "Send an undelivered event again now",
		Long: "Sends the event of a failed row again now, even if it was given up within the last 7\n" +
			"days. The ids are in pingr deliveries --json.",
		Example: "  pingr deliveries redeliver dlv_0199c0de", Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, c *client, args []string) error {
		var got item[api.Redelivered]
		path := "/v1/webhooks/deliveries/" + url.PathEscape(args[0]) + "/redeliver"
		if err := c.ask(ctx, http.MethodPost, path, nil, &got); err != nil {
			return err
		}
		if c.json {
			return c.writeJSON(got)
		}
		fmt.Fprintln(c.out, got.value.EventID)
		return nil
	})
}

// A deliveriesAnswer is api.Deliveries, with each row as it came.
type deliveriesAnswer struct {
	api.Deliveries
	Rows []item[api.Delivery] `json:"deliveries"`
}

// page returns at most so many attempts before a cursor.
func (c *client) page(ctx context.Context, q deliveriesQuery, most int) (deliveriesAnswer, error) {
	values := url.Values{"limit": {strconv.Itoa(most)}}
	if q.before != "" {
		values.Set("before", q.before)
	}
	if q.status != "" {
		values.Set("event_type", "webhook."+q.status)
	}
	var got deliveriesAnswer
	err := c.ask(ctx, http.MethodGet, "/v1/webhooks/deliveries?"+values.Encode(), nil, &got)
	return got, err
}

// deliveries prints page after page.
func (c *client) deliveries(ctx context.Context, q deliveriesQuery) error {
	for left, first := q.limit, true; ; first = false {
		most := deliveriesPage
		if q.limit > 0 {
			most = min(most, left)
		}
		got, err := c.page(ctx, q, most)
		if err != nil {
			return err
		}
		if first && len(got.Rows) == 0 {
			fmt.Fprintln(c.err, "There are none yet. Make one with pingr simulate.")
			return nil
		}
		if err := c.printDeliveries(got.Rows, first); err != nil {
			return err
		}
		if got.NextCursor == nil {
			return nil
		}
		q.before = *got.NextCursor
		if left -= len(got.Rows); q.limit > 0 && left <= 0 {
			fmt.Fprintln(c.err, "For more: --before "+q.before)
			return nil
		}
	}
}

// followDeliveries prints the newest attempts, oldest first, and then new ones
// as they come.
func (c *client) followDeliveries(ctx context.Context, q deliveriesQuery) error {
	most := deliveriesPage
	if q.limit > 0 {
		most = min(most, q.limit)
	}
	newest, err := c.page(ctx, q, most)
	if err != nil {
		return err
	}
	fresh, last := newest.Rows, ""
	for first := true; ; first = false {
		slices.Reverse(fresh)
		if err := c.printDeliveries(fresh, first); err != nil {
			return err
		}
		if len(fresh) > 0 {
			last = fresh[len(fresh)-1].value.ID
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followPace):
		}
		if fresh, err = c.since(ctx, q, last); err != nil {
			return unlessStopped(ctx, err)
		}
	}
}

// unlessStopped returns the error, unless it only means that the user stopped
// following.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // as said
	}
	return err
}

// since returns the attempts after one, newest first. Rows are logged in the
// order in which they are listed, so none appears behind one that was seen.
func (c *client) since(ctx context.Context, q deliveriesQuery, last string) (fresh []item[api.Delivery], err error) {
	for {
		got, err := c.page(ctx, q, deliveriesPage)
		if err != nil {
			return nil, err
		}
		for i, d := range got.Rows {
			if d.value.ID == last {
				return append(fresh, got.Rows[:i]...), nil
			}
		}
		fresh = append(fresh, got.Rows...)
		if got.NextCursor == nil {
			return fresh, nil
		}
		q.before = *got.NextCursor
	}
}

func (c *client) printDeliveries(deliveries []item[api.Delivery], heading bool) error {
	if c.json {
		return printEach(c.app, deliveries)
	}
	if heading {
		fmt.Fprintln(c.out, styleOf(c.out).faint("TIME                 STATUS     HTTP  TRY      MS  REPLY    EVENT"))
	}
	for _, d := range deliveries {
		fmt.Fprintln(c.out, deliveryText(d.value))
	}
	return nil
}

// noReplyWords returns the words for a reason, or the reason itself if a newer
// server sent it.
func noReplyWords(reason pingr.NoReply) string {
	return cmp.Or(reason.Description(), string(reason))
}

// deliveryText formats an attempt on one line. Its columns have fixed widths, because
// page after page is printed.
func deliveryText(d api.Delivery) string {
	code, try, ms, reply, why := "-", "-", "-", "static", ""
	if d.Attempt > 0 { // otherwise the endpoint was not asked
		try, ms = strconv.Itoa(d.Attempt), strconv.FormatInt(d.DurationMs, 10)
	}
	if d.HTTPStatus != nil {
		code = strconv.Itoa(*d.HTTPStatus)
	}
	if d.DynamicReply {
		reply = "dynamic"
	}
	if d.Event != pingr.EventMessageReceived {
		reply = "-"
	}
	switch {
	case d.Error != nil:
		why = "  " + *d.Error
	case d.NoReply != nil:
		why = "  no reply: " + noReplyWords(*d.NoReply)
	}
	return plain(fmt.Sprintf("%s  %-9s  %4s  %3s  %6s  %-7s  %s %s%s",
		local(d.CreatedAt.Time), d.Status, code, try, ms, reply, d.Event, d.EventID, why))
}
