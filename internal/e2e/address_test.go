//go:build !race

package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/whatsapptest"
)

// WhatsApp moves accounts from numbers to LIDs. Everybody gets one answer, however far the move of
// either account is.
func TestAnswersAcrossTheMoveToLIDs(t *testing.T) {
	s := open(t, pingr.Settings{})
	answered := 0
	// write makes one person of each kind write, and waits for all answers.
	write := func(move whatsapptest.Move, lookups ...whatsapptest.Lookup) {
		t.Helper()
		for _, addressing := range []whatsapptest.Addressing{
			whatsapptest.LIDFirst, whatsapptest.NumberFirst, whatsapptest.NumberOnly,
		} {
			for _, lookup := range lookups {
				p := s.whatsapp.NewPhone(whatsapptest.PhoneConfig{Addressing: addressing, Move: move, Lookup: lookup})
				_, err := p.Send(t.Context(), s.phone.Number(), "login X4K9MQ")
				require.NoError(t, err)
				answered++
			}
		}
		require.NoError(t, s.whatsapp.Ledger().WaitReplies(in(t, 30*time.Second), answered))
	}
	write(whatsapptest.Moving, whatsapptest.LookupAll, whatsapptest.LookupNoLID, whatsapptest.LookupNoDevices)
	write(whatsapptest.Moved, whatsapptest.LookupAll, whatsapptest.LookupNoDevices)
	s.phone.SetMove(whatsapptest.NotMoved)
	write(whatsapptest.Moving, whatsapptest.LookupAll, whatsapptest.LookupNoLID)

	answers := map[string]int{}
	for _, r := range s.whatsapp.Ledger().Replies() {
		assert.True(t, r.Visible)
		assert.Equal(t, 1, r.Copies, "nobody got it twice")
		answers[r.To]++
	}
	for _, p := range s.whatsapp.Phones() {
		if p != s.phone {
			assert.Equal(t, 1, answers[p.Number()])
			assert.Len(t, p.Messages(), 1)
		}
	}
	assert.Zero(t, s.whatsapp.Ledger().Undecryptable())
}
