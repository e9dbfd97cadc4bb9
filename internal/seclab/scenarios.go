package main

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/sim"
)

// A scenario is one attack.
type scenario struct {
	name string
	// flows are the flows that it is played against, or all if empty.
	flows []string
	// options are additional options of the program, which then runs only for it.
	options []string
	// alone means that nothing else may use the program.
	alone bool
	// inAfter reports whether the victim's own login must still succeed.
	inAfter bool
	// contract scenarios are not attacks either. See there.
	contract bool
	// noSecret scenarios only check that the program does not start without a secret.
	noSecret bool
	// control scenarios are not attacks. They show that the site works.
	control bool
	// succeeds marks the attack that no program can ward off. The attacker must get in, or this lab
	// shows nothing.
	succeeds bool
	// play plays it. It returns a finding of its own, besides the judge's.
	play func(*scene) (finding string)
}

// attack reports whether the scenario must not succeed.
func (s scenario) attack() bool { return !s.control && !s.contract && !s.succeeds }

// of returns the scenarios of a flow.
func of(flow string) []scenario {
	var chosen []scenario
	for _, s := range slices.Concat(everywhere, byLink, byCode, contract, numberContract) {
		if len(s.flows) == 0 || slices.Contains(s.flows, flow) {
			chosen = append(chosen, s)
		}
	}
	return chosen
}

// replayed is the attack that a site wards off only by accepting each signature once.
const replayed = "recorded webhook sent again before its answer is used"

// tossed is the attack that a site over http wards off by refusing a cookie that comes twice.
const tossed = "cookie tossing: a second session cookie"

// everywhere are the attacks on what all flows share.
var everywhere = []scenario{
	{name: "nobody attacks", control: true, inAfter: true, play: func(s *scene) string {
		s.login(s.victim)
		return ""
	}},
	{name: "webhook without a signature", play: func(s *scene) string {
		e := s.event(s.start(s.attacker.browser, s.victimNumber), time.Now())
		s.grab(s.send(webhook{body: e}))
		return ""
	}},
	{name: "webhook signed with a guessed secret", play: func(s *scene) string {
		e := s.event(s.start(s.attacker.browser, s.victimNumber), time.Now())
		s.grab(s.send(webhook{e, pingr.Sign([]byte(e), "whsec_")}))
		return ""
	}},
	{name: "recorded webhook, the number in it changed", play: func(s *scene) string {
		text := s.start(s.attacker.browser, s.victimNumber)
		s.say(s.attacker, sim.Message{Text: "login"})
		w := s.webhook()
		w.body = strings.ReplaceAll(w.body, s.attackerNumber, s.victimNumber)
		w.body = strings.ReplaceAll(w.body, `"text":"login"`, `"text":"`+text+`"`)
		s.grab(s.send(w))
		return ""
	}},
	{name: "webhook of eleven minutes ago", play: func(s *scene) string {
		e := s.event(s.start(s.attacker.browser, s.victimNumber), time.Now().Add(-11*time.Minute))
		s.grab(s.send(webhook{e, pingr.Sign([]byte(e), s.secret)}))
		return ""
	}},
	{name: "recorded webhook sent again", inAfter: true, play: func(s *scene) string {
		// An attacker who reads logs makes the site handle the victim's message twice.
		relayed := s.start(s.attacker.browser, s.victimNumber)
		if s.flow == desktop {
			s.say(s.victim, text(relayed))
			old := s.webhook()
			s.say(s.victim, text("NO"))
			s.login(s.victim)
			s.grab(s.send(old))
			return ""
		}
		s.login(s.victim)
		s.grab(s.send(s.webhook()))
		return ""
	}},
	{name: replayed, inAfter: true, play: func(s *scene) string {
		if s.flow == desktop {
			s.say(s.victim, text(s.start(s.attacker.browser, s.victimNumber)))
			s.replay(s.webhook())
			s.login(s.victim)
			return ""
		}
		k := keyOf(s.say(s.victim, text(s.start(s.victim.browser, s.victimNumber))))
		s.replay(s.webhook())
		s.use(s.victim.browser, k)
		return ""
	}},
	{name: "events without an id, the victim's and then the attacker's", inAfter: true, play: func(s *scene) string {
		// The documentation of the hosted service shows no id.
		bare := func(phone, text string) webhook {
			e := fmt.Sprintf(`{"event":"message.received","session_id":"x","from":{"phone":%q,"jid":"x","is_group":false,"group_jid":null},`+
				`"message":{"text":%q,"type":"text"},"timestamp":%d}`, phone, text, time.Now().UnixMilli())
			return webhook{e, pingr.Sign([]byte(e), s.secret)}
		}
		victims := s.send(bare(s.victimNumber, s.start(s.victim.browser, s.victimNumber)))
		attackers := s.send(bare(s.attackerNumber, s.start(s.attacker.browser, s.attackerNumber)))
		if keyOf(victims) == keyOf(attackers) {
			s.grab(attackers)
		}
		s.use(s.victim.browser, keyOf(victims))
		return ""
	}},
	{name: "simulated message of the victim's number", play: func(s *scene) string {
		e := s.event(s.start(s.attacker.browser, s.victimNumber), time.Now())
		e = strings.TrimSuffix(e, "}") + `,"_simulated":true}`
		s.grab(s.send(webhook{e, pingr.Sign([]byte(e), s.secret)}))
		return ""
	}},
	{name: "answer in a group that the attacker reads", play: func(s *scene) string {
		relayed := s.start(s.attacker.browser, s.victimNumber)
		s.victim.phone.SendMessage(sim.Message{Text: relayed, Group: s.group})
		s.grab(s.hear(s.attacker))
		return ""
	}},
	{name: "script in the page reads cookies", inAfter: true, play: func(s *scene) string {
		s.login(s.victim)
		s.attacker.steal(s.victim.browser, forScripts)
		return ""
	}},
	{name: "form on another site", play: func(s *scene) string {
		s.trap(from{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"})
		return ""
	}},
	{name: "form in a sandboxed frame (Origin: null)", play: func(s *scene) string {
		s.trap(from{"Origin": "null", "Sec-Fetch-Site": "cross-site"})
		return ""
	}},
	{name: "form on a sister site of the same domain", play: func(s *scene) string {
		s.trap(from{"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-site"})
		return ""
	}},
	{name: "form of a browser that says nothing", play: func(s *scene) string {
		s.trap(nil)
		return ""
	}},
	{name: "page framed by another site", play: func(s *scene) string {
		k := s.attackersKey()
		if s.open(s.victim.browser, k).framable() {
			s.use(s.victim.browser, k) // a click on what looks like something else
		}
		return ""
	}},
	{name: "session cookie planted before the login", inAfter: true, play: func(s *scene) string {
		known := rand.Text()
		s.victim.plant(sessionCookie, known)
		s.login(s.victim)
		s.attacker.plant(sessionCookie, known)
		return ""
	}},
	{
		name: "cookie tossing: the attacker's cookies beside the victim's, by https", inAfter: true, options: overHTTPS,
		play: func(s *scene) string {
			s.login(s.victim)
			s.tossAll()
			return ""
		},
	},
	{name: tossed, play: func(s *scene) string {
		s.login(s.victim)
		s.tossAll()
		return ""
	}},
	{name: "poll cookie planted before the login", inAfter: true, play: func(s *scene) string {
		s.start(s.attacker.browser, s.victimNumber)
		if c := s.attacker.cookies[pollCookie]; c != nil {
			s.victim.plant(pollCookie, c.Value)
		}
		s.login(s.victim)
		must(s.attacker.get("/poll"))
		must(s.attacker.get("/poll?phone=" + s.victimNumber))
		return ""
	}},
	{name: "cookies of a machine that was logged out", play: func(s *scene) string {
		s.login(s.victim)
		s.attacker.steal(s.victim.browser, everyCookie)
		must(s.victim.post("/logout", ""))
		return ""
	}},
	{name: "guessed tokens", inAfter: true, play: func(s *scene) string {
		s.login(s.victim)
		var guesses []string
		for i := range 60 {
			guesses = append(guesses, strconv.Itoa(i), rand.Text())
		}
		for _, guess := range append(guesses, s.victimNumber, "null", "undefined", "*", "session:1") {
			s.attacker.plant(sessionCookie, guess)
			s.attacker.plant(pollCookie, guess)
			must(s.attacker.get("/poll"))
			if who := must(s.attacker.me()); who != "" {
				return "" // the judge will see it
			}
		}
		return ""
	}},
	{name: "poll by the victim's number", inAfter: true, play: func(s *scene) string {
		s.login(s.victim)
		for _, query := range []string{"phone=" + s.victimNumber, "phone=%2B" + s.victimNumber, "number=" + s.victimNumber} {
			must(s.attacker.get("/poll?" + query))
			must(s.attacker.get("/me?" + query))
		}
		return ""
	}},
}

// attackersKey is a key that the attacker got honestly, for his own number, with his own poll cookie
// in the victim's browser. Hosts of the same domain can put it there.
func (s *scene) attackersKey() key {
	k := keyOf(s.say(s.attacker, text(s.start(s.attacker.browser, s.attackerNumber))))
	if c := s.attacker.cookies[pollCookie]; c != nil {
		s.victim.plant(pollCookie, c.Value)
	}
	return k
}

// tossAll logs the attacker in honestly and puts his cookies beside the victim's, by their plain
// names.
func (s *scene) tossAll() {
	s.login(s.attacker)
	for name, c := range s.attacker.cookies {
		s.victim.toss(strings.TrimPrefix(name, hostOnly), c.Value)
	}
	clear(s.attacker.cookies)
}

// trap makes the victim's browser log in as the attacker, who then waits for what the victim writes
// and buys there.
func (s *scene) trap(says from) {
	s.useFrom(s.victim.browser, s.attackersKey(), says)
}

// byLink are the attacks on links.
var byLink = []scenario{
	{name: "robot previews the link", flows: []string{mobile, preentry}, inAfter: true, play: func(s *scene) string {
		k := keyOf(s.say(s.victim, text(s.start(s.victim.browser, s.victimNumber))))
		for range 2 {
			must(s.attacker.ask(http.MethodHead, string(k), "", nil))
			s.open(s.attacker.browser, k)
		}
		s.use(s.victim.browser, k)
		return ""
	}},
	{
		name: "picture with the attacker's link as its address", flows: []string{mobile, preentry},
		play: func(s *scene) string {
			s.open(s.victim.browser, s.attackersKey())
			return ""
		},
	},
	{
		name: "link read from history after its use", flows: []string{mobile, preentry}, inAfter: true,
		play: func(s *scene) string {
			k := keyOf(s.say(s.victim, text(s.start(s.victim.browser, s.victimNumber))))
			s.use(s.victim.browser, k)
			s.open(s.attacker.browser, k)
			s.use(s.attacker.browser, k)
			return ""
		},
	},
	{
		name: "double press: link read from history, its page opened before", flows: []string{mobile, preentry},
		inAfter: true, play: func(s *scene) string {
			k := keyOf(s.say(s.victim, text(s.start(s.victim.browser, s.victimNumber))))
			s.open(s.attacker.browser, k)
			s.open(s.victim.browser, k)
			s.use(s.victim.browser, k)
			s.use(s.attacker.browser, k)
			return ""
		},
	},
	{
		name: "double press: nonce planted before the link is opened", flows: []string{mobile, preentry}, inAfter: true,
		play: func(s *scene) string {
			k := keyOf(s.say(s.victim, text(s.start(s.victim.browser, s.victimNumber))))
			known := rand.Text()
			s.victim.plant(onceCookie, known)
			s.open(s.victim.browser, k)
			s.use(s.victim.browser, k)
			s.attacker.plant(onceCookie, known)
			s.use(s.attacker.browser, k)
			return ""
		},
	},
	{
		name: "double press: nonce planted after the link is opened", flows: []string{mobile, preentry}, inAfter: true,
		play: func(s *scene) string {
			k := keyOf(s.say(s.victim, text(s.start(s.victim.browser, s.victimNumber))))
			known := rand.Text()
			s.open(s.victim.browser, k)
			s.victim.plant(onceCookie, known)
			s.use(s.victim.browser, k)
			s.attacker.plant(onceCookie, known)
			s.open(s.attacker.browser, k)
			s.use(s.attacker.browser, k)
			return ""
		},
	},
	{name: "link found in the chat when it is old", flows: []string{mobile, preentry}, options: []string{
		"--link-ttl", "1",
	}, play: func(s *scene) string {
		k := keyOf(s.say(s.victim, text(s.start(s.victim.browser, s.victimNumber))))
		time.Sleep(1500 * time.Millisecond) // the program's clock is real
		s.open(s.attacker.browser, k)
		s.use(s.attacker.browser, k)
		return ""
	}},
	{
		name: "page of the link tells its address to others", flows: []string{mobile, preentry}, inAfter: true,
		play: func(s *scene) string {
			k := keyOf(s.say(s.victim, text(s.start(s.victim.browser, s.victimNumber))))
			if s.open(s.victim.browser, k).leaks() {
				s.use(s.attacker.browser, k)
			}
			s.use(s.victim.browser, k)
			return ""
		},
	},
}
