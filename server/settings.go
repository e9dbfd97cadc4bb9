package server

import (
	"context"
	"time"
	_ "time/tzdata" // a container may have no time zones of its own

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/server/api"
)

type settingsOutput struct{ Body api.Settings }

type settingsInput struct{ ModeParam }

// showSettings is GET /v1/settings. Test mode has the live settings until it
// changes its own.
func (s *Server) showSettings(_ context.Context, c caller, _ *settingsInput) (*settingsOutput, error) {
	return &settingsOutput{api.Settings(c.own().Settings)}, nil
}

type changeSettingsInput struct {
	ModeParam
	Body api.ChangeSettings
}

// changeSettings is PATCH /v1/settings.
func (s *Server) changeSettings(ctx context.Context, c caller, in *changeSettingsInput) (*settingsOutput, error) {
	b := in.Body
	if b.TimeZone != nil {
		if _, err := time.LoadLocation(*b.TimeZone); err != nil || *b.TimeZone == "Local" {
			return nil, badParam("time_zone", "must be a name from the IANA time zone database")
		}
	}
	for name, text := range map[string]*string{
		"no_phone_reply": b.NoPhoneReply.Text, "number_question": b.NumberQuestion.Text,
	} {
		if text == nil {
			continue
		}
		if err := checkText(name, *text, pingr.MaxText); err != nil {
			return nil, err
		}
	}
	a, err := s.store.UpdateAccount(ctx, c.account.ID, func(a *hosted.Account) error {
		a.Change(c.mode(), func(own *hosted.PerMode) {
			setIf(&own.Settings.CooldownSeconds, (*int)(b.CooldownSeconds))
			setIf(&own.Settings.GroupReply, b.GroupReply)
			setIf(&own.Settings.HiddenNumbers, b.HiddenNumbers)
			setIf(&own.Settings.MaxMessageAgeSeconds, (*int)(b.MaxMessageAgeSeconds))
			setIf(&own.Settings.DisconnectGraceSeconds, (*int)(b.DisconnectGraceSeconds))
			setIf(&own.Settings.Overage, b.Overage)
			setIf(&own.Settings.TimeZone, b.TimeZone)
			if b.NoPhoneReply.Given {
				own.Settings.NoPhoneReply = b.NoPhoneReply.Text
			}
			if b.NumberQuestion.Given {
				own.Settings.NumberQuestion = b.NumberQuestion.Text
			}
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &settingsOutput{api.Settings(a.Of(c.mode()).Settings)}, nil
}

func setIf[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

type usageOutput struct{ Body api.Usage }

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
