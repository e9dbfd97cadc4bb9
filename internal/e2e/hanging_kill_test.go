//go:build !race

package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The whole process is killed three times while hundreds of webhooks hang, the third time when the
// first static replies go out. Everybody still gets one reply, and the events are delivered when the
// backend answers again.
func TestKillWhileHundredsHang(t *testing.T) {
	const many = 200
	k := newKilled(t)
	k.env = append(k.env, childTimeout+"=15s")
	k.start()
	k.link()
	k.backend.become("hang")
	stopWriting := k.write(100)
	k.hangs(many)
	stopWriting()
	k.kill()
	k.start()
	k.hangs(many)
	k.kill()
	k.start()
	ledger := k.whatsapp.Ledger()
	require.Eventually(t, func() bool { return len(ledger.Replies()) >= many/10 }, time.Minute, time.Millisecond)
	k.kill()
	require.Empty(t, k.backend.heard(), "no event was told yet")
	k.backend.become("")
	k.start()
	k.judge(true)
}

// hangs waits until so many requests hang at once.
func (k *killed) hangs(n int) {
	k.Helper()
	require.Eventually(k, func() bool { return k.backend.waiting() >= n }, time.Minute, 5*time.Millisecond)
}
