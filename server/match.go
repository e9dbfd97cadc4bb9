package server

import (
	"cmp"
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/heypingr/pingr"
)

type matchInput struct {
	ModeParam
	Body struct {
		Session string `json:"session_id" minLength:"1" maxLength:"64"`
		Text    string `json:"text" maxLength:"4096"`
	}
}

type matchOutput struct {
	Body struct {
		Compared string       `json:"compared"`
		Fires    maybeTrigger `json:"fires"`
		Others   []otherMatch `json:"others" nullable:"false"`
	}
}

// A maybeTrigger is a trigger or null, in its schema too.
type maybeTrigger struct{ trigger *triggerJSON }

// MarshalJSON implements json.Marshaler.
func (m maybeTrigger) MarshalJSON() ([]byte, error) { return json.Marshal(m.trigger) }

// Schema implements huma.SchemaProvider.
func (maybeTrigger) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{r.Schema(reflect.TypeFor[triggerJSON](), true, ""), {Type: "null"}}}
}

// An otherMatch is a trigger whose phrase begins the text but which does not
// fire.
type otherMatch struct {
	Trigger triggerJSON `json:"trigger"`
	Because string      `json:"because" enum:"shorter,inactive"`
}

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
	out.Body.Others = []otherMatch{}
	fires, ok := pingr.Match(triggers, in.Body.Text)
	if ok {
		shown := triggerOf(fires)
		out.Body.Fires.trigger = &shown
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
		out.Body.Others = append(out.Body.Others, otherMatch{triggerOf(t), because})
	}
	slices.SortStableFunc(out.Body.Others, func(a, b otherMatch) int {
		return cmp.Compare(utf8.RuneCountInString(b.Trigger.Phrase), utf8.RuneCountInString(a.Trigger.Phrase))
	})
	return out, nil
}
