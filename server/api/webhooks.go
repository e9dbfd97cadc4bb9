package api

import "github.com/heypingr/pingr"

// A Webhook is the account's endpoint: the answer of GET and PUT /v1/webhooks.
type Webhook struct {
	// The endpoint, or null if none is set.
	URL *string `json:"url" example:"https://yourapp.com/webhook"`
	// The events that the endpoint receives.
	Events []pingr.EventType `json:"events" nullable:"false" example:"message.received"`
	// The signing secret: whole for dashboard logins, masked for API keys. While there is an old_secret, that one
	// signs x-pingr-signature.
	Secret string `json:"secret" example:"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw8fI9Xo0Qb1E="`
	// After a rotation, for dashboard logins: the secret that signs x-pingr-signature until old_secret_expires_at.
	OldSecret string `json:"old_secret,omitempty" example:"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDazKq8xGu1hA="`
	// When secret replaces old_secret in signing x-pingr-signature (RFC 3339, UTC).
	OldExpiresAt *Time `json:"old_secret_expires_at,omitempty" format:"date-time" example:"2026-11-24T10:00:00.000Z"`
}

// SetWebhook is the body of PUT /v1/webhooks.
type SetWebhook struct {
	// An https URL. An empty one removes the endpoint.
	URL string `json:"url" maxLength:"2048" example:"https://yourapp.com/webhook"`
	// The events that the endpoint receives. Defaults to all.
	Events *[]pingr.EventType `json:"events,omitempty" minItems:"1" maxItems:"3" uniqueItems:"true" enum:"message.received,session.disconnected,session.connected" example:"message.received"`
}

// RotateSecret is the body of POST /v1/webhooks/rotate-secret.
type RotateSecret struct {
	// How long the old secret keeps signing x-pingr-signature, in seconds. Use 0 if the secret has leaked.
	Overlap *Whole `json:"overlap_seconds,omitempty" minimum:"0" maximum:"604800" default:"86400" example:"86400"`
}

// A Secret is the answer of POST /v1/webhooks/rotate-secret.
type Secret struct {
	// The new secret.
	Secret string `json:"secret" example:"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw8fI9Xo0Qb1E="`
	// When it starts signing x-pingr-signature (RFC 3339, UTC).
	SignsFrom Time `json:"signs_from" format:"date-time" example:"2026-11-24T10:00:00.000Z"`
}

// Simulate is the body of POST /v1/webhooks/simulate.
type Simulate struct {
	// The sender's phone number, with country code.
	Phone string `json:"phone" maxLength:"64" example:"919876543210"`
	// The text: 1 to 4096 characters.
	Message string `json:"message" maxLength:"4096" example:"login"`
	// The session that receives the text.
	Session string `json:"session_id" minLength:"1" maxLength:"64" example:"main-login-bot"`
}

// Simulated is the answer of POST /v1/webhooks/simulate.
type Simulated struct {
	// Whether the endpoint accepted the event: it answered 2xx in time.
	Delivered bool `json:"delivered" example:"true"`
	// The HTTP status of the endpoint's response, or null if there was no response.
	StatusCode *int `json:"status_code" example:"200"`
	// The reply in the endpoint's response, or null if it gave none.
	DynamicReply *string `json:"dynamic_reply" example:"Here's your magic link: https://yourapp.com/auth?token=abc123"`
	// Why an accepted response gave no reply. null if it gave one, or gave none on purpose: no body, or {}.
	NoReply *pingr.NoReply `json:"no_reply_reason" required:"false" example:"not_json"`
	// The event as it was sent.
	PayloadSent pingr.Event `json:"payload_sent"`
}

// A Delivery is a row of the delivery log.
type Delivery struct {
	// The row's id.
	ID string `json:"id" example:"dlv_0199b0c2d4e57f3a8c1b2d3e4f5a6b7c"`
	// The attempt's outcome. For a simulated attempt: simulated, whatever its outcome. For attempt 0: failed.
	Status string `json:"status" enum:"delivered,failed,simulated" example:"delivered"`
	// The endpoint.
	URL string `json:"url" example:"https://yourapp.com/webhook"`
	// The HTTP status of the response, or null if there was no response.
	HTTPStatus *int `json:"http_status" example:"200"`
	// Whether the response's reply was used: its text was fixed for sending. For a simulated attempt: whether the
	// response gave a reply.
	DynamicReply bool `json:"dynamic_reply" example:"true"`
	// The event's session.
	Session string `json:"session_id" example:"sess_abc123"`
	// When the row was logged (RFC 3339, UTC).
	CreatedAt Time `json:"created_at" format:"date-time" example:"2025-05-15T10:30:00.000Z"`

	// The product's documentation does not have the fields below, so they are not required.

	// The event's id, the same on every attempt.
	EventID string `json:"event_id" required:"false" example:"evt_0199b0c2d4e57f3a8c1b2d3e4f5a6b7c"`
	// The event's type.
	Event pingr.EventType `json:"event" required:"false" example:"message.received"`
	// The attempt's number, counted from 1. 0: no attempt was made, because the endpoint lets most requests hang.
	// The static reply was sent at once, and the event is delivered later.
	Attempt int `json:"attempt" required:"false" example:"1"`
	// How long the attempt took, in milliseconds.
	DurationMs int64 `json:"duration_ms" required:"false" example:"143"`
	// Why the attempt failed, or null if it did not.
	Error *string `json:"error" required:"false" example:"status 503"`
	// Why an accepted response gave no reply. null if its reply was used, if it gave none on purpose (no body, or
	// {}), and for events other than message.received.
	NoReply *pingr.NoReply `json:"no_reply_reason" required:"false" example:"content_type"`
	// Whether the event of a failed row can still be sent again: no other attempt has succeeded, and it was not
	// given up more than a week ago.
	Redeliverable bool `json:"redeliverable" required:"false" example:"true"`
}

// Deliveries is the answer of GET /v1/webhooks/deliveries.
type Deliveries struct {
	// The rows, newest first.
	Deliveries []Delivery `json:"deliveries" nullable:"false"`
	// The number of items in the response.
	Count int `json:"count" example:"1"`
	// Pass it as before to get the next page. null on the last page.
	NextCursor *string `json:"next_cursor" example:"2025-05-15T10:30:00.000Z"`
}

// Redelivered is the answer of POST /v1/webhooks/deliveries/{id}/redeliver.
type Redelivered struct {
	// The event that is sent again.
	EventID string `json:"event_id" example:"evt_0199b0c2d4e57f3a8c1b2d3e4f5a6b7c"`
}
