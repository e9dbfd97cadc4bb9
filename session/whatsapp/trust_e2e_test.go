//go:build !race

package whatsapp

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/whatsapptest"
)

// Where WhatsApp insists on privacy tokens, whoever writes and gives one is
// answered, however late it comes.
func TestAnswersCarryTheTokensOfPeople(t *testing.T) {
	for _, c := range []struct {
		name   string
		person whatsapptest.PhoneConfig
		late   bool       // the token comes when the first answer was refused
		went   [][]string // any of these
	}{
		{"given on writing", whatsapptest.PhoneConfig{}, false, [][]string{{"LID"}, {"LID 463", "LID"}}},
		{
			"given on writing, by number",
			whatsapptest.PhoneConfig{Addressing: whatsapptest.NumberFirst},
			false,
			[][]string{{"number"}, {"number 463", "LID"}, {"number 463", "LID 463", "LID"}},
		},
		{
			"given on writing, by LID alone",
			whatsapptest.PhoneConfig{Addressing: whatsapptest.LIDOnly},
			false,
			[][]string{{"LID"}, {"LID 463", "LID"}},
		},
		{
			"given on writing, by number alone",
			whatsapptest.PhoneConfig{Addressing: whatsapptest.NumberOnly, Lookup: whatsapptest.LookupNoLID},
			false,
			[][]string{{"number"}, {"number 463", "number"}},
		},
		{
			"given on writing, by number, and moved",
			whatsapptest.PhoneConfig{Addressing: whatsapptest.NumberFirst, Move: whatsapptest.Moved},
			false,
			[][]string{{"number 463", "LID"}, {"number 463", "LID 463", "LID"}},
		},
		{"late", whatsapptest.PhoneConfig{KeepsTokens: true}, true, [][]string{{"LID 463", "LID"}}},
		{
			"late, by number alone",
			whatsapptest.PhoneConfig{KeepsTokens: true, Addressing: whatsapptest.NumberOnly, Lookup: whatsapptest.LookupNoLID},
			true,
			[][]string{{"number 463", "number"}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorldOn(t, whatsapptest.Config{Tokens: whatsapptest.TokensRequired})
			w.pool.timing.token = patience
			s, _ := w.link("sess_tokens")
			in := w.listen(s)
			person := w.server.NewPhone(c.person)
			_, err := person.Send(t.Context(), w.shop.Number(), "login")
			require.NoError(t, err)
			sent := make(chan error, 1)
			to := receive(t, in).Sender
			go func() { sent <- s.Send(t.Context(), pingr.Outgoing{ID: "3EB0T", To: to, Text: "answer"}) }()
			if c.late {
				require.NoError(t, w.server.Ledger().WaitUntil(t.Context(), func(*whatsapptest.Ledger) bool {
					forms, _ := w.privately(person)
					return len(forms) == 1
				}))
				person.GiveToken(w.shop)
			}
			require.NoError(t, receive(t, sent))
			seen, err := person.Next(t.Context())
			require.NoError(t, err)
			assert.Equal(t, "answer", seen.Text)
			forms, ids := w.privately(person)
			assert.Contains(t, c.went, forms)
			assert.Len(t, ids, 1)

			require.NoError(t, s.Send(t.Context(), pingr.Outgoing{ID: "3EB0U", To: to, Text: "again"}))
			after, _ := w.privately(person)
			assert.Len(t, after, len(forms)+1, "the token is there now")
			assert.Zero(t, w.server.Ledger().Undecryptable())
		})
	}
}

// If WhatsApp refuses a LID for its form, a token that comes late makes no difference. The message goes
// out by LID once more, because nobody can know that, and then by number. It is so once for a person.
func TestLateTokenOfAPersonWhoseLIDIsRefused(t *testing.T) {
	w := newWorld(t)
	w.pool.timing.token = patience
	s, _ := w.link("sess_tokens")
	in := w.listen(s)
	person := w.server.NewPhone(whatsapptest.PhoneConfig{KeepsTokens: true})
	person.Refuse(whatsapptest.ByLID, 463)
	_, err := person.Send(t.Context(), w.shop.Number(), "login")
	require.NoError(t, err)
	to := receive(t, in).Sender
	sent := make(chan error, 1)
	go func() { sent <- s.Send(t.Context(), pingr.Outgoing{ID: "3EB0T", To: to, Text: "answer"}) }()
	require.NoError(t, w.server.Ledger().WaitUntil(w.within(), func(*whatsapptest.Ledger) bool {
		forms, _ := w.privately(person)
		return len(forms) == 1
	}))
	person.GiveToken(w.shop)
	require.NoError(t, receive(t, sent))
	forms, ids := w.privately(person)
	assert.Equal(t, []string{"LID 463", "LID 463", "number"}, forms)
	assert.Len(t, ids, 1)
	require.NoError(t, s.Send(t.Context(), pingr.Outgoing{ID: "3EB0U", To: to, Text: "again"}))
	forms, _ = w.privately(person)
	assert.Equal(t, "number", forms[3])
	require.NoError(t, w.server.Ledger().WaitUntil(w.within(), func(l *whatsapptest.Ledger) bool {
		return l.Visible() == 2
	}))
}

// What the phone knows from before the link counts: tokens of people who write
// again within the week, and the salt for people who have given none.
func TestTokensFromBeforeTheLink(t *testing.T) {
	for name, salt := range map[string][]byte{"token": nil, "salt": []byte("0123456789abcdef0123456789abcdef")} {
		t.Run(name, func(t *testing.T) {
			w := newWorldOn(t, whatsapptest.Config{Tokens: whatsapptest.TokensRequired})
			w.shop = w.server.NewPhone(whatsapptest.PhoneConfig{Salt: salt})
			person := w.server.NewPhone(whatsapptest.PhoneConfig{KeepsTokens: salt != nil})
			_, err := person.Send(t.Context(), w.shop.Number(), "before")
			require.NoError(t, err)
			s, device := w.link("sess_tokens")
			require.NoError(t, device.WaitQueueEmpty(w.within()))
			in := w.listen(s)
			for i := range 2 {
				_, err = person.Send(t.Context(), w.shop.Number(), "login")
				require.NoError(t, err)
				require.NoError(t, s.Send(t.Context(), pingr.Outgoing{
					ID: fmt.Sprint("3EB0T", i), To: receive(t, in).Sender, Text: "answer",
				}))
				require.NoError(t, w.pool.Close())
				w.open()
				s, _ = w.pool.Get("sess_tokens")
				w.untilState(s, pingr.SessionConnected)
				in = w.listen(s)
			}
			forms, _ := w.privately(person)
			assert.Equal(t, []string{"LID", "LID"}, forms)
		})
	}
}

// Without a token there is no answer, and what is refused is not repeated: once in
// each form to who wrote, and once to a stranger.
func TestWithoutATokenNothingIsRepeated(t *testing.T) {
	w := newWorldOn(t, whatsapptest.Config{Tokens: whatsapptest.TokensRequired})
	s, _ := w.link("sess_tokens")
	in := w.listen(s)
	person, stranger := w.server.NewPhone(whatsapptest.PhoneConfig{KeepsTokens: true}), w.server.NewPhone(
		whatsapptest.PhoneConfig{},
	)
	_, err := person.Send(t.Context(), w.shop.Number(), "login")
	require.NoError(t, err)
	receive(t, in)
	for p, want := range map[*whatsapptest.Phone][]string{person: {"LID 463", "number 463"}, stranger: {"LID 463"}} {
		err := s.Send(t.Context(), pingr.Outgoing{
			ID: "3EB0" + p.Number(), To: p.Number() + "@s.whatsapp.net", Text: "answer",
		})
		require.ErrorIs(t, err, pingr.ErrNotSent)
		require.NotErrorIs(t, err, pingr.ErrNotOnWhatsApp)
		forms, _ := w.privately(p)
		assert.Equal(t, want, forms)
	}
}
