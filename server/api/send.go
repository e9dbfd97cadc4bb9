package api

// Send is the body of POST /v1/send.
type Send struct {
	// The recipient's phone number with country code. Spaces, brackets, dashes, dots
	// and slashes are ignored; + or 00 may precede it.
	To string `json:"to" maxLength:"64" example:"919876543210"`
	// The text: 1 to 4096 characters.
	Message string `json:"message" example:"Your order is ready."`
	// The session that sends. Defaults to any that is connected.
	Session string `json:"session_id,omitempty" maxLength:"64" example:"main-login-bot"`
}

// Sent is the answer of POST /v1/send.
type Sent struct {
	// Always true.
	Success bool `json:"success" example:"true"`
	// The message's id.
	MessageID string `json:"message_id" example:"msg_0199b0c2d4e57f3a8c1b2d3e4f5a6b7c"`
	// The recipient's phone number: digits only, with country code.
	To string `json:"to" example:"919876543210"`
	// The session that sent the message.
	Session string `json:"session_id" example:"main-login-bot"`
	// The plan's messages left this month, or null if the plan is unlimited.
	Remaining *int64 `json:"rate_limit_remaining" example:"499"`
}
