package pingr

import (
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzMatch(f *testing.F) {
	for _, s := range []string{
		"login X4", "LOGİN", "ｌｏｇｉｎ", "lo\u200bgin", "\xff", "ꭰ Ꭰ", "a\u0307\u0345", strings.Repeat("a ", 300),
	} {
		f.Add(s, "login")
	}
	f.Fuzz(func(t *testing.T, text, phrase string) {
		once := Normalize(text)
		if Normalize(once) != once {
			t.Fatalf("normalizing %q twice changes it", text)
		}
		if !utf8.ValidString(once) || strings.Contains(once, "  ") || strings.TrimSpace(once) != once {
			t.Fatalf("%q normalizes to %q", text, once)
		}
		for _, p := range Phrases(text) {
			if p == "" || utf8.RuneCountInString(p) > MaxPhrase {
				t.Fatalf("phrases of %q: %q", text, Phrases(text))
			}
		}
		if CheckPhrase(phrase) == nil && len(phrase)+1+len(text) < maxMatched {
			if _, ok := Match([]Trigger{{Phrase: phrase, Active: true}}, phrase+" "+text); !ok &&
				Normalize(phrase+" "+text) == Normalize(phrase)+" "+once {
				t.Fatalf("%q does not fire for itself and %q", phrase, text)
			}
		}
	})
}

func FuzzExtract(f *testing.F) {
	for _, text := range []string{
		"login X4K9MQ", "*Login:* \"x4k9mq\".", "login\n- x4 \U0001F64F\nAnn", "login:x", "login !",
	} {
		f.Add(text, "login")
	}
	f.Add("ANMELDÜNG x4", "anmeldüng")
	f.Fuzz(func(t *testing.T, text, trigger string) {
		code, ok := ExtractChallengeCode(text, trigger)
		if ok != (code != "") || code != strings.ToUpper(strings.TrimSpace(code)) {
			t.Fatalf("code %q, %v", code, ok)
		}
		if _, fires := Match([]Trigger{{Phrase: trigger, Active: true}}, text); ok && !fires && CheckPhrase(trigger) == nil &&
			len(text) < maxMatched {
			t.Fatalf("%q gives the code %q and does not fire %q", text, code, trigger)
		}
	})
}

func FuzzVerify(f *testing.F) {
	body := []byte(`{"event":"message.received","timestamp":1714825320000}`)
	f.Add(body, Sign(body, testSecret))
	f.Add([]byte(`{"from":{"group_jid":null}}`), "sha256=")
	f.Fuzz(func(t *testing.T, body []byte, signature string) {
		if _, err := VerifyWebhook(body, signature, testSecret, VerifyOptions{SkipTimestamp: true}); err == nil &&
			signature != Sign(body, testSecret) {
			t.Fatalf("accepted %q", signature)
		}
		_, _ = VerifyWebhook(body, Sign(body, testSecret), testSecret) // signed by us, whatever it is: no panic
	})
}

func FuzzReply(f *testing.F) {
	f.Add("application/json", "", []byte(`{"reply":"hi"}`))
	f.Add("application/json; charset=utf-8", "identity", []byte(`{"reply":"\ud83d"}`))
	f.Fuzz(func(t *testing.T, contentType, coding string, body []byte) {
		text, why := answer{http.Header{"Content-Type": {contentType}, "Content-Encoding": {coding}}, body}.reply()
		if !utf8.ValidString(text) || utf8.RuneCountInString(text) > MaxText || text != "" && why != "" || why != "" &&
			why.Description() == "" {
			t.Fatalf("reply %q, %q", text, why)
		}
	})
}

func FuzzCut(f *testing.F) {
	f.Add("a\U0001F468\u200D\U0001F469\u200D\U0001F467b", 3)
	f.Add("\xff🇩🇪", 1)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit = 1 + max(limit, -limit, 0)%5000
		cut := Cut(text, limit)
		if !utf8.ValidString(cut) || utf8.RuneCountInString(cut) > limit ||
			!strings.HasPrefix(strings.ToValidUTF8(text, "\uFFFD"), cut) {
			t.Fatalf("Cut(%q, %d) = %q", text, limit, cut)
		}
		if cut == "" && text != "" {
			t.Fatalf("Cut(%q, %d) is empty", text, limit)
		}
		if Cut(cut, limit) != cut {
			t.Fatalf("cutting %q twice changes it", text)
		}
	})
}

func FuzzPhone(f *testing.F) {
	for _, s := range []string{"+91 98765-43210", "919876543210@s.whatsapp.net", "1@lid", "(49)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if phone, err := ParsePhone(s); err == nil {
			if again, err := ParsePhone(phone); err != nil || again != phone {
				t.Fatalf("%q gives %q, which gives %q", s, phone, again)
			}
		}
	})
}
