package api

// A Trigger is a phrase of a session, with its static reply.
type Trigger struct {
	// The trigger's id.
	ID string `json:"id" example:"trg_0199b0c2d4e57f3a8c1b2d3e4f5a6b7c"`
	// The session's id.
	Session string `json:"session_id" example:"main-login-bot"`
	// What people text: 1 to 200 characters, stored in lower case.
	Phrase string `json:"trigger_phrase" example:"login"`
	// The static reply: 1 to 1000 characters. It is sent when the webhook gives no reply. {{phone}} is replaced by
	// the sender's number.
	Reply string `json:"reply_message" example:"Sending your link..."`
	// Whether the trigger fires. Defaults to true.
	Active bool `json:"is_active" example:"true"`
	// When it was created (RFC 3339, UTC).
	CreatedAt Time `json:"created_at" format:"date-time" example:"2026-11-23T10:00:00.000Z"`
	// When it was last changed (RFC 3339, UTC).
	UpdatedAt Time `json:"updated_at" format:"date-time" example:"2026-11-23T10:00:00.000Z"`
}

// Triggers is the answer of GET /v1/triggers.
type Triggers struct {
	// The triggers.
	Triggers []Trigger `json:"triggers" nullable:"false"`
	// The number of items in the response.
	Count int `json:"count" example:"1"`
}

// AddTrigger is the body of POST /v1/triggers.
type AddTrigger struct {
	// The session's id.
	Session string `json:"session_id" minLength:"1" maxLength:"64" example:"main-login-bot"`
	// What people text: 1 to 200 characters, stored in lower case.
	Phrase string `json:"trigger_phrase" example:"login"`
	// The static reply: 1 to 1000 characters. It is sent when the webhook gives no reply. {{phone}} is replaced by
	// the sender's number.
	Reply string `json:"reply_message" example:"Sending your link..."`
	// Whether the trigger fires. Defaults to true.
	Active *bool `json:"is_active,omitempty" example:"true"`
}

// ChangeTrigger is the body of PATCH and PUT /v1/triggers/{id}: the given fields
// change, the others stay. A client may send the whole trigger back, so unknown
// fields are ignored.
type ChangeTrigger struct {
	_ struct{} `additionalProperties:"true"`
	// What people text: 1 to 200 characters, stored in lower case.
	Phrase *string `json:"trigger_phrase,omitempty" example:"login"`
	// The static reply: 1 to 1000 characters. It is sent when the webhook gives no reply. {{phone}} is replaced by
	// the sender's number.
	Reply *string `json:"reply_message,omitempty" example:"Sending your link..."`
	// Whether the trigger fires. Defaults to true.
	Active *bool `json:"is_active,omitempty" example:"true"`
}

// Match is the body of POST /v1/match.
type Match struct {
	// The session's id.
	Session string `json:"session_id" minLength:"1" maxLength:"64" example:"main-login-bot"`
	// A text as somebody might send it.
	Text string `json:"text" maxLength:"4096" example:"Login X4K9MQ"`
}

// Matched is the answer of POST /v1/match.
type Matched struct {
	// The text as it is compared with phrases: lower case, runs of white space collapsed, invisible characters
	// removed.
	Compared string `json:"compared" example:"login x4k9mq"`
	// The trigger that fires, or null if none does.
	Fires *Trigger `json:"fires"`
	// Other triggers whose phrase the text is or starts with, longest first.
	Others []OtherMatch `json:"others" nullable:"false"`
}

// An OtherMatch is a trigger whose phrase begins the text but which does not
// fire.
type OtherMatch struct {
	// The trigger.
	Trigger Trigger `json:"trigger"`
	// Why it does not fire: another phrase is longer, or the trigger is off.
	Because string `json:"because" enum:"shorter,inactive" example:"shorter"`
}
