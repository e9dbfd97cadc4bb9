package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/heypingr/pingr"
)

// expect compares an answer and its headers with the contract. It does not compare a body of "". With
// "-" it skips the headers too.
func (s *scene) expect(method, path string, status int, body string) string {
	says := from{}
	if method == http.MethodPost {
		says["Origin"] = s.origin
	}
	p := must(s.victim.ask(method, path, "", says))
	got := compact(p)
	if body == "" || body == "-" {
		got = body
	}
	finding := first(differ("status", status, p.status), differ("body", body, got))
	if finding == "" && body != "-" {
		finding = wrongHeaders(p)
	}
	if finding != "" {
		finding = method + " " + path + ": " + finding
	}
	return finding
}

// webhookAnswers compares the answer to a signed event.
func (s *scene) webhookAnswers(event string, status int, body string) string {
	p := must(s.attacker.ask(http.MethodPost, s.hook+"/webhook", event,
		from{"X-Pingr-Signature": pingr.Sign([]byte(event), s.secret)}))
	got := compact(p)
	if body == "" {
		got = ""
	}
	return first(differ("status of a webhook", status, p.status), differ("answer to a webhook", body, got))
}

var headers = map[string]string{
	"Cache-Control":             "no-store",
	"Referrer-Policy":           "same-origin",
	"X-Content-Type-Options":    "nosniff",
	"Strict-Transport-Security": "", // a site by http has none
	"Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src " +
		"'self'; connect-src 'self'; " +
		"form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
}

// wrongHeaders returns a header that differs from the contract's, as a finding.
func wrongHeaders(p page) string {
	for name, want := range headers {
		if finding := differ(name, want, p.header.Get(name)); finding != "" {
			return finding
		}
	}
	if strings.HasPrefix(p.body, "{") {
		return differ("Content-Type", "application/json", strings.Split(p.header.Get("Content-Type"), ";")[0])
	}
	return ""
}

// goodCookie returns what is wrong with a cookie.
func goodCookie(b *browser, name string, secure bool) string {
	c := b.cookies[name]
	if c == nil {
		return "no cookie " + name
	}
	return first(
		differ(name+" of 128 bits or more", true, len(c.Value) >= 22),
		differ(name+" HttpOnly", true, c.HttpOnly),
		differ(name+" SameSite=Lax", http.SameSiteLaxMode, c.SameSite),
		differ(name+" Path", "/", c.Path),
		differ(name+" Domain", "", c.Domain),
		differ(name+" Secure", secure, c.Secure),
	)
}

// compact returns JSON in the form for comparison: without spaces, keys in order.
func compact(p page) string {
	var all any
	if json.Unmarshal([]byte(p.body), &all) != nil {
		return p.body
	}
	text, _ := json.Marshal(all) // it was JSON
	return string(text)
}

var retryAfter = regexp.MustCompile(`"retry_after":(\d+)`)

// countdown returns the possible answers after so much time, as it passes between two requests on a
// busy machine.
func countdown(answer string, passed time.Duration) (all []string) {
	found := retryAfter.FindStringSubmatch(answer)
	if found == nil {
		return nil
	}
	seconds := must(strconv.Atoi(found[1]))
	for range int((passed + 10*time.Millisecond) / time.Second) {
		seconds = max(seconds-1, 0)
		all = append(all, strings.Replace(answer, found[0], fmt.Sprintf(`"retry_after":%d`, seconds), 1))
	}
	return all
}

func differ[T comparable](what string, want, got T) string {
	if want == got {
		return ""
	}
	return fmt.Sprintf("%s: %v, not %v", what, got, want)
}

// first returns the first finding.
func first(findings ...string) string {
	for _, f := range findings {
		if f != "" {
			return f
		}
	}
	return ""
}
