package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/server/api"
)

func deliveryOf(d pingr.Delivery, logged time.Time) api.Delivery {
	out := api.Delivery{
		ID: d.ID, Status: d.Status, URL: d.URL, DynamicReply: d.DynamicReply, Session: shownID(d.Session),
		CreatedAt: api.At(logged), EventID: d.EventID, Event: d.Event, Attempt: d.Attempt,
		DurationMs: d.Duration.Milliseconds(),
		HTTPStatus: maybe(d.HTTPStatus), Error: maybe(d.Error), NoReply: maybe(d.NoReply),
	}
	return out
}

// maybe returns nil, which is null in JSON, for the zero value.
func maybe[T comparable](value T) *T {
	var zero T
	if value == zero {
		return nil
	}
	return &value
}

type deliveriesInput struct {
	ModeParam
	Limit int `query:"limit" minimum:"1" maximum:"200" default:"50" example:"50" doc:"The number of rows in a page."`

	Before string `query:"before" maxLength:"40" example:"2026-11-23T10:00:00.000Z" doc:"Returns the rows older than this: next_cursor of the previous page, or any time (RFC 3339)."`

	EventType string `query:"event_type" enum:"webhook.delivered,webhook.failed,webhook.simulated" example:"webhook.failed" doc:"Returns only attempts with this outcome."`
}

type deliveriesOutput struct{ Body api.Deliveries }

// listDeliveries is GET /v1/webhooks/deliveries.
func (s *Server) listDeliveries(ctx context.Context, c caller, in *deliveriesInput) (*deliveriesOutput, error) {
	q := hosted.DeliveryQuery{Account: c.scope(), Status: strings.TrimPrefix(in.EventType, "webhook."), Limit: in.Limit}
	if in.Before != "" {
		var err error
		if q.Before, q.Ordinal, err = readCursor(in.Before); err != nil {
			return nil, badParam("before", "must be an RFC 3339 time")
		}
	}
	page, err := s.store.DeliveryPage(ctx, q)
	if err != nil {
		return nil, err
	}
	var failed []string
	for _, d := range page.Rows {
		if d.Status == "failed" {
			failed = append(failed, d.EventID)
		}
	}
	queued, err := s.store.QueuedEvents(ctx, c.scope(), failed)
	if err != nil {
		return nil, err
	}
	out := &deliveriesOutput{}
	out.Body.Deliveries, out.Body.Count = []api.Delivery{}, len(page.Rows)
	for _, d := range page.Rows {
		row := deliveryOf(d.Delivery, d.Logged)
		row.Redeliverable = d.Status == "failed" && queued[d.EventID]
		out.Body.Deliveries = append(out.Body.Deliveries, row)
	}
	if page.More {
		last := page.Rows[len(page.Rows)-1]
		next := cursor(last.Logged, last.Ordinal)
		out.Body.NextCursor = &next
	}
	return out, nil
}

// A cursor is the time of a page's last row, in milliseconds, and selects
// everything before that millisecond. Within a millisecond that holds more than
// a page, the row's ordinal follows as microseconds, which Python's datetime
// keeps. From 1000 on it follows as nanoseconds, never a whole number of
// microseconds.
func cursor(at time.Time, ordinal int) string {
	at = at.UTC().Truncate(time.Millisecond)
	switch {
	case ordinal == 0:
		return api.At(at).String()
	case ordinal < 1000:
		return at.Add(time.Duration(ordinal) * time.Microsecond).Format("2006-01-02T15:04:05.000000Z")
	}
	return at.Add(time.Duration(ordinal/999*1000 + ordinal%999 + 1)).Format("2006-01-02T15:04:05.000000000Z")
}

// readCursor accepts what clients do to a cursor: a plus that became a space in
// a query, and a time without a zone, which is UTC.
func readCursor(text string) (at time.Time, ordinal int, err error) {
	t, err := time.Parse(time.RFC3339, strings.Replace(text, " ", "+", 1))
	if err != nil {
		t, err = time.Parse("2006-01-02T15:04:05", text)
	}
	if err != nil || t.Year() > 9999 {
		return time.Time{}, 0, fmt.Errorf("read cursor: %w", errors.Join(err, errCursor))
	}
	if t.Before(time.Unix(1, 0)) {
		t = time.Unix(1, 0) // before all rows, and not the zero time
	}
	within := t.Nanosecond() % int(time.Millisecond)
	if ordinal = within / 1000; within%1000 != 0 {
		ordinal = within/1000*999 + within%1000 - 1
	}
	return t.UTC().Truncate(time.Millisecond), ordinal, nil
}

var errCursor = errors.New("not a cursor")

type deliveryInput struct {
	ModeParam
	ID string `path:"id" maxLength:"64" example:"dlv_0199b0c2d4e57f3a8c1b2d3e4f5a6b7c" doc:"The delivery's id."`
}

type redeliverOutput struct{ Body api.Redelivered }

// redeliver is POST /v1/webhooks/deliveries/{id}/redeliver. An event that was
// taken, or given up [pingr.KeepGivenUp] ago, cannot be sent again, because its
// texts are erased.
func (s *Server) redeliver(ctx context.Context, c caller, in *deliveryInput) (*redeliverOutput, error) {
	d, err := s.store.Delivery(ctx, c.scope(), in.ID)
	if err != nil {
		return nil, err
	}
	err = s.store.MakeDue(ctx, d.Account, d.EventID, s.now())
	if errors.Is(err, hosted.ErrNotFound) {
		return nil, fail(conflict, "The event was delivered, or given up more than a week ago. Its text is erased.")
	}
	if err != nil {
		return nil, err
	}
	out := &redeliverOutput{}
	out.Body.EventID = d.EventID
	return out, nil
}
