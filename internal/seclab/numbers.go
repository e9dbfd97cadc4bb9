package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/server/api"
	"github.com/heypingr/pingr/session/sim"
	"github.com/heypingr/pingr/store/memory"
)

// A directory is the Pingr that a site asks who has a number: a real engine with a simulated WhatsApp
// behind POST /v1/numbers/resolve.
type directory struct {
	*sim.Session
	url, key string
	stop     func()
}

func newDirectory(ctx context.Context) (*directory, error) {
	d := &directory{Session: sim.New(sim.Config{Number: ownNumber}), key: "pk_live_" + pingr.NewSecret()}
	engine, err := pingr.New(pingr.Config{Store: memory.New(), Session: d.Session})
	if err != nil {
		return nil, err
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var asked api.Resolve
		if r.URL.Path != "/v1/numbers/resolve" || r.Header.Get("X-Api-Key") != d.key ||
			json.NewDecoder(r.Body).Decode(&asked) != nil {
			http.Error(w, `{"detail":{"error":"invalid_key","message":"no"}}`, http.StatusUnauthorized)
			return
		}
		who, err := engine.Resolve(r.Context(), "", pingr.DefaultSession, asked.Phone)
		w.Header().Set("Content-Type", "application/json")
		if err != nil {
			w.WriteHeader(http.StatusConflict)
			_, _ = w.Write([]byte(`{"detail":{"error":"session_unavailable","message":"The session is not connected."}}`))
			return
		}
		_ = json.NewEncoder(w).Encode(api.Resolved{OnWhatsApp: who.OnWhatsApp, Phone: who.Phone})
	}))
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { _ = engine.Run(ctx) }) // a simulated number never ends for good
	<-engine.Started()
	d.url = server.URL
	d.stop = func() {
		server.Close()
		cancel()
		running.Wait()
	}
	return d, nil
}

// spelling gives the victim's number another spelling, which only WhatsApp knows.
func (s *scene) spelling() string {
	typed := "5531987" + s.victimNumber[len(s.victimNumber)-6:]
	s.numbers.NewPhone(sim.PhoneConfig{Number: s.victimNumber, Aliases: []string{typed}})
	return typed
}

// numberContract is what pre-entry does with numbers that people spell in their own way.
var numberContract = []scenario{
	{
		name: otherSpelling, flows: []string{preentry}, contract: true, inAfter: true,
		play: func(s *scene) string {
			if s.numbers == nil {
				return "it asks nobody who has a number"
			}
			typed := s.spelling()
			var k key
			for range 6 { // five wrong ones would block the phone
				k = keyOf(s.say(s.victim, text(s.start(s.victim.browser, typed))))
			}
			stranger := s.say(s.attacker, text(s.start(s.victim.browser, typed)))
			again := keyOf(s.say(s.victim, text(s.start(s.victim.browser, typed))))
			return first(
				differ("link for another spelling", true, k.link()),
				differ("link for another phone", key(""), keyOf(stranger)),
				differ("status of the login", http.StatusSeeOther, s.use(s.victim.browser, again).status),
			)
		},
	},
	{name: "contract: no number in the event", contract: true, play: func(s *scene) string {
		said := "login"
		if s.flow != mobile {
			said = s.start(s.victim.browser, s.victimNumber)
		}
		for _, phone := range []string{`"phone":null`, `"phone":""`} {
			event := strings.Replace(s.event(said, time.Now()), `"phone":"`+s.victimNumber+`"`, phone, 1)
			if reply := s.send(s.sign(event)); keyOf(reply) != "" || reply == "" {
				return fmt.Sprintf("an event with %s is answered %q", phone, reply)
			}
		}
		return ""
	}},
	{
		name: nobodyHasIt, flows: []string{preentry}, contract: true, alone: true, play: func(s *scene) string {
			if s.numbers == nil {
				return "it asks nobody who has a number"
			}
			s.numbers.SetFault(sim.Nobody)
			p := must(s.victim.post("/start", `{"phone":"`+s.victimNumber+`"}`))
			return differ("status of a start with a number that nobody has", http.StatusUnprocessableEntity, p.status)
		},
	},
	{
		name: noAnswer, flows: []string{preentry}, contract: true, alone: true, inAfter: true,
		play: func(s *scene) string {
			if s.numbers == nil {
				return "it asks nobody who has a number"
			}
			typed := s.spelling()
			s.numbers.SetFault(sim.Away)
			plain := keyOf(s.say(s.victim, text(s.start(s.victim.browser, s.victimNumber))))
			told := s.start(s.victim.browser, typed)
			var unsure []string
			for range 6 { // five wrong ones would block the phone
				unsure = append(unsure, s.say(s.victim, text(told)))
			}
			stranger := s.say(s.attacker, text(told))
			s.numbers.SetFault(sim.None)
			k := keyOf(s.say(s.victim, text(told)))
			return first(
				differ("link for the spelling of WhatsApp", true, plain.link()),
				differ("link while nobody says who has the number", key(""), keyOf(strings.Join(unsure, " "))),
				differ("link for another phone in the meantime", key(""), keyOf(stranger)),
				differ("link for the same code later", true, k.link()),
				differ("status of the login", http.StatusSeeOther, s.use(s.victim.browser, k).status),
			)
		},
	},
}

const (
	otherSpelling = "contract: another spelling of the number"
	nobodyHasIt   = "contract: a number that nobody has"
	noAnswer      = "contract: nobody says who has the number"
)
