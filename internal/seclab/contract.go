package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/heypingr/pingr"
)

// doublePress is a second press by somebody whose first answer was lost on the way.
const doublePress = "contract: double press, one session"

// silence is a second try within the cooldown. The chat says nothing, but the page does.
const silence = "contract: nobody will see the answer, and the page says why"

// lostOnItsWay is an answer that the site gave and Pingr did not get. The phone shows the trigger's
// reply, and the event is delivered again.
const lostOnItsWay = "contract: an answer lost on its way, and the page says so"

// voidInSilence is a forwarded code within the cooldown.
const voidInSilence = "contract: a void code stays void in a cooldown"

// overHTTPS is a site that browsers know by https.
var overHTTPS = []string{"--origin", "https://shop.example"}

// contract scenarios are not attacks. They hold the programs of all languages to the contract in
// examples/README.md.
var contract = []scenario{
	{name: "contract: headers and paths", contract: true, play: func(s *scene) string {
		return first(
			s.expect(http.MethodGet, "/", http.StatusOK, ""),
			s.expect(http.MethodGet, "/nothing", http.StatusNotFound, "-"),
			s.expect(http.MethodGet, "/me", http.StatusUnauthorized, `{"error":"not logged in"}`),
			s.expect(http.MethodPost, "/logout", http.StatusNoContent, ""),
		)
	}},
	{name: "contract: webhook", contract: true, play: func(s *scene) string {
		other := `{"event":"session.disconnected","session_id":"x","reason":401,"timestamp":` + strconv.FormatInt(
			time.Now().UnixMilli(), 10,
		) + `,"id":"evt_d"}`
		// 65536 characters is the longest text; some write each as two escapes.
		text := strings.Repeat(`\ud83c\udf89`, 65536)
		longest := strings.Replace(s.event("hello", time.Now()), `"text":"hello"`, `"text":"`+text+`"`, 1)
		long := must(s.attacker.ask(http.MethodPost, "/webhook", strings.Repeat("a", 1<<20+1), nil))
		return first(
			s.webhookAnswers(s.event("hello", time.Now().Add(-time.Hour)), http.StatusUnauthorized, ""),
			s.webhookAnswers(other, http.StatusOK, "{}"),
			s.webhookAnswers(longest, http.StatusOK, ""),
			differ("status of a body of more than 1 MiB", http.StatusRequestEntityTooLarge, long.status),
		)
	}},
	{name: "contract: the same event, the same answer", contract: true, play: func(s *scene) string {
		now := time.Now()
		e := s.event(s.start(s.victim.browser, s.victimNumber), now)
		reply := s.send(s.sign(e))
		stamp := `"timestamp":` + strconv.FormatInt(now.UnixMilli(), 10)
		again := strings.Replace(e, stamp, `"timestamp":`+strconv.FormatInt(now.UnixMilli()+1, 10), 1)
		return first(differ("key in the answer", true, keyOf(reply) != ""),
			differ("answer to the next attempt", reply, s.send(s.sign(again))))
	}},
	{name: "contract: one delivery many times at once, one answer", contract: true, play: func(s *scene) string {
		w := s.signed(s.start(s.victim.browser, s.victimNumber))
		statuses := map[int]int{}
		for _, answer := range s.atOnce(slices.Repeat([]webhook{w}, 20)...) {
			statuses[answer.status]++
		}
		return first(
			differ("answers", 1, statuses[http.StatusOK]), differ("refusals by 409", 19, statuses[http.StatusConflict]),
			differ("key for one more", key(""), keyOf(s.send(w))),
		)
	}},
	{name: "contract: session cookie", contract: true, inAfter: true, play: func(s *scene) string {
		s.login(s.victim)
		return goodCookie(s.victim.browser, sessionCookie, false)
	}},
	{
		name: "contract: cookies and HSTS where the site is https", contract: true, options: overHTTPS,
		play: func(s *scene) string {
			s.login(s.victim)
			names := []string{hostOnly + sessionCookie, hostOnly + onceCookie}
			if s.flow != mobile {
				names = append(names, hostOnly+pollCookie)
			}
			for _, name := range names {
				if finding := goodCookie(s.victim.browser, name, true); finding != "" {
					return finding
				}
			}
			for _, path := range []string{"/", "/me", "/page.js", "/nothing"} {
				if finding := differ("HSTS of "+path, "max-age=31536000",
					must(s.victim.get(path)).header.Get("Strict-Transport-Security")); finding != "" {
					return finding
				}
			}
			ended := must(s.victim.post("/logout", "")).header.Get("Set-Cookie")
			return differ("cookie that a browser deletes at logout", true,
				strings.HasPrefix(ended, hostOnly+sessionCookie+"=;") && strings.Contains(ended, "; Secure"))
		},
	},
	{name: doublePress, contract: true, inAfter: true, play: func(s *scene) string {
		k := keyOf(s.say(s.victim, text(s.start(s.victim.browser, s.victimNumber))))
		s.open(s.victim.browser, k)
		slow := s.victim.at(s.hook) // the first answer is lost, and the other process is asked
		first1 := s.use(s.victim.browser, k)
		token := s.victim.cookies[sessionCookie]
		again := s.use(slow, k)
		third := s.use(s.victim.browser, k)
		if token == nil || slow.cookies[sessionCookie] == nil {
			return fmt.Sprintf("no session after presses that are answered %d and %d", first1.status, again.status)
		}
		return first(
			differ("status of the second press", first1.status, again.status), differ("its answer", first1.body, again.body),
			differ("its session is the first one's", true, token.Value == slow.cookies[sessionCookie].Value),
			differ("status of the third", first1.status, third.status),
			differ("session after it", token.Value, s.victim.cookies[sessionCookie].Value),
			differ("status of a press in another browser", http.StatusGone, s.use(s.attacker.browser, k).status),
		)
	}},
	{name: "contract: double press at once, one session", contract: true, inAfter: true, play: func(s *scene) string {
		k := keyOf(s.say(s.victim, text(s.start(s.victim.browser, s.victimNumber))))
		s.open(s.victim.browser, k)
		var presses sync.WaitGroup
		browsers := make([]*browser, 20)
		for i := range browsers {
			b := s.victim.at([]string{s.origin, s.hook}[i%2])
			browsers[i] = b
			address, body := string(k), ""
			if !k.link() {
				address, body = "/digits", `{"digits":"`+string(k)+`"}`
			}
			presses.Go(func() { _, _ = b.post(address, body) }) // a failure leaves it without a session
		}
		presses.Wait()
		tokens := map[string]bool{}
		for i, b := range browsers {
			if b.cookies[sessionCookie] == nil {
				return fmt.Sprintf("press %d got no session", i)
			}
			tokens[b.cookies[sessionCookie].Value] = true
		}
		s.victim.steal(browsers[0], everyCookie)
		return first(
			differ("sessions", 1, len(tokens)),
			differ("status of a press in another browser", http.StatusGone, s.use(s.attacker.browser, k).status),
		)
	}},
	{name: "contract: double press after the logout", contract: true, play: func(s *scene) string {
		k := keyOf(s.say(s.victim, text(s.start(s.victim.browser, s.victimNumber))))
		s.open(s.victim.browser, k)
		s.use(s.victim.browser, k)
		must(s.victim.post("/logout", ""))
		return differ("status", http.StatusGone, s.use(s.victim.browser, k).status)
	}},
	{
		name: "contract: page of a link", flows: []string{mobile, preentry}, contract: true, inAfter: true,
		play: func(s *scene) string {
			reply := s.say(s.victim, text(s.start(s.victim.browser, s.victimNumber)))
			k := keyOf(reply)
			shown := s.open(s.victim.browser, k)
			used := must(s.victim.post(string(k), ""))
			return first(
				differ("site in the answer", true, strings.Contains(reply, "Example Shop")),
				differ("number on the page", true,
					strings.Contains(strings.ReplaceAll(shown.body, "&#43;", "+"), "+"+s.victimNumber)),
				differ("form on the page", true, strings.Contains(shown.body, "<form")),
				differ("headers of the page", "", wrongHeaders(shown)),
				differ("status of its use", http.StatusSeeOther, used.status),
				differ("where it leads", "/", used.header.Get("Location")),
				differ("status of a used link in the browser that used it", http.StatusOK, s.open(s.victim.browser, k).status),
				differ("its page", shown.body, s.open(s.victim.browser, k).body),
				differ("status of a used link", http.StatusGone, s.open(s.attacker.browser, k).status),
				differ("status of an unknown link", http.StatusGone, must(s.attacker.get("/in/unknown")).status),
				differ("status of using an unknown link", http.StatusGone, must(s.attacker.post("/in/unknown", "")).status),
			)
		},
	},
	{name: "contract: start", flows: []string{preentry, desktop}, contract: true, play: func(s *scene) string {
		p := must(s.victim.post("/start", `{"phone":"+91 (98765) 432-10"}`))
		code := p.field("code")
		var ttl struct {
			Seconds int `json:"expires_in"`
		}
		_ = json.Unmarshal([]byte(p.body), &ttl) // otherwise it is 0
		return first(
			differ("form of the code", true, regexp.MustCompile(`^[A-HJ-NP-Z2-9]{8}$`).MatchString(code)),
			differ("text", "login "+code, p.field("text")),
			differ("link", pingr.LoginLink(ownNumber, "login "+code), p.field("link")),
			differ("expires_in", 300, ttl.Seconds),
			differ("headers", "", wrongHeaders(p)),
			goodCookie(s.victim.browser, pollCookie, false),
			differ("poll", `{"status":"waiting"}`, compact(must(s.victim.get("/poll")))),
			differ("poll of nobody", `{"status":"none"}`, compact(must(s.attacker.get("/poll")))),
			differ("status of it", http.StatusNotFound, must(s.attacker.get("/poll")).status),
		)
	}},
	{name: "contract: no phone", flows: []string{preentry}, contract: true, play: func(s *scene) string {
		for _, body := range []string{
			`{}`, `{"phone":""}`, `{"phone":"123456"}`, `{"phone":"1234567890123456"}`, `{"phone":"98765x43210"}`,
			`{"phone":7}`, `nonsense`,
		} {
			if p := must(s.victim.post("/start", body)); p.status != http.StatusUnprocessableEntity {
				return fmt.Sprintf("start with %s is answered %d", body, p.status)
			}
		}
		return ""
	}},
	{name: "contract: odd bodies", flows: []string{preentry, desktop}, contract: true, play: func(s *scene) string {
		path, want := "/start", http.StatusUnprocessableEntity
		if s.flow == desktop {
			path, want = "/digits", http.StatusGone
		}
		for _, body := range []string{
			``, `null`, `[]`, `1`, `{`, `{"phone":{},"digits":{}}`, `{"phone":["1"],"digits":["1"]}`, strings.Repeat("[", 4000),
			"{\"phone\":\"\xff\xfe\",\"digits\":\"\xff\"}", `{"phone":"\ud800","digits":"\ud800"}`,
			`{"phone":"\u0000","digits":"\u0000"}`, `phone=919876543210`,
		} {
			if p := must(s.victim.post(path, body)); p.status != want {
				return fmt.Sprintf("%s with %.20q is answered %d", path, body, p.status)
			}
		}
		return ""
	}},
	{
		name: "contract: 120 starts in a minute", flows: []string{preentry, desktop}, contract: true, alone: true,
		play: func(s *scene) string {
			var last page
			for i := range 121 {
				last = must(s.victim.post("/start", `{"phone":"`+s.victimNumber+`"}`))
				if want := http.StatusOK; i < 120 && last.status != want {
					return differ(fmt.Sprintf("status of start %d", i+1), want, last.status)
				}
			}
			return differ("status of start 121", http.StatusTooManyRequests, last.status)
		},
	},
	{name: "contract: words to a phone", flows: []string{preentry, desktop}, contract: true, play: func(s *scene) string {
		told := s.start(s.victim.browser, s.victimNumber)
		first1 := s.say(s.victim, text(told))
		return first(
			differ("page in the answer to login", true, strings.Contains(s.say(s.victim, text("login")), s.origin)),
			differ("second answer to a code", first1, s.say(s.victim, text(told))),
			differ("key for a wrong code", key(""), keyOf(s.say(s.victim, text("login ABCDEFGH")))),
		)
	}},
	{name: silence, flows: []string{preentry, desktop}, contract: true, play: func(s *scene) string {
		told := s.start(s.victim.browser, s.victimNumber)
		send := func(text, autoReply string) string {
			return s.send(s.sign(strings.Replace(s.event(text, time.Now()), `{"status":"pending"}`, autoReply, 1)))
		}
		for _, tt := range []struct{ autoReply, poll string }{
			{
				`{"status":"suppressed","reason":"cooldown","retry_after":3000}`,
				`{"reason":"cooldown","retry_after":3000,"status":"waiting"}`,
			},
			{`{"status":"suppressed","reason":"quota"}`, `{"reason":"quota","status":"waiting"}`},
			{`{"status":"suppressed","reason":"answered"}`, `{"reason":"answered","status":"waiting"}`},
			{
				`{"status":"suppressed","reason":"cooldown","retry_after":0}`,
				`{"reason":"cooldown","retry_after":0,"status":"waiting"}`,
			},
			{`{"status":"suppressed"}`, `{"status":"waiting"}`},
			{
				`{"status":"suppressed","reason":"cooldown","retry_after":1}`,
				`{"reason":"cooldown","retry_after":1,"status":"waiting"}`,
			},
		} {
			began := time.Now()
			reply := send(told, tt.autoReply)
			said := compact(must(s.victim.get("/poll")))
			if slices.Contains(countdown(tt.poll, time.Since(began)), said) {
				said = tt.poll
			}
			if finding := first(differ("reply", "", reply), differ("poll after "+tt.autoReply, tt.poll, said)); finding != "" {
				return finding
			}
		}
		time.Sleep(1100 * time.Millisecond) // the program's clock is real
		later := compact(must(s.victim.get("/poll")))
		reply := send(told, `{"status":"pending"}`)
		answered := must(s.victim.get("/poll"))
		return first(
			differ("poll when the cooldown is over", `{"reason":"cooldown","retry_after":0,"status":"waiting"}`, later),
			differ("key in the answer after it", true, keyOf(reply) != ""),
			differ("poll after the answer", false, strings.Contains(answered.body, "reason") ||
				answered.field("status") == "waiting"),
		)
	}},
	{name: lostOnItsWay, flows: []string{preentry, desktop}, contract: true, inAfter: true, play: func(s *scene) string {
		told := s.start(s.victim.browser, s.victimNumber)
		s.recorded.loseNext()
		shown := s.say(s.victim, text(told))
		polled := func(field string) string { return must(s.victim.get("/poll")).field(field) }
		for end := time.Now().Add(10 * time.Second); polled("reason") == "" && time.Now().Before(end); {
			time.Sleep(50 * time.Millisecond) // Pingr's next attempt comes after a second
		}
		status, reason := polled("status"), polled("reason")

		// The next code is answered. Although the answer to another event was not used, this one's can
		// be.
		told = s.start(s.victim.browser, s.victimNumber)
		k := keyOf(s.say(s.victim, text(told)))
		other := strings.Replace(s.event(told, time.Now()), `{"status":"pending"}`,
			`{"status":"suppressed","reason":"answered"}`, 1)
		s.send(s.sign(other))
		next := polled("reason")
		s.use(s.victim.browser, k)
		return first(
			differ("what the phone shows", noLink, shown),
			differ("status of the code", map[string]string{preentry: "sent", desktop: "asked"}[s.flow], status),
			differ("reason in its poll", "answered", reason),
			differ("reason in the poll of the next code", "", next),
		)
	}},
	{name: voidInSilence, flows: []string{preentry, desktop}, contract: true, play: func(s *scene) string {
		told := s.start(s.victim.browser, s.victimNumber)
		forwarded := strings.Replace(s.event(told, time.Now()), `"type":"text"`, `"type":"text","forwarded":true`, 1)
		for _, e := range []string{forwarded, s.event(told, time.Now())} {
			s.send(s.sign(strings.Replace(e, `{"status":"pending"}`,
				`{"status":"suppressed","reason":"cooldown","retry_after":9}`, 1)))
		}
		return differ("poll", `{"status":"void"}`, compact(must(s.victim.get("/poll"))))
	}},
	{
		name: "contract: poll of a link", flows: []string{preentry}, contract: true, inAfter: true,
		play: func(s *scene) string {
			k := keyOf(s.say(s.victim, text(s.start(s.victim.browser, s.victimNumber))))
			sent := compact(must(s.victim.get("/poll")))
			s.use(s.victim.browser, k)
			return first(differ("poll", `{"status":"sent"}`, sent),
				differ("poll", `{"status":"done"}`, compact(must(s.victim.get("/poll")))))
		},
	},
	{name: "contract: a void code's link", flows: []string{preentry}, contract: true, play: func(s *scene) string {
		told := s.start(s.victim.browser, s.victimNumber)
		k := keyOf(s.say(s.victim, text(told)))
		s.say(s.attacker, text(told))
		s.use(s.victim.browser, k)
		return differ("poll", `{"status":"void"}`, compact(must(s.victim.get("/poll"))))
	}},
	{name: "contract: digits", flows: []string{desktop}, contract: true, play: func(s *scene) string {
		early := must(s.victim.post("/digits", `{"digits":"123456"}`))
		reply := s.say(s.victim, text(s.start(s.victim.browser, s.victimNumber)))
		asked := must(s.victim.get("/poll"))
		try := func() string {
			p := must(s.victim.post("/digits", `{"digits":"`+string(wrongBut(keyOf(reply), 1))+`"}`))
			return fmt.Sprint(p.status, " ", compact(p))
		}
		return first(
			differ("status without a code", http.StatusGone, early.status),
			differ("site in the answer", true, strings.Contains(reply, "Example Shop")),
			differ("device in the answer", true, strings.Contains(reply, "Firefox on Linux")),
			differ("NO in the answer", true, strings.Contains(reply, "NO")),
			differ("poll", "asked …"+s.victimNumber[len(s.victimNumber)-4:], asked.field("status")+" "+asked.field("number")),
			differ("first try", `403 {"status":"asked","tries_left":2}`, try()),
			differ("second try", `403 {"status":"asked","tries_left":1}`, try()),
			differ("third try", `410 {"status":"void"}`, try()),
			differ("fourth try", `410 {"status":"void"}`, try()),
		)
	}},
	{name: "contract: NO", flows: []string{desktop}, contract: true, play: func(s *scene) string {
		s.say(s.victim, text(s.start(s.victim.browser, s.victimNumber)))
		s.say(s.victim, text("login no"))
		return differ("poll", `{"status":"refused"}`, compact(must(s.victim.get("/poll"))))
	}},
	{name: "contract: what says NO", flows: []string{desktop}, contract: true, alone: true, play: func(s *scene) string {
		for status, texts := range map[string][]string{
			"refused": {
				"no", "NO.", "No!", "  no", "*no*", "_No_", "\u201cno\u201d", "'NO'", "no \U0001F6AB", "NO\U0001F6AB\uFE0F",
				"no, that was not me",
				"No.It was not me", "no\nwho is this?", "\uFF2E\uFF2F", "n\u200bo", "login no", "login: NO.",
			},
			"asked": {"nova", "nope", "not me", "no1", "n\u00f3", "n o", "yes, no", "login", "\U0001F6AB", ""},
		} {
			for _, no := range texts {
				s.send(s.signed(s.start(s.victim.browser, s.victimNumber)))
				s.send(s.signed(no))
				if said := must(s.victim.get("/poll")).field("status"); said != status {
					return fmt.Sprintf("poll after %q: %s, not %s", no, said, status)
				}
			}
		}
		return ""
	}},
	{
		name: "contract: NO after the login", flows: []string{desktop}, contract: true, inAfter: true,
		play: func(s *scene) string {
			s.login(s.victim)
			return differ("says that it is too late", true, strings.HasPrefix(s.say(s.victim, text("NO")), "Too late"))
		},
	},
	{name: "contract: QR code", flows: []string{desktop}, contract: true, play: func(s *scene) string {
		path := "/qr.png"
		s.start(s.victim.browser, s.victimNumber)
		if must(s.victim.get(path)).status != http.StatusOK {
			path = "/qr.svg"
		}
		p := must(s.victim.get(path))
		return first(
			differ("status", http.StatusOK, p.status),
			differ("picture", true, strings.HasPrefix(p.header.Get("Content-Type"), "image/")),
			differ("status without a cookie", http.StatusNotFound, must(s.attacker.get(path)).status),
		)
	}},
	{name: "contract: no secret, no start", contract: true, noSecret: true},
}
