package pingr

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const testSecret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

func TestSignKnownAnswer(t *testing.T) { // computed with openssl dgst -sha256 -hmac
	assert.Equal(t, "sha256=f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8",
		Sign([]byte("The quick brown fox jumps over the lazy dog"), "key"))
}

func TestEventBodyIsAsDocumented(t *testing.T) {
	group := "1@g.us"
	e := Event{
		Type: EventMessageReceived, Session: "sess_abc123", Timestamp: 1714825320000, ID: "evt_1",
		From:      &From{Phone: "919876543210", JID: "919876543210@s.whatsapp.net"},
		Message:   &EventMessage{Text: "hey login", Type: "text", ID: "3EB0", Timestamp: 1714825319000},
		Trigger:   &EventTrigger{ID: "trg_1", Phrase: "hey login"},
		AutoReply: &AutoReply{Status: "pending"},
		Account:   "acc", Attempt: 3,
	}
	body, err := json.Marshal(e)
	require.NoError(t, err)
	assert.Equal(t, `{"event":"message.received","session_id":"sess_abc123",`+
		`"from":{"phone":"919876543210","jid":"919876543210@s.whatsapp.net","is_group":false,"group_jid":null},`+
		`"message":{"text":"hey login","type":"text","id":"3EB0","timestamp":1714825319000},`+
		`"timestamp":1714825320000,"id":"evt_1","trigger":{"id":"trg_1","phrase":"hey login"},"auto_reply":{"status":"pending"}}`, string(body))
	e = Event{
		Type: EventMessageReceived, From: &From{Group: true, GroupJID: &group},
		AutoReply: &AutoReply{Status: "suppressed", Reason: "cooldown", RetryAfter: 47}, Simulated: true,
	}
	body, err = json.Marshal(e)
	require.NoError(t, err)
	assert.Contains(t, string(body), `"is_group":true,"group_jid":"1@g.us"`)
	assert.Contains(t, string(body),
		`"auto_reply":{"status":"suppressed","reason":"cooldown","retry_after":47},"_simulated":true`)
	body, err = json.Marshal(Event{
		Type: EventSessionDisconnected, Session: "s", Reason: 401, Kind: "terminal", Timestamp: 1, ID: "evt_2",
	})
	require.NoError(t, err)
	assert.JSONEq(t,
		`{"event":"session.disconnected","session_id":"s","reason":401,"kind":"terminal","timestamp":1,"id":"evt_2"}`,
		string(body))
}

func TestVerifyWebhook(t *testing.T) {
	now := time.UnixMilli(1714825320000)
	good := `{"event":"message.received","from":{"phone":"919876543210"},"timestamp":1714825320000}`
	at := func(off time.Duration) string {
		return fmt.Sprintf(`{"timestamp":%d}`, now.Add(off).UnixMilli())
	}
	tests := []struct {
		name, body, signature string // an empty signature is the right one
		secret                string
		o                     VerifyOptions
		fault                 string // part of the error; empty: accepted
	}{
		{name: "as it should be", body: good},
		{name: "five minutes old", body: at(-5 * time.Minute)},
		{name: "five minutes early", body: at(5 * time.Minute)},
		{name: "a millisecond older", body: at(-5*time.Minute - time.Millisecond), fault: "5 minutes old"},
		{name: "a millisecond earlier", body: at(5*time.Minute + time.Millisecond), fault: "5 minutes ahead"},
		{name: "at the beginning of time", body: `{"timestamp":-9223372036854775808}`, fault: "5 minutes old"},
		{name: "at its end", body: `{"timestamp":9223372036854775807}`, fault: "5 minutes ahead"},
		{name: "any age where that is wanted", body: at(-time.Hour), o: VerifyOptions{SkipTimestamp: true}},
		{name: "no timestamp", body: `{}`, fault: "no timestamp"},
		{name: "a timestamp of null", body: `{"timestamp":null}`, fault: "no timestamp"},
		{
			name: "a timestamp that is a string", body: `{"timestamp":"1714825320000"}`,
			fault: "the timestamp is not an integer",
		},
		{
			name: "a timestamp with a fraction", body: `{"timestamp":1714825320000.5}`,
			fault: "the timestamp is not an integer",
		},
		{name: "a timestamp beyond all bounds", body: `{"timestamp":1e300}`, fault: "the timestamp is not an integer"},
		{name: "another field of the wrong type", body: `{"timestamp":1714825320000,"from":"Eve"}`, fault: "not an event"},
		{name: "a list", body: `[1]`, fault: "not a JSON object"},
		{name: "null", body: `null`, fault: "not a JSON object"},
		{name: "nothing", body: ``, fault: "not a JSON object"},
		{name: "broken off", body: `{"timestamp":1`, fault: "not an event"},
		{name: "something behind", body: good + "x", fault: "not an event"},
		{
			name: "capitals in the signature", body: good, signature: strings.ToUpper(Sign([]byte(good), testSecret)),
			fault: "64 lowercase hex",
		},
		{
			name: "capital digits", body: good, signature: "sha256=" + strings.ToUpper(Sign([]byte(good), testSecret)[7:]),
			fault: "64 lowercase hex",
		},
		{name: "no signature", body: good, signature: " ", fault: "64 lowercase hex"},
		{name: "no prefix", body: good, signature: Sign([]byte(good), testSecret)[7:], fault: "64 lowercase hex"},
		{name: "one digit short", body: good, signature: Sign([]byte(good), testSecret)[:70], fault: "64 lowercase hex"},
		{name: "space behind", body: good, signature: Sign([]byte(good), testSecret) + " ", fault: "64 lowercase hex"},
		{name: "another body's", body: good, signature: Sign([]byte(good+" "), testSecret), fault: "does not match"},
		{name: "another secret's", body: good, signature: Sign([]byte(good), testSecret+"x"), fault: "does not match"},
		{
			name: "the old secret's, while it is rotated", body: good, signature: Sign([]byte(good), "old"),
			o: VerifyOptions{OtherSecrets: []string{"", "old"}},
		},
		{
			name: "an empty secret accepts nothing", body: good, signature: Sign([]byte(good), ""), secret: "-",
			fault: "no secret",
		},
		{
			name: "an empty old secret accepts nothing", body: good, signature: Sign([]byte(good), ""),
			o: VerifyOptions{OtherSecrets: []string{""}}, fault: "does not match",
		},
		{name: "a secret without whsec_", body: good, signature: Sign([]byte(good), "plain"), secret: "plain"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.signature == "" {
				tt.signature = Sign([]byte(tt.body), testSecret)
			}
			switch tt.secret {
			case "":
				tt.secret = testSecret
			case "-":
				tt.secret = ""
			}
			if tt.o.Now.IsZero() {
				tt.o.Now = now
			}
			event, err := VerifyWebhook([]byte(tt.body), tt.signature, tt.secret, tt.o)
			if tt.fault == "" {
				require.NoError(t, err)
				assert.NotNil(t, event)
				return
			}
			require.ErrorIs(t, err, ErrWebhook)
			var refused *WebhookError
			require.ErrorAs(t, err, &refused)
			assert.Contains(t, refused.Reason, tt.fault)
			assert.Nil(t, event)
			assert.NotContains(t, err.Error(), "919876543210")
		})
	}
}

func TestNewSecret(t *testing.T) {
	secret := NewSecret()
	encoded, ok := strings.CutPrefix(secret, "whsec_")
	require.True(t, ok)
	key, err := base64.StdEncoding.DecodeString(encoded)
	require.NoError(t, err)
	assert.Len(t, key, 32)
	assert.NotEqual(t, secret, NewSecret())
}

func TestStandardWebhooksSignature(t *testing.T) {
	// The example of the Standard Webhooks specification.
	signature, ok := signStandard("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0),
		[]byte(`{"test": 2432232314}`), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	assert.True(t, ok)
	assert.Equal(t, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", signature)
	_, ok = signStandard("id", time.Now(), nil, "plain")
	assert.False(t, ok, "a secret of another form has no such signature")
	_, ok = signStandard("id", time.Now(), nil, "whsec_***")
	assert.False(t, ok)
}

// Keys shorter than a block of the hash, as long, and longer: RFC 2104 treats each differently. Bodies
// end before, at and after a block.
func TestVerifyUsesTheHMACThatSignUses(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	some := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	for key := range 200 {
		for _, length := range []int{0, 1, 55, 56, 63, 64, 65, 119, 128, 1000} {
			body, secret := some(length), string(some(key))
			sum := macOf(body, secret)
			require.Equal(t, Sign(body, secret), "sha256="+hex.EncodeToString(sum[:]), "a key of %d bytes, a body of %d", key,
				length)
		}
	}
}

// VerifyWebhook allocates nothing beyond decoding the event. A stranger's request costs only the
// error's allocation. internal/bench/verify measures time.
func TestVerifyAllocatesNothingOfItsOwn(t *testing.T) {
	body := []byte(`{"event":"message.received","timestamp":1714825320000}`)
	signature := Sign(body, testSecret)
	o := VerifyOptions{Now: time.UnixMilli(1714825320000), OtherSecrets: []string{"old", testSecret}}
	allocations := func(f func()) int { return int(testing.AllocsPerRun(100, f)) }
	decoding := allocations(func() { _ = json.Unmarshal(body, new(Event)) })
	assert.Equal(t, decoding, allocations(func() { _, _ = VerifyWebhook(body, signature, testSecret, o) }))
	assert.Equal(t, decoding, allocations(func() { _, _ = VerifyWebhook(body, signature, "new", o) }),
		"while the secret is rotated")
	assert.Equal(t, 1, allocations(func() { _, _ = VerifyWebhook(body, signature, "another") }), "a stranger's")
}

func TestSecretIsAllRandom(t *testing.T) {
	key := func() []byte {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(NewSecret(), "whsec_"))
		require.NoError(t, err)
		require.Len(t, key, 32)
		return key
	}
	a, b := key(), key()
	for i := 0; i < len(a); i += 8 {
		assert.NotEqual(t, a[i:i+8], b[i:i+8])
	}
}

func TestOfSeveralOptionsTheLastCounts(t *testing.T) {
	body := []byte(`{"event":"message.received","timestamp":1}`)
	_, err := VerifyWebhook(body, Sign(body, testSecret), testSecret, VerifyOptions{}, VerifyOptions{SkipTimestamp: true})
	require.NoError(t, err)
	_, err = VerifyWebhook(body, Sign(body, testSecret), testSecret, VerifyOptions{SkipTimestamp: true}, VerifyOptions{})
	require.ErrorContains(t, err, "5 minutes old")
}
