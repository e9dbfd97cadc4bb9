package dashboard

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/server/api"
)

func TestTheLanguageIsTheChosenOneElseTheBrowsers(t *testing.T) {
	for _, tt := range []struct{ cookie, accept, want string }{
		{"", "", "en"},
		{"", "en-GB,pt;q=0.5", "en"},
		{"", "pt-BR,pt;q=0.9,en;q=0.8", "pt-BR"},
		{"", "pt-PT", "pt-BR"},
		{"", "pt", "pt-BR"},
		{"", "de,pt;q=0.5", "pt-BR"},
		{"", "zh-CN,zh", "en"},
		{"", "*", "en"},
		{"", "not a language;;;q=", "en"},
		{"en", "pt-BR", "en"},
		{"pt-BR", "en", "pt-BR"},
		{"xx", "pt-BR", "pt-BR"},
		{"", "es-MX,es;q=0.9", "es"},
		{"", "es-419", "es"},
		{"", "hi-IN,en;q=0.5", "hi"},
		{"", "ar-EG", "ar"},
		{"", "fr-CA,fr;q=0.8,en;q=0.5", "fr"},
		{"", "id-ID,id;q=0.9,en;q=0.8", "id"},
		{"../..", "", "en"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		if tt.accept != "" {
			r.Header.Set("Accept-Language", tt.accept)
		}
		if tt.cookie != "" {
			r.AddCookie(&http.Cookie{Name: languageCookie, Value: tt.cookie})
		}
		assert.Equal(t, tt.want, localeOf(r).tag, "%+v", tt)
	}
}

func TestTheRightToLeftLanguagesAreThose(t *testing.T) {
	for _, l := range locales {
		assert.Equal(t, map[string]string{"ar": "rtl"}[l.tag] == "rtl", l.dir() == "rtl", l.tag)
	}
}

// As the browser's Intl writes them in each language.
func TestNumbersAreWrittenAsTheLanguageDoes(t *testing.T) {
	for tag, want := range map[string][]string{
		"en": {"0", "999", "1,234", "1,234,567", "99.5 %", "1.5 ms", "12.3 s", "$0.0035", "$1,234.05"},
		"es": {"0", "999", "1234", "1.234.567", "99,5\u00a0%", "1,5 ms", "12,3 s", "0,0035\u00a0US$", "1234,05\u00a0US$"},
		"hi": {"0", "999", "1,234", "12,34,567", "99.5%", "1.5 ms", "12.3 s", "$0.0035", "$1,234.05"},
		"ar": {"0", "999", "1,234", "1,234,567", "99.5%", "1.5 ms", "12.3 s", "US$\u00a00.0035", "US$\u00a01,234.05"},
		"fr": {
			"0", "999", "1\u202f234", "1\u202f234\u202f567", "99,5\u00a0%", "1,5 ms", "12,3 s", "0,0035\u00a0$US",
			"1\u202f234,05\u00a0$US",
		},
		"id":    {"0", "999", "1.234", "1.234.567", "99,5%", "1,5 ms", "12,3 s", "US$\u00a00,0035", "US$\u00a01.234,05"},
		"pt-BR": {"0", "999", "1.234", "1.234.567", "99,5%", "1,5 ms", "12,3 s", "US$\u00a00,0035", "US$\u00a01.234,05"},
	} {
		l := localeByTag(tag)
		require.NotNil(t, l, tag)
		assert.Equal(t, want, []string{
			l.grouped(0), l.grouped(999), l.grouped(1234), l.grouped(1_234_567), l.percentage(995, 1000),
			l.took(1500 * time.Microsecond), l.took(12_300 * time.Millisecond), l.dollars(3500), l.dollars(1_234_050_000),
		}, tag)
	}
}

func TestCountsTakeTheLanguagesPlural(t *testing.T) {
	for _, tt := range []struct {
		tag  string
		n    float64
		want string
	}{
		{"en", 1, "one"},
		{"en", 0, ""},
		{"en", 2, ""},
		{"en", 0.5, ""},
		{"en", 1.5, ""},
		{"pt-BR", 0, "one"},
		{"pt-BR", 1, "one"},
		{"pt-BR", 0.5, "one"},
		{"pt-BR", 2, ""},
		{"ar", 0, "zero"},
		{"ar", 1, "one"},
		{"ar", 2, "two"},
		{"ar", 3, "few"},
		{"ar", 11, "many"},
		{"ar", 100, ""},
		{"ar", 0.5, ""},
	} {
		assert.Equal(t, tt.want, pluralForm(tt.tag, tt.n), "%v in %s", tt.n, tt.tag)
	}
	l := localeByTag("pt-BR")
	assert.Equal(t, "1 mensagem acima do plano: X até agora.", l.N("usage.overage", 1, "1", "X"))
	assert.Equal(t, "2 mensagens acima do plano: X até agora.", l.N("usage.overage", 2, "2", "X"))
	l = localeByTag("ar")
	assert.Equal(t, "رسالتان (\u20682\u2069) فوق الخطة: \u2068X\u2069 حتى الآن.", l.N("usage.overage", 2, "2", "X"))
	assert.Equal(t, "\u20683\u2069 رسائل فوق الخطة: \u2068X\u2069 حتى الآن.", l.N("usage.overage", 3, "3", "X"))
	assert.Equal(t, "2 messages over the plan: X so far.", locales[0].N("usage.overage", 2, "2", "X"))
}

func TestWhatALanguageLacksIsSaidInEnglish(t *testing.T) {
	bare := &locale{tag: "xx", texts: map[string]string{"save": "Xave"}}
	assert.Equal(t, "Xave", bare.T("save"))
	assert.Equal(t, english["cancel"], bare.T("cancel"))
	assert.Equal(t, "Plan: free", bare.T("nav.plan", "free"))
}

// A number in a sentence that runs the other way stays in one piece.
func TestArgumentsAreIsolatedFromRightToLeft(t *testing.T) {
	bare := &locale{tag: "xx", rtl: true, texts: map[string]string{}}
	assert.Equal(t, "\u2068+15550200000\u2069 is linked", bare.T("link.done", "+15550200000"))
	assert.Equal(t, "1 of 4", bare.T("checklist.done", 1, 4))
}

// Outside English, the server's words are said by their reason, sentence or code.
func TestWhatTheServerSaysIsTranslated(t *testing.T) {
	v := &visit{locale: localeByTag("pt-BR")}
	for _, tt := range []struct {
		status pingr.SessionState
		reason int
		detail string
		want   string
	}{
		{
			pingr.SessionLoggedOut, 401, "The phone unlinked this device. Link it again.",
			"O telefone desvinculou este dispositivo. Conecte de novo.",
		},
		{
			pingr.SessionDisconnected, 503, "WhatsApp refused the connection (503). Pingr keeps trying.",
			"A conexão com o WhatsApp caiu. O Pingr está reconectando.",
		},
		{
			pingr.SessionDisconnected, 440, "An older sentence.",
			"Outro programa se conectou com as chaves desta sessão. Pare-o e reconecte.",
		},
		{
			pingr.SessionRestricted, 402,
			"WhatsApp banned the number until 2026-11-30 10:00 UTC. " +
				"Reconnect then, and send fewer messages to people who did not text first.",
			"O WhatsApp baniu o número até 2026-11-30 10:00 UTC. " +
				"Reconecte depois disso e envie menos mensagens a quem não escreveu primeiro.",
		},
		{pingr.SessionRestricted, 999, "What nobody foresaw.", "What nobody foresaw."},
		{pingr.SessionConnecting, 0, "", ""},
	} {
		assert.Equal(t, tt.want, v.detail(session{Status: tt.status, Reason: tt.reason, Detail: tt.detail}))
		assert.Equal(t, tt.detail,
			(&visit{locale: locales[0]}).detail(session{Status: tt.status, Reason: tt.reason, Detail: tt.detail}))
	}
	for _, tt := range []struct {
		api.ProblemDetail
		want string
	}{
		{
			api.ProblemDetail{Code: api.InvalidKey, Message: "The email or password is wrong."},
			"O e-mail ou a senha está errado.",
		},
		{
			api.ProblemDetail{
				Code: api.MissingParam, Message: "phone: phone must be a number with country code, 7 to 15 digits",
			},
			"O número: precisa ser um número com código do país, de 7 a 15 dígitos",
		},
		{
			api.ProblemDetail{Code: api.MissingParam, Message: "reply_message: has 1200 characters; at most 1000 are allowed"},
			"Resposta: has 1200 characters; at most 1000 are allowed",
		},
		{
			api.ProblemDetail{Code: api.RateLimit, Message: "Too many requests. Try again in 7s.", RetryAfter: 7},
			"Solicitações demais. Tente de novo em 7 s.",
		},
		{api.ProblemDetail{Code: api.Conflict, Message: "A new sentence."}, "Isso entra em conflito com o que já existe."},
		{api.ProblemDetail{Code: "unheard_of", Message: "A new sentence."}, "A new sentence."},
		{api.ProblemDetail{Message: "Uma frase da própria página."}, "Uma frase da própria página."},
	} {
		assert.Equal(t, tt.want, v.shown(&Problem{ProblemDetail: tt.ProblemDetail}))
	}
	assert.Equal(t, "A new sentence.", (&visit{locale: locales[0]}).shown(&Problem{
		ProblemDetail: api.ProblemDetail{Code: api.Conflict, Message: "A new sentence."},
	}))
}
