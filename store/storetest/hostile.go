package storetest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

// hostile are strings that strangers may send.
var hostile = []struct{ name, text string }{
	{"NUL", "a\x00b\x00"},
	{"only NUL", "\x00"},
	{"invalid UTF-8", "\xff\xfe\xc0\x80 \xed\xa0\x80"},
	{"quotes", `'"; DROP TABLE firings; --` + "`"},
	{"placeholders", "$1 ? :a @b %s {{phone}} \\"},
	{"line ends", "\r\n\u2028\u2029\v"},
	{"a mebibyte", strings.Repeat("0123456789abcdef", 1<<16)},
	{"right to left, joiners and emoji", "\u202e\u200d👨‍👩‍👧‍👦\U000E0001"},
	{"like a number", "0x10"},
	{"like a JSON document", `{"a":[1,2,{"b":null}]}`},
}

var hostileTests = func() []test {
	tests := make([]test, 0, 3*len(hostile))
	for _, h := range hostile {
		tests = append(tests,
			test{h.name + " in a message", func(t *testing.T, s Store) { hostileMessage(t, s, h.text) }},
			test{h.name + " in an event", func(t *testing.T, s Store) { hostileEvent(t, s, h.text) }},
			test{h.name + " in the operator's own words", func(t *testing.T, s Store) { hostileWords(t, s, h.text) }},
		)
	}
	return tests
}()

func hostileMessage(t *testing.T, s Store, text string) {
	f := firing("a")
	f.Message = pingr.Message{
		ID: text, Chat: text, Sender: text + "@lid", LID: text + "@lid", Type: text, Text: text, Time: t0, Arrived: t0,
	}
	f = accept(t, s, f, free)
	assert.Equal(t, []string{text + "@lid"}, f.Person.LIDs)
	assert.Equal(t, []pingr.Firing{f}, claim(t, s, me, t0))
	again := f
	again.ID = "b"
	known(t, s, again)

	d := decision("a")
	d.Text = text
	d.Limits = []pingr.Limit{{Kind: pingr.Cooldown, Key: "cooldown/acc/" + text, Max: 1, Until: after(60)}}
	got := decide(t, s, d)
	assert.Equal(t, text, got.Text)
	assert.Equal(t, d.Limits, got.Limits)
	refused(t, s.Peek(t.Context(), t0, d.Limits...), pingr.Cooldown, after(60))

	finish(t, s, pingr.Outcome{Firing: "a", At: t0, Kind: pingr.Failed, Release: true})
	require.NoError(t, s.Peek(t.Context(), t0, d.Limits...))
	assert.Empty(t, stands(t, s, "a").Text)
}

func hostileEvent(t *testing.T, s Store, text string) {
	p := pending("a")
	p.Event.Message = &pingr.EventMessage{Text: text, Type: text, ID: text}
	p.Event.From = &pingr.From{Phone: phone, JID: text, LID: text}
	enqueue(t, s, p)
	assert.Equal(t, []pingr.PendingEvent{p}, due(t, s, me, after(5)))
	require.NoError(t, s.Retry(t.Context(), "a", 2, t0))
	assert.Equal(t, p.Event, only(t, due(t, s, me, after(5))).Event)
}

// hostileWords have passed an API that checks them. A store need not keep a NUL
// or invalid UTF-8 in them, and must not break.
func hostileWords(t *testing.T, s Store, text string) {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "")
	tr := login
	tr.Reply = text
	save(t, s, tr)
	got, ok, err := s.FindTrigger(t.Context(), session, pingr.Phrases("login"))
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Equal(t, tr, got)

	r := record(session)
	r.Name, r.Detail = text, text
	require.NoError(t, s.SaveSession(t.Context(), r))
	assert.Equal(t, []pingr.SessionRecord{r}, sessions(t, s))

	d := delivery("a", t0)
	d.URL, d.Error = text, text
	deliver(t, s, d)
	assert.Equal(t, []pingr.Delivery{d}, deliveries(t, s, owner))
}
