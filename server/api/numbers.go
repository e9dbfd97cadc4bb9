package api

// Resolve is the body of POST /v1/numbers/resolve.
type Resolve struct {
	// The phone number with country code. Spaces, brackets, dashes, dots and slashes are
	// ignored; + or 00 may precede it.
	Phone string `json:"phone" maxLength:"64" example:"+55 31 98765-4321"`
	// The session that asks. Defaults to any that is connected.
	Session string `json:"session_id,omitempty" maxLength:"64" example:"main-login-bot"`
}

// Resolved is the answer of POST /v1/numbers/resolve.
type Resolved struct {
	// Whether an account on WhatsApp has the number.
	OnWhatsApp bool `json:"on_whatsapp" example:"true"`
	// The number as WhatsApp spells it, which is how events name it: digits only, with
	// country code. If nobody has the number, it is the one in the request.
	Phone string `json:"phone" example:"553187654321"`
}
