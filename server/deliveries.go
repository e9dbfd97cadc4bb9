package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

type deliveryJSON struct {
	ID           string `json:"id"`
	Status       string `json:"status" enum:"delivered,failed,simulated"`
	URL          string `json:"url"`
	HTTPStatus   *int   `json:"http_status"`
	DynamicReply bool   `json:"dynamic_reply"`
	Session      string `json:"session_id"`
	CreatedAt    string `json:"created_at" format:"date-time"`
	// The fields below are not in the product's documentation.
	EventID    string          `json:"event_id" required:"false"`
	Event      pingr.EventType `json:"event" required:"false"`
	Attempt    int             `json:"attempt" required:"false"`
	DurationMs int64           `json:"duration_ms" required:"false"`
	Error      *string         `json:"error" required:"false"`
	NoReply    noReply         `json:"no_reply_reason" required:"false"`
	// Redeliverable is the event's, on a failed row.
	Redeliverable bool `json:"redeliverable" required:"false"`
}

// noReply is a reason, or null.
type noReply pingr.NoReply

// MarshalJSON implements json.Marshaler.
func (r noReply) MarshalJSON() ([]byte, error) {
	if r == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(r))
}

// Schema implements huma.SchemaProvider.
func (noReply) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString, Nullable: true, Enum: []any{nil}}
	for _, reason := range pingr.NoReplies() {
		s.Enum = append(s.Enum, string(reason))
	}
	return s
}

// noReplyWords returns every reason and its meaning, for the OpenAPI document.
func noReplyWords() string {
	var all []string
	for _, reason := range pingr.NoReplies() {
		all = append(all, string(reason)+" ("+reason.Words()+")")
	}
	return strings.Join(all, ", ")
}

func deliveryOf(d pingr.Delivery, logged time.Time) deliveryJSON {
	out := deliveryJSON{
		ID: d.ID, Status: d.Status, URL: d.URL, DynamicReply: d.DynamicReply, Session: shownID(d.Session),
		CreatedAt: stamp(logged), EventID: d.EventID, Event: d.Event, Attempt: d.Attempt, DurationMs: d.Duration.Milliseconds(),
		NoReply: noReply(d.NoReply),
	}
	if d.HTTPStatus != 0 {
		out.HTTPStatus = &d.HTTPStatus
	}
	if d.Error != "" {
		out.Error = &d.Error
	}
	return out
}

type deliveriesInput struct {
	ModeParam
	Limit     int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Before    string `query:"before" maxLength:"40"`
	EventType string `query:"event_type" enum:"webhook.delivered,webhook.failed,webhook.simulated"`
}

type deliveriesOutput struct {
	Body struct {
		Deliveries []deliveryJSON `json:"deliveries" nullable:"false"`
		Count      int            `json:"count"`
		NextCursor *string        `json:"next_cursor"`
	}
}

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
	out.Body.Deliveries, out.Body.Count = []deliveryJSON{}, len(page.Rows)
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
		return stamp(at)
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
	ID string `path:"id" maxLength:"64"`
}

type redeliverOutput struct {
	Body struct {
		EventID string `json:"event_id"`
	}
}

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
