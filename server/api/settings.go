package api

import "github.com/heypingr/pingr"

// Settings are the account's choices: the answer of GET and PATCH /v1/settings.
type Settings struct {
	// The shortest time between two messages to the same number, in seconds. 0: no cooldown.
	CooldownSeconds int `json:"cooldown_seconds" example:"60"`
	// The reply to people whose number WhatsApp hides: 1 to 4096 characters. null: no reply.
	NoPhoneReply *string `json:"no_phone_reply" example:"Please write from another phone."`
	// What happens to people whose number WhatsApp hides. refuse: the endpoint receives nothing, and they get
	// no_phone_reply. ask: they are asked for the number, and the login goes on if WhatsApp says that it is theirs. pass:
	// the endpoint receives the message with from.phone null, and must know people by from.person.
	HiddenNumbers pingr.HiddenNumbers `json:"hidden_numbers" enum:"refuse,ask,pass" example:"refuse"`
	// What they are asked if hidden_numbers is ask: 1 to 4096 characters. null: the default, in English.
	NumberQuestion *string `json:"number_question" example:"To sign in to Shop, answer with your phone number."`
	// Where to reply to a message in a group: privately to its sender, in the group, or not at all.
	GroupReply pingr.GroupReply `json:"group_reply" example:"private"`
	// Messages older than this when they arrive get no reply, in seconds.
	MaxMessageAgeSeconds int `json:"max_message_age_seconds" example:"300"`
	// How long to wait for a lost connection to come back before sending session.disconnected, in seconds. 0: it is
	// sent at once.
	DisconnectGraceSeconds int `json:"disconnect_grace_seconds" example:"1"`
	// What happens to messages beyond the plan's: blocked, or sent and charged.
	Overage string `json:"overage" example:"block"`
	// A name from the IANA time zone database. Days start at midnight there.
	TimeZone string `json:"time_zone" example:"Europe/Berlin"`
}

// ChangeSettings is the body of PATCH /v1/settings: the given fields change, the
// others stay.
type ChangeSettings struct {
	// The shortest time between two messages to the same number, in seconds. 0: no cooldown.
	CooldownSeconds *Whole `json:"cooldown_seconds,omitempty" minimum:"0" maximum:"86400" example:"60"`
	// The reply to people whose number WhatsApp hides: 1 to 4096 characters. null: no reply.
	NoPhoneReply MaybeText `json:"no_phone_reply,omitzero" example:"Please write from another phone."`
	// What happens to people whose number WhatsApp hides. refuse: the endpoint receives nothing, and they get
	// no_phone_reply. ask: they are asked for the number, and the login goes on if WhatsApp says that it is theirs. pass:
	// the endpoint receives the message with from.phone null, and must know people by from.person.
	HiddenNumbers *pingr.HiddenNumbers `json:"hidden_numbers,omitempty" enum:"refuse,ask,pass" example:"refuse"`
	// What they are asked if hidden_numbers is ask: 1 to 4096 characters. null: the default, in English.
	NumberQuestion MaybeText `json:"number_question,omitzero" example:"To sign in to Shop, answer with your phone number."`
	// Where to reply to a message in a group: privately to its sender, in the group, or not at all.
	GroupReply *pingr.GroupReply `json:"group_reply,omitempty" enum:"private,group,off" example:"private"`
	// Messages older than this when they arrive get no reply, in seconds.
	MaxMessageAgeSeconds *Whole `json:"max_message_age_seconds,omitempty" minimum:"1" maximum:"1209600" example:"300"`
	// How long to wait for a lost connection to come back before sending session.disconnected, in seconds. 0: it is
	// sent at once.
	DisconnectGraceSeconds *Whole `json:"disconnect_grace_seconds,omitempty" minimum:"0" maximum:"60" example:"1"`
	// What happens to messages beyond the plan's: blocked, or sent and charged.
	Overage *string `json:"overage,omitempty" enum:"block,allow" example:"block"`
	// A name from the IANA time zone database. Days start at midnight there.
	TimeZone *string `json:"time_zone,omitempty" minLength:"1" maxLength:"64" example:"Europe/Berlin"`
}

// Usage is the answer of GET /v1/usage.
type Usage struct {
	// The plan's name.
	Plan string `json:"plan" example:"growth"`
	// The calendar month (UTC).
	Month string `json:"month" example:"2026-11"`
	// Messages used this month.
	Used int64 `json:"used" example:"12034"`
	// Messages a month that the plan includes, or null if it is unlimited.
	Included *int64 `json:"included" example:"70000"`
	// Messages left this month, or null if the plan is unlimited.
	Remaining *int64 `json:"remaining" example:"57966"`
	// Messages beyond the plan's.
	OverageMessages int64 `json:"overage_messages" example:"0"`
	// Their cost, in millionths of a dollar.
	OverageCostMicros int64 `json:"overage_cost_micros" example:"0"`
}

// Stats is the answer of GET /v1/stats.
type Stats struct {
	// How far back: 24 hours in hours, or 7, 30 or 90 days in days.
	Range string `json:"range" example:"7d"`
	// A name from the IANA time zone database. Days start at midnight there.
	Zone string `json:"time_zone" example:"Europe/Berlin"`
	// The hours or days, oldest first.
	Steps []StatsStep `json:"steps" nullable:"false"`
	// The sum of all steps.
	Total StatsStep `json:"total"`
}

// A StatsStep is an hour or a day.
type StatsStep struct {
	// Start of the step (RFC 3339, UTC).
	From Time `json:"from" format:"date-time" example:"2026-11-23T00:00:00.000Z"`
	// End of the step (RFC 3339, UTC).
	Until Time `json:"until" format:"date-time" example:"2026-11-24T00:00:00.000Z"`
	// Messages that fired a trigger, by outcome.
	Firings Counts `json:"firings"`
	// Delivery attempts, without simulated ones.
	Webhooks int64 `json:"webhooks" example:"42"`
	// Median duration of those attempts in milliseconds, within 6 %. null if there were none.
	P50MS *int64 `json:"p50_ms" example:"85"`
	// 95th percentile of their durations in milliseconds, within 6 %: 95 % took at most this long. null if there
	// were none.
	P95MS *int64 `json:"p95_ms" example:"240"`
}

// Counts are the numbers of firings by how they ended.
type Counts struct {
	// Answered with the webhook's text.
	Dynamic int64 `json:"dynamic" example:"40"`
	// Answered with the trigger's reply.
	Static int64 `json:"static" example:"2"`
	// Not answered: the number was in cooldown.
	Cooldown int64 `json:"cooldown" example:"1"`
	// Not answered: the month's messages were used up.
	Quota int64 `json:"quota" example:"0"`
	// Not answered: the message was too old.
	Expired int64 `json:"expired" example:"0"`
	// Not answered: WhatsApp hides the number.
	NoPhone int64 `json:"no_phone" example:"0"`
	// Not answered: WhatsApp did not accept the reply in time.
	Failed int64 `json:"failed" example:"0"`
}
