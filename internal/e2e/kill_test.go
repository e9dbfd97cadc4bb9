//go:build !race

package e2e

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/whatsapptest"
)

// The whole process is killed (kill -9), again and again, while people write. The loopback server's
// ledger judges: each message has exactly one visible reply, under the one id that follows from it.
func TestKill(t *testing.T) {
	tests := []struct {
		name  string
		kills int
		// during runs beside the kills and may change the backend.
		during  func(*killed)
		timeout time.Duration // of a webhook; 0 is the usual one
		static  bool          // the reply may be the static one
	}{
		// Webhook and acknowledgement are slow, so that every kill hits messages at each step of their
		// way.
		{"50 times under 20 messages a second", 50, func(k *killed) {
			k.backend.become("slow")
			k.whatsapp.Acks(whatsapptest.AckRule{Delay: 20 * time.Millisecond})
		}, 0, false},
		{"with a backend that is down for 10 s around it", 3, func(k *killed) {
			k.backend.become("refuse")
			time.Sleep(10 * time.Second)
			k.backend.become("")
		}, 0, true},
		{"with a backend that hangs", 3, func(k *killed) {
			k.backend.become("hang")
			time.Sleep(6 * time.Second)
			k.backend.become("")
		}, time.Second, true},
		{"with a backend that answers garbage", 3, func(k *killed) { k.backend.become("garbage") }, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := newKilled(t)
			k.env = append(k.env, childTimeout+"="+tt.timeout.String())
			k.start()
			k.link()
			stopWriting := k.write(20)
			var during sync.WaitGroup
			during.Go(func() { tt.during(k) })
			for range tt.kills {
				time.Sleep(time.Duration(200+rand.IntN(900)) * time.Millisecond)
				k.kill()
				k.start()
			}
			during.Wait()
			stopWriting()
			k.judge(tt.static)
		})
	}
}

// killed is a business whose program is a process of its own.
type killed struct {
	*testing.T
	whatsapp *whatsapptest.Server
	backend  *backend
	phone    *whatsapptest.Phone
	people   []*whatsapptest.Phone
	env      []string
	child    *exec.Cmd
	codes    chan string
	weights  chan childWeight
}

func newKilled(t *testing.T) *killed {
	server, err := whatsapptest.Start(whatsapptest.Config{Latency: latency(t)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	k := &killed{
		T: t, whatsapp: server, backend: newBackend(t), codes: make(chan string, 100), weights: make(chan childWeight, 1),
	}
	k.phone = server.NewPhone(whatsapptest.PhoneConfig{Name: "Shop"})
	for range 20 {
		k.people = append(k.people, server.NewPhone(whatsapptest.PhoneConfig{}))
	}
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	require.NoError(t, os.WriteFile(ca, server.CAPEM(), 0o600))
	k.env = append(os.Environ(), childDir+"="+dir, childHook+"="+k.backend.URL, childTimeout+"=0s",
		"PINGR_WHATSAPP_URL="+server.URL(), "PINGR_WHATSAPP_CA="+ca, "PINGR_WHATSAPP_CERT_KEY="+server.CertKey())
	t.Cleanup(k.kill)
	return k
}

// start runs the program. The program prints the QR texts if it needs linking.
func (k *killed) start() {
	k.Helper()
	self, err := os.Executable()
	require.NoError(k, err)
	k.child = exec.Command(self)
	k.child.Env = k.env
	k.child.Stderr = os.Stderr
	out, err := k.child.StdoutPipe()
	require.NoError(k, err)
	require.NoError(k, k.child.Start())
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var l childLine
			if json.Unmarshal(lines.Bytes(), &l) != nil {
				continue
			}
			if l.QR != "" {
				k.codes <- l.QR
			}
			if l.Weight != nil {
				k.weights <- *l.Weight
			}
		}
	}()
}

func (k *killed) kill() {
	if k.child != nil {
		_ = k.child.Process.Kill()
		_ = k.child.Wait()
		k.child = nil
	}
}

func (k *killed) link() {
	k.Helper()
	select {
	case code := <-k.codes:
		device, err := k.phone.Scan(in(k.T, 20*time.Second), code)
		require.NoError(k, err)
		require.NoError(k, device.WaitOnline(in(k.T, 20*time.Second)))
	case <-time.After(30 * time.Second):
		require.FailNow(k, "no QR")
	}
}

// write lets the people write so many messages a second, in turn.
func (k *killed) write(rate int) (stop func()) {
	ctx, cancel := context.WithCancel(k.Context())
	var writing sync.WaitGroup
	writing.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(rate))
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if _, err := k.people[i%len(k.people)].Send(k.Context(), k.phone.Number(), "login X4K9MQ"); err != nil {
				assert.NoError(k, err)
				return
			}
		}
	})
	return func() { cancel(); writing.Wait() }
}

// judge waits for the missing replies, stops the program gracefully, and compares what people wrote
// with what they read.
func (k *killed) judge(static bool) {
	k.Helper()
	ledger := k.whatsapp.Ledger()
	sent := ledger.Sent()
	_ = ledger.WaitReplies(in(k.T, 60*time.Second), len(sent)) // the comparison reports it better
	owed := map[string]string{}                                // message id by reply id
	for _, m := range sent {
		owed[replyID(m.From, m.ID)] = m.ID
	}
	require.Len(k, owed, len(sent))
	replies := 0
	for _, r := range ledger.Replies() {
		message, ok := owed[r.ID]
		assert.True(k, ok, "a reply nobody asked for: %s", r.ID)
		assert.True(k, r.Visible, "a reply that cannot be read: %s", r.ID)
		if !static {
			assert.Equal(k, "link for "+message, r.Text)
		}
		replies++
		delete(owed, r.ID)
	}
	assert.Empty(k, owed, "messages without a reply")
	assert.Equal(k, len(sent), replies)

	told := func() map[string]bool {
		ids := map[string]bool{}
		for _, e := range k.backend.heard() {
			ids[e.Message.ID] = true
		}
		return ids
	}
	assert.Eventually(k, func() bool { return len(told()) == len(sent) }, 30*time.Second, 100*time.Millisecond,
		"every event arrives in the end")
	assert.Len(k, told(), len(sent))
	k.Logf("%d messages, %d replies, %d stanzas on the wire, %d undecryptable at first",
		len(sent), replies, len(ledger.Stanzas()), ledger.Undecryptable())
}

// replyID is the id of the reply to a message (Firing.outgoing). It is computed here a second time, so
// that a change of it is noticed: such a change would double replies over an upgrade.
func replyID(phone, id string) string {
	jid := phone + "@s.whatsapp.net"
	sum := sha256.Sum256([]byte(session + "\x00" + jid + "|" + jid + "|" + id))
	return "3EB0" + strings.ToUpper(hex.EncodeToString(sum[:9]))
}

// 20,000 messages leave memory, files and goroutines where they were.
func TestManyMessagesLeaveNothingBehind(t *testing.T) {
	k := newKilled(t)
	k.start()
	k.link()
	k.talk(2000) // until caches and pools are full
	before := k.weigh()
	k.talk(20000)
	after := k.weigh()
	t.Logf("before %+v, after %+v", before, after)
	assert.InDelta(t, before.Goroutines, after.Goroutines, 10)
	assert.InDelta(t, before.Files, after.Files, 10)
	assert.Less(t, after.Heap, before.Heap+8<<20, "live heap in bytes")
	assert.Less(t, after.RSS, before.RSS*1.25+16<<20, "resident memory in bytes")
}

// talk lets everybody write and wait for the answer, until so many messages have answers.
func (k *killed) talk(messages int) {
	k.Helper()
	ctx := in(k.T, 5*time.Minute)
	var all sync.WaitGroup
	for _, p := range k.people {
		all.Go(func() {
			for range messages / len(k.people) {
				if _, err := p.Send(ctx, k.phone.Number(), "login X4K9MQ"); !assert.NoError(k, err) {
					return
				}
				if _, err := p.Next(ctx); !assert.NoError(k, err) {
					return
				}
			}
		})
	}
	all.Wait()
}

// weigh asks the program for its memory, files and goroutines.
func (k *killed) weigh() childWeight {
	k.Helper()
	require.NoError(k, k.child.Process.Signal(syscall.SIGUSR1))
	select {
	case w := <-k.weights:
		return w
	case <-time.After(30 * time.Second):
		require.FailNow(k, "no answer to SIGUSR1")
		return childWeight{}
	}
}
