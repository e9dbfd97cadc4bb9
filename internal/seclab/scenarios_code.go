package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/heypingr/pingr/session/sim"
)

// byCode are the attacks on codes and digits.
var byCode = []scenario{
	{name: "victim is talked into sending the attacker's code", flows: []string{
		preentry, desktop,
	}, play: func(s *scene) string {
		// This is consent phishing: the attacker's page waits, whoever sends the code.
		s.say(s.victim, text(s.start(s.attacker.browser, s.victimNumber)))
		must(s.attacker.get("/poll"))
		s.use(s.attacker.browser, "123456")
		return ""
	}},
	{name: "victim forwards the attacker's code", flows: []string{preentry, desktop}, play: func(s *scene) string {
		s.grab(s.say(s.victim, sim.Message{Text: s.start(s.attacker.browser, s.victimNumber), Forwarded: true}))
		return ""
	}},
	{name: "poll by code, without a cookie", flows: []string{preentry, desktop}, play: func(s *scene) string {
		told := s.start(s.attacker.browser, s.victimNumber)
		s.say(s.victim, text(told))
		delete(s.attacker.cookies, pollCookie)
		code := strings.TrimPrefix(told, "login ")
		must(s.attacker.get("/poll?code=" + code))
		s.attacker.plant(pollCookie, code)
		must(s.attacker.get("/poll"))
		return ""
	}},
	{name: "code that is too old", flows: []string{preentry, desktop}, options: []string{
		"--code-ttl", "1",
	}, play: func(s *scene) string {
		told := s.start(s.attacker.browser, s.victimNumber)
		time.Sleep(1500 * time.Millisecond) // the program's clock is real
		s.grab(s.say(s.victim, text(told)))
		return ""
	}},
	{name: "right code after five wrong ones", flows: []string{preentry, desktop}, play: func(s *scene) string {
		told := s.start(s.attacker.browser, s.attackerNumber)
		for i := range 5 {
			s.say(s.attacker, text(fmt.Sprintf("login ABCDEFG%d", i+2)))
		}
		s.grab(s.say(s.attacker, text(told)))
		return ""
	}},
	{
		name: "code is sent again when it was used", flows: []string{preentry, desktop}, inAfter: true,
		play: func(s *scene) string {
			told := s.start(s.victim.browser, s.victimNumber)
			s.use(s.victim.browser, keyOf(s.say(s.victim, text(told))))
			s.attacker.steal(s.victim.browser, func(c *http.Cookie) bool { return c.Name == pollCookie })
			s.grab(s.say(s.victim, text(told)))
			return ""
		},
	},
	{name: "stolen poll cookie", flows: []string{preentry, desktop}, inAfter: true, play: func(s *scene) string {
		k := keyOf(s.say(s.victim, text(s.start(s.victim.browser, s.victimNumber))))
		s.attacker.steal(s.victim.browser, func(c *http.Cookie) bool { return c.Name == pollCookie })
		must(s.attacker.get("/poll"))
		s.use(s.victim.browser, k)
		must(s.attacker.get("/poll"))
		if !k.link() {
			s.use(s.attacker.browser, k) // somebody read the digits over a shoulder
		}
		return ""
	}},
	{name: "code from the victim's screen, sent by the attacker first", flows: []string{
		preentry, desktop,
	}, play: func(s *scene) string {
		told := s.start(s.victim.browser, s.victimNumber)
		first := s.say(s.attacker, text(told))
		s.say(s.victim, text(told))
		s.attacker.steal(s.victim.browser, func(c *http.Cookie) bool { return c.Name == pollCookie })
		s.grab(first)
		return ""
	}},
	{name: "code from the victim's screen, sent by the attacker afterwards", flows: []string{
		preentry, desktop,
	}, play: func(s *scene) string {
		told := s.start(s.victim.browser, s.victimNumber)
		s.say(s.victim, text(told))
		s.attacker.steal(s.victim.browser, func(c *http.Cookie) bool { return c.Name == pollCookie })
		s.grab(s.say(s.attacker, text(told)))
		return ""
	}},
	{
		name: "attacker types the victim's number and sends the code himself", flows: []string{preentry},
		play: func(s *scene) string {
			s.grab(s.say(s.attacker, text(s.start(s.attacker.browser, s.victimNumber))))
			return ""
		},
	},
	{name: "number is changed after the code was made", flows: []string{preentry}, play: func(s *scene) string {
		told := s.start(s.attacker.browser, s.attackerNumber)
		s.start(s.attacker.browser, s.victimNumber)
		s.grab(s.say(s.attacker, text(told)))
		return ""
	}},
	{name: "attacker tries all digits", flows: []string{desktop}, play: func(s *scene) string {
		right := keyOf(s.say(s.victim, text(s.start(s.attacker.browser, s.victimNumber))))
		for i := range 20 {
			s.use(s.attacker.browser, wrongBut(right, i))
		}
		s.use(s.attacker.browser, right) // a lucky guess
		return ""
	}},
	{name: "attacker tries many digits at once", flows: []string{desktop}, play: func(s *scene) string {
		right := keyOf(s.say(s.victim, text(s.start(s.attacker.browser, s.victimNumber))))
		var all sync.WaitGroup
		var mu sync.Mutex
		tried := 0
		for i := range 40 {
			all.Go(func() {
				b := newBrowser(s.origin)
				b.steal(s.attacker.browser, everyCookie)
				p, err := b.post("/digits", `{"digits":"`+string(wrongBut(right, i))+`"}`)
				mu.Lock()
				defer mu.Unlock()
				if err == nil && p.status == http.StatusForbidden {
					tried++
				}
			})
		}
		all.Wait()
		s.use(s.attacker.browser, right)
		if tried > 2 {
			return fmt.Sprintf("%d wrong tries were answered before the last", tried)
		}
		return ""
	}},
	{
		name: "double press: the attacker's cookies planted, all digits tried after the login", flows: []string{desktop},
		inAfter: true, play: func(s *scene) string {
			// The victim scans the attacker's code and logs in. Then somebody who knows the cookies
			// tries to repeat that.
			k := keyOf(s.say(s.victim, text(s.start(s.attacker.browser, s.victimNumber))))
			s.victim.steal(s.attacker.browser, everyCookie)
			s.use(s.victim.browser, k)
			for i := range 20 {
				s.use(s.attacker.browser, wrongBut(k, i))
			}
			s.use(s.attacker.browser, k)
			return ""
		},
	},
	{name: "victim answers NO and then tells the digits", flows: []string{desktop}, play: func(s *scene) string {
		for _, no := range []string{"No", "NO.", "*no*", "no, that was not me"} {
			k := keyOf(s.say(s.victim, text(s.start(s.attacker.browser, s.victimNumber))))
			s.say(s.victim, text(no))
			s.use(s.attacker.browser, k)
		}
		return ""
	}},
	{
		name: "victim sends two codes at once, answers NO and then tells the digits", flows: []string{desktop}, alone: true,
		play: func(s *scene) string {
			other := newBrowser(s.origin)
			for range 50 { // with two starts each; an address gets no more in a minute
				first, second := s.start(s.attacker.browser, s.victimNumber), s.start(other, s.victimNumber)
				answers := s.atOnce(s.signed(first), s.signed(second))
				s.send(s.signed("NO"))
				s.use(s.attacker.browser, keyOf(answers[0].field("reply")))
				s.use(other, keyOf(answers[1].field("reply")))
				if must(other.me()) != "" {
					s.attacker.steal(other, everyCookie)
				}
				if must(s.attacker.me()) != "" {
					return "" // the judge will see
				}
			}
			return ""
		},
	},
	{
		name: "digits of an earlier code that the victim was sent", flows: []string{desktop}, inAfter: true,
		play: func(s *scene) string {
			k := keyOf(s.say(s.victim, text(s.start(s.attacker.browser, s.victimNumber))))
			s.login(s.victim)
			s.use(s.attacker.browser, k)
			return ""
		},
	},
	{name: "victim's digits on the attacker's page", flows: []string{desktop}, inAfter: true, play: func(s *scene) string {
		s.start(s.attacker.browser, s.victimNumber)
		k := keyOf(s.say(s.victim, text(s.start(s.victim.browser, s.victimNumber))))
		s.use(s.attacker.browser, k)
		s.use(s.victim.browser, k)
		return ""
	}},
	{name: "digits when the code is too old", flows: []string{desktop}, options: []string{
		"--code-ttl", "2",
	}, play: func(s *scene) string {
		k := keyOf(s.say(s.victim, text(s.start(s.attacker.browser, s.victimNumber))))
		time.Sleep(2500 * time.Millisecond) // the program's clock is real
		s.use(s.attacker.browser, k)
		return ""
	}},
	{name: "message to the victim in the User-Agent", flows: []string{desktop}, play: func(s *scene) string {
		s.attacker.agent = "Firefox/1 (Linux). This is a test: call +1 415 555 0123 and read out the digits"
		reply := s.say(s.victim, text(s.start(s.attacker.browser, s.victimNumber)))
		if strings.Contains(reply, "read out the digits") {
			s.use(s.attacker.browser, keyOf(reply)) // the victim followed the site's own message
		}
		return ""
	}},
	{
		name: "victim reads the six digits out to the attacker", flows: []string{desktop}, succeeds: true,
		play: func(s *scene) string {
			s.use(s.attacker.browser, keyOf(s.say(s.victim, text(s.start(s.attacker.browser, s.victimNumber)))))
			return ""
		},
	},
}

// wrongBut returns the i-th wrong sequence of digits.
func wrongBut(right key, i int) key {
	k := key(fmt.Sprintf("%06d", i))
	if k == right {
		return "999999"
	}
	return k
}
