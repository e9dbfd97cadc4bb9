package sessiontest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

func textInReplyOut(t *testing.T, h Harness) {
	in := listen(t, h.Session(), nil)
	alice := h.Phone(t, PhoneConfig{})

	// A stranger's very first message, as a prefilled link sends it.
	id := alice.Send(t, Message{Text: "login X4K9MQ"})
	m := in.one(t)
	assert.Equal(t, "login X4K9MQ", m.Text)
	assert.Equal(t, id, m.ID)
	assert.Contains(t, []string{"", "text"}, m.Type)
	assert.Equal(t, alice.Number(), m.Phone)
	assert.False(t, m.InGroup())
	assert.WithinDuration(t, time.Now(), m.Time, time.Minute)

	send(t, h.Session(), pingr.Outgoing{ID: "3EB0REPLY", To: m.Sender, Text: "Here is your link"})
	r := next(t, alice)
	assert.Equal(t, Reply{ID: "3EB0REPLY", Text: "Here is your link"}, r)
}

func whoWrote(t *testing.T, h Harness) {
	for _, c := range []struct {
		name   string
		config PhoneConfig
	}{
		{"by number", PhoneConfig{}},
		{"by LID", PhoneConfig{ByLID: true}},
		{"number hidden", PhoneConfig{Hidden: true}},
		{"from WhatsApp Web", PhoneConfig{Web: true}},
		{"from WhatsApp Web by LID", PhoneConfig{Web: true, ByLID: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.config.ByLID {
				needs(t, h, ByLID)
			}
			if c.config.Hidden {
				needs(t, h, Hidden)
			}
			in := listen(t, h.Session(), nil)
			p := h.Phone(t, c.config)
			p.Send(t, Message{Text: "hi"})
			m := in.one(t)

			user, server, ok := strings.Cut(m.Sender, "@")
			require.True(t, ok, "Sender is a JID")
			assert.Regexp(t, `^\d+$`, user, "Sender is bare: no device part")
			assert.Contains(t, []string{"s.whatsapp.net", "lid"}, server)
			assert.Equal(t, m.Sender, m.Chat, "a direct message's chat is its sender")
			if c.config.Hidden {
				assert.Empty(t, m.Phone, "a number that is not known stays empty")
			} else {
				assert.Equal(t, p.Number(), m.Phone)
			}
			if lid := p.LID(); lid != "" {
				assert.NotEqual(t, lid, m.Phone, "a LID's digits are nobody's number")
				if c.config.ByLID || c.config.Hidden {
					assert.Equal(t, lid+"@lid", m.LID)
				}
			}

			// A reply to the sender's name arrives, whichever name that is.
			send(t, h.Session(), pingr.Outgoing{ID: "3EB0TO" + m.ID, To: m.Sender, Text: "hi yourself"})
			assert.Equal(t, "hi yourself", next(t, p).Text)
		})
	}
}

func forms(t *testing.T, h Harness) {
	for form, kind := range map[Form]string{
		Plain:           "text",
		Extended:        "text",
		Ephemeral:       "text",
		Forwarded:       "text",
		ImageCaption:    "image",
		VideoCaption:    "video",
		DocumentCaption: "document",
	} {
		t.Run(fmt.Sprintf("%q", form), func(t *testing.T) {
			needs(t, h, form)
			in := listen(t, h.Session(), nil)
			p := h.Phone(t, PhoneConfig{})
			p.Send(t, Message{Text: "login", Form: form})
			m := in.one(t)
			assert.Equal(t, "login", m.Text)
			if m.Type == "" {
				m.Type = "text"
			}
			assert.Equal(t, kind, m.Type)
			assert.Equal(t, form == Forwarded, m.Forwarded)
		})
	}
}

func notForUs(t *testing.T, h Harness) {
	in := listen(t, h.Session(), nil)
	p := h.Phone(t, PhoneConfig{})
	for _, form := range []Form{Reaction, Edit, Revoke, Status, Newsletter, Own, History} {
		if can(t, h, form) {
			p.Send(t, Message{Text: "login", Form: form})
		}
	}
	// The network keeps the order, so every message that had to come has come.
	last := p.Send(t, Message{Text: "this one counts"})
	assert.Equal(t, last, in.one(t).ID)
}

func group(t *testing.T, h Harness) {
	needs(t, h, InGroup)
	byNumberAndLID(t, h, groupOf)
}

// byNumberAndLID runs a case for people under either name.
func byNumberAndLID(t *testing.T, h Harness, run func(*testing.T, Harness, PhoneConfig)) {
	t.Run("by number", func(t *testing.T) { run(t, h, PhoneConfig{}) })
	t.Run("by LID", func(t *testing.T) {
		needs(t, h, ByLID)
		run(t, h, PhoneConfig{ByLID: true})
	})
}

func groupOf(t *testing.T, h Harness, c PhoneConfig) {
	in := listen(t, h.Session(), nil)
	alice, bob := h.Phone(t, c), h.Phone(t, PhoneConfig{})
	jid := h.Group(t, alice, bob)

	alice.Send(t, Message{Text: "login", Group: jid})
	m := in.one(t)
	assert.True(t, m.InGroup())
	assert.Equal(t, jid, m.Chat)
	assert.Equal(t, alice.Number(), m.Phone)
	assert.NotEqual(t, jid, m.Sender)

	// A reply to the sender is private.
	send(t, h.Session(), pingr.Outgoing{ID: "3EB0PRIVATE" + m.ID, To: m.Sender, Text: "for you alone"})
	assert.Equal(t, "for you alone", next(t, alice).Text)
	// A reply to the chat is for all members.
	send(t, h.Session(), pingr.Outgoing{ID: "3EB0ALL" + m.ID, To: m.Chat, Text: "for all"})
	assert.Equal(t, "for all", next(t, alice).Text)
	r := next(t, bob)
	if r.ID == m.ID {
		r = next(t, bob) // networks where members see each other
	}
	assert.Equal(t, "for all", r.Text, "and Bob never saw the private one")
}

func offline(t *testing.T, h Harness) {
	in := listen(t, h.Session(), nil)
	alice := h.Phone(t, PhoneConfig{})
	before := alice.Send(t, Message{Text: "before"})
	in.wait(t, 1)

	h.Cut(t)
	old := time.Now().Add(-13 * 24 * time.Hour).Truncate(time.Second)
	alice.Send(t, Message{Text: "long ago", At: old})
	alice.Send(t, Message{Text: "just now"})
	in.one(t) // without a link, nothing comes
	h.Restore(t)

	var got []pingr.Message
	for n := 3; len(got) < 2; n++ {
		// A message that was not acknowledged when the link broke comes again.
		got = slices.DeleteFunc(in.wait(t, n), func(m pingr.Message) bool { return m.ID == before })
	}
	require.Len(t, got, 2)
	assert.Equal(t, "long ago", got[0].Text)
	assert.WithinDuration(t, old, got[0].Time, time.Second)
	assert.Equal(t, "just now", got[1].Text)
	for _, m := range got {
		assert.WithinDuration(t, time.Now(), m.Arrived, time.Minute, "it arrived now, whenever it was sent")
	}
}

func hostileTexts(t *testing.T, h Harness) {
	in := listen(t, h.Session(), nil)
	alice := h.Phone(t, PhoneConfig{})
	texts := []string{
		"a\x00b",
		"\xff\xfe login \xc3",
		"\u202elogin\u200b",
		strings.Repeat("x", 64<<10),
		" ",
	}
	alice.Send(t, Message{Text: ""}) // it contains nothing to pass on
	for _, text := range texts {
		alice.Send(t, Message{Text: text})
	}
	alice.Send(t, Message{Text: "done"})
	got := in.wait(t, len(texts)+1)
	for i, text := range texts {
		assert.Equalf(t, text, got[i].Text, "text %d", i)
	}
	assert.Len(t, got, len(texts)+1)
}
