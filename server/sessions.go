package server

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"rsc.io/qr"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/server/api"
)

func (s *Server) sessionOf(ctx context.Context, r pingr.SessionRecord) (api.Session, error) {
	out := api.Session{
		ID: shownID(r.ID), Name: r.Name, Status: r.State, ConnectedAt: api.MaybeAt(r.ConnectedAt),
		Reason: r.Reason, Detail: r.Detail,
	}
	if r.Phone != "" {
		number := "+" + r.Phone
		out.Number = &number
	}
	var err error
	out.MessagesToday, err = s.store.LimitTaken(ctx, s.now(), pingr.DayLimit(r.ID, time.Time{}).Key)
	return out, err
}

// testRecord is the session of the account's test mode.
func testRecord(a hosted.Account) pingr.SessionRecord {
	return pingr.SessionRecord{
		ID: storedID(testSession, a.ID), Account: a.ID, Name: "Test session", Phone: "15550100000",
		State: pingr.SessionConnected, ConnectedAt: a.CreatedAt, CreatedAt: a.CreatedAt,
	}
}

// simulatedRecord is a session as test mode knows it; id is one that session found.
func (s *Server) simulatedRecord(c caller, id string) pingr.SessionRecord {
	r := testRecord(c.account)
	for _, n := range s.ownSessions(c) {
		if shownID(n.ID()) == id && id != testSession {
			r.ID, r.Name = testName(n.ID(), c.account.ID), n.Record().Name
		}
	}
	return r
}

type sessionsInput struct{ ModeParam }

type sessionsOutput struct{ Body api.Sessions }

// listSessions is GET /v1/sessions.
func (s *Server) listSessions(ctx context.Context, c caller, _ *sessionsInput) (*sessionsOutput, error) {
	var records []pingr.SessionRecord
	if c.test {
		records = append(records, testRecord(c.account))
	} else {
		for _, n := range s.ownSessions(c) {
			records = append(records, n.Record())
		}
	}
	out := &sessionsOutput{}
	out.Body.Sessions = []api.Session{}
	for _, r := range records {
		one, err := s.sessionOf(ctx, r)
		if err != nil {
			return nil, err
		}
		out.Body.Sessions = append(out.Body.Sessions, one)
	}
	return out, nil
}

// SessionInput names a session.
type SessionInput struct {
	ModeParam
	ID string `path:"id" maxLength:"64" example:"main-login-bot" doc:"The session's id."`
}

type sessionOutput struct{ Body api.Session }

func (s *Server) sessionAnswer(ctx context.Context, r pingr.SessionRecord) (*sessionOutput, error) {
	one, err := s.sessionOf(ctx, r)
	return &sessionOutput{one}, err
}

// session finds a session of the caller. Those of test mode are not in s.sessions: fixed
// is true then.
func (s *Server) session(c caller, id string) (n Session, fixed bool, err error) {
	stored, err := s.storedSession(c, id)
	if err != nil {
		return nil, false, err
	}
	if c.test {
		return nil, true, nil
	}
	n, ok := s.sessions.Get(stored)
	if !ok {
		return nil, false, fail(notFound, "There is no such session.")
	}
	return n, false, nil
}

var errFixed = fail(forbidden, "Test-mode sessions are always connected and cannot be changed.")

// showSession is GET /v1/sessions/{id}.
func (s *Server) showSession(ctx context.Context, c caller, in *SessionInput) (*sessionOutput, error) {
	n, fixed, err := s.session(c, in.ID)
	if err != nil {
		return nil, err
	}
	if fixed {
		return s.sessionAnswer(ctx, s.simulatedRecord(c, in.ID))
	}
	return s.sessionAnswer(ctx, n.Record())
}

type addSessionInput struct {
	ModeParam
	Body api.AddSession
}

// addSession is POST /v1/sessions.
func (s *Server) addSession(ctx context.Context, c caller, in *addSessionInput) (*sessionOutput, error) {
	if err := checkText("name", in.Body.Name, hosted.MaxName); err != nil {
		return nil, err
	}
	id := in.Body.ID
	if id == "" {
		id = pingr.NewID("sess_")
	}
	if err := pingr.CheckSessionID(id); err != nil {
		return nil, badParam("id", err.Error())
	}
	if c.test {
		return nil, errFixed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if most := s.plan(c.account).Sessions; most > 0 && len(s.ownSessions(c)) >= most {
		return nil, fail(planLimit, "The plan allows no more sessions.")
	}
	taken := fail(conflict, "The id is taken.")
	if _, err := s.storedSession(c, id); err == nil || id == testSession {
		return nil, taken
	}
	if err := s.limit(ctx, "new sessions",
		throttle("new session", c.account.ID, maxNewSessions, s.now().Add(longWindow))); err != nil {
		return nil, err
	}
	stored := storedID(id, c.account.ID)
	if err := s.forgetTriggers(ctx, stored, testName(stored, c.account.ID)); err != nil {
		return nil, err
	}
	n, err := s.sessions.Add(ctx, pingr.SessionRecord{
		ID: stored, Account: c.account.ID, Name: strings.TrimSpace(in.Body.Name),
		CreatedAt: s.now().Truncate(time.Millisecond),
	})
	if err != nil {
		return nil, orProblem(err, map[error]*problem{pingr.ErrConflict: taken})
	}
	s.attach(n)
	return s.sessionAnswer(ctx, n.Record())
}

type renameSessionInput struct {
	SessionInput
	Body api.RenameSession
}

// renameSession is PATCH /v1/sessions/{id}.
func (s *Server) renameSession(ctx context.Context, c caller, in *renameSessionInput) (*sessionOutput, error) {
	if err := checkText("name", in.Body.Name, hosted.MaxName); err != nil {
		return nil, err
	}
	n, fixed, err := s.session(c, in.ID)
	if err != nil {
		return nil, err
	}
	if fixed {
		return nil, errFixed
	}
	n.Rename(strings.TrimSpace(in.Body.Name))
	return s.sessionAnswer(ctx, n.Record())
}

// removeSession is DELETE /v1/sessions/{id}.
func (s *Server) removeSession(ctx context.Context, c caller, in *SessionInput) (*struct{}, error) {
	n, fixed, err := s.session(c, in.ID)
	if err != nil {
		return nil, err
	}
	if fixed {
		return nil, errFixed
	}
	stored, gone := n.ID(), n.Record()
	if err := s.forgetTriggers(ctx, stored, testName(stored, c.account.ID)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	if detach := s.detach[stored]; detach != nil {
		detach()
		delete(s.detach, stored)
	}
	s.mu.Unlock()
	// WhatsApp may take its time; a client that leaves must not stop it midway.
	if err := s.sessions.Remove(context.WithoutCancel(ctx), stored); err != nil {
		return nil, err
	}
	gone.State, gone.Detail = pingr.SessionLoggedOut, "The session was deleted."
	s.sessionChanged(gone)
	return nil, nil
}

type qrInput struct {
	SessionInput
	Accept string `header:"Accept" example:"application/json" doc:"image/png, or application/json for the code's text. Defaults to image/png."`
}

type qrOutput struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

// qr is GET /v1/sessions/{id}/qr. When nobody scanned the last round's codes a
// new round begins.
func (s *Server) qr(ctx context.Context, c caller, in *qrInput) (*qrOutput, error) {
	n, fixed, err := s.session(c, in.ID)
	if err != nil {
		return nil, err
	}
	if fixed {
		return nil, fail(conflict, "The session is already paired.")
	}
	code, expires, ok := n.QR()
	if !ok {
		if n.Record().State != pingr.SessionPairing {
			if n.Record().State != pingr.SessionConnected { // that is refused below
				if err := s.limit(ctx, "rounds of codes",
					throttle("link", n.ID(), maxLinkRounds, s.now().Add(longWindow))); err != nil {
					return nil, err
				}
			}
			if err := n.Link(); err != nil {
				return nil, orProblem(err, map[error]*problem{ErrLinked: fail(conflict, "The session is already paired.")})
			}
		}
		return nil, fail(sessionUnavailable, "There is no code yet. Try again in a second.")
	}
	if strings.Contains(in.Accept, "application/json") {
		body, err := json.Marshal(api.QR{Code: code, ExpiresAt: api.At(expires)})
		return &qrOutput{"application/json", body}, err
	}
	image, err := qr.Encode(code, qr.M)
	if err != nil {
		return nil, err
	}
	image.Scale = 6
	return &qrOutput{"image/png", image.PNG()}, nil
}

type pairCodeInput struct {
	SessionInput
	Body api.AskPairCode
}

type pairCodeOutput struct{ Body api.PairCode }

// pairCode is POST /v1/sessions/{id}/pair-code.
func (s *Server) pairCode(ctx context.Context, c caller, in *pairCodeInput) (*pairCodeOutput, error) {
	phone, err := pingr.ParsePhone(in.Body.Phone)
	if err != nil {
		return nil, badParam("phone", err.Error())
	}
	n, fixed, err := s.session(c, in.ID)
	if err != nil {
		return nil, err
	}
	if fixed {
		return nil, fail(conflict, "The session is already paired.")
	}
	until := s.now().Add(longWindow)
	err = s.limit(ctx, "codes for this number or account",
		throttle("pair/number", phone, maxPairPrompts, until), throttle("pair/account", c.account.ID, maxPairAccount, until))
	if err != nil {
		return nil, err
	}
	out := &pairCodeOutput{}
	out.Body.Code, err = n.PairCode(ctx, phone)
	if errors.Is(err, ErrLinked) {
		return nil, fail(conflict, "The session is already paired.")
	}
	if err != nil {
		s.log.Warn("could not get a pairing code", "session", in.ID, "error", err)
		return nil, fail(sessionUnavailable, "WhatsApp returned no code. Check the number, or scan the QR code.")
	}
	return out, nil
}

// reconnect is POST /v1/sessions/{id}/reconnect.
func (s *Server) reconnect(ctx context.Context, c caller, in *SessionInput) (*sessionOutput, error) {
	n, fixed, err := s.session(c, in.ID)
	if err != nil {
		return nil, err
	}
	if fixed {
		return s.sessionAnswer(ctx, s.simulatedRecord(c, in.ID))
	}
	if err := s.limit(ctx, "reconnects",
		throttle("reconnect", n.ID(), maxReconnects, s.now().Add(reconnectWindow))); err != nil {
		return nil, err
	}
	if err := n.Reconnect(); err != nil {
		return nil, orProblem(err, map[error]*problem{ErrNotLinked: fail(conflict, "Link the session first.")})
	}
	return s.sessionAnswer(ctx, n.Record())
}
