package server

import (
	"context"
	"encoding/json"
	"time"
	_ "time/tzdata" // a container may have no time zones of its own

	"github.com/danielgtaylor/huma/v2"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

type settingsOutput struct{ Body hosted.Settings }

type settingsInput struct{ ModeParam }

// showSettings is GET /v1/settings. Test mode has the live settings until it
// changes its own.
func (s *Server) showSettings(_ context.Context, c caller, _ *settingsInput) (*settingsOutput, error) {
	return &settingsOutput{c.own().Settings}, nil
}

// A nullableText is a text that may be left out, null, or given.
type nullableText struct {
	given bool
	text  *string
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *nullableText) UnmarshalJSON(b []byte) error {
	n.given = true
	return json.Unmarshal(b, &n.text)
}

// Schema implements huma.SchemaProvider.
func (nullableText) Schema(huma.Registry) *huma.Schema {
	most := pingr.MaxReply
	return &huma.Schema{Type: huma.TypeString, Nullable: true, MaxLength: &most}
}

type changeSettingsInput struct {
	ModeParam
	Body struct {
		CooldownSeconds      *whole            `json:"cooldown_seconds,omitempty" minimum:"0" maximum:"86400"`
		NoPhoneReply         nullableText      `json:"no_phone_reply,omitempty"`
		GroupReply           *pingr.GroupReply `json:"group_reply,omitempty" enum:"private,group,off"`
		MaxMessageAgeSeconds *whole            `json:"max_message_age_seconds,omitempty" minimum:"1" maximum:"1209600"`
		DisconnectGrace      *whole            `json:"disconnect_grace_seconds,omitempty" minimum:"0" maximum:"60"`
		Overage              *string           `json:"overage,omitempty" enum:"block,allow"`
		TimeZone             *string           `json:"time_zone,omitempty" minLength:"1" maxLength:"64"`
	}
}

// changeSettings is PATCH /v1/settings.
func (s *Server) changeSettings(ctx context.Context, c caller, in *changeSettingsInput) (*settingsOutput, error) {
	b := in.Body
	if b.TimeZone != nil {
		if _, err := time.LoadLocation(*b.TimeZone); err != nil || *b.TimeZone == "Local" {
			return nil, badParam("time_zone", "must be a name from the IANA time zone database")
		}
	}
	if text := b.NoPhoneReply.text; text != nil {
		if err := checkText("no_phone_reply", *text, pingr.MaxReply); err != nil {
			return nil, err
		}
	}
	a, err := s.store.UpdateAccount(ctx, c.account.ID, func(a *hosted.Account) error {
		a.Change(c.mode(), func(own *hosted.TestMode) {
			setIf(&own.Settings.CooldownSeconds, (*int)(b.CooldownSeconds))
			setIf(&own.Settings.GroupReply, b.GroupReply)
			setIf(&own.Settings.MaxMessageAgeSeconds, (*int)(b.MaxMessageAgeSeconds))
			setIf(&own.Settings.DisconnectGraceSeconds, (*int)(b.DisconnectGrace))
			setIf(&own.Settings.Overage, b.Overage)
			setIf(&own.Settings.TimeZone, b.TimeZone)
			if b.NoPhoneReply.given {
				own.Settings.NoPhoneReply = b.NoPhoneReply.text
			}
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &settingsOutput{a.Of(c.mode()).Settings}, nil
}

func setIf[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

type usageOutput struct {
	Body struct {
		Plan              string `json:"plan"`
		Month             string `json:"month"`
		Used              int64  `json:"used"`
		Included          *int64 `json:"included"`
		Remaining         *int64 `json:"remaining"`
		OverageMessages   int64  `json:"overage_messages"`
		OverageCostMicros int64  `json:"overage_cost_micros"`
	}
}

// usage is GET /v1/usage.
func (s *Server) usage(ctx context.Context, c caller, _ *settingsInput) (*usageOutput, error) {
	used, remaining, err := s.used(ctx, c)
	if err != nil {
		return nil, err
	}
	plan, out := s.plan(c.account), &usageOutput{}
	out.Body.Plan, out.Body.Month, out.Body.Used = plan.Name, s.now().UTC().Format("2006-01"), used
	if out.Body.Remaining = remaining; remaining != nil {
		out.Body.Included = &plan.Messages
		out.Body.OverageMessages = max(used-plan.Messages, 0)
		out.Body.OverageCostMicros = out.Body.OverageMessages * plan.OverageMicros
	}
	return out, nil
}

// used returns how many messages of this month are used and left. A nil
// remaining means no limit.
func (s *Server) used(ctx context.Context, c caller) (used int64, remaining *int64, err error) {
	now := s.now()
	used, err = s.store.LimitTaken(ctx, now, pingr.QuotaLimit(c.scope(), 0, now).Key)
	if included := s.plan(c.account).Messages; included > 0 {
		left := max(included-used, 0)
		remaining = &left
	}
	return used, remaining, err
}
