package server

import (
	"cmp"
	"context"
	"slices"
	"unicode/utf8"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/server/api"
)

type matchInput struct {
	ModeParam
	Body api.Match
}

type matchOutput struct{ Body api.Matched }

// match is POST /v1/match. It reports which trigger a text would fire, and why
// others would not.
func (s *Server) match(ctx context.Context, c caller, in *matchInput) (*matchOutput, error) {
	session, err := s.storedSession(c, in.Body.Session)
	if err != nil {
		return nil, err
	}
	triggers, err := s.store.Triggers(ctx, session)
	if err != nil {
		return nil, err
	}
	out := &matchOutput{}
	out.Body.Compared = pingr.Normalize(in.Body.Text)
	out.Body.Others = []api.OtherMatch{}
	fires, ok := pingr.Match(triggers, in.Body.Text)
	if ok {
		shown := triggerOf(fires)
		out.Body.Fires = &shown
	}
	phrases := pingr.Phrases(in.Body.Text)
	for _, t := range triggers {
		if t.ID == fires.ID || !slices.Contains(phrases, pingr.Normalize(t.Phrase)) {
			continue
		}
		because := "shorter"
		if !t.Active {
			because = "inactive"
		}
		out.Body.Others = append(out.Body.Others, api.OtherMatch{Trigger: triggerOf(t), Because: because})
	}
	slices.SortStableFunc(out.Body.Others, func(a, b api.OtherMatch) int {
		return cmp.Compare(utf8.RuneCountInString(b.Trigger.Phrase), utf8.RuneCountInString(a.Trigger.Phrase))
	})
	return out, nil
}
