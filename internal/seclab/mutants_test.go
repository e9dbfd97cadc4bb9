package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each case removes one defence of the examples, and the lab must notice. Each builds a program, so
// only make sec-login runs them.
func TestEachDefenceIsNeeded(t *testing.T) {
	if os.Getenv("PINGR_TEST_DEFENCES") == "" {
		t.Skip("make sec-login does this")
	}
	const (
		loginCode, loginLink, loginSite = "login/code.go", "login/link.go", "login/site.go"
		loginSession, loginWebhook      = "login/session.go", "login/webhook.go"
		preentryMain, desktopMain       = "preentry/main.go", "desktop/main.go"
	)
	for _, m := range []struct {
		without, flow, file, old, changed, scenario string
	}{
		{"deliveries count twice, mobile", mobile, loginSite, "Seen: seen{state}, ", "", replayed},
		{"deliveries count twice, preentry", preentry, loginSite, "Seen: seen{state}, ", "", replayed},
		{"deliveries count twice, desktop", desktop, loginSite, "Seen: seen{state}, ", "", replayed},
		{
			"deliveries are looked up and then remembered", mobile, loginWebhook,
			`return s.State.Add(ctx, "login:seen:"+key, "1", life)`,
			`_, ok, err := s.State.Get(ctx, "login:seen:"+key)
			if err != nil || ok {
				return false, err
			}
			time.Sleep(20 * time.Millisecond)
			return true, s.State.Set(ctx, "login:seen:"+key, "1", life)`,
			"contract: one delivery many times at once, one answer",
		},
		{
			"the phone's claim is a step of its own", desktop, desktopMain,
			"done, err := f.State.Commit(ctx, append(changes, asked)...)",
			`done, err := f.State.Commit(ctx, changes...)
			for range 100 { // some time, so that another process comes between on any machine
				_, _, _ = f.State.Get(ctx, m.Code)
			}
			if err == nil && done {
				done, err = f.State.Commit(ctx, asked)
			}`, "victim sends two codes at once, answers NO and then tells the digits",
		},
		{
			"NO is that word alone", desktop, loginWebhook, `return len(words) > 0 && words[0] == "no"`,
			`return text == "NO"`, "contract: what says NO",
		},
		{
			"simulated messages count", mobile, loginWebhook, "case e.Simulated:", "case false:",
			"simulated message of the victim's number",
		},
		{
			"groups count", preentry, loginWebhook, "case e.From.Group:", "case false:",
			"answer in a group that the attacker reads",
		},
		{
			"events count twice", mobile, loginWebhook, `"login:event:" + e.ID`, `"login:event:" + newToken()`,
			"contract: the same event, the same answer",
		},
		{
			"no id is an id", mobile, loginWebhook, `if e.ID == "" {`, "if false {",
			"events without an id, the victim's and then the attacker's",
		},
		{"scripts read cookies", mobile, loginSite, "HttpOnly: true", "HttpOnly: false", "script in the page reads cookies"},
		{"any origin", mobile, loginSite, `r.URL.Path != "/webhook"`, "false", "form on another site"},
		{
			"no origin is fine", desktop, loginSite, `return r.Header.Get("Sec-Fetch-Site") == "same-origin"`, "return true",
			"form of a browser that says nothing",
		},
		{
			"Origin null is fine", preentry, loginSite, "origin[0] == s.Origin",
			`(origin[0] == s.Origin || origin[0] == "null")`, "form in a sandboxed frame (Origin: null)",
		},
		{
			"the site's host is enough", mobile, loginSite, "origin[0] == s.Origin", "strings.HasPrefix(s.Origin, origin[0])",
			"form on a sister site of the same domain",
		},
		{"frames are fine", mobile, loginSite, "frame-ancestors 'none'; ", "", "page framed by another site"},
		{
			"the session's token stays", preentry, loginSession, "token := newToken()\n\tchanges",
			`token := s.cookie(r, sessionCookie); if token == "" { token = newToken() }; changes`,
			"session cookie planted before the login",
		},
		{
			"a logout is the browser's affair", mobile, loginSession,
			"if err := s.forget(r); err != nil {\n\t\treturn err\n\t}\n\ts.setCookie", "s.setCookie",
			"cookies of a machine that was logged out",
		},
		{
			"GET uses links up", mobile, loginLink, "err = s.mark(r.Context(), w, step, s.LinkLife)",
			"_, _, err = s.State.Take(r.Context(), \"login:link:\"+r.PathValue(\"token\"))", "robot previews the link",
		},
		{
			"GET logs in", mobile, loginLink, `s.Handle("GET /in/{token}", s.showLink)`,
			`s.Handle("GET /in/{token}", s.useLink)`, "picture with the attacker's link as its address",
		},
		{
			"links work twice", mobile, loginLink, "changes = []Change{{Key: key, Old: value}}",
			"changes = []Change{{Key: key, Old: value, New: value}}", "link read from history after its use",
		},
		{
			"nothing can be repeated, mobile", mobile, loginSession, "} else if value == opened {",
			"} else if value == \"never\" {", doublePress,
		},
		{
			"nothing can be repeated, preentry", preentry, loginSession, "} else if value == opened {",
			"} else if value == \"never\" {", doublePress,
		},
		{
			"nothing can be repeated, desktop", desktop, loginSession, "} else if value == opened {",
			"} else if value == \"never\" {", doublePress,
		},
		{
			"whoever knows the link may repeat", preentry, loginSession, "[]byte(nonce+\" \"+step)", "[]byte(step)",
			"double press: link read from history, its page opened before",
		},
		{
			"a nonce that is there stays", mobile, loginLink, "err = s.mark(r.Context(), w, step, s.LinkLife)",
			`if nonce := s.cookie(r, onceCookie); nonce != "" {
				err = s.State.Set(r.Context(), repeatKey(nonce, step), opened, s.LinkLife)
			} else {
				err = s.mark(r.Context(), w, step, s.LinkLife)
			}`, "double press: nonce planted before the link is opened",
		},
		{
			"a nonce that the site did not give counts", mobile, loginSession,
			"} else if value == opened {\n\t\tchanges = append(changes, Change{Key: key, Old: opened,",
			"} else {\n\t\tchanges = append(changes, Change{Key: key, Old: value,",
			"double press: nonce planted after the link is opened",
		},
		{
			"repeats are not counted", desktop, desktopMain, "|| code.Tries >= maxTries {\n\t\t\treturn over",
			"|| (was == login.Asked && code.Tries >= maxTries) {\n\t\t\treturn over",
			"double press: the attacker's cookies planted, all digits tried after the login",
		},
		{
			"a repeat ends the session that it gives", mobile, loginSession, "\ttoken, _, ok, err := s.begun(r, step)",
			"\t_ = s.forget(r)\n\ttoken, _, ok, err := s.begun(r, step)", doublePress,
		},
		{
			"the step is used up before the session is there", mobile, loginSession,
			"\tchanges = append(changes, Change{Key: \"login:session:\"",
			`	if done, err := s.State.Commit(r.Context(), changes...); err != nil || !done {
				return false, err
			}
			time.Sleep(20 * time.Millisecond)
			changes = append([]Change{}, Change{Key: "login:session:"`, "contract: double press at once, one session",
		},
		{
			"a session outlives its logout", desktop, loginSession, "return token, phone, ok, err",
			"return token, phone, true, err", "contract: double press after the logout",
		},
		{
			"sisters' cookies count", mobile, loginSite, "return \"__Host-\" + name", "return name",
			"cookie tossing: the attacker's cookies beside the victim's, by https",
		},
		{"the first of two cookies counts", preentry, loginSite, "if len(found) != 1 {", "if len(found) == 0 {", tossed},
		{"a silent chat is not explained, preentry", preentry, preentryMain, "f.Unanswered(ctx, m)", "nil", silence},
		{"a silent chat is not explained, desktop", desktop, desktopMain, "f.Unanswered(ctx, m)", "nil", silence},
		{
			"a cooldown is told without its end", preentry, "login/poll.go", "math.Ceil(left.Seconds())",
			"math.Ceil(0*left.Seconds())", silence,
		},
		{
			"a lost answer is not told, preentry", preentry, loginWebhook,
			`a != nil && a.Status == "suppressed" && a.Reason != ""`, "false && a != nil", lostOnItsWay,
		},
		{"a lost answer is not told, desktop", desktop, "login/poll.go", "lostKey(c.Event)", `lostKey("")`, lostOnItsWay},
		{
			"whose answer was lost does not matter", preentry, loginWebhook, `return "login:lost:" + event`,
			`return "login:lost:" + event[:0]`, lostOnItsWay,
		},
		{
			"a cooldown hides what makes codes void", desktop, desktopMain, "\tcase !code.Status.Pending():",
			"\tcase m.Suppressed:\n\t\treturn \"\", f.Unanswered(ctx, m)\n\tcase !code.Status.Pending():", voidInSilence,
		},
		{
			"no HSTS", desktop, loginSite, "if s.https() {\n\t\th.Set", "if false {\n\t\th.Set",
			"contract: cookies and HSTS where the site is https",
		},
		{"long texts are refused", mobile, loginSite, "maxWebhook = 1 << 20", "maxWebhook = 64 << 10", "contract: webhook"},
		{
			"links live long", preentry, loginLink, "string(value), s.LinkLife)", "string(value), s.CodeLife)",
			"link found in the chat when it is old",
		},
		{
			"addresses are told", preentry, loginSite, `"Referrer-Policy", "same-origin"`, `"Referrer-Policy", "unsafe-url"`,
			"page of the link tells its address to others",
		},
		{
			"forwarded codes count", desktop, desktopMain, "case m.Forwarded:", "case false:",
			"victim forwards the attacker's code",
		},
		{
			"codes live long", preentry, loginCode, "string(value), s.CodeLife)", "string(value), 1000*s.CodeLife)",
			"code that is too old",
		},
		{"no phone is blocked", preentry, loginCode, "maxWrong = 5", "maxWrong = 500", "right code after five wrong ones"},
		{
			"another spelling is another phone", preentry, preentryMain,
			"code.Phone, _, err = f.Resolve(ctx, code.Phone)", "", noAnswer,
		},
		{
			"what cannot be checked is right", preentry, preentryMain,
			"return f.NotChecked(), nil", "return f.sendLink(ctx, m)", noAnswer,
		},
		{
			"whether anybody has the number does not matter", preentry, preentryMain,
			"!onWhatsApp", "false && !onWhatsApp", nobodyHasIt,
		},
		{
			"the poll logs in", preentry, "login/poll.go", "return WriteJSON(w, http.StatusOK, told)",
			"if c.Status == Sent { _, _ = s.Begin(w, r, c.Phone, \"\") }; return nil",
			"victim is talked into sending the attacker's code",
		},
		{
			"any phone may send a code", preentry, preentryMain, "case code.Phone != m.Phone:", "case false:",
			"attacker types the victim's number and sends the code himself",
		},
		{
			"an old number stays", preentry, loginCode, "s.endPoll(r, Void)", "false, error(nil)",
			"number is changed after the code was made",
		},
		{
			"digits can be tried for ever", desktop, desktopMain, "maxTries = 3", "maxTries = 1000",
			"attacker tries all digits",
		},
		{
			"tries are not one step", desktop, desktopMain, "code.Tries++; code.Tries >= maxTries &&",
			"code.Tries = min(code.Tries+1, 1); code.Tries >= maxTries &&", "attacker tries many digits at once",
		},
		{"NO is not heard", desktop, desktopMain, "if m.No {", "if false {", "victim answers NO and then tells the digits"},
		{
			"a phone is asked about two codes", desktop, desktopMain, "m.Phone, m.Code, login.Void)",
			"m.Phone, m.Code, login.Asked)", "digits of an earlier code that the victim was sent",
		},
		{
			"done codes can be used", desktop, desktopMain, "if right && was == login.Done {", "if false {",
			"stolen poll cookie",
		},
		{
			"another phone may send an asked code", desktop, desktopMain,
			"case code.Status == login.Asked && code.Phone != m.Phone:", "case false:",
			"code from the victim's screen, sent by the attacker afterwards",
		},
		{
			"the User-Agent is told", desktop, desktopMain, "login.Device(r.UserAgent())", "r.UserAgent()",
			"message to the victim in the User-Agent",
		},
	} {
		t.Run(m.without, func(t *testing.T) {
			t.Parallel()
			finding := playMutant(t, m.flow, m.file, m.old, m.changed, m.scenario)
			assert.NotEmpty(t, finding)
		})
	}
}

// playMutant plays a scenario against a changed example in Go.
func playMutant(t *testing.T, flow, file, old, changed, name string) (finding string) {
	t.Helper()
	repository, err := root(t.Context())
	require.NoError(t, err)
	path := filepath.Join(repository, "examples", "go", filepath.FromSlash(file))
	source, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(source), old), "%q is in %s once", old, file)
	dir := t.TempDir()
	mutant, binary := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "site")
	overlay := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(mutant, []byte(strings.Replace(string(source), old, changed, 1)), 0o600))
	replaced, err := json.Marshal(map[string]map[string]string{"Replace": {path: mutant}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(overlay, replaced, 0o600))
	build := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlay, "-o", binary, "./examples/go/"+flow)
	build.Dir = repository
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, s := range of(flow) {
		if s.name == name {
			// Two processes share a Redis. That exposes steps that are not atomic.
			finding, err = lab{redis: true}.against(t.Context(), program{"go", flow, []string{binary}}, s)
			require.NoError(t, err)
			return finding
		}
	}
	require.Fail(t, "no such scenario", name)
	return ""
}
