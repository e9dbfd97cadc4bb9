package server

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/sim"
)

// answerCases contain one answer of an endpoint for each outcome. The root's tests have more of each
// kind. hush is in all of them, and in no log.
var answerCases = []struct {
	name, header, body string
	status             int
	reply              string
	why                pingr.NoReply
	fault              string // for an answer that was not accepted
}{
	{"a reply", "", `{"reply":"hush"}`, 200, "hush", "", ""},
	{"plain, said to be coded", "Content-Encoding: identity", `{"reply":"hush"}`, 200, "hush", "", ""},
	{"with a byte order mark", "", "\xEF\xBB\xBF" + `{"reply":"hush"}`, 200, "hush", "", ""},
	{"nothing to say", "", `{}`, 200, "", "", ""},
	{"no body", "", "", 204, "", "", ""},
	{"HTML", "Content-Type: text/html", `hush`, 200, "", pingr.NoReplyContentType, ""},
	{"gzip", "Content-Encoding: gzip", "\x1f\x8bhush", 200, "", pingr.NoReplyContentEncoding, ""},
	{"too long", "", `{"reply":"hush"}` + strings.Repeat(" ", 64<<10), 200, "", pingr.NoReplyTooLong, ""},
	{"Latin-1", "", "{\"reply\":\"hush\xfc\"}", 200, "", pingr.NoReplyNotUTF8, ""},
	{"no JSON", "", `hush`, 200, "", pingr.NoReplyNotJSON, ""},
	{"a list", "", `[{"reply":"hush"}]`, 201, "", pingr.NoReplyNotObject, ""},
	{"another name", "", `{"Reply":"hush"}`, 200, "", pingr.NoReplyNoField, ""},
	{"two", "", `{"reply":"hush","reply":"hush"}`, 200, "", pingr.NoReplyTwoFields, ""},
	{"an object", "", `{"reply":{"text":"hush"}}`, 200, "", pingr.NoReplyNotText, ""},
	{"empty", "", `{"reply":"","x":"hush"}`, 200, "", pingr.NoReplyEmpty, ""},
	{"a NUL", "", `{"reply":"hush\u0000"}`, 200, "", pingr.NoReplyNUL, ""},
	{
		"a redirect", "Location: https://shop.example/hook?hush", `hush`, 301, "", "",
		"status 301: redirects are not followed; it points to https://shop.example/hook",
	},
}

// logs is a log that several goroutines write to.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A simulation and the delivery log report the same outcome for an answer. So does our own log at
// info, without the answer's words.
func TestWhatBecomesOfAnAnswer(t *testing.T) {
	own := &logs{}
	w := newWorld(t, func(c *Config) {
		c.Log = slog.New(slog.NewJSONHandler(own, &slog.HandlerOptions{Level: slog.LevelInfo}))
	})
	require.Equal(t, 201, w.call("anna", "POST", "/v1/triggers",
		`{"session_id":"anna-bot","trigger_phrase":"login","reply_message":"static"}`).Code)
	require.Equal(t, 200, w.call("anna", "PUT", "/v1/webhooks", `{"url":"`+w.hook.URL+`"}`).Code)
	for i, tt := range answerCases {
		t.Run(tt.name, func(t *testing.T) {
			w.hook.serve(func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("Content-Type", "application/json")
				if name, value, ok := strings.Cut(tt.header, ": "); ok {
					rw.Header().Set(name, value)
				}
				rw.WriteHeader(tt.status)
				_, _ = rw.Write([]byte(tt.body))
			})
			w.wait(61e9)
			var simulated struct {
				Delivered bool           `json:"delivered"`
				Reply     *string        `json:"dynamic_reply"`
				NoReply   *pingr.NoReply `json:"no_reply_reason"`
			}
			got := w.call("anna", "POST", "/v1/webhooks/simulate",
				`{"phone":"919876543210","message":"login","session_id":"anna-bot"}`)
			require.NoError(t, json.Unmarshal(got.Body.Bytes(), &simulated))
			assert.Equal(t, tt.fault == "", simulated.Delivered)
			assert.Equal(t, orNull(tt.reply), simulated.Reply)
			assert.Equal(t, orNull(tt.why), simulated.NoReply)

			number := "9198765430" + string(rune('0'+i/10)) + string(rune('0'+i%10))
			p := w.sessions.find("anna-bot").NewPhone(sim.PhoneConfig{Number: number})
			p.Send("login")
			want := tt.reply
			if want == "" {
				want = "static"
			}
			assert.Equal(t, want, w.shown(p))
			var page struct {
				Deliveries []struct {
					Status  string         `json:"status"`
					Dynamic bool           `json:"dynamic_reply"`
					NoReply *pingr.NoReply `json:"no_reply_reason"`
					Error   *string        `json:"error"`
				} `json:"deliveries"`
			}
			got = w.call("anna", "GET", "/v1/webhooks/deliveries?limit=2", "")
			require.NoError(t, json.Unmarshal(got.Body.Bytes(), &page))
			require.Len(t, page.Deliveries, 2)
			for _, row := range page.Deliveries {
				assert.Equal(t, tt.reply != "", row.Dynamic, row.Status)
				assert.Equal(t, orNull(tt.why), row.NoReply, row.Status)
				assert.Equal(t, orNull(tt.fault), row.Error, row.Status)
			}
			if tt.why != "" {
				said := func() bool { return strings.Contains(own.String(), `"no_reply":"`+string(tt.why)+`"`) }
				assert.Eventually(t, said, 5*time.Second, time.Millisecond, "the firing's line in the log")
			}
		})
	}
	assert.NotContains(t, own.String(), "hush")
}

func orNull[T comparable](value T) *T {
	var zero T
	if value == zero {
		return nil
	}
	return &value
}

// Each reason is in the OpenAPI document, with its words.
func TestEveryNoReplyIsDocumented(t *testing.T) {
	w := newWorld(t)
	schemas := w.document()["components"].(object)["schemas"].(object)
	for _, name := range []string{"DeliveryJSON", "SimulateOutputBody"} {
		field := schemas[name].(object)["properties"].(object)["no_reply_reason"].(object)
		for _, reason := range pingr.NoReplies() {
			assert.Contains(t, field["enum"], string(reason))
			assert.Contains(t, field["description"], string(reason)+" ("+reason.Description()+")")
		}
		assert.Contains(t, field["enum"], nil)
		assert.Len(t, field["enum"], len(pingr.NoReplies())+1)
	}
}

// An endpoint that does not want message.received neither gets it nor answers. It does not get those
// events later either, once it wants them.
func TestAnEndpointThatUnsubscribed(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 201, w.call("anna", "POST", "/v1/triggers",
		`{"session_id":"anna-bot","trigger_phrase":"login","reply_message":"static"}`).Code)
	require.Equal(t, 200, w.call("anna", "PUT", "/v1/webhooks", `{"url":"`+w.hook.URL+`"}`).Code)
	w.hook.answer(503, "")
	first := w.sessions.find("anna-bot").NewPhone(sim.PhoneConfig{Number: "919876543210"})
	first.Send("login")
	assert.Equal(t, "static", w.shown(first))
	bodies, _ := w.hook.got()
	require.Len(t, bodies, 1, "as long as it wants it")
	log := w.call("anna", "GET", "/v1/webhooks/deliveries", "").Body.String()
	_, id, _ := strings.Cut(log, `"id":"`)
	id, _, _ = strings.Cut(id, `"`)

	require.Equal(t, 200, w.call("anna", "PUT", "/v1/webhooks",
		`{"url":"`+w.hook.URL+`","events":["session.disconnected","session.connected"]}`).Code)
	w.hook.answer(200, "link")
	second := w.sessions.find("anna-bot").NewPhone(sim.PhoneConfig{Number: "919876543211"})
	second.Send("login")
	assert.Equal(t, "static", w.shown(second))
	require.Equal(t, http.StatusAccepted, w.call("anna", "POST", "/v1/webhooks/deliveries/"+id+"/redeliver", "").Code)
	w.wait(60e9)
	third := w.sessions.find("anna-bot").NewPhone(sim.PhoneConfig{Number: "919876543212"})
	third.Send("login")
	assert.Equal(t, "static", w.shown(third))
	bodies, _ = w.hook.got()
	assert.Len(t, bodies, 1, "neither of what came since, nor again of what came before")
	assert.Contains(t, w.call("anna", "GET", "/v1/webhooks/deliveries", "").Body.String(), `"count":1`)

	require.Equal(t, 200,
		w.call("anna", "PUT", "/v1/webhooks", `{"url":"`+w.hook.URL+`","events":["message.received"]}`).Code)
	fourth := w.sessions.find("anna-bot").NewPhone(sim.PhoneConfig{Number: "919876543213"})
	fourth.Send("login")
	assert.Equal(t, "link", w.shown(fourth))
}

// Deleting a session deletes its triggers, also those of test mode. A new session with the same id
// begins without any.
func TestADeletedSessionsTriggersGo(t *testing.T) {
	w := newWorld(t)
	for _, who := range []string{"anna's live key", "anna's test key"} {
		require.Equal(t, 201, w.call(who, "POST", "/v1/triggers",
			`{"session_id":"anna-bot","trigger_phrase":"login","reply_message":"static"}`).Code, who)
	}
	require.Equal(t, 201, w.call("ben", "POST", "/v1/triggers",
		`{"session_id":"ben-bot","trigger_phrase":"login","reply_message":"static"}`).Code)
	id := w.sessions.find("anna-bot").ID()
	require.Equal(t, 204, w.call("anna", "DELETE", "/v1/sessions/anna-bot", "").Code)
	for _, stored := range []string{id, testName(id, "acc_anna")} {
		triggers, err := w.store.Triggers(t.Context(), stored)
		require.NoError(t, err)
		assert.Empty(t, triggers, stored)
		_, fires, err := w.store.FindTrigger(t.Context(), stored, pingr.Phrases("login"))
		require.NoError(t, err)
		assert.False(t, fires)
	}
	require.Equal(t, 201, w.call("anna", "POST", "/v1/sessions", `{"id":"anna-bot","name":"again"}`).Code)
	for _, who := range []string{"anna's live key", "anna's test key"} {
		assert.Contains(t, w.call(who, "GET", "/v1/triggers?session_id=anna-bot", "").Body.String(), `"count":0`, who)
	}
	assert.Contains(t, w.call("ben", "GET", "/v1/triggers", "").Body.String(), `"count":1`, "another's stay")
}

// A send to a number that nobody has is refused with that reason, and takes nothing.
func TestSendToANumberThatIsNotOnWhatsApp(t *testing.T) {
	w := newWorld(t)
	w.sessions.find("anna-bot").SetFault(sim.Nobody)
	for range 2 {
		got := w.call("anna's live key", "POST", "/v1/send", `{"to":"919876543210","message":"hi","session_id":"anna-bot"}`,
			"Idempotency-Key", "one")
		assert.Equal(t, http.StatusUnprocessableEntity, got.Code)
		assert.JSONEq(t, `{"detail":{"error":"missing_param","message":"to: is not on WhatsApp"}}`, got.Body.String())
	}
	w.sessions.find("anna-bot").SetFault(sim.None)
	w.wait(24 * time.Hour) // so long it is known
	got := w.call("anna's live key", "POST", "/v1/send", `{"to":"919876543210","message":"hi","session_id":"anna-bot"}`,
		"Idempotency-Key", "one")
	assert.Equal(t, http.StatusOK, got.Code, "neither the cooldown nor the key was used up")
}
