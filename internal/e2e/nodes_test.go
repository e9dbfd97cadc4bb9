//go:build !race && unix

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/internal/pgtest"
	"github.com/heypingr/pingr/session/whatsapp"
)

// takeover is how long a number may be without a process, on a busy machine: 8
// s until a node is dead, 2 s until the next beat, and a login.
const takeover = 20 * time.Second

// nodes are processes that share a database and serve one number.
type nodes struct {
	*killed
	started int
}

// A nodeProcess is one of them.
type nodeProcess struct {
	*exec.Cmd
	name  string
	lines chan nodeLine
}

func newNodes(t *testing.T) *nodes {
	n := &nodes{killed: newKilled(t)}
	url := pgtest.New(t, "-c", "fsync=off").URL(t)
	n.env = append(n.env, nodeDatabase+"="+url, nodeKey+"="+whatsapp.NewSealingKey())
	return n
}

// run starts a node. The first one links the number.
func (n *nodes) run() *nodeProcess {
	n.Helper()
	self, err := os.Executable()
	require.NoError(n, err)
	p := &nodeProcess{exec.Command(self), fmt.Sprintf("node%d", n.started), make(chan nodeLine, 1000)}
	p.Env = append(append([]string{}, n.env...), nodeName+"="+p.name)
	if n.started == 0 {
		p.Env = append(p.Env, nodeAdds+"="+session)
	}
	n.started++
	p.Stderr = os.Stderr
	out, err := p.StdoutPipe()
	require.NoError(n, err)
	require.NoError(n, p.Start())
	go func() {
		defer close(p.lines)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var l nodeLine
			if json.Unmarshal(lines.Bytes(), &l) == nil {
				p.lines <- l
			}
		}
	}()
	n.Cleanup(func() { _ = p.Process.Kill(); _ = p.Wait() })
	return p
}

// until waits for a line.
func (n *nodes) until(p *nodeProcess, what string, is func(nodeLine) bool) nodeLine {
	n.Helper()
	late := time.After(takeover)
	for {
		select {
		case l, ok := <-p.lines:
			if !ok {
				require.FailNow(n, "the process ended", "%s: %s", p.name, what)
			}
			if is(l) {
				return l
			}
		case <-late:
			require.FailNow(n, "it never happened", "%s: %s", p.name, what)
		}
	}
}

func (n *nodes) serves(p *nodeProcess) {
	n.Helper()
	n.until(p, "serves the number", func(l nodeLine) bool { return l.Serves == session })
}

// first starts the node that links the number.
func (n *nodes) first() *nodeProcess {
	n.Helper()
	p := n.run()
	code := n.until(p, "shows a code", func(l nodeLine) bool { return l.QR != "" }).QR
	device, err := n.phone.Scan(in(n.T, 20*time.Second), code)
	require.NoError(n, err)
	require.NoError(n, device.WaitOnline(in(n.T, 20*time.Second)))
	return p
}

// judgeNodes also wants every message to have been readable at once, by us and
// by people: nothing had to be repaired.
func (n *nodes) judgeNodes() {
	n.Helper()
	n.judge(false)
	assert.Zero(n, n.whatsapp.Ledger().Undecryptable())
}

// T1: the process that serves the number is killed. Another one serves it some
// seconds later, and everybody gets one reply.
func TestANodeIsKilled(t *testing.T) {
	n := newNodes(t)
	serving := n.first()
	stopWriting := n.write(20)
	for range 2 {
		other := n.run()
		require.NoError(t, n.answered(20))
		began := time.Now()
		require.NoError(t, serving.Process.Kill())
		n.serves(other)
		t.Logf("served again after %s", time.Since(began).Round(10*time.Millisecond))
		serving = other
	}
	require.NoError(t, n.answered(20))
	stopWriting()
	n.judgeNodes()
}

// answered waits for so many more replies.
func (n *nodes) answered(more int) error {
	return n.whatsapp.Ledger().WaitReplies(in(n.T, time.Minute), len(n.whatsapp.Ledger().Replies())+more)
}

// T2: the process is paused, in the middle of its work. Another one serves the
// number while it stands still. When it runs again it says nothing more.
func TestANodeIsPaused(t *testing.T) {
	n := newNodes(t)
	paused := n.first()
	other := n.run()
	stopWriting := n.write(40)
	require.NoError(t, n.answered(40))
	require.NoError(t, paused.Process.Signal(syscall.SIGSTOP))
	n.serves(other) // while the first stands still
	require.NoError(t, n.answered(40))
	require.NoError(t, paused.Process.Signal(syscall.SIGCONT))
	n.until(paused, "lets go", func(l nodeLine) bool { return l.Lost == session })
	require.NoError(t, n.answered(40))
	stopWriting()
	n.judgeNodes()
}

// T4, T7: the number goes to and fro between processes that end as they should,
// while people write.
func TestANumberGoesToAndFro(t *testing.T) {
	n := newNodes(t)
	serving := n.first()
	stopWriting := n.write(20)
	for range 4 {
		other := n.run()
		require.NoError(t, n.answered(20))
		began := time.Now()
		require.NoError(t, serving.Process.Signal(syscall.SIGTERM))
		n.serves(other)
		t.Logf("served again after %s", time.Since(began).Round(10*time.Millisecond))
		n.until(serving, "ends", func(l nodeLine) bool { return l.Finished })
		serving = other
	}
	require.NoError(t, n.answered(20))
	stopWriting()
	n.judgeNodes()
}
