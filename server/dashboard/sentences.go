package dashboard

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/heypingr/pingr"
)

// What the server says is English. These functions say it in the reader's
// language: a session's state by its reason, a refusal by its sentence or its
// code. In English the server's own words are shown, which may say more.

// banEnd is how the server writes when a ban ends.
var banEnd = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d UTC`)

// detail returns what is wrong with a session and what to do.
func (v *visit) detail(s session) string {
	if s.Detail == "" || v.locale == locales[0] {
		return s.Detail
	}
	if until := banEnd.FindString(s.Detail); until != "" {
		return v.T("detail.banned_until", until)
	}
	for _, key := range []string{"detail." + strconv.Itoa(s.Reason), "detail." + string(s.Status)} {
		if _, known := english[key]; known {
			return v.T(key)
		}
	}
	return s.Detail
}

// noReply returns why an answer gave no reply, or "".
func (v *visit) noReply(reason *pingr.NoReply) string {
	if reason == nil {
		return ""
	}
	why := reason.Description()
	if why != "" {
		why = v.T("no_reply." + string(*reason))
	}
	return v.T("deliveries.no_reply", why)
}

// sentenceKeys are the keys of the server's sentences that have a translation.
var sentenceKeys = keysOfSentences()

func keysOfSentences() map[string]string {
	keys := map[string]string{}
	for key, text := range english {
		if strings.HasPrefix(key, "problem.") && !strings.HasPrefix(key, "problem.code.") {
			keys[text] = key
		}
	}
	return keys
}

// sentence returns a sentence of the server in the reader's language. ok is
// false for one that is not known.
func (v *visit) sentence(text string) (_ string, ok bool) {
	key, ok := sentenceKeys[text]
	if !ok {
		return text, false
	}
	return v.T(key), true
}

// wrong returns what is wrong with an endpoint's address.
func (v *visit) wrong(err error) string {
	text, _ := v.sentence(err.Error())
	return text
}

// shown returns a refusal with the parameter named as on the page.
func (v *visit) shown(p *Problem) string {
	name, rest, parameter := strings.Cut(p.Message, ": ")
	key, known := fieldNames[name]
	if !parameter || !known {
		return v.refusal(p)
	}
	if text, ok := v.sentence(rest); ok && v.locale != locales[0] {
		return v.T(key) + ": " + text
	}
	if after, again := strings.CutPrefix(rest, name+" "); again {
		return v.T(key) + " " + after
	}
	return v.T(key) + ": " + rest
}

// refusal returns a refusal that names no parameter: by its sentence, else by
// its code.
func (v *visit) refusal(p *Problem) string {
	text, ok := v.sentence(p.Message)
	if ok || v.locale == locales[0] || p.Code == "" {
		return text
	}
	if p.RetryAfter > 0 && p.Code == "rate_limit" {
		return v.T("problem.code.wait", p.RetryAfter)
	}
	key := "problem.code." + string(p.Code)
	if _, known := english[key]; !known {
		return text
	}
	return v.T(key)
}
