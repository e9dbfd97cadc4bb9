package server

import (
	"context"
	"time"

	"github.com/heypingr/pingr/hosted"
)

type statsInput struct {
	ModeParam
	Range string `query:"range" enum:"24h,7d,30d,90d" default:"7d"`
	Zone  string `query:"time_zone" maxLength:"64"`
}

type statsOutput struct {
	Body struct {
		Range string      `json:"range"`
		Zone  string      `json:"time_zone"`
		Steps []statsJSON `json:"steps" nullable:"false"`
		Total statsJSON   `json:"total"`
	}
}

// statsJSON is an hosted.StatsStep as the API shows it.
type statsJSON struct {
	From     string        `json:"from" format:"date-time"`
	Until    string        `json:"until" format:"date-time"`
	Firings  hosted.Counts `json:"firings"`
	Webhooks int64         `json:"webhooks"`
	P50MS    *int64        `json:"p50_ms"`
	P95MS    *int64        `json:"p95_ms"`
}

func statsOf(s hosted.StatsStep) statsJSON {
	return statsJSON{stamp(s.From), stamp(s.Until), s.Counts, s.Webhooks, s.P50MS, s.P95MS}
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
