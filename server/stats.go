package server

import (
	"context"
	"time"

	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/server/api"
)

type statsInput struct {
	ModeParam
	Range string `query:"range" enum:"24h,7d,30d,90d" default:"7d" example:"7d" doc:"How far back: 24 hours in hours, or 7, 30 or 90 days in days."`
	Zone  string `query:"time_zone" maxLength:"64" example:"Europe/Berlin" doc:"A name from the IANA time zone database. Days start at midnight there."`
}

type statsOutput struct{ Body api.Stats }

func statsOf(s hosted.StatsStep) api.StatsStep {
	return api.StatsStep{
		From: api.At(s.From), Until: api.At(s.Until), Firings: api.Counts(s.Counts),
		Webhooks: s.Webhooks, P50MS: s.P50MS, P95MS: s.P95MS,
	}
}

// stats is GET /v1/stats: hours of the last day, or days of a longer time. The
// request's time zone says where days begin; without one it is the account's.
func (s *Server) stats(ctx context.Context, c caller, in *statsInput) (*statsOutput, error) {
	name := in.Zone
	if name == "" {
		name = c.own().Settings.TimeZone
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, badParam("time_zone", "must be a name from the IANA time zone database")
	}
	borders := hosted.StatsHours(s.now(), 24, zone)
	if days := map[string]int{"7d": 7, "30d": 30, "90d": 90}[in.Range]; days > 0 {
		borders = hosted.StatsDays(s.now(), days, zone)
	}
	stats, err := s.store.Stats(ctx, c.scope(), borders)
	if err != nil {
		return nil, err
	}
	out := &statsOutput{}
	out.Body.Range, out.Body.Zone, out.Body.Total = in.Range, name, statsOf(stats.Total)
	for _, step := range stats.Steps {
		out.Body.Steps = append(out.Body.Steps, statsOf(step))
	}
	return out, nil
}
