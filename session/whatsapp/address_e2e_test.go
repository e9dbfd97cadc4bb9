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

// privately returns the forms in which a client's private messages to a person
// went out, with the codes that refused them, such as "number 463".
func (w *world) privately(to *whatsapptest.Phone) (forms []string, ids map[string]bool) {
	ids = map[string]bool{}
	for _, s := range w.server.Ledger().Stanzas() {
		var form string
		switch s.To {
		case to.LID() + "@lid":
			form = "LID"
		case to.Number() + "@s.whatsapp.net":
			form = "number"
		default:
			continue
		}
		if s.Error != 0 {
			form += fmt.Sprint(" ", s.Error)
		}
		forms, ids[s.ID] = append(forms, form), true
	}
	return forms, ids
}

// Whoever has written gets one answer, wherever the two accounts are on WhatsApp's
// way from numbers to LIDs, and whatever it tells of the person.
func TestAnswerReachesWhoeverWrote(t *testing.T) {
	type codes = map[whatsapptest.AddressForm]int
	const (
		lid, number = whatsapptest.ByLID, whatsapptest.ByNumber
		moved       = whatsapptest.Moved
	)
	for _, c := range []struct {
		name    string
		shop    whatsapptest.Move
		person  whatsapptest.PhoneConfig
		refused codes
		first   []string // how the first answer goes out
		then    []string // and the second
	}{
		{name: "by LID", first: []string{"LID"}, then: []string{"LID"}},
		{
			name: "by number", person: whatsapptest.PhoneConfig{Addressing: whatsapptest.NumberFirst},
			first: []string{"number"}, then: []string{"number"},
		},
		{
			name: "by LID alone", person: whatsapptest.PhoneConfig{Addressing: whatsapptest.LIDOnly, Move: moved},
			first: []string{"LID"}, then: []string{"LID"},
		},
		{
			name:   "by number alone",
			person: whatsapptest.PhoneConfig{Addressing: whatsapptest.NumberOnly, Lookup: whatsapptest.LookupNoLID},
			first:  []string{"number"}, then: []string{"number"},
		},
		{
			name: "by LID to who has not moved", shop: whatsapptest.NotMoved,
			first: []string{"LID 400", "number"}, then: []string{"number"},
		},
		{
			name: "by number to who has not moved", shop: whatsapptest.NotMoved,
			person: whatsapptest.PhoneConfig{Addressing: whatsapptest.NumberFirst},
			first:  []string{"number"}, then: []string{"number"},
		},
		{
			name:   "by number, and has moved",
			person: whatsapptest.PhoneConfig{Addressing: whatsapptest.NumberFirst, Move: moved},
			first:  []string{"number 463", "LID"}, then: []string{"LID"},
		},
		{
			name:   "by number alone, and has moved",
			person: whatsapptest.PhoneConfig{Addressing: whatsapptest.NumberOnly, Move: moved},
			first:  []string{"number 463", "LID"}, then: []string{"LID"},
		},
		{name: "by number alone, and no device is found by it", person: whatsapptest.PhoneConfig{
			Addressing: whatsapptest.NumberOnly, Lookup: whatsapptest.LookupNoDevices,
		}, first: []string{"LID"}, then: []string{"LID"}},
		{name: "by number, and no device is found by it", person: whatsapptest.PhoneConfig{
			Addressing: whatsapptest.NumberFirst, Lookup: whatsapptest.LookupNoDevices, Move: moved,
		}, first: []string{"LID"}, then: []string{"LID"}},
		{
			// The token is kept back, because it decides how often the message goes out by LID: see
			// TestLateTokenOfAPersonWhoseLIDIsRefused.
			name: "by LID, which is refused", refused: codes{lid: 463}, person: whatsapptest.PhoneConfig{KeepsTokens: true},
			first: []string{"LID 463", "number"}, then: []string{"number"},
		},
		{
			name: "by LID, which is stale", refused: codes{lid: 421},
			first: []string{"LID 421", "number"}, then: []string{"number"},
		},
		{
			name: "by number, which is stale", refused: codes{number: 421},
			person: whatsapptest.PhoneConfig{Addressing: whatsapptest.NumberFirst},
			first:  []string{"number 421", "LID"}, then: []string{"LID"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.shop.SetMove(c.shop)
			s, _ := w.link("sess_forms")
			in := w.listen(s)
			person := w.server.NewPhone(c.person)
			for form, code := range c.refused {
				person.Refuse(form, code)
			}
			want := c.first
			for i := range 2 {
				_, err := person.Send(t.Context(), w.shop.Number(), "login")
				require.NoError(t, err)
				m := receive(t, in)
				require.NoError(t, s.Send(t.Context(), pingr.Outgoing{
					ID: fmt.Sprint("3EB0F", i), To: m.Sender, Text: fmt.Sprint("answer ", i),
				}))
				seen, err := person.Next(t.Context())
				require.NoError(t, err)
				assert.Equal(t, fmt.Sprint("answer ", i), seen.Text)
				forms, ids := w.privately(person)
				assert.Equal(t, want, forms)
				assert.Len(t, ids, i+1, "both forms are the same message")
				want = append(want, c.then...)
			}
			assert.Equal(t, 2, w.server.Ledger().Visible())
			assert.Empty(t, w.server.Ledger().Unread())
			assert.Zero(t, w.server.Ledger().Undecryptable())
			for _, r := range w.server.Ledger().Replies() {
				assert.Equal(t, 1, r.Copies)
			}
		})
	}
}

// Who has not written is addressed by LID, as WhatsApp Web addresses everybody,
// unless the account is known not to have moved.
func TestFormForAStranger(t *testing.T) {
	for _, c := range []struct {
		name   string
		shop   whatsapptest.Move
		person whatsapptest.PhoneConfig
		went   []string
	}{
		{"one of many", whatsapptest.Moving, whatsapptest.PhoneConfig{Addressing: whatsapptest.NumberFirst}, []string{"LID"}},
		{
			"who has no LID", whatsapptest.Moving,
			whatsapptest.PhoneConfig{Lookup: whatsapptest.LookupNoLID},
			[]string{"number"},
		},
		{
			"who has moved", whatsapptest.Moving,
			whatsapptest.PhoneConfig{Move: whatsapptest.Moved, Lookup: whatsapptest.LookupNoDevices},
			[]string{"LID"},
		},
		{
			"of an account that has not moved, as it was told", whatsapptest.NotMoved,
			whatsapptest.PhoneConfig{},
			[]string{"number"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.shop.SetMove(c.shop)
			s, _ := w.link("sess_forms")
			person := w.server.NewPhone(c.person)
			out := pingr.Outgoing{ID: "3EB0A", To: person.Number() + "@s.whatsapp.net", Text: "hello"}
			require.NoError(t, s.Send(t.Context(), out))
			seen, err := person.Next(t.Context())
			require.NoError(t, err)
			assert.Equal(t, "hello", seen.Text)
			forms, _ := w.privately(person)
			assert.Equal(t, c.went, forms)
		})
	}
	t.Run("who is not on WhatsApp", func(t *testing.T) {
		w := newWorld(t)
		s, _ := w.link("sess_forms")
		for range 2 {
			err := s.Send(t.Context(), pingr.Outgoing{ID: "3EB0A", To: "15550109999@s.whatsapp.net", Text: "hello"})
			require.ErrorIs(t, err, pingr.ErrNotOnWhatsApp)
		}
	})
}

// What one person's message shows of the account holds for others, such as members
// of a group that are answered in private.
func TestFormForAMemberOfAGroup(t *testing.T) {
	w := newWorld(t)
	s, _ := w.link("sess_forms")
	in := w.listen(s)
	w.shop.SetMove(whatsapptest.NotMoved)
	alice := w.server.NewPhone(whatsapptest.PhoneConfig{Addressing: whatsapptest.NumberFirst})
	bob := w.server.NewPhone(whatsapptest.PhoneConfig{})
	group := w.server.NewGroup(whatsapptest.GroupConfig{ByLID: true, Members: []*whatsapptest.Phone{w.shop, bob}})
	_, err := alice.Send(t.Context(), w.shop.Number(), "login")
	require.NoError(t, err)
	receive(t, in)
	_, err = bob.Send(t.Context(), group.ID(), "login")
	require.NoError(t, err)
	m := receive(t, in)
	require.Equal(t, bob.LID()+"@lid", m.Sender)
	require.NoError(t, s.Send(t.Context(), pingr.Outgoing{ID: "3EB0A", To: m.Sender, Text: "hello"}))
	forms, _ := w.privately(bob)
	assert.Equal(t, []string{"number"}, forms)
}

// Answers that a restart interrupted are sent before anybody has written again. One
// refusal shows in which form this account sends.
func TestOneRefusalTeachesTheFormAfterARestart(t *testing.T) {
	w := newWorld(t)
	w.shop.SetMove(whatsapptest.NotMoved)
	s, _ := w.link("sess_forms")
	in := w.listen(s)
	var people []*whatsapptest.Phone
	var jids []string
	for range 3 {
		p := w.server.NewPhone(whatsapptest.PhoneConfig{Addressing: whatsapptest.NumberFirst})
		_, err := p.Send(t.Context(), w.shop.Number(), "login")
		require.NoError(t, err)
		people, jids = append(people, p), append(jids, receive(t, in).Sender)
	}
	require.NoError(t, w.pool.Close())
	w.open()
	s, ok := w.pool.Get("sess_forms")
	require.True(t, ok)
	w.untilState(s, pingr.SessionConnected)
	for i, p := range people {
		require.NoError(t, s.Send(t.Context(), pingr.Outgoing{ID: fmt.Sprint("3EB0", i), To: jids[i], Text: "answer"}))
		forms, _ := w.privately(p)
		want := []string{"number"}
		if i == 0 {
			want = []string{"LID 400", "number"}
		}
		assert.Equal(t, want, forms, i)
	}
}

// A message that is refused in both forms went out once in each, however often it
// is tried.
func TestBothFormsRefused(t *testing.T) {
	for _, c := range []struct {
		name        string
		lid, number int
		is, isNot   error
		forms       []string // after three tries
	}{
		{"for now", 400, 400, pingr.ErrRefused, pingr.ErrNotSent, []string{"LID 400", "number 400", "LID 400", "LID 400"}},
		{"one for good", 400, 463, pingr.ErrNotSent, pingr.ErrRefused, nil},
		{"the other for good", 463, 400, pingr.ErrNotSent, pingr.ErrRefused, nil},
		{
			"one for its form, the other for its pace", 463, 429, pingr.ErrRefused, pingr.ErrNotSent,
			[]string{"LID 463", "number 429", "number 429", "number 429"},
		},
		{"for its pace alone", 429, 0, pingr.ErrRefused, pingr.ErrNotSent, []string{"LID 429", "LID 429", "LID 429"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			s, _ := w.link("sess_forms")
			in := w.listen(s)
			person := w.server.NewPhone(whatsapptest.PhoneConfig{KeepsTokens: true})
			person.Refuse(whatsapptest.ByLID, c.lid)
			person.Refuse(whatsapptest.ByNumber, c.number)
			_, err := person.Send(t.Context(), w.shop.Number(), "login")
			require.NoError(t, err)
			out := pingr.Outgoing{ID: "3EB0A", To: receive(t, in).Sender, Text: "answer"}
			for range 3 {
				err = s.Send(t.Context(), out)
				require.ErrorIs(t, err, c.is)
				require.NotErrorIs(t, err, c.isNot)
				require.NotErrorIs(t, err, pingr.ErrNotOnWhatsApp)
				if c.is == pingr.ErrNotSent { //nolint:errorlint // compares what is expected
					break // the engine never tries again
				}
			}
			if forms, _ := w.privately(person); c.forms != nil {
				assert.Equal(t, c.forms, forms)
			}
			person.Refuse(whatsapptest.ByLID, 0)
			person.Refuse(whatsapptest.ByNumber, 0)
			out.ID = "3EB0B"
			require.NoError(t, s.Send(t.Context(), out))
			_, err = person.Next(t.Context())
			require.NoError(t, err)
			assert.Equal(t, 1, w.server.Ledger().Visible())
		})
	}
}

// A message whose fate is not known is not sent in the other form: it may be there.
func TestUnknownIsNotSentInTheOtherForm(t *testing.T) {
	w := newWorld(t)
	s, device := w.link("sess_forms")
	person := w.server.NewPhone(whatsapptest.PhoneConfig{})
	for _, rule := range []whatsapptest.AckRule{{Lose: true, Times: 1}, {Error: 500, Times: 1}} {
		device.Acks(rule)
		err := s.Send(t.Context(), pingr.Outgoing{ID: "3EB0A", To: person.LID() + "@lid", Text: "answer"})
		require.Error(t, err)
		require.NotErrorIs(t, err, pingr.ErrRefused)
		require.NotErrorIs(t, err, pingr.ErrNotSent)
	}
	forms, _ := w.privately(person)
	assert.Equal(t, []string{"LID", "LID 500"}, forms)
}
