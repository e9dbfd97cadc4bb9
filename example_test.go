package pingr_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"time"

	"github.com/heypingr/pingr"
)

func ExampleVerifyWebhook() {
	secret := "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	body := fmt.Sprintf(`{"event":"message.received","from":{"phone":"919876543210"},"timestamp":%d}`,
		time.Now().UnixMilli())
	signature := pingr.Sign([]byte(body), secret) // the header x-pingr-signature

	event, err := pingr.VerifyWebhook([]byte(body), signature, secret)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(event.Type, event.From.Phone)

	_, err = pingr.VerifyWebhook([]byte(body), signature, "whsec_another")
	fmt.Println(err)
	// Output:
	// message.received 919876543210
	// webhook not accepted: the signature does not match the body and the secret
}

func ExampleWebhookError() {
	_, err := pingr.VerifyWebhook([]byte(`{}`), "sha256=ABC", "whsec_x")
	var refused *pingr.WebhookError
	if errors.As(err, &refused) {
		fmt.Println(refused.Reason)
	}
	// Output: the signature is not sha256= and 64 lowercase hex digits
}

func ExampleNewTransport() {
	backend := httptest.NewServer(http.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
	))
	defer backend.Close()

	guard := &pingr.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	shared := pingr.NewTransport(guard) // once a process
	for _, account := range []string{"a", "b"} {
		d := &pingr.HTTPDispatcher{URL: backend.URL + "/" + account, Guard: guard, Transport: shared}
		reply, err := d.Dispatch(context.Background(), pingr.Event{Type: pingr.EventSessionConnected})
		fmt.Println(account, reply.Status, err)
	}
	// Output:
	// a 204 <nil>
	// b 204 <nil>
}

func ExampleSign() {
	fmt.Println(pingr.Sign([]byte(`{}`), "whsec_x"))
	// Output: sha256=3b099d0eddf3b9c6f3a6aa28a95120c7f1f1c054121f2f85d5738f1344748b3b
}

func ExampleNewSecret() {
	secret := pingr.NewSecret()
	fmt.Println(strings.HasPrefix(secret, "whsec_"), len(secret))
	// Output: true 50
}

func ExampleNewChallengeCode() {
	fmt.Println(len(pingr.NewChallengeCode()))
	fmt.Println(len(pingr.NewChallengeCode(pingr.ChallengeOptions{Length: 8})))
	// Output:
	// 6
	// 8
}

func ExampleExtractChallengeCode() {
	fmt.Println(pingr.ExtractChallengeCode("Login x4k9mq", "login"))
	fmt.Println(pingr.ExtractChallengeCode("login", "login"))
	// Output:
	// X4K9MQ true
	//  false
}

func ExampleLoginLink() {
	fmt.Println(pingr.LoginLink("+91 98765 43210", "login X4K9MQ"))
	// Output: https://wa.me/919876543210?text=login%20X4K9MQ
}

func ExampleMatch() {
	triggers := []pingr.Trigger{{Phrase: "login", Active: true}, {Phrase: "login help", Active: true}}
	for _, text := range []string{"LOGİN X4K9MQ", "login help", "loginx"} {
		t, ok := pingr.Match(triggers, text)
		fmt.Printf("%q %v\n", t.Phrase, ok)
	}
	// Output:
	// "login" true
	// "login help" true
	// "" false
}

func ExampleNormalize() {
	fmt.Printf("%q\n", pingr.Normalize("  ＬＯＧＩＮ\u200b   now "))
	// Output: "login now"
}

func ExamplePhrases() {
	fmt.Printf("%q\n", pingr.Phrases("Login X4 now"))
	// Output: ["login x4 now" "login x4" "login"]
}

func ExampleCheckPhrase() {
	fmt.Println(pingr.CheckPhrase("hey login"), pingr.CheckPhrase("\u200b"))
	// Output: <nil> phrase must be 1 to 200 characters and contain more than spaces
}

func ExampleCut() {
	fmt.Println(pingr.Cut("flags 🇩🇪🇮🇳", 8))
	fmt.Println(pingr.Cut("flags 🇩🇪🇮🇳", 9), "(no half flags)")
	// Output:
	// flags 🇩🇪
	// flags 🇩🇪 (no half flags)
}

func ExampleStaticReply() {
	fmt.Println(pingr.StaticReply("We know you as {{phone}}.", "919876543210"))
	// Output: We know you as 919876543210.
}

func ExampleParsePhone() {
	fmt.Println(pingr.ParsePhone("+91 98765-43210"))
	fmt.Println(pingr.ParsePhone("call me"))
	// Output:
	// 919876543210 <nil>
	//  phone must be a number with country code, 7 to 15 digits
}

func ExamplePhoneJID() {
	fmt.Println(pingr.PhoneJID("919876543210"))
	// Output: 919876543210@s.whatsapp.net
}

func ExampleHTTPDispatcher() {
	secret := pingr.NewSecret()
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"reply":"Tap to sign in: https://example.test/in/1"}`)
	}))
	defer backend.Close()

	d := &pingr.HTTPDispatcher{URL: backend.URL, Secret: secret}
	reply, err := d.Dispatch(context.Background(), pingr.Event{Type: pingr.EventMessageReceived, ID: "evt_1"})
	fmt.Println(reply.Status, reply.Text, err)
	// Output: 200 Tap to sign in: https://example.test/in/1 <nil>
}

func ExampleGuard_CheckURL() {
	var guard pingr.Guard
	fmt.Println(guard.CheckURL("https://169.254.169.254/latest/meta-data"))
	fmt.Println(guard.CheckURL("https://example.com/webhook"))
	// Output:
	// the endpoint's address 169.254.169.254 is not public; Guard.Allow can allow it
	// <nil>
}

func ExampleCooldownLimit() {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	limit := pingr.CooldownLimit("acc", "919876543210", time.Minute, at)
	refused := &pingr.LimitError{Kind: limit.Kind, Until: limit.Until}
	fmt.Println(limit.Max, refused.RetryAfter(at.Add(13*time.Second)))
	// Output: 1 47
}

func ExampleQuotaLimit() {
	at := time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC)
	fmt.Println(pingr.QuotaLimit("acc", 10_000, at).Until.Format(time.DateOnly))
	// Output: 2027-01-01
}

func ExampleCheckSessionID() {
	fmt.Println(pingr.CheckSessionID("main-login-bot"))
	fmt.Println(pingr.CheckSessionID("Main login bot"))
	// Output:
	// <nil>
	// session id must be 3 to 64 characters: a-z, 0-9, _ and -
}

// The messages of a day are counted, and none is refused.
func ExampleDayLimit() {
	midnight := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	limit := pingr.DayLimit("main", midnight)
	fmt.Println(limit.Key, limit.Max)
	// Output: day/main 0
}
