//go:build !race

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mdp/qrterminal/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"rsc.io/qr"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/store/sqlite"
	"github.com/heypingr/pingr/whatsapptest"
)

const shopNumber = "15550100001"

// A place is a loopback WhatsApp with the phone of a shop, and an environment
// that leads to it.
type place struct {
	server *whatsapptest.Server
	shop   *whatsapptest.Phone
	data   string
	env    []string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	server, err := whatsapptest.Start(whatsapptest.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Close()) })
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, server.CAPEM(), 0o600))
	return &place{
		server: server,
		shop:   server.NewPhone(whatsapptest.PhoneConfig{Number: shopNumber, Name: "Shop"}),
		data:   filepath.Join(t.TempDir(), "data"),
		env: []string{
			"PINGR_WHATSAPP_URL=" + server.URL(), "PINGR_WHATSAPP_CA=" + ca, "PINGR_WHATSAPP_CERT_KEY=" + server.CertKey(),
		},
	}
}

// A running is the program while it runs.
type running struct {
	*exec.Cmd
	lines chan linkLine // of stdout, closed at its end
	err   bytes.Buffer  // to be read after wait
}

// start runs pingr link --json.
func (p *place) start(t *testing.T, args ...string) *running {
	t.Helper()
	return call{args: append([]string{"link", "--json", "--data", p.data, "--log", "debug"}, args...), env: p.env}.start(t)
}

// start runs a program that prints link's lines.
func (c call) start(t *testing.T) *running {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	r := &running{Cmd: c.command(ctx, t), lines: make(chan linkLine, 100)}
	out, err := r.StdoutPipe()
	require.NoError(t, err)
	r.Stderr = &r.err
	require.NoError(t, r.Start())
	go func() {
		defer close(r.lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			var line linkLine
			if json.Unmarshal(scan.Bytes(), &line) == nil {
				r.lines <- line
			}
		}
	}()
	return r
}

// until returns the first line that is wanted.
func (r *running) until(t *testing.T, wanted func(linkLine) bool) linkLine {
	t.Helper()
	for line := range r.lines {
		if wanted(line) {
			return line
		}
	}
	_ = r.Wait()
	require.FailNow(t, "it ended before", r.err.String())
	return linkLine{}
}

// wait drains the lines and returns the exit code.
func (r *running) wait(t *testing.T) (code int, last linkLine) {
	t.Helper()
	for line := range r.lines {
		last = line
	}
	err := r.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	for _, secret := range []string{shopNumber, "555010"} {
		assert.NotContains(t, r.err.String(), secret, "the log names nobody, not even at debug")
	}
	return r.ProcessState.ExitCode(), last
}

func hasQR(l linkLine) bool { return l.QR != "" }

func TestLinkByQR(t *testing.T) {
	p := newPlace(t)
	r := p.start(t, "--session", "shop", "--name", "The shop")
	shown := r.until(t, hasQR)
	assert.Greater(t, time.Until(*shown.ExpiresAt), 20*time.Second)
	device, err := p.shop.Scan(t.Context(), shown.QR)
	require.NoError(t, err)
	code, last := r.wait(t)
	assert.Equal(t, exitDone, code)
	assert.Equal(t, pingr.SessionConnected, last.State)
	assert.Equal(t, "+"+shopNumber, last.Number)
	assert.NotContains(t, r.err.String(), shown.QR)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, device.WaitOffline(ctx), "it hangs up and stays linked")

	store, err := sqlite.Open(t.Context(), sqlite.Config{Dir: p.data})
	require.NoError(t, err)
	records, err := store.Sessions(t.Context())
	require.NoError(t, err)
	require.NoError(t, store.Close())
	require.Len(t, records, 1)
	assert.Equal(t, "shop", records[0].ID)
	assert.Equal(t, "The shop", records[0].Name)

	t.Run("again", func(t *testing.T) {
		r := call{args: []string{"link", "--session", "shop", "--data", p.data}, env: p.env}.run(t)
		assert.Equal(t, exitDone, r.code)
		assert.Equal(t, "shop connected +"+shopNumber+"\n", r.out)
		assert.Contains(t, r.err, "already linked")
	})
	t.Run("again, when the phone has unlinked it", func(t *testing.T) {
		device.Remove()
		r := p.start(t, "--session", "shop")
		gone := r.until(t, func(l linkLine) bool { return l.State == pingr.SessionLoggedOut })
		assert.Contains(t, gone.Detail, "unlinked")
		_, err := p.shop.Scan(t.Context(), r.until(t, hasQR).QR)
		require.NoError(t, err)
		code, last := r.wait(t)
		assert.Equal(t, exitDone, code)
		assert.Equal(t, pingr.SessionConnected, last.State)
	})
}

func TestLinkByCode(t *testing.T) {
	p := newPlace(t)
	r := p.start(t, "--phone", "+1 (555) 010-0001")
	shown := r.until(t, func(l linkLine) bool { return l.Code != "" })
	assert.Regexp(t, `^[0-9A-Z]{4}-[0-9A-Z]{4}$`, shown.Code)
	assert.Empty(t, shown.QR, "one way at a time")
	_, err := p.shop.EnterCode(t.Context(), shown.Code)
	require.NoError(t, err)
	code, last := r.wait(t)
	assert.Equal(t, exitDone, code)
	assert.Equal(t, "+"+shopNumber, last.Number)
	assert.NotContains(t, r.err.String(), shown.Code)
}

func TestLinkThatComesToNothing(t *testing.T) {
	tests := []struct {
		name   string
		happen func(t *testing.T, p *place, r *running)
		says   string
	}{
		{"nobody scans", func(t *testing.T, p *place, r *running) {
			r.until(t, hasQR)
			p.server.EndPairing()
		}, "new"},
		{"WhatsApp wants a passkey", func(t *testing.T, p *place, r *running) {
			p.server.SetPairing(whatsapptest.PairWithPasskey)
			_, err := p.shop.Scan(t.Context(), r.until(t, hasQR).QR)
			require.ErrorIs(t, err, whatsapptest.ErrPairingStep)
		}, "passkey"},
		{"a signal", func(t *testing.T, _ *place, r *running) {
			r.until(t, hasQR)
			require.NoError(t, r.Process.Signal(os.Interrupt))
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t)
			r := p.start(t)
			tt.happen(t, p, r)
			code, last := r.wait(t)
			assert.Equal(t, exitFailed, code)
			assert.NotEqual(t, pingr.SessionConnected, last.State)
			assert.Contains(t, last.Detail, tt.says)
		})
	}
}

func TestLinkWhereAnEngineRuns(t *testing.T) {
	dir, _ := openData(t)
	p := newPlace(t)
	r := call{args: []string{"link", "--data", dir}, env: p.env}.run(t)
	assert.Equal(t, exitFailed, r.code)
	assert.Contains(t, r.err, "stop it to link a number")
	assert.Contains(t, r.err, "pingr session link")
}

func TestLinkToAStranger(t *testing.T) {
	r := call{args: []string{"link"}, env: []string{
		"PINGR_WHATSAPP_URL=wss://192.0.2.1/ws", "PINGR_WHATSAPP_CERT_KEY=" + strings.Repeat("00", 32),
	}}.run(t)
	assert.Equal(t, exitFailed, r.code)
	assert.Contains(t, r.err, "only a loopback address")
}

// A person without a terminal that redraws sees the code and what to do.
func TestLinkInWords(t *testing.T) {
	p := newPlace(t)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	cmd := call{args: []string{"link", "--data", p.data}, env: p.env}.command(ctx, t)
	errs, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var said strings.Builder
	for scan := bufio.NewScanner(errs); scan.Scan(); {
		said.WriteString(scan.Text() + "\n")
		if strings.Contains(scan.Text(), "Linked devices") {
			p.server.EndPairing()
		}
	}
	assert.Error(t, cmd.Wait())
	assert.Equal(t, exitFailed, cmd.ProcessState.ExitCode())
	assert.Contains(t, said.String(), "████")
	assert.Contains(t, said.String(), "Run pingr link again")
	assert.NotContains(t, said.String(), "\x1b", "no colours but on a terminal")
}

// What is drawn is the code, square by square.
func TestDrawnQR(t *testing.T) {
	const text = "2@abcdefghijklmnopqrstuvwxyz0123456789,ABCDEFGH=,IJKLMNOP=,QRSTUVWX=,1"
	want, err := qr.Encode(text, qrterminal.L)
	require.NoError(t, err)
	drawing, lines := drawQR(text, style{})
	rows := strings.Split(strings.TrimRight(drawing, "\n"), "\n")
	require.Len(t, rows, lines)
	const quiet = 2
	for y := range want.Size {
		for x := range want.Size {
			square := []rune(rows[(y+quiet)/2])[x+quiet]
			white := map[rune][2]bool{' ': {false, false}, '█': {true, true}, '▀': {true, false}, '▄': {false, true}}[square]
			require.Equal(t, want.Black(x, y), !white[(y+quiet)%2], "square %d,%d", x, y)
		}
	}
	coloured, same := drawQR(text, style{terminal: true})
	assert.Equal(t, lines, same)
	assert.Contains(t, coloured, "\x1b[38;5;231;48;5;16m", "the same on a light terminal and a dark one")
}
