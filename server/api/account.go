package api

// A Key is an API key.
type Key struct {
	// The key's id. It is not secret.
	ID string `json:"id" example:"key_0199b0c2d4e57f3a8c1b2d3e4f5a6b7c"`
	// A name for people to read.
	Name string `json:"name" example:"Shop backend"`
	// live sends and counts. test uses data of its own, and nothing is sent.
	Mode string `json:"mode" enum:"live,test" example:"live"`
	// The whole key in the response that creates it; afterwards only its start and end.
	Key string `json:"key" example:"pk_live_…ZoX9"`
	// When it was created (RFC 3339, UTC).
	CreatedAt Time `json:"created_at" format:"date-time" example:"2026-11-23T10:00:00.000Z"`
	// When it was last used, to the minute (RFC 3339, UTC). null: never.
	LastUsed *Time `json:"last_used_at" format:"date-time" example:"2026-11-23T10:00:00.000Z"`
	// When it was revoked (RFC 3339, UTC), or null if it is valid.
	RevokedAt *Time `json:"revoked_at" format:"date-time"`
}

// Keys is the answer of GET /v1/keys.
type Keys struct {
	// The keys, oldest first.
	Keys []Key `json:"keys" nullable:"false"`
	// The number of items in the response.
	Count int `json:"count" example:"1"`
}

// AddKey is the body of POST /v1/keys.
type AddKey struct {
	// live sends and counts. test uses data of its own, and nothing is sent.
	Mode string `json:"mode" enum:"live,test" example:"live"`
	// A name for people to read, up to 100 characters.
	Name string `json:"name,omitempty" maxLength:"100" example:"Shop backend"`
}

// LogIn is the body of POST /v1/auth/login.
type LogIn struct {
	// An email address. Case does not matter.
	Email string `json:"email" minLength:"3" maxLength:"254" example:"anna@example.com"`
	// The password.
	Password string `json:"password" minLength:"1" maxLength:"800" example:"correct horse battery"`
}

// SetUp is the body of POST /v1/auth/setup.
type SetUp struct {
	// The token in the link that the server printed at its first start.
	Token string `json:"token" maxLength:"100" example:"4J7XK2QZP5ANRWB3TEYM6VHDLC"`
	// An email address. Case does not matter.
	Email string `json:"email" minLength:"3" maxLength:"254" example:"anna@example.com"`
	// A new password: 8 to 200 characters.
	Password string `json:"password" maxLength:"800" example:"correct horse battery"`
}

// SignUp is the body of POST /v1/auth/signup.
type SignUp struct {
	// An email address. Case does not matter.
	Email string `json:"email" minLength:"3" maxLength:"254" example:"anna@example.com"`
	// A new password: 8 to 200 characters.
	Password string `json:"password" maxLength:"800" example:"correct horse battery"`
}

// ChangePassword is the body of POST /v1/auth/password.
type ChangePassword struct {
	// The current password.
	Current string `json:"current_password" minLength:"1" maxLength:"800" example:"correct horse battery"`
	// The new password: 8 to 200 characters.
	New string `json:"new_password" maxLength:"800" example:"correct horse staple"`
}

// A Login is what every route that logs in answers.
type Login struct {
	// The token for the header Authorization: Bearer.
	Token string `json:"token" example:"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhY2MifQ.c2ln"`
	// When the login ends (RFC 3339, UTC).
	ExpiresAt Time `json:"expires_at" format:"date-time" example:"2026-11-23T22:00:00.000Z"`
	// The account that is logged in.
	Account Account `json:"account"`
}

// An Account is the account that is logged in: the answer of GET /v1/auth/me.
type Account struct {
	// The account's id.
	ID string `json:"id" example:"acc_0199b0c2d4e57f3a8c1b2d3e4f5a6b7c"`
	// An email address. Case does not matter.
	Email string `json:"email" example:"anna@example.com"`
	// The plan's name.
	Plan string `json:"plan" example:"growth"`
	// When it was created (RFC 3339, UTC).
	CreatedAt Time `json:"created_at" format:"date-time" example:"2026-11-23T10:00:00.000Z"`
}
