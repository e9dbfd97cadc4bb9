package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/whatsapptest"
)

// secret signs the webhooks of the bots b and c.
const secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

// stage is what all bots share: the loopback WhatsApp and the webhook.
type stage struct {
	server *whatsapptest.Server
	hook   *http.Server
	url    string
	dir    string
}

func newStage() (*stage, error) {
	server, err := whatsapptest.Start(whatsapptest.Config{})
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pingr-bench-")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), server.CAPEM(), 0o600); err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	hook := &http.Server{Handler: http.HandlerFunc(answer), ReadHeaderTimeout: time.Second}
	go func() { _ = hook.Serve(listener) }()
	return &stage{server: server, hook: hook, url: "http://" + listener.Addr().String() + "/webhook", dir: dir}, nil
}

// answer is the backend: it verifies, and replies with a link.
func answer(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	event, err := pingr.VerifyWebhook(body, r.Header.Get("X-Pingr-Signature"), secret)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{
		"reply": "Tap to sign in: https://example.test/auth?token=" + event.ID,
	})
}

func (s *stage) close() {
	_ = s.hook.Close()
	_ = s.server.Close()
	_ = os.RemoveAll(s.dir)
}

// A bot is one of the contestants, running.
type bot struct {
	kind    string
	cmd     *exec.Cmd
	stdin   io.Closer
	numbers []*whatsapptest.Phone
	url     string   // of a server
	keys    []string // of its accounts
}

// line is what a bot prints.
type line struct {
	QR    string   `json:"qr,omitempty"`
	Ready bool     `json:"ready,omitempty"`
	URL   string   `json:"url,omitempty"`
	Keys  []string `json:"keys,omitempty"`
}

// start runs a bot and links its sessions.
func (s *stage) start(ctx context.Context, kind string, sessions int, profile string) (*bot, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(s.dir, kind+"-")
	if err != nil {
		return nil, err
	}
	args := []string{"bot", "-kind", kind, "-dir", dir, "-sessions", strconv.Itoa(sessions), "-hook", s.url}
	if profile != "" {
		args = append(args, "-cpuprofile", profile+"."+kind)
	}
	b := &bot{kind: kind, cmd: exec.CommandContext(ctx, self, args...)}
	b.cmd.Env = append(os.Environ(),
		"PINGR_WHATSAPP_URL="+s.server.URL(),
		"PINGR_WHATSAPP_CA="+filepath.Join(s.dir, "ca.pem"),
		"PINGR_WHATSAPP_CERT_KEY="+s.server.CertKey())
	b.cmd.Stderr = os.Stderr
	if b.stdin, err = b.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := b.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := b.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			continue
		}
		if l.Ready {
			b.url, b.keys = l.URL, l.Keys
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return b, nil
		}
		phone := s.server.NewPhone(whatsapptest.PhoneConfig{Name: kind})
		device, err := phone.Scan(ctx, l.QR)
		if err != nil {
			return nil, fmt.Errorf("link %s: %w", kind, err)
		}
		if err := device.WaitOnline(ctx); err != nil {
			return nil, err
		}
		b.numbers = append(b.numbers, phone)
	}
	return nil, errors.Join(fmt.Errorf("%s ended before it was ready", kind), b.cmd.Wait())
}

func (b *bot) stop() {
	_ = b.stdin.Close()
	_ = b.cmd.Wait()
}

// cpu returns the processor time that the bot has used.
func (b *bot) cpu() time.Duration {
	fields := b.proc("stat")
	if len(fields) < 15 {
		return 0
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux that Go runs on
	user, _ := strconv.Atoi(fields[13])
	system, _ := strconv.Atoi(fields[14])
	return time.Duration(user+system) * tick
}

// rss returns the bot's resident memory in MiB.
func (b *bot) rss() float64 {
	fields := b.proc("statm")
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.Atoi(fields[1])
	return float64(pages) * float64(os.Getpagesize()) / (1 << 20)
}

func (b *bot) proc(file string) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", b.cmd.Process.Pid, file))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text))
}
