package api

// A Code is an error code, from a closed set.
type Code string

// The codes.
const (
	InvalidKey           Code = "invalid_key"
	MissingParam         Code = "missing_param"
	QuotaExceeded        Code = "quota_exceeded"
	RateLimit            Code = "rate_limit"
	Forbidden            Code = "forbidden"
	PlanLimit            Code = "plan_limit"
	NotFound             Code = "not_found"
	MethodNotAllowed     Code = "method_not_allowed"
	Conflict             Code = "conflict"
	SessionUnavailable   Code = "session_unavailable"
	PayloadTooLarge      Code = "payload_too_large"
	UnsupportedMediaType Code = "unsupported_media_type"
	Internal             Code = "internal"
)

// A Problem is the envelope of every error.
type Problem struct {
	// The error.
	Detail ProblemDetail `json:"detail"`
}

// A ProblemDetail is an error.
type ProblemDetail struct {
	// The error's code, for programs: one of a closed set.
	Code Code `json:"error" enum:"invalid_key,missing_param,quota_exceeded,rate_limit,forbidden,plan_limit,not_found,method_not_allowed,conflict,session_unavailable,payload_too_large,unsupported_media_type,internal" example:"missing_param"`
	// What is wrong and what to do, for people. The text may change.
	Message string `json:"message" example:"trigger_phrase: is required"`
	// With status 429: whole seconds to wait, at least 1. Same as the Retry-After header.
	RetryAfter int `json:"retry_after,omitempty" example:"47"`
}
