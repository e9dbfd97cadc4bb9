package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/sim"
	"github.com/heypingr/pingr/store/memory"
)

const (
	ownNumber = "15550100"
	// noLink is the trigger's answer if the program gives no reply.
	noLink = "Nothing to say."
)

// A scene is one scenario in progress: a site under attack, with a real engine and a simulated
// WhatsApp behind it.
type scene struct {
	flow string
	site
	group string // a WhatsApp group of victim and attacker

	victim, attacker             *person
	victimNumber, attackerNumber string
	// engine's webhooks, as a reader of the site's logs has them.
	recorded recorder
	session  *sim.Session
}

// A site is the target of an attack.
type site struct {
	origin string // where browsers find it
	hook   string // where its webhooks go: another process, if there are two
	secret string // of the webhooks
	// numbers is whom the site asks who has a number, or nil.
	numbers *directory
}

// A person has a browser and a phone.
type person struct {
	*browser
	phone *sim.Phone
}

// A blunder ends a scenario that could not be played.
type blunder struct{ error }

func check(err error) {
	if err != nil {
		panic(blunder{err})
	}
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

// scenes counts the scenarios that were played.
var scenes atomic.Int64

// play plays one scenario against a site and returns what was wrong, or an empty string.
func play(ctx context.Context, s scenario, flow string, at site) (finding string, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	sc := &scene{flow: flow, site: at, session: sim.New(sim.Config{Number: ownNumber})}
	n := scenes.Add(1) // a scenario must not affect the next one's numbers
	sc.victimNumber, sc.attackerNumber = fmt.Sprintf("9198765%05d", n), fmt.Sprintf("141555%05d", n)
	sc.victim = &person{newBrowser(at.origin), sc.session.NewPhone(sim.PhoneConfig{Number: sc.victimNumber})}
	sc.attacker = &person{newBrowser(at.origin), sc.session.NewPhone(sim.PhoneConfig{Number: sc.attackerNumber})}
	sc.attacker.agent = "curl/8.5.0"
	if i := slices.Index(s.options, "--origin"); i >= 0 {
		sc.victim.public, sc.attacker.public = s.options[i+1], s.options[i+1]
	}
	sc.group = sc.session.NewGroup(sc.victim.phone, sc.attacker.phone)
	stop, err := sc.engine(ctx)
	if err != nil {
		return "", err
	}
	defer stop()
	defer func() {
		var b blunder
		if v := recover(); v != nil {
			var ok bool
			if b, ok = v.(blunder); !ok {
				panic(v)
			}
			err = fmt.Errorf("%s: %w", s.name, b.error)
		}
	}()
	said := s.play(sc)
	return sc.judge(s, said), nil
}

// engine starts to answer messages from phones.
func (s *scene) engine(ctx context.Context) (stop func(), err error) {
	store := memory.New()
	for _, phrase := range []string{"login", "no"} {
		err := store.SaveTrigger(ctx, pingr.Trigger{
			ID: "trg_" + phrase, Session: pingr.DefaultSession, Phrase: phrase, Reply: noLink, Active: true,
		})
		if err != nil {
			return nil, err
		}
	}
	target, err := url.Parse(s.hook)
	if err != nil {
		return nil, err
	}
	s.recorded.to = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	tap := httptest.NewServer(&s.recorded)
	engine, err := pingr.New(pingr.Config{
		Store: store, Session: s.session, Dispatcher: &pingr.HTTPDispatcher{URL: tap.URL + "/webhook", Secret: s.secret},
		Settings: pingr.Settings{Cooldown: -1, GroupReply: pingr.GroupPublic},
	})
	if err != nil {
		tap.Close()
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { _ = engine.Run(ctx) }) // a simulated number never ends for good
	return func() {
		cancel()
		running.Wait()
		tap.Close()
	}, nil
}

// A recorder passes webhooks on and keeps them.
type recorder struct {
	to http.Handler

	mu   sync.Mutex
	last webhook
	lose bool
}

// A webhook is a request that Pingr made.
type webhook struct{ body, signature string }

func (r *recorder) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		http.Error(w, "not read", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	r.last = webhook{string(body), q.Header.Get("X-Pingr-Signature")}
	lose := r.lose
	r.lose = false
	r.mu.Unlock()
	q.Body = io.NopCloser(bytes.NewReader(body))
	if lose {
		r.to.ServeHTTP(httptest.NewRecorder(), q)
		panic(http.ErrAbortHandler)
	}
	r.to.ServeHTTP(w, q)
}

// loseNext makes the site's next answer get lost on its way to Pingr.
func (r *recorder) loseNext() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lose = true
}

// webhook returns the last webhook that Pingr sent.
func (s *scene) webhook() webhook {
	s.recorded.mu.Lock()
	defer s.recorded.mu.Unlock()
	return s.recorded.last
}

// send posts a webhook, as anybody who knows the address can, and returns the text that the site would
// send by WhatsApp.
func (s *scene) send(w webhook) (reply string) {
	p := must(s.attacker.ask(http.MethodPost, s.hook+"/webhook", w.body, from{"X-Pingr-Signature": w.signature}))
	return p.field("reply")
}

// replay sends a webhook again to every process of the site, with every change that somebody who
// cannot sign can make, and uses the answers.
func (s *scene) replay(w webhook) {
	for _, address := range []string{s.hook, s.origin} {
		for _, says := range []from{
			{},
			{"X-Pingr-Attempt": "2"},
			{"Webhook-Id": "evt_other", "Webhook-Signature": "v1,other", "Webhook-Timestamp": "1"},
			{"X-Pingr-Signature": strings.ToUpper(w.signature)},
			{"X-Pingr-Signature": "SHA256=" + strings.TrimPrefix(w.signature, "sha256=")},
			{"X-Pingr-Signature": w.signature + "," + w.signature},
			{"Content-Type": "text/plain", "X-Forwarded-For": "203.0.113.7"},
		} {
			if says["X-Pingr-Signature"] == "" {
				says["X-Pingr-Signature"] = w.signature
			}
			s.grab(must(s.attacker.ask(http.MethodPost, address+"/webhook", w.body, says)).field("reply"))
		}
	}
}

// signed returns an event of the victim's as Pingr delivers it. No attacker can make it. It is for
// scenarios that depend on when it comes.
func (s *scene) signed(text string) webhook {
	return s.sign(s.event(text, time.Now()))
}

func (s *scene) sign(event string) webhook {
	return webhook{event, pingr.Sign([]byte(event), s.secret)}
}

// atOnce sends webhooks at the same time, to the site's processes in turn.
func (s *scene) atOnce(webhooks ...webhook) (answers []page) {
	answers = make([]page, len(webhooks))
	failed := make([]error, len(webhooks))
	var ready, all sync.WaitGroup
	ready.Add(len(webhooks))
	for i, w := range webhooks {
		address := []string{s.hook, s.origin}[i%2]
		b := newBrowser(s.origin)
		all.Go(func() {
			ready.Done()
			ready.Wait()
			answers[i], failed[i] = b.ask(http.MethodPost, address+"/webhook", w.body, from{"X-Pingr-Signature": w.signature})
		})
	}
	all.Wait()
	check(errors.Join(failed...))
	return answers
}

// event returns an event as Pingr delivers it, for a message that the victim did not send.
func (s *scene) event(text string, at time.Time) string {
	return string(must(json.Marshal(pingr.Event{
		Type: pingr.EventMessageReceived, Session: pingr.DefaultSession, ID: "evt_" + strconv.FormatInt(at.UnixNano(), 10),
		From:      &pingr.From{Phone: s.victimNumber, JID: pingr.PhoneJID(s.victimNumber)},
		Message:   &pingr.EventMessage{Text: text, Type: "text"},
		Timestamp: at.UnixMilli(), Trigger: &pingr.EventTrigger{ID: "trg_login", Phrase: "login"},
		AutoReply: &pingr.AutoReply{Status: "pending"},
	})))
}

// say sends a message and returns the phone's answer.
func (s *scene) say(p *person, m sim.Message) (reply string) {
	p.phone.SendMessage(m)
	return s.hear(p)
}

// hear returns the next message that a phone shows.
func (s *scene) hear(p *person) string {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	r, err := p.phone.Next(ctx)
	if err != nil {
		check(errors.New("no answer came to the phone"))
	}
	return r.Text
}

func text(t string) sim.Message { return sim.Message{Text: t} }

// start asks the page what to send, in this browser, for that number.
func (s *scene) start(b *browser, number string) (text string) {
	if s.flow == mobile {
		return "login"
	}
	p := must(b.post("/start", string(must(json.Marshal(map[string]string{"phone": "+" + number})))))
	if p.status != http.StatusOK {
		check(fmt.Errorf("POST /start answers %d", p.status))
	}
	return p.field("text")
}

// A key is what the answer on a phone contains: a link, or six digits.
type key string

var keys = regexp.MustCompile(`(?m)^(https?://\S+/in/\S+|\d{6})$`)

// keyOf finds the key in an answer, or returns an empty string.
func keyOf(reply string) key { return key(keys.FindString(reply)) }

func (k key) link() bool { return len(k) > 6 }

// use does with a key what the site's own page does.
func (s *scene) use(b *browser, k key) page {
	return s.useFrom(b, k, from{"Origin": b.public, "Sec-Fetch-Site": "same-origin"})
}

// useFrom is use from another site's page.
func (s *scene) useFrom(b *browser, k key, says from) page {
	switch {
	case k == "":
		return page{}
	case k.link():
		return must(b.ask(http.MethodPost, string(k), "", says))
	}
	return must(b.ask(http.MethodPost, "/digits", `{"digits":"`+string(k)+`"}`, says))
}

// login performs a proper login.
func (s *scene) login(p *person) {
	k := keyOf(s.say(p, text(s.start(p.browser, p.phone.Number()))))
	if k == "" {
		check(errors.New("an honest person got no link or digits"))
	}
	s.open(p.browser, k)
	s.use(p.browser, k)
}

// open is a tap on a link.
func (s *scene) open(b *browser, k key) page {
	if !k.link() {
		return must(b.get("/"))
	}
	return must(b.get(string(k)))
}

// grab does everything that somebody with an answer, or none, can do: use it, and ask how the login
// goes.
func (s *scene) grab(reply string) {
	s.open(s.attacker.browser, keyOf(reply))
	s.use(s.attacker.browser, keyOf(reply))
	must(s.attacker.get("/poll"))
}

// judge asks both browsers who is logged in.
func (s *scene) judge(c scenario, said string) (finding string) {
	attacker, err := s.attacker.me()
	if err != nil {
		return err.Error()
	}
	victim, err := s.victim.me()
	if err != nil {
		return err.Error()
	}
	switch {
	case attacker != "":
		return "the attacker's browser is logged in as " + s.whose(attacker)
	case victim != "" && victim != s.victimNumber:
		return "the victim's browser is logged in as " + s.whose(victim)
	case c.inAfter && victim == "":
		return "the victim could not log in"
	case !c.inAfter && victim != "":
		return "the victim's browser is logged in, by something that should not log in anybody"
	}
	return said
}

func (s *scene) whose(number string) string {
	if number == s.victimNumber {
		return "the victim"
	}
	return "the attacker"
}
