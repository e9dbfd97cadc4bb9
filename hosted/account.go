// Package hosted holds what a hosted Pingr knows about its customers in
// addition to the engine's own rows: accounts, API keys, plans, and the answers
// to repeated requests. It has types and pure functions, and the contract of
// the [Store] that the server uses.
package hosted

import (
	"encoding/json"
	"errors"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/heypingr/pingr"
)

var (
	// ErrNotFound means that there is no such row, or that it belongs to another
	// account.
	ErrNotFound = errors.New("not found")
	// ErrLimit means that the account's plan allows no more of these.
	ErrLimit = errors.New("plan limit reached")
)

// An Account owns sessions, triggers, keys, one webhook endpoint, settings and
// a plan.
type Account struct {
	ID string // "acc_…"
	// Email names the account at login; see [CleanEmail]. It is unique.
	Email string
	// PasswordHash is an argon2id string. If empty, nobody can log in.
	PasswordHash string
	// Plan is the name of a [Plan] of the deployment.
	Plan     string
	Settings Settings
	Webhook  Webhook
	// Test holds what test mode has changed for itself, or nil if nothing.
	Test *PerMode
	// CreatedAt is in whole milliseconds.
	CreatedAt time.Time
}

// PerMode is what live mode and test mode each have of their own: test keys
// change it without touching live data.
type PerMode struct {
	Settings Settings `json:"settings"`
	Webhook  Webhook  `json:"webhook"`
}

// Of returns what applies in a mode: test mode's own values if it has any.
func (a Account) Of(m Mode) PerMode {
	if m == Test && a.Test != nil {
		return *a.Test
	}
	return PerMode{a.Settings, a.Webhook}
}

// Change changes what applies in a mode, and nothing of the other mode.
func (a *Account) Change(m Mode, change func(*PerMode)) {
	now := a.Of(m)
	now.Webhook.Events = slices.Clone(now.Webhook.Events)
	change(&now)
	if m == Test {
		a.Test = &now
		return
	}
	a.Settings, a.Webhook = now.Settings, now.Webhook
}

// Settings are an account's choices, as the API shows them.
type Settings struct {
	CooldownSeconds int     `json:"cooldown_seconds"`
	NoPhoneReply    *string `json:"no_phone_reply"`
	// HiddenNumbers says what happens to people whose number WhatsApp hides, and
	// NumberQuestion is what they are asked. nil is the default question.
	HiddenNumbers        pingr.HiddenNumbers `json:"hidden_numbers"`
	NumberQuestion       *string             `json:"number_question"`
	GroupReply           pingr.GroupReply    `json:"group_reply"`
	MaxMessageAgeSeconds int                 `json:"max_message_age_seconds"`
	// DisconnectGraceSeconds is how long a lost link may take to come back before
	// session.disconnected is sent; 0 sends it at once.
	DisconnectGraceSeconds int `json:"disconnect_grace_seconds"`
	// Overage is "block" or "allow": what happens to messages beyond the plan's.
	Overage string `json:"overage"`
	// TimeZone is a name in the IANA database. A day begins at midnight there.
	TimeZone string `json:"time_zone"`
}

// The values of Settings.Overage.
const (
	OverageBlock = "block"
	OverageAllow = "allow"
)

// DefaultSettings returns the settings of a new account.
func DefaultSettings() Settings {
	return Settings{
		CooldownSeconds: 60, GroupReply: pingr.GroupPrivate, MaxMessageAgeSeconds: 300,
		HiddenNumbers:          pingr.HiddenRefuse,
		DisconnectGraceSeconds: 1,
		Overage:                OverageBlock, TimeZone: "UTC",
	}
}

// UnmarshalJSON implements json.Unmarshaler. A field that is missing in stored
// settings has its default.
func (s *Settings) UnmarshalJSON(b []byte) error {
	type plain Settings
	defaults := DefaultSettings()
	read := plain{DisconnectGraceSeconds: defaults.DisconnectGraceSeconds, HiddenNumbers: defaults.HiddenNumbers}
	if err := json.Unmarshal(b, &read); err != nil {
		return err
	}
	*s = Settings(read)
	return nil
}

// Engine returns the settings under a plan in the form that the engine takes.
func (s Settings) Engine(p Plan) pingr.Settings {
	out := pingr.Settings{
		Cooldown:      time.Duration(s.CooldownSeconds) * time.Second,
		GroupReply:    s.GroupReply,
		HiddenNumbers: s.HiddenNumbers,
		MaxMessageAge: time.Duration(s.MaxMessageAgeSeconds) * time.Second,
		MonthlyQuota:  p.Messages,
	}
	if s.CooldownSeconds == 0 {
		out.Cooldown = -1 // to the engine, zero is its default
	}
	if s.NoPhoneReply != nil {
		out.NoPhoneReply = *s.NoPhoneReply
	}
	if s.NumberQuestion != nil {
		out.NumberQuestion = *s.NumberQuestion
	}
	if s.Overage == OverageAllow {
		out.MonthlyQuota = 0
	}
	return out
}

// Midnight returns when the day of at ends in the account's time zone.
func (s Settings) Midnight(at time.Time) time.Time {
	zone, err := time.LoadLocation(s.TimeZone)
	if err != nil {
		zone = time.UTC // the system's database no longer has it
	}
	year, month, day := at.In(zone).Date()
	return time.Date(year, month, day+1, 0, 0, 0, 0, zone)
}

// CleanEmail returns the form in which addresses are stored and compared.
func CleanEmail(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

// A Plan is what an account may use. Zero means no limit.
type Plan struct {
	Name     string `json:"name"`
	Triggers int    `json:"triggers"`
	Sessions int    `json:"sessions"`
	// Messages is the number of messages per calendar month (UTC).
	Messages int64 `json:"messages"`
	// OverageMicros is the price of each further message, in millionths of a
	// dollar.
	OverageMicros int64 `json:"overage_micros"`
}

// Unlimited is the name of the plan without limits.
const Unlimited = "unlimited"

// DefaultPlans returns the documented plans, and [Unlimited].
func DefaultPlans() []Plan {
	return []Plan{
		{Name: "starter", Triggers: 1, Sessions: 1, Messages: 10_000, OverageMicros: 2000},
		{Name: "growth", Triggers: 2, Sessions: 3, Messages: 70_000, OverageMicros: 1500},
		{Name: "scale", Triggers: 10, Sessions: 10, Messages: 500_000, OverageMicros: 800},
		{Name: Unlimited},
	}
}

const (
	// MaxEmail is the greatest length of an e-mail address, in bytes (RFC 5321,
	// section 4.5.3.1.3, less its angle brackets).
	MaxEmail = 254
	// MaxName is the greatest length of a name that an account gives to a session
	// or a key, in characters.
	MaxName = 100
)

// ErrEmail means that a string is not an e-mail address.
var ErrEmail = errors.New("email must be an address such as anna@example.com")

// New returns a new account with default settings and a webhook secret.
func New(email, passwordHash, plan string, now time.Time) (Account, error) {
	email = CleanEmail(email)
	parsed, err := mail.ParseAddress(email)
	if err != nil || parsed.Address != email || len(email) > MaxEmail {
		return Account{}, ErrEmail
	}
	return Account{
		ID: pingr.NewID("acc_"), Email: email, PasswordHash: passwordHash, Plan: plan, Settings: DefaultSettings(),
		Webhook: Webhook{Secret: pingr.NewSecret()}, CreatedAt: now.Truncate(time.Millisecond).UTC(),
	}, nil
}
