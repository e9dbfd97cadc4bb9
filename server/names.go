package server

import (
	"slices"
	"strings"
)

// An account names its sessions itself, so that two accounts may both have a
// "main-login-bot". The store, the engine and Sessions therefore call a
// session by that name, a colon and its account's id. A session that pingr link
// made has no colon, and belongs to the account in its record.

func storedID(id, owner string) string { return id + ":" + owner }

// shownID returns the name of a session as its account knows it.
func shownID(stored string) string {
	id, _, _ := strings.Cut(stored, ":")
	return id
}

// testName returns the stored name of a live session in its account's test
// mode, where it is simulated like [testSession] and has triggers of its own.
func testName(stored, owner string) string { return storedID(shownID(stored), owner+testScope) }

// storedSession returns the stored name of a session of the caller.
func (s *Server) storedSession(c caller, id string) (string, error) {
	for _, stored := range []string{storedID(id, c.account.ID), id} {
		switch {
		case shownID(stored) != id:
		case c.test && id == testSession:
			return storedID(testSession, c.account.ID), nil
		case !s.ownsLive(c, stored):
		case c.test:
			return testName(stored, c.account.ID), nil
		default:
			return stored, nil
		}
	}
	return "", fail(notFound, "There is no such session.")
}

// owns reports whether the stored name of a session is one that the caller acts
// on.
func (s *Server) owns(c caller, stored string) bool {
	if c.test {
		return slices.Contains(s.sessionsOf(c), stored)
	}
	return s.ownsLive(c, stored)
}

func (s *Server) ownsLive(c caller, stored string) bool {
	n, ok := s.sessions.Get(stored)
	return ok && n.Record().Account == c.account.ID
}

// sessionsOf returns the stored names of all the caller's sessions.
func (s *Server) sessionsOf(c caller) []string {
	var ids []string
	if c.test {
		ids = append(ids, storedID(testSession, c.account.ID))
	}
	for _, n := range s.ownSessions(c) {
		if c.test {
			ids = append(ids, testName(n.ID(), c.account.ID))
		} else {
			ids = append(ids, n.ID())
		}
	}
	return ids
}

func (s *Server) ownSessions(c caller) []Session {
	var own []Session
	for _, n := range s.sessions.List() {
		if n.Record().Account == c.account.ID {
			own = append(own, n)
		}
	}
	return own
}
