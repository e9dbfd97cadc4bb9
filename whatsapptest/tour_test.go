//go:build !race

package whatsapptest_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/heypingr/pingr/whatsapptest"
)

// tour uses every route of the reference page once with success.
type tour struct {
	page
	t      *testing.T
	routes map[string]*regexp.Regexp // by method and pattern, deleted when used
}

func newTour(t *testing.T, srv *whatsapptest.Server) tour {
	t.Helper()
	tr := tour{newPage(t, srv), t, make(map[string]*regexp.Regexp)}
	for _, m := range regexp.MustCompile("(?m)^## `(.*)`$").FindAllStringSubmatch(tr.get("/"), -1) {
		pattern := regexp.MustCompile(`\\\{[a-z]+\\\}`).ReplaceAllString(regexp.QuoteMeta(m[1]), `[^/]+`)
		tr.routes[m[1]] = regexp.MustCompile("^" + pattern + "$")
	}
	require.Greater(t, len(tr.routes), 50)
	tr.used("GET", "/")
	return tr
}

func (tr tour) get(path string) string {
	answer, err := http.Get(tr.url + path)
	require.NoError(tr.t, err)
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	require.NoError(tr.t, err)
	return string(raw)
}

// used notes the route; the most specific of two is the one without {}.
func (tr tour) used(method, path string) {
	path, _, _ = strings.Cut(path, "?")
	delete(tr.routes, method+" "+path)
	for pattern, re := range tr.routes {
		if re.MatchString(method + " " + path) {
			delete(tr.routes, pattern)
		}
	}
}

func (tr tour) ok(method, path, body string) map[string]any {
	tr.t.Helper()
	status, answer := tr.do(tr.t, method, path, body)
	require.Less(tr.t, status, 300, "%s %s: %v", method, path, answer)
	tr.used(method, path)
	return answer
}

// stream reads lines until one contains want.
func (tr tour) stream(path, want string, meanwhile func()) {
	tr.t.Helper()
	r, err := http.NewRequestWithContext(within(tr.t), http.MethodGet, tr.url+path, nil)
	require.NoError(tr.t, err)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(tr.t, err)
	defer answer.Body.Close()
	meanwhile()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if strings.Contains(lines.Text(), want) {
			tr.used("GET", path)
			return
		}
	}
	require.FailNow(tr.t, "stream ended", "without %s", want)
}

func TestEveryRouteWorks(t *testing.T) {
	srv := start(t, whatsapptest.Config{})
	tr := newTour(t, srv)
	c := newClient(t, srv)
	const shop, alice, bob, device = "15550100001", "919876543210", "919876543211", "/phones/15550100001/devices/1"

	assert.Equal(t, srv.URL(), tr.ok("GET", "/server", "")["url"])
	tr.ok("PUT", "/pairing", `{"step":"normal"}`)
	tr.ok("DELETE", "/pairing", "")
	tr.ok("PUT", "/upgrades", `{"status":503,"times":0}`)
	tr.ok("PUT", "/latency", `{"one_way_ms":0}`)
	tr.ok("PUT", "/tokens", `{"rule":"given"}`)
	tr.ok("PUT", "/acks", `{}`)
	for _, number := range []string{shop, alice, bob} {
		tr.ok("POST", "/phones", `{"number":"`+number+`","name":"Somebody"}`)
	}
	assert.Len(t, tr.ok("GET", "/phones", "")["phones"], 3)
	assert.Equal(t, true, tr.ok("GET", "/phones/"+shop, "")["online"])

	// Linked by QR, then by code, then by bartender's phone.
	tr.ok("POST", "/phones/"+shop+"/scan", `{"qr":"`+c.qr(t)+`"}`)
	assert.Equal(t, true, tr.ok("POST", device+"/wait", `{"until":"online","timeout_seconds":20}`)["online"])
	assert.Len(t, tr.ok("GET", "/phones/"+shop+"/devices", "")["devices"], 1)
	assert.EqualValues(t, 1, tr.ok("GET", device, "")["device"])
	coded := newClient(t, srv)
	coded.qr(t)
	code, err := coded.PairPhone(within(t), bob, false, whatsmeow.PairClientChrome, "Chrome (Linux)")
	require.NoError(t, err)
	tr.ok("POST", "/phones/"+bob+"/code", `{"code":"`+code+`"}`)
	scanned := newClient(t, srv)
	qr := scanned.qr(t)
	tr.ok("POST", "/admin/mock-phone/scan-qr?phone="+alice, qr)

	hello := tr.ok("POST", "/phones/"+alice+"/messages", `{"to":"`+shop+`","text":"hello"}`)["id"].(string)
	m, _ := c.text(t)
	chat := m.Info.Chat
	answer := c.send(t, chat, "answer")
	c.send(t, chat, "another")
	next := tr.ok("POST", "/phones/"+alice+"/messages/next", `{"contains":"another","from":"`+shop+`"}`)
	assert.Equal(t, "another", next["text"])
	assert.Equal(t, "another", next["message"].(map[string]any)["conversation"])
	assert.Len(t, tr.ok("GET", "/phones/"+alice+"/messages", "")["messages"], 2)
	tr.stream("/phones/"+alice+"/events", "another", func() {})
	message := "/phones/" + alice + "/messages/"
	tr.ok("POST", message+answer.ID+"/read", "")
	assert.Equal(t, answer.ID, c.receipt(t, types.ReceiptTypeRead).MessageIDs[0])
	tr.ok("POST", message+answer.ID+"/react", `{"emoji":"🎉"}`)
	tr.ok("POST", message+hello+"/edit", `{"text":"hello!"}`)
	tr.ok("POST", message+hello+"/resend", `{"how":"encrypted"}`)
	tr.ok("POST", message+hello+"/revoke", "")
	poll, err := c.SendMessage(within(t), chat, c.BuildPollCreation("Lunch?", []string{"Rice"}, 1))
	require.NoError(t, err)
	tr.ok("POST", "/phones/"+alice+"/messages/next", `{"text":"Lunch?"}`)
	tr.ok("POST", message+poll.ID+"/vote", `{"options":["Rice"]}`)
	tr.ok("POST", "/phones/"+bob+"/media", `{"to":"`+alice+`","data":"eA==","caption":"picture"}`)
	picture := tr.ok("POST", "/phones/"+alice+"/messages/next", `{"text":"picture"}`)["id"].(string)
	assert.Equal(t, "x", tr.get(message+picture+"/media"))
	tr.used("GET", message+picture+"/media")
	tr.ok("POST", "/phones/"+alice+"/typing", `{"to":"`+shop+`","state":"recording"}`)
	assert.Equal(t, types.ChatPresenceMediaAudio, await[*events.ChatPresence](t, c).Media)
	tr.ok("PUT", "/phones/"+alice+"/name", `{"name":"Alicia"}`)
	tr.ok("POST", "/phones/"+alice+"/offline", "")
	tr.ok("POST", "/phones/"+alice+"/online", "")
	companion := tr.ok("POST", "/phones/"+alice+"/companions", "")["companion"]
	assert.EqualValues(t, 2, companion, "bartender's client is the first")
	tr.ok("POST", "/phones/"+alice+"/tokens", `{"to":"`+shop+`"}`)
	tr.ok("POST", "/phones/"+alice+"/reveal", `{"to":"`+shop+`"}`)
	tr.ok("POST", "/phones/"+alice+"/contacts", `{"to":"`+shop+`","about":"`+bob+`"}`)
	tr.ok("PUT", "/phones/"+alice+"/move", `{"move":"moving"}`)
	tr.ok("PUT", "/phones/"+alice+"/refusal", `{"form":"number","code":0}`)
	tr.ok("PUT", "/phones/"+alice+"/outdated", `{"on":false}`)
	tr.ok("PUT", "/phones/"+alice+"/username", `{"username":"alice.01"}`)
	tr.ok("GET", "/lookups", "")
	tr.ok("PUT", device+"/lookups", `{"code":429,"times":0}`)

	group := tr.ok("POST", "/groups", `{"subject":"Party","members":["`+shop+`"]}`)["id"].(string)
	tr.ok("PUT", "/groups/"+group+"/members/"+bob, "")
	assert.Equal(t, []any{shop, bob}, tr.ok("GET", "/groups/"+group, "")["members"])
	tr.ok("PUT", "/groups/"+group+"/acks", `{}`)
	tr.ok("PUT", "/phones/"+bob+"/acks", `{}`)
	tr.ok("PUT", device+"/latency", `{"one_way_ms":0}`)
	tr.ok("DELETE", "/groups/"+group+"/members/"+bob, "")
	assert.Len(t, tr.ok("GET", "/groups", "")["groups"], 1)

	require.NoError(t, c.MarkRead(within(t), []types.MessageID{hello}, m.Info.Timestamp, chat, m.Info.Sender))
	read := tr.ok("POST", "/ledger/activities/wait", `{"kind":"read","chat":"`+alice+`","id":"`+hello+`"}`)
	assert.Equal(t, []any{hello}, read["ids"])
	assert.NotEmpty(t, tr.ok("GET", "/ledger/activities", "")["activities"])
	assert.EqualValues(t, 3, tr.ok("POST", "/ledger/wait", `{"replies":3}`)["visible"])
	assert.Empty(t, tr.ok("GET", "/ledger", "")["unread"])
	assert.Len(t, tr.ok("GET", "/state", "")["phones"], 3)
	tr.stream("/trace", `"id":"CALL"`, func() {
		tr.ok("POST", device+"/stanzas", `{"tag":"call","attrs":{"from":"`+alice+`@s.whatsapp.net","id":"CALL","t":"1"},
			"children":[{"tag":"offer","attrs":{"call-id":"C1","call-creator":"`+alice+`@s.whatsapp.net"}}]}`)
	})
	assert.Equal(t, "C1", await[*events.CallOffer](t, c).CallID)

	tr.ok("POST", device+"/history", `{"from":"`+alice+`","texts":["once"]}`)
	tr.ok("POST", device+"/newsletter", `{"text":"news"}`)
	tr.ok("PUT", device+"/acks", `{"delay_ms":1}`)
	tr.ok("PUT", device+"/garble", `{"times":0}`)
	tr.ok("PUT", device+"/login-failure", `{}`)
	tr.ok("PUT", device+"/silence", `{"on":false}`)
	tr.ok("POST", device+"/drop", "")
	tr.ok("POST", device+"/wait", `{"until":"logins","logins":2,"timeout_seconds":20}`)
	tr.ok("POST", device+"/stream-error", `{"code":503}`)
	tr.ok("POST", device+"/replace", "")
	tr.ok("DELETE", device, "")
	tr.ok("POST", "/phones/"+alice+"/forget-sessions", "")
	tr.ok("POST", "/phones/"+alice+"/reinstall", "")
	tr.ok("PUT", "/phones/"+alice+"/number", `{"number":"919876543299"}`)

	left, err := json.Marshal(tr.routes)
	require.NoError(t, err)
	assert.Empty(t, tr.routes, "routes that this test does not use: %s", left)
}
