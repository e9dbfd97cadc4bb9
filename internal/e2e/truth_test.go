//go:build !race

package e2e

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/whatsapptest"
)

// Some histories of hidden, changed and recycled numbers through real clients,
// judged by the server's own truth; go test . -run TenThousand has many more.
func TestHistoriesOnTheWire(t *testing.T) {
	var ahead atomic.Int64 // of the machine's clock
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	s := openAt(t, pingr.Config{
		Now: now, Settings: pingr.Settings{HiddenNumbers: pingr.HiddenPass, Cooldown: -1},
	}, now)
	wait := func(d time.Duration) { ahead.Add(int64(d)) }
	hidden := 0
	for i := range 300 {
		r := rand.New(rand.NewPCG(uint64(i), 2))
		numbers := []string{fmt.Sprintf("49150%05d0", i), fmt.Sprintf("49150%05d1", i), fmt.Sprintf("49150%05d2", i)}
		ada := s.whatsapp.NewPhone(whatsapptest.PhoneConfig{Number: numbers[0]})
		bob := s.whatsapp.NewPhone(whatsapptest.PhoneConfig{Number: numbers[1]})
		persons := map[string]string{} // LIDs by person
		speak := func(p *whatsapptest.Phone) {
			before := len(s.backend.heard())
			s.says(p, whatsapptest.Outgoing{Text: "login X4K9MQ"})
			from := s.backend.heard()[before].From
			if from.Phone == "" {
				hidden++
			} else {
				assert.Equal(t, p.Number(), from.Phone, "history %d", i)
			}
			if lid, known := persons[from.Person]; known {
				assert.Equal(t, lid, p.LID(), "history %d", i)
			}
			persons[from.Person] = p.LID()
		}
		speak(ada)
		if r.IntN(2) == 0 {
			speak(bob)
		}
		ada.SetUsername("ada")
		wait(time.Duration(r.IntN(48)) * time.Hour)
		require.NoError(t, ada.ChangeNumber(numbers[2]))
		wait(time.Duration(25+r.IntN(1000)) * time.Hour)
		require.NoError(t, bob.ChangeNumber(numbers[0])) // which was ada's
		for range 3 {
			speak([]*whatsapptest.Phone{ada, bob}[r.IntN(2)])
			wait(time.Duration(r.IntN(48)) * time.Hour)
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d events without a number", hidden)
	assert.Positive(t, hidden)
}
