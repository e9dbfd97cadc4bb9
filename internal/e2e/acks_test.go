//go:build !race

package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/whatsapptest"
)

// WhatsApp refuses a reply once, twice or always. The ledger shows what the person saw, and under how
// many ids. The store shows what it cost.
func TestRefusedReplies(t *testing.T) {
	const always = 0
	s := openWith(t, pingr.Config{ReplyDeadline: 8 * time.Second})
	type refused struct {
		code, times int
		person      *whatsapptest.Phone
		number      *whatsapptest.Phone
	}
	var all []refused
	for _, code := range []int{400, 403, 404, 421, 429, 463, 475, 479, 500, 503} {
		for _, times := range []int{1, 2, always} {
			number, device := s.another(fmt.Sprintf("sess_%d_%d", code, times))
			device.Acks(whatsapptest.AckRule{Error: code, Times: times})
			all = append(all, refused{code, times, s.whatsapp.NewPhone(whatsapptest.PhoneConfig{KeepsTokens: true}), number})
		}
	}
	for _, r := range all {
		_, err := r.person.Send(t.Context(), r.number.Number(), "login X4K9MQ")
		require.NoError(t, err)
	}
	ledger := s.whatsapp.Ledger()
	shown := 0
	for _, r := range all {
		if r.times != always && (r.code != 463 || r.times == 1) {
			shown++
		}
	}
	require.NoError(t, ledger.WaitReplies(in(t, 30*time.Second), shown))
	require.Eventually(t, func() bool { return s.ended.Load() == int64(len(all)) }, 30*time.Second, 50*time.Millisecond)

	for _, r := range all {
		t.Run(fmt.Sprintf("%d, %d times", r.code, r.times), func(t *testing.T) {
			ids, tries := map[string]bool{}, 0
			for _, stanza := range ledger.Stanzas() {
				if jid := stanza.Device; !stanza.Peer && sentBy(jid, r.number) {
					ids[stanza.ID] = true
					tries++
				}
			}
			visible := 0
			for _, reply := range ledger.Replies() {
				if reply.To == r.person.Number() && reply.Visible {
					visible++
				}
			}
			taken, err := s.store.LimitTaken(t.Context(), time.Now(),
				pingr.CooldownLimit(account, r.person.Number(), time.Minute, time.Now()).Key)
			require.NoError(t, err)

			assert.Len(t, ids, 1, "every try is the same message")
			switch {
			case r.code == 463 && r.times != 1:
				assert.Equal(t, 2, tries, "once by LID and once by number: no token comes, and nothing is repeated")
				assert.Zero(t, visible)
				assert.Zero(t, taken, "nobody saw it: the limits are given back")
			case r.times == always && r.code >= 500:
				assert.Greater(t, tries, 2)
				assert.Zero(t, visible)
				assert.Equal(t, int64(1), taken, "it may have been seen, for all that we know")
			case r.times == always:
				assert.Greater(t, tries, 2)
				assert.LessOrEqual(t, tries, 5, "the pauses grow, and the other form of address is tried once")
				assert.Zero(t, visible)
				assert.Zero(t, taken, "nobody saw it: the limits are given back")
			default:
				assert.Equal(t, r.times+1, tries)
				assert.Equal(t, 1, visible)
				assert.Equal(t, int64(1), taken)
			}
		})
	}
}

// sentBy reports whether a linked device is one of the number's.
func sentBy(device string, number *whatsapptest.Phone) bool {
	for _, d := range number.Devices() {
		if d.JID() == device {
			return true
		}
	}
	return false
}
