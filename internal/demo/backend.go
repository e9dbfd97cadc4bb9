package demo

import (
	"bytes"
	"encoding/json"
	"errors"
	"html"
	"io"
	"net/http"
	"strings"
	"time"

	"rsc.io/qr"

	"github.com/heypingr/pingr"
)

const (
	siteName = "Corner Shop"
	// Cookies of the example site. Both are HttpOnly; a real site sets Secure
	// too.
	waitingCookie = "corner_waiting"
	sessionCookie = "corner_session"
	maxBody       = 64 << 10
	// seenLife is longer than a signature's validity.
	seenLife = 15 * time.Minute
)

// A backend is the example site: what a customer of Pingr writes.
type backend struct {
	number string // of the shop, digits
	secret string
	origin string // http://127.0.0.1:8090
	logins *logins
	// seen remembers the received webhooks, so that a repeated one is refused.
	seen pingr.SeenInMemory
	// saw is called for the steps that the site sees.
	saw func(message string, step Step, note string)
	// wire is called with each webhook and its answer.
	wire func(exchange)
}

// An exchange is one webhook.
type exchange struct {
	Signature string          `json:"signature"`
	Request   json.RawMessage `json:"request"`
	Status    int             `json:"status"`
	Response  string          `json:"response"`
}

func (b *backend) routes(mux *http.ServeMux) {
	mux.HandleFunc("POST /webhook", b.webhook)
	mux.HandleFunc("POST /shop/login", b.begin)
	mux.HandleFunc("GET /shop/login", b.poll)
	mux.HandleFunc("GET /shop/qr.png", b.qr)
	mux.HandleFunc("GET /shop/in/{token}", b.open)
	mux.HandleFunc("POST /shop/in/{token}", b.redeem)
	mux.HandleFunc("POST /shop/logout", b.logout)
}

// webhook is the endpoint that Pingr calls.
func (b *backend) webhook(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "could not read the body", http.StatusBadRequest)
		return
	}
	signature := r.Header.Get("X-Pingr-Signature")
	event, err := pingr.VerifyWebhook(body, signature, b.secret)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	isNew, err := b.seen.Add(r.Context(), signature, seenLife)
	if err != nil || !isNew {
		http.Error(w, "already received, or too many deliveries at once", http.StatusConflict)
		return
	}
	answer := struct {
		Reply string `json:"reply,omitempty"`
	}{}
	if event.Type == pingr.EventMessageReceived {
		b.saw(event.Message.ID, StepAsked, "")
		answer.Reply = b.logins.answer(*event, func(token string) string { return b.origin + "/shop/in/" + token })
		note := "with a reply"
		if answer.Reply == "" {
			note = "without a reply"
		}
		b.saw(event.Message.ID, StepAnswered, note)
	}
	text := encode(answer)
	b.wire(exchange{signature, body, http.StatusOK, string(text)})
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text) // the client may be gone
}

// encode writes JSON for people: without \u003c for <.
func encode(v any) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // strings only
	return bytes.TrimSpace(out.Bytes())
}

// begin gives the browser a new code.
func (b *backend) begin(w http.ResponseWriter, r *http.Request) {
	waiting, ok := b.logins.begin(deviceName(r.UserAgent()))
	if !ok {
		http.Error(w, "too many logins at once", http.StatusServiceUnavailable)
		return
	}
	setCookie(w, waitingCookie, waiting)
	b.writeStatus(w, b.logins.status(waiting, cookie(r, sessionCookie)))
}

// poll reports the state of the browser's login, by its cookie only.
func (b *backend) poll(w http.ResponseWriter, r *http.Request) {
	b.writeStatus(w, b.logins.status(cookie(r, waitingCookie), cookie(r, sessionCookie)))
}

func (b *backend) writeStatus(w http.ResponseWriter, s status) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	answer := struct {
		status
		Site   string `json:"site"`
		Number string `json:"number"`
		Text   string `json:"text,omitempty"`
		Link   string `json:"link,omitempty"`
	}{status: s, Site: siteName, Number: b.number}
	if s.Code != "" {
		answer.Text = phrase + " " + s.Code
		answer.Link = pingr.LoginLink(b.number, answer.Text)
	}
	_, _ = w.Write(encode(answer)) // the reader may be gone
}

// qr draws the link that opens WhatsApp with the browser's code filled in.
func (b *backend) qr(w http.ResponseWriter, r *http.Request) {
	s := b.logins.status(cookie(r, waitingCookie), "")
	if s.Code == "" {
		http.NotFound(w, r)
		return
	}
	code, err := qr.Encode(pingr.LoginLink(b.number, phrase+" "+s.Code), qr.M)
	if err != nil {
		http.Error(w, "no QR code", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "image/png")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(code.PNG()) // the reader may be gone
}

// open shows whom the link signs in, and does not use it up: WhatsApp and mail
// scanners open links too.
func (b *backend) open(w http.ResponseWriter, r *http.Request) {
	k, ok := b.logins.look(r.PathValue("token"))
	if !ok {
		b.writePage(w, http.StatusGone, "gone.html", "")
		return
	}
	b.saw(k.message, StepOpened, "")
	b.writePage(w, http.StatusOK, "link.html", k.phone)
}

// redeem signs in the browser that opened the link.
func (b *backend) redeem(w http.ResponseWriter, r *http.Request) {
	session, k, ok := b.logins.redeem(r.PathValue("token"))
	if !ok {
		b.writePage(w, http.StatusGone, "gone.html", "")
		return
	}
	b.saw(k.message, StepSignedIn, "")
	setCookie(w, sessionCookie, session)
	http.Redirect(w, r, "/shop/", http.StatusSeeOther)
}

func (b *backend) logout(w http.ResponseWriter, r *http.Request) {
	b.logins.signOut(cookie(r, sessionCookie))
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // loopback speaks http
		Name: sessionCookie, Path: "/shop/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	w.WriteHeader(http.StatusNoContent)
}

// writePage fills a page with two holes. html/template would cost the program
// megabytes.
func (b *backend) writePage(w http.ResponseWriter, status int, name, phone string) {
	text, err := static.ReadFile("static/" + name)
	if err != nil {
		http.Error(w, "could not render the page", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer") // the address is the key
	w.WriteHeader(status)
	page := strings.NewReplacer("{{phone}}", html.EscapeString(spaced(phone)), "{{site}}", siteName).Replace(string(text))
	_, _ = io.WriteString(w, page) // the reader may be gone
}

func setCookie(w http.ResponseWriter, name, value string) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // loopback speaks http
		Name: name, Value: value, Path: "/shop/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

func cookie(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if errors.Is(err, http.ErrNoCookie) || err != nil {
		return ""
	}
	return c.Value
}

// spaced formats a number for people. It knows the two of the demo.
func spaced(phone string) string {
	switch {
	case len(phone) == 12 && strings.HasPrefix(phone, "91"):
		return "+91 " + phone[2:7] + " " + phone[7:]
	case len(phone) == 11 && strings.HasPrefix(phone, "1"):
		return "+1 " + phone[1:4] + " " + phone[4:7] + " " + phone[7:]
	}
	return "+" + phone
}

// deviceName describes the calling browser, so that the person on the phone can tell whether it is
// theirs.
func deviceName(agent string) string {
	pick := func(names ...string) string {
		for _, name := range names {
			mark, word, _ := strings.Cut(name, "=")
			if strings.Contains(agent, mark) {
				return word
			}
		}
		return ""
	}
	browser := pick("Edg/=Edge", "OPR/=Opera", "Firefox/=Firefox", "Chrome/=Chrome", "Safari/=Safari")
	system := pick("Android=Android", "iPhone=iPhone", "iPad=iPad", "Windows=Windows", "Mac OS X=Mac", "CrOS=ChromeOS",
		"Linux=Linux")
	switch {
	case browser == "" && system == "":
		return "an unknown browser"
	case browser == "":
		return "a browser on " + system
	case system == "":
		return browser
	}
	return browser + " on " + system
}
