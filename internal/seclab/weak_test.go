package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/heypingr/pingr"
)

// weak is a site by an author who only wants logins to work: polling logs in the poller, fetching a
// link logs in the fetcher, and nothing else is checked. Every attack must succeed on it, or the
// attack shows nothing.
type weak struct {
	flow, origin string

	mu       sync.Mutex
	n        int // tokens are counted
	sessions map[string]string
	links    map[string]string // token to phone
	codes    map[string]*weakCode
	polls    map[string]string // token to code
	last     map[string]string // phone to link's token
	answers  map[string]string // no id is an id to it
}

type weakCode struct{ phone, agent, digits string }

func newWeak(flow string) *weak {
	return &weak{
		flow: flow, sessions: map[string]string{}, links: map[string]string{}, codes: map[string]*weakCode{},
		polls: map[string]string{}, last: map[string]string{}, answers: map[string]string{},
	}
}

func (s *weak) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	token, isLink := strings.CutPrefix(r.URL.Path, "/in/")
	switch {
	case isLink && s.links[token] != "":
		s.begin(w, r, s.links[token])
	case r.URL.Path == "/start":
		s.start(w, r)
	case r.URL.Path == "/poll":
		s.poll(w, r)
	case r.URL.Path == "/digits":
		s.digits(w, r)
	case r.URL.Path == "/webhook":
		s.webhook(w, r)
	case r.URL.Path == "/me":
		s.me(w, r)
	case r.URL.Path == "/logout":
		http.SetCookie(w, &http.Cookie{Name: sessionCookie, MaxAge: -1})
	}
}

func (s *weak) token() string {
	s.n++
	return strconv.Itoa(s.n)
}

// begin keeps the session's token if the browser brings one.
func (s *weak) begin(w http.ResponseWriter, r *http.Request, phone string) {
	token := value(r, sessionCookie)
	if token == "" {
		token = s.token()
	}
	s.sessions[token] = phone
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: token})
}

func (s *weak) me(w http.ResponseWriter, r *http.Request) {
	phone := s.sessions[value(r, sessionCookie)]
	if phone == "" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	fmt.Fprintf(w, `{"phone":%q}`, phone)
}

func (s *weak) start(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Phone string }
	_ = json.NewDecoder(r.Body).Decode(&asked)
	code := pingr.NewChallengeCode()
	c := &weakCode{agent: r.UserAgent()}
	if s.flow == preentry {
		c.phone = strings.TrimPrefix(asked.Phone, "+")
	}
	s.codes[code] = c
	token := value(r, pollCookie)
	if token == "" {
		token = s.token()
	}
	s.polls[token] = code
	http.SetCookie(w, &http.Cookie{Name: pollCookie, Value: token})
	fmt.Fprintf(w, `{"code":%q,"text":"login %s"}`, code, code)
}

// poll logs in everybody who asks, by cookie, code or number, as soon as a phone wrote.
func (s *weak) poll(w http.ResponseWriter, r *http.Request) {
	if phone := s.links[s.last[r.FormValue("phone")]]; phone != "" {
		s.begin(w, r, phone)
		return
	}
	for code, c := range s.codes {
		mine := s.polls[value(r, pollCookie)] == code || r.FormValue("code") == code || r.FormValue("phone") == c.phone
		if mine && c.digits != "" && c.phone != "" {
			s.begin(w, r, c.phone)
		}
	}
}

// digits accepts anybody's digits.
func (s *weak) digits(w http.ResponseWriter, r *http.Request) {
	var typed struct{ Digits string }
	_ = json.NewDecoder(r.Body).Decode(&typed)
	for _, c := range s.codes {
		if typed.Digits != "" && typed.Digits == c.digits {
			s.begin(w, r, c.phone)
			return
		}
	}
	w.WriteHeader(http.StatusForbidden)
}

// webhook believes everything.
func (s *weak) webhook(w http.ResponseWriter, r *http.Request) {
	var e pingr.Event
	_ = json.NewDecoder(r.Body).Decode(&e)
	if e.From == nil {
		return
	}
	phone, reply := e.From.Phone, ""
	code, _ := pingr.ExtractChallengeCode(e.Message.Text, "login")
	c := s.codes[code]
	switch {
	case s.flow == desktop && c != nil:
		s.n++
		c.phone, c.digits = phone, strconv.Itoa(500_000+s.n)
		reply = "Log in on " + c.agent + "?\n" + c.digits
	case s.flow == preentry && c != nil:
		c.digits = "link"
		reply = s.link(c.phone)
	case s.flow == mobile:
		reply = s.link(phone)
	}
	if said, again := s.answers[e.ID]; again && e.ID == "" {
		reply = said
	}
	s.answers[e.ID] = reply
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"reply": reply})
}

func (s *weak) link(phone string) string {
	token := s.token()
	s.links[token], s.last[phone] = phone, token
	return "Tap:\n" + s.origin + "/in/" + token
}

func value(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}
