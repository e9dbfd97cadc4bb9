package demo

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/heypingr/pingr"
)

const (
	// phrase is the trigger.
	phrase = "login"
	// codeLife is how long a code is valid, and how long a link is.
	codeLife = 5 * time.Minute
	// maxWrong is how many wrong codes a phone may send within wrongLife.
	maxWrong  = 5
	wrongLife = time.Hour
	// maxPending bounds the memory that strangers can use.
	maxPending = 1000
)

// logins is the backend's state: the waiting browsers, the valid links, the
// sessions. A real site keeps this in its database. It is safe for concurrent
// use.
type logins struct {
	now func() time.Time

	mu       sync.Mutex
	waiting  map[string]*attempt // by the waiting browser's token
	codes    map[string]*attempt // by code
	links    map[string]*link    // by the link's token
	sessions map[string]string   // session token → phone
	wrong    map[string]*wrongs  // by phone
}

// An attempt is a browser that waits with a code.
type attempt struct {
	code   string
	device string // describes the browser
	until  time.Time
	phone  string // the phone that sent the code; empty before
	void   bool   // two phones sent it
	done   bool   // its link was used
}

// A link signs in the browser that opens it, once.
type link struct {
	phone   string
	message string // the id of the WhatsApp message that it answers
	attempt *attempt
	until   time.Time
}

type wrongs struct {
	n     int
	until time.Time
}

func newLogins(now func() time.Time) *logins {
	return &logins{
		now: now, waiting: map[string]*attempt{}, codes: map[string]*attempt{},
		links: map[string]*link{}, sessions: map[string]string{}, wrong: map[string]*wrongs{},
	}
}

// token returns 128 random bits.
func token() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// begin gives a browser a code to show and a token to wait with. ok is false if
// too many wait.
func (l *logins) begin(device string) (waiting string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep()
	if len(l.codes) >= maxPending {
		return "", false
	}
	a := &attempt{device: device, until: l.now().Add(codeLife)}
	for a.code == "" || l.codes[a.code] != nil {
		a.code = pingr.NewChallengeCode(pingr.ChallengeOptions{Length: 8})
	}
	waiting = token()
	l.codes[a.code], l.waiting[waiting] = a, a
	return waiting, true
}

// sweep deletes whatever has expired. The caller holds l.mu.
func (l *logins) sweep() {
	now := l.now()
	for code, a := range l.codes {
		if now.After(a.until) {
			delete(l.codes, code)
		}
	}
	for waiting, a := range l.waiting {
		if now.After(a.until.Add(codeLife)) { // its page may still ask
			delete(l.waiting, waiting)
		}
	}
	for t, k := range l.links {
		if now.After(k.until) {
			delete(l.links, t)
		}
	}
	for phone, w := range l.wrong {
		if now.After(w.until) {
			delete(l.wrong, phone)
		}
	}
}

// answer returns the reply to a message, with a link if the message earns one. address makes a link
// from its token. An empty reply leaves the trigger's static one.
func (l *logins) answer(e pingr.Event, address func(token string) string) string {
	if e.Simulated || e.From == nil || e.Message == nil {
		return "" // a simulation logs nobody in
	}
	if e.AutoReply != nil && e.AutoReply.Status == "suppressed" {
		return "" // nobody would see it
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep()
	phone := e.From.Phone
	code, coded := pingr.ExtractChallengeCode(e.Message.Text, phrase)
	if !coded {
		return l.linkTo(phone, e.Message.ID, nil, address)
	}
	w := l.wrong[phone]
	if w != nil && w.n >= maxWrong {
		return "" // ignored until its hour is over
	}
	a := l.codes[code]
	switch {
	case a == nil:
		if w == nil {
			w = &wrongs{until: l.now().Add(wrongLife)}
			l.wrong[phone] = w
		}
		w.n++
		return "This code is wrong or has expired. Get a new one on the login page."
	case a.phone != "" && a.phone != phone:
		a.void = true
		l.dropLinks(a)
	}
	if a.void {
		return "This code was sent from two phones, so it is no longer valid. Get a new one on the login page."
	}
	a.phone = phone
	l.dropLinks(a) // only the newest link counts
	return l.linkTo(phone, e.Message.ID, a, address)
}

// linkTo returns a link and the text around it. The caller holds l.mu.
func (l *logins) linkTo(phone, message string, a *attempt, address func(string) string) string {
	t := token()
	l.links[t] = &link{phone: phone, message: message, attempt: a, until: l.now().Add(codeLife)}
	asked := ""
	if a != nil {
		asked = ", requested by " + a.device
	}
	return fmt.Sprintf("Sign in to %s as +%s%s:\n%s\nIt works once, within 5 minutes. Not you? Then ignore this message.",
		siteName, phone, asked, address(t))
}

// dropLinks voids the links of an attempt. The caller holds l.mu.
func (l *logins) dropLinks(a *attempt) {
	for t, k := range l.links {
		if k.attempt == a {
			delete(l.links, t)
		}
	}
}

// look returns whom a link would sign in. It does not use the link up, because programs that preview
// links open them too.
func (l *logins) look(t string) (k link, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep()
	found := l.links[t]
	if found == nil {
		return link{}, false
	}
	return *found, true
}

// redeem uses a link up, and returns the token of the new session.
func (l *logins) redeem(t string) (session string, k link, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep()
	found := l.links[t]
	if found == nil {
		return "", link{}, false
	}
	delete(l.links, t)
	if a := found.attempt; a != nil {
		a.done = true
		delete(l.codes, a.code)
	}
	session = token()
	l.sessions[session] = found.phone
	return session, *found, true
}

// signOut ends a session.
func (l *logins) signOut(session string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.sessions, session)
}

// A status is what a login page shows. It never tells a waiting browser who answered.
type status struct {
	// State is "none", "waiting", "sent", "used", "void", "expired" or
	// "signed_in".
	State string `json:"state"`
	Code  string `json:"code,omitempty"`
	// Left is the number of seconds for which the code is still valid.
	Left int `json:"left,omitempty"`
	// Phone is set if this browser is signed in.
	Phone string `json:"phone,omitempty"`
}

// status checks both cookies of a browser. The session's takes precedence.
func (l *logins) status(waiting, session string) status {
	l.mu.Lock()
	defer l.mu.Unlock()
	if phone, ok := l.sessions[session]; ok {
		return status{State: "signed_in", Phone: phone}
	}
	a := l.waiting[waiting]
	if a == nil {
		return status{State: "none"}
	}
	left := int(a.until.Sub(l.now()).Seconds())
	switch {
	case a.done:
		return status{State: "used"}
	case a.void:
		return status{State: "void"}
	case left <= 0:
		return status{State: "expired"}
	case a.phone != "":
		return status{State: "sent", Code: a.code, Left: left}
	}
	return status{State: "waiting", Code: a.code, Left: left}
}
