//go:build !race

package foreign

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/whatsapptest"
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// A program is Baileys in Node, or whatsapp-rust, with any number of clients.
type program struct {
	t     *testing.T
	stdin io.WriteCloser

	mu      sync.Mutex
	asked   int
	answers map[int]chan answer
	clients map[string]*client
}

type answer struct {
	Result json.RawMessage `json:"result"`
	Error  string          `json:"error"`
}

// An event is what happened to a client; see baileys.mjs for the fields of each.
type event struct {
	Event       string   `json:"event"`
	ID          string   `json:"id"`
	LID         string   `json:"lid"`
	QR          string   `json:"qr"`
	Code        int      `json:"code"`
	Why         string   `json:"why"`
	Chat        string   `json:"chat"`
	Alt         string   `json:"alt"`
	Participant string   `json:"participant"`
	From        string   `json:"from"`
	Mine        bool     `json:"mine"`
	Live        bool     `json:"live"`
	Name        string   `json:"name"`
	Text        string   `json:"text"`
	Texts       []string `json:"texts"`
	Kind        string   `json:"kind"`
	Timer       int      `json:"timer"`
	Status      int      `json:"status"`
	Error       string   `json:"error"`
	Presence    string   `json:"presence"`
	Archived    bool     `json:"archived"`
}

// Statuses of a message that Baileys has sent (proto.WebMessageInfo.Status).
const (
	statusError     = 0
	statusDelivered = 3
	statusRead      = 4
)

// baileys starts the program. Without its modules the test is skipped, but not
// under make.
func baileys(t *testing.T, srv *whatsapptest.Server) *program {
	t.Helper()
	if _, err := os.Stat("node_modules/baileys"); err != nil {
		if os.Getenv("PINGR_TEST_FOREIGN") == "require" {
			require.NoError(t, err)
		}
		t.Skip("Baileys is not installed: make foreign")
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, srv.CAPEM(), 0o600))
	cmd := exec.Command("node", "baileys.mjs")
	cmd.Env = append(os.Environ(), "LOOPBACK_URL="+srv.URL(), "LOOPBACK_CERT_KEY="+srv.CertKey(),
		"NODE_EXTRA_CA_CERTS="+ca)
	return run(t, cmd)
}

// run starts a program, which ends with its input.
func run(t *testing.T, cmd *exec.Cmd) *program {
	t.Helper()
	var printed bytes.Buffer
	cmd.Stderr = &printed
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	p := &program{t: t, stdin: in, answers: make(map[int]chan answer), clients: make(map[string]*client)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		p.read(out)
	}()
	t.Cleanup(func() {
		_ = in.Close()
		<-read
		err := cmd.Wait()
		if printed.Len() > 0 && (t.Failed() || testing.Verbose()) {
			t.Log(printed.String())
		}
		assert.NoError(t, err)
	})
	return p
}

// read passes on what the program says until it ends.
func (p *program) read(from io.Reader) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var line struct {
			N      int    `json:"n"`
			Client string `json:"client"`
			answer
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			continue // not ours: Node's warnings
		}
		p.mu.Lock()
		reply, c := p.answers[line.N], p.clients[line.Client]
		p.mu.Unlock()
		switch {
		case c != nil:
			var e event
			if json.Unmarshal(lines.Bytes(), &e) == nil {
				c.happened(e)
			}
		case reply != nil:
			reply <- line.answer
		}
	}
}

// A client is one linked device, or one that is to be.
type client struct {
	*program
	name string

	events  []event
	changed chan struct{}
}

func (p *program) client(name string) *client {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := &client{program: p, name: name, changed: make(chan struct{})}
	p.clients[name] = c
	return c
}

func (c *client) happened(e event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, e)
	close(c.changed)
	c.changed = make(chan struct{})
}

type args map[string]any

// try asks the client to do something and returns what it answers.
func (c *client) try(do string, with args) (json.RawMessage, error) {
	c.t.Helper()
	c.mu.Lock()
	c.asked++
	n := c.asked
	reply := make(chan answer, 1)
	c.answers[n] = reply
	c.mu.Unlock()
	request := args{"n": n, "client": c.name, "do": do}
	for name, value := range with {
		request[name] = value
	}
	line, err := json.Marshal(request)
	require.NoError(c.t, err)
	_, err = c.stdin.Write(append(line, '\n'))
	require.NoError(c.t, err)
	select {
	case a := <-reply:
		if a.Error != "" {
			return nil, errors.New(a.Error)
		}
		return a.Result, nil
	case <-time.After(patience):
		return nil, fmt.Errorf("%s: no answer to %s", c.name, do)
	}
}

func (c *client) do(do string, with args) json.RawMessage {
	c.t.Helper()
	result, err := c.try(do, with)
	require.NoError(c.t, err, "%s: %s", c.name, do)
	return result
}

// send sends a text and returns its id.
func (c *client) send(to, text string) (id string) {
	c.t.Helper()
	require.NoError(c.t, json.Unmarshal(c.do("send", args{"to": to, "text": text}), &id))
	return id
}

// await returns the first event of that kind that matches, and forgets it and
// those before.
func (c *client) await(kind string, match func(event) bool) event {
	c.t.Helper()
	deadline := time.After(patience)
	for {
		c.mu.Lock()
		at := slices.IndexFunc(c.events, func(e event) bool { return e.Event == kind && (match == nil || match(e)) })
		if at >= 0 {
			e := c.events[at]
			c.events = slices.Delete(c.events, at, at+1)
			c.mu.Unlock()
			return e
		}
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-changed:
		case <-deadline:
			c.mu.Lock()
			defer c.mu.Unlock()
			require.FailNow(c.t, "did not come", "%s to %s; what came: %+v", kind, c.name, c.events)
		}
	}
}

// text waits for a message with that text.
func (c *client) text(want string) event {
	c.t.Helper()
	return c.await("message", func(e event) bool { return e.Text == want && !e.Mine })
}

// count returns how many events of that kind there are that nobody awaited.
func (c *client) count(kind string, match func(event) bool) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, e := range c.events {
		if e.Event == kind && (match == nil || match(e)) {
			n++
		}
	}
	return n
}

func hasText(e event) bool { return e.Text != "" }

// in runs a subtest with the program's failures reported there.
func (p *program) in(t *testing.T, name string, test func(t *testing.T)) {
	t.Run(name, func(t *testing.T) {
		outer := p.t
		p.t = t
		defer func() { p.t = outer }()
		test(t)
	})
}

// link makes a client and links it to a phone by QR.
func (p *program) link(name string, phone *whatsapptest.Phone) (*client, *whatsapptest.Device) {
	p.t.Helper()
	c := p.client(name)
	c.do("open", nil)
	d, err := phone.Scan(within(p.t), c.await("qr", nil).QR)
	require.NoError(p.t, err)
	require.Equal(p.t, 515, c.await("close", nil).Code)
	c.await("open", nil)
	return c, d
}
