package server

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/server/api"
)

func triggerOf(t pingr.Trigger) api.Trigger {
	return api.Trigger{
		ID: t.ID, Session: shownID(t.Session), Phrase: t.Phrase, Reply: t.Reply, Active: t.Active,
		CreatedAt: api.At(t.CreatedAt), UpdatedAt: api.At(t.UpdatedAt),
	}
}

type triggerOutput struct{ Body api.Trigger }

type triggersInput struct {
	ModeParam
	Session string `query:"session_id" maxLength:"64" example:"main-login-bot" doc:"The session's id."`
}

type triggersOutput struct{ Body api.Triggers }

// listTriggers is GET /v1/triggers.
func (s *Server) listTriggers(ctx context.Context, c caller, in *triggersInput) (*triggersOutput, error) {
	sessions := s.sessionsOf(c)
	if in.Session != "" {
		stored, err := s.storedSession(c, in.Session)
		if err != nil {
			return nil, err
		}
		sessions = []string{stored}
	}
	out := &triggersOutput{}
	out.Body.Triggers = []api.Trigger{}
	for _, session := range sessions {
		triggers, err := s.store.Triggers(ctx, session)
		if err != nil {
			return nil, err
		}
		for _, t := range triggers {
			out.Body.Triggers = append(out.Body.Triggers, triggerOf(t))
		}
	}
	out.Body.Count = len(out.Body.Triggers)
	return out, nil
}

type addTriggerInput struct {
	ModeParam
	Body api.AddTrigger
}

// addTrigger is POST /v1/triggers.
func (s *Server) addTrigger(ctx context.Context, c caller, in *addTriggerInput) (*triggerOutput, error) {
	now := s.now().Truncate(time.Millisecond).UTC()
	t := pingr.Trigger{ID: pingr.NewID("trg_"), Active: true, CreatedAt: now, UpdatedAt: now}
	err := changeTo(&t, api.ChangeTrigger{Phrase: &in.Body.Phrase, Reply: &in.Body.Reply, Active: in.Body.Active}, now)
	if err != nil {
		return nil, err
	}
	if t.Session, err = s.storedSession(c, in.Body.Session); err != nil {
		return nil, err
	}
	if err := s.store.CreateTrigger(ctx, t, s.sessionsOf(c), s.plan(c.account).Triggers); err != nil {
		return nil, triggerProblem(err)
	}
	return &triggerOutput{triggerOf(t)}, nil
}

// TriggerInput names a trigger.
type TriggerInput struct {
	ModeParam
	ID string `path:"id" maxLength:"64" example:"trg_0199b0c2d4e57f3a8c1b2d3e4f5a6b7c" doc:"The trigger's id."`
}

// showTrigger is GET /v1/triggers/{id}.
func (s *Server) showTrigger(ctx context.Context, c caller, in *TriggerInput) (*triggerOutput, error) {
	t, err := s.ownTrigger(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	return &triggerOutput{triggerOf(t)}, nil
}

// changeTo gives a trigger the fields that are given.
func changeTo(t *pingr.Trigger, change api.ChangeTrigger, now time.Time) error {
	if change.Phrase != nil {
		if err := checkText("trigger_phrase", *change.Phrase, pingr.MaxPhrase); err != nil {
			return err
		}
		if err := pingr.CheckPhrase(*change.Phrase); err != nil {
			return err
		}
		t.Phrase = strings.ToLower(strings.TrimSpace(*change.Phrase))
	}
	if change.Reply != nil {
		if err := checkText("reply_message", *change.Reply, pingr.MaxStaticReply); err != nil {
			return err
		}
		t.Reply = *change.Reply
	}
	if change.Active != nil {
		t.Active = *change.Active
	}
	t.UpdatedAt = now
	return nil
}

// checkText refuses a text that no phone shows, or that is too long.
func checkText(name, text string, most int) error {
	n := utf8.RuneCountInString(text)
	switch {
	case strings.TrimSpace(text) == "":
		return badParam(name, "must not be empty")
	case n > most:
		return fail(missingParam, "%s: has %d characters; at most %d are allowed", name, n, most)
	case strings.ContainsRune(text, 0):
		return badParam(name, "must not contain a NUL character")
	}
	return nil
}

type changeTriggerInput struct {
	TriggerInput
	Body api.ChangeTrigger
}

// changeTrigger is PATCH and PUT /v1/triggers/{id}.
func (s *Server) changeTrigger(ctx context.Context, c caller, in *changeTriggerInput) (*triggerOutput, error) {
	now := s.now().Truncate(time.Millisecond).UTC()
	if err := changeTo(&pingr.Trigger{}, in.Body, now); err != nil {
		return nil, err // the same for every trigger
	}
	if _, err := s.ownTrigger(ctx, c, in.ID); err != nil {
		return nil, err
	}
	t, err := s.store.UpdateTrigger(ctx, in.ID, func(t *pingr.Trigger) error { return changeTo(t, in.Body, now) })
	if err != nil {
		return nil, triggerProblem(err)
	}
	return &triggerOutput{triggerOf(t)}, nil
}

// removeTrigger is DELETE /v1/triggers/{id}.
func (s *Server) removeTrigger(ctx context.Context, c caller, in *TriggerInput) (*struct{}, error) {
	if _, err := s.ownTrigger(ctx, c, in.ID); err != nil {
		return nil, err
	}
	return nil, s.store.DeleteTrigger(ctx, in.ID)
}

// ownTrigger returns a trigger that the caller acts on. Any other is not found.
func (s *Server) ownTrigger(ctx context.Context, c caller, id string) (pingr.Trigger, error) {
	t, err := s.store.Trigger(ctx, id)
	if err != nil {
		return t, err
	}
	if !s.owns(c, t.Session) {
		return pingr.Trigger{}, hosted.ErrNotFound
	}
	return t, nil
}

// triggerProblem describes a conflict or a limit.
func triggerProblem(err error) error {
	return orProblem(err, map[error]*problem{
		pingr.ErrConflict: fail(conflict, "The session already has a trigger with this phrase."),
		hosted.ErrLimit:   fail(planLimit, "The plan allows no more triggers."),
	})
}

// forgetTriggers deletes all triggers of some sessions, so that a later session
// with the same id does not inherit them.
func (s *Server) forgetTriggers(ctx context.Context, sessions ...string) error {
	for _, session := range sessions {
		triggers, err := s.store.Triggers(ctx, session)
		if err != nil {
			return err
		}
		for _, t := range triggers {
			if err := s.store.DeleteTrigger(ctx, t.ID); err != nil {
				return err
			}
		}
	}
	return nil
}
