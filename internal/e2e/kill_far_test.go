//go:build !race

package e2e

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// WhatsApp is 100 ms away, so that each kill hits dozens of replies whose acknowledgement is awaited
// side by side. Everybody gets one reply to each message, readable at once, and in the order of his
// messages. `make kills` kills 50 times.
func TestKillFarAway(t *testing.T) {
	kills := 3
	if n := os.Getenv("PINGR_TEST_KILLS"); n != "" {
		var err error
		kills, err = strconv.Atoi(n)
		require.NoError(t, err)
	}
	k := newKilled(t)
	k.start()
	k.link()
	k.whatsapp.SetLatency(50 * time.Millisecond) // each way
	stopWriting := k.write(60)
	for range kills {
		time.Sleep(time.Duration(1000+rand.IntN(2000)) * time.Millisecond) // it takes some of that to connect
		k.kill()
		k.start()
	}
	stopWriting()
	k.judge(false)
	k.judgeOrder()
	assert.Zero(t, k.whatsapp.Ledger().Undecryptable(), "replies that could not be read at first")
}

// judgeOrder compares the order in which each person wrote with the order of the replies.
func (k *killed) judgeOrder() {
	k.Helper()
	wrote := map[string]int{} // the place of a message in the ledger, by the id of its reply
	for i, m := range k.whatsapp.Ledger().Sent() {
		wrote[replyID(m.From, m.ID)] = i
	}
	latest, swapped := map[string]int{}, 0 // by person
	for _, r := range k.whatsapp.Ledger().Replies() {
		at, last := wrote[r.ID], latest[r.To]
		if at < last {
			swapped++
			k.Logf("the reply to message %d came after that to message %d", at, last)
		}
		latest[r.To] = max(at, last)
	}
	assert.Zero(k, swapped, "replies out of order")
}
