// Package verify measures [pingr.VerifyWebhook] beside the least that a backend
// could do instead, and beside the published library of Standard Webhooks.
package verify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

const (
	secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	old    = "whsec_b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2w="
)

// A request is an event as it comes to a backend, signed in both ways.
type request struct {
	name      string
	body      []byte
	signature string
	headers   http.Header // of Standard Webhooks
	library   *standardwebhooks.Webhook
}

func requests(tb testing.TB) []request {
	tb.Helper()
	group := "120363041234567890@g.us"
	message := pingr.Event{
		Type: pingr.EventMessageReceived, Session: "sess_abc123", ID: "evt_1",
		From:      &pingr.From{Phone: "919876543210", JID: "919876543210@s.whatsapp.net"},
		Message:   &pingr.EventMessage{Text: "login X4K9MQ", Type: "text", ID: "3EB0", Timestamp: 1714825319000},
		Trigger:   &pingr.EventTrigger{ID: "trg_1", Phrase: "login"},
		AutoReply: &pingr.AutoReply{Status: "pending"},
	}
	long := message
	long.From = &pingr.From{Phone: "919876543210", JID: "919876543210@s.whatsapp.net", Group: true, GroupJID: &group}
	long.Message = &pingr.EventMessage{
		Text: "login " + strings.Repeat("नमस्ते, a long message. ", 150), Type: "text", ID: "3EB0",
	}
	return []request{
		sign(tb, "session.connected", pingr.Event{Type: pingr.EventSessionConnected, Session: "sess_abc123", ID: "evt_2"}),
		sign(tb, "login message", message),
		sign(tb, "long message", long),
	}
}

func sign(tb testing.TB, name string, e pingr.Event) request {
	tb.Helper()
	now := time.Now()
	e.Timestamp = now.UnixMilli()
	body, err := json.Marshal(e)
	require.NoError(tb, err)
	library, err := standardwebhooks.NewWebhook(secret)
	require.NoError(tb, err)
	signature, err := library.Sign(e.ID, now, body)
	require.NoError(tb, err)
	headers := http.Header{}
	headers.Set(standardwebhooks.HeaderWebhookID, e.ID)
	headers.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	headers.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return request{name, body, pingr.Sign(body, secret), headers, library}
}

// A way is one way to get a trusted event.
type way struct {
	name string
	take func(r request) (*pingr.Event, error)
}

// ways begins with the bare one, to which the ratios relate.
func ways() []way {
	return []way{
		{"bare", bare},
		{"VerifyWebhook", func(r request) (*pingr.Event, error) {
			return pingr.VerifyWebhook(r.body, r.signature, secret)
		}},
		{"rotating", func(r request) (*pingr.Event, error) { // the old secret still signs
			return pingr.VerifyWebhook(r.body, r.signature, "new", pingr.VerifyOptions{OtherSecrets: []string{secret, old}})
		}},
		{"standardwebhooks", func(r request) (*pingr.Event, error) {
			if err := r.library.Verify(r.body, r.headers); err != nil {
				return nil, err
			}
			return decode(r)
		}},
	}
}

// bare compares an HMAC and decodes. It checks nothing else: no timestamp, no UTF-8, and of the
// signature's form only that it is hexadecimal.
func bare(r request) (*pingr.Event, error) {
	given, err := hex.DecodeString(strings.TrimPrefix(r.signature, "sha256="))
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(r.body)
	if !hmac.Equal(mac.Sum(nil), given) {
		return nil, errors.New("the signature does not match")
	}
	return decode(r)
}

func decode(r request) (*pingr.Event, error) {
	event := new(pingr.Event)
	return event, json.Unmarshal(r.body, event)
}

// go test -run '^$' -bench . ./internal/bench/verify
func BenchmarkVerify(b *testing.B) {
	for _, r := range requests(b) {
		for _, w := range append(ways(), way{"decode alone", decode}) {
			b.Run(r.name+"/"+w.name, func(b *testing.B) {
				b.SetBytes(int64(len(r.body)))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := w.take(r); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
